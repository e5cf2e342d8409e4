"""Commands that a test starts: they end with all their processes, copies of a loaded process too."""

from __future__ import absolute_import, unicode_literals

import os
import signal
import sys

import pytest

import faults
from datarobot_batch_scoring.compat import WINDOWS, forks
from processes import command_lines
from scoring import IMPORT, numbered

copies = pytest.mark.skipif(not (sys.platform.startswith('linux') and forks()),
                            reason='commands are new interpreters here')


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


@copies
@pytest.mark.parametrize('args', [['--version'], ['--help'], ['--no-such-option'], []])
def test_a_copy_says_what_a_new_interpreter_says(run_command, args):
    copy = run_command('batch_scoring', args, stdin='y\n')
    assert copy == run_command('batch_scoring', args, stdin='y\n', fresh=True)
    assert copy.code == (2 if args in ([], ['--no-such-option']) else 0)


@copies
@pytest.mark.parametrize('fresh', [True, False])
@pytest.mark.parametrize('number, code', [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_command_ends_by_a_signal(start_command, server, folder, fresh, number, code):
    folder.write('data.csv', numbered(4))
    server.fail(faults.held(server.flag))
    command = start_command('batch_scoring_deployment_aware', [
        '--host=' + server.url, '--user=u', '--api_token=t', '--datarobot_key=k', '5f' * 12, 'data.csv'],
        fresh=fresh)
    server.wait_for(lambda: server.scored['0'])
    word = 'launch.py' if fresh else 'starter.py'
    assert word in command_lines(command.pid)[0]
    command.send(number)
    server.flag.set()
    result = command.wait()
    assert result.code == code and not result.stray


@copies
def test_a_copy_has_the_environment_and_the_umask_of_a_new_interpreter(score, folder):
    before = os.umask(0o27)
    try:
        score.well(numbered(4), env={'TZ': 'UTC'})
    finally:
        os.umask(before)
    assert os.stat(folder('out.csv')).st_mode & 0o777 == 0o640
