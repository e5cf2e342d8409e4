"""Runs a command as its console script does: `launch.py COMMAND ARGS...`.

These variables are known here and nowhere else. BATCH_SCORING_TEST_PIDS names a
file for what `Command.living` reads, BATCH_SCORING_TEST_START_METHOD chooses how
the command's processes start, BATCH_SCORING_TEST_FIRST_WAIT the seconds before the
first retry, a tenth of the longest wait, BATCH_SCORING_TEST_BAR_AFTER the seconds
before the progress bar, BATCH_SCORING_TEST_SILENCE the seconds without a success
until that is said, BATCH_SCORING_TEST_LEASE the seconds for which a lease lasts,
BATCH_SCORING_TEST_SLOW_START the seconds that each spawned process takes to start,
and BATCH_SCORING_TEST_STEPS what `steps.py` does.
"""

from __future__ import absolute_import, unicode_literals

import io
import multiprocessing
import os
import sys
import time

SUPPORT = os.path.dirname(os.path.abspath(__file__))

# The commands must see the package and none of the tests' modules.
sys.path[0] = os.path.dirname(os.path.dirname(SUPPORT))

# These are not in `main`: processes that do not start as copies of the main one, or are copies
# of a fork server, import this module.
if 'BATCH_SCORING_TEST_STEPS' in os.environ:
    sys.path.insert(1, SUPPORT)
    import steps
    sys.path.remove(SUPPORT)
    steps.install(os.environ['BATCH_SCORING_TEST_STEPS'])

if 'BATCH_SCORING_TEST_FIRST_WAIT' in os.environ:
    from datarobot_batch_scoring.server import request_error
    request_error.INITIAL_BACKOFF = float(os.environ['BATCH_SCORING_TEST_FIRST_WAIT'])
    request_error.MAX_BACKOFF = 10 * request_error.INITIAL_BACKOFF

if 'BATCH_SCORING_TEST_BAR_AFTER' in os.environ:
    from datarobot_batch_scoring.console import progress
    progress.BAR_AFTER = float(os.environ['BATCH_SCORING_TEST_BAR_AFTER'])

if 'BATCH_SCORING_TEST_SILENCE' in os.environ:
    from datarobot_batch_scoring.run import narrator
    narrator.SILENCE = float(os.environ['BATCH_SCORING_TEST_SILENCE'])

if 'BATCH_SCORING_TEST_LEASE' in os.environ:
    from datarobot_batch_scoring.output import lease
    lease.LEASE_DURATION = float(os.environ['BATCH_SCORING_TEST_LEASE'])
    lease.RENEW_DEADLINE = lease.LEASE_DURATION * 2 / 3
    lease.RETRY_PERIOD = lease.LEASE_DURATION / 4

if __name__ != '__main__' and 'BATCH_SCORING_TEST_SLOW_START' in os.environ:
    time.sleep(float(os.environ['BATCH_SCORING_TEST_SLOW_START']))


def note_processes(path):
    """Has the role and the pid of each process that starts written to a file, one a line."""
    start = multiprocessing.Process.start

    def start_and_note(process):
        start(process)
        with io.open(path, 'ab') as notes:
            notes.write('{0} {1}\n'.format(process.name, process.pid).encode('ascii'))
    multiprocessing.Process.start = start_and_note


def main():
    from datarobot_batch_scoring import commands
    if 'BATCH_SCORING_TEST_PIDS' in os.environ:
        note_processes(os.environ['BATCH_SCORING_TEST_PIDS'])
    method = os.environ.get('BATCH_SCORING_TEST_START_METHOD')
    if method:
        multiprocessing.set_start_method(method)
    command = sys.argv.pop(1)
    sys.argv[0] = command
    return getattr(commands, command)()


if __name__ == '__main__':
    sys.exit(main())
