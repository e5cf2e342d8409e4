"""A command that is a copy of a loaded process behaves as one in a new interpreter."""

from __future__ import absolute_import, unicode_literals

import os
import signal
import sys

import pytest

import faults
from datarobot_batch_scoring.compat import forks
from processes import command_lines
from scoring import numbered

pytestmark = pytest.mark.skipif(not (sys.platform.startswith('linux') and forks()),
                                reason='commands are new interpreters here')


@pytest.mark.parametrize('args', [['--version'], ['--help'], ['--no-such-option'], []])
def test_a_copy_says_what_a_new_interpreter_says(run_command, args):
    copy = run_command('batch_scoring', args, stdin='y\n')
    assert copy == run_command('batch_scoring', args, stdin='y\n', fresh=True)
    assert copy.code == (2 if args in ([], ['--no-such-option']) else 0)


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


def test_a_copy_has_the_environment_and_the_umask_of_a_new_interpreter(score, folder):
    before = os.umask(0o27)
    try:
        score.well(numbered(4), env={'TZ': 'UTC'})
    finally:
        os.umask(before)
    assert os.stat(folder('out.csv')).st_mode & 0o777 == 0o640
