"""A command that a test starts can be ended with all its processes."""

from __future__ import absolute_import, unicode_literals

import os
import signal

import pytest

import faults
from datarobot_batch_scoring.compat import WINDOWS
from scoring import IMPORT, numbered


@pytest.mark.skipif(WINDOWS, reason='no process groups')
def test_a_command_that_goes_on_is_killed_with_all_its_processes(
        start_command, server, folder):
    folder.write('data.csv', numbered(100))
    server.fail(faults.never())
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv'])
    server.wait_for(lambda: server.in_flight)
    with pytest.raises(AssertionError):
        command.wait(timeout=0)
    assert not command.running()
    with pytest.raises(OSError):
        # The last of them may still be ending.
        for _ in range(100):
            os.killpg(command.pid, 0)
            server.stopping.wait(0.05)


@pytest.mark.skipif(WINDOWS, reason='no such signals')
def test_a_command_can_be_sent_a_signal(start_command, server, folder):
    folder.write('data.csv', numbered(100))
    server.fail(faults.never())
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv'])
    server.wait_for(lambda: server.in_flight)
    command.send_to_all(signal.SIGKILL)
    assert command.wait().code == -signal.SIGKILL


@pytest.mark.skipif(WINDOWS, reason='no process groups')
def test_a_process_that_outlives_its_command_is_noticed(start_command):
    command = start_command('batch_scoring', ['--version'],
                            prefix=['sh', '-c', 'sleep 60 & exec "$0" "$@"'])
    assert command.wait().stray
