"""Runs a command as its console script does: `launch.py COMMAND ARGS...`.

BATCH_SCORING_TEST_START_METHOD chooses how its processes start,
BATCH_SCORING_TEST_FIRST_WAIT the seconds before the first retry, a tenth of
those before the last, BATCH_SCORING_TEST_SLOW_START the seconds that each
spawned process needs to start, and BATCH_SCORING_TEST_STEPS what `steps.py`
does; they are known here and nowhere else.
"""

from __future__ import absolute_import, unicode_literals

import multiprocessing
import os
import sys
import time

if 'BATCH_SCORING_TEST_STEPS' in os.environ:
    import steps

# The commands see the package and none of the tests' modules.
sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))

if 'BATCH_SCORING_TEST_FIRST_WAIT' in os.environ:
    # Not in `main`, since spawned processes import this module too.
    from datarobot_batch_scoring.server import retry
    retry.FIRST_WAIT = float(os.environ['BATCH_SCORING_TEST_FIRST_WAIT'])
    retry.LONGEST_WAIT = 10 * retry.FIRST_WAIT

if __name__ != '__main__' and 'BATCH_SCORING_TEST_SLOW_START' in os.environ:
    time.sleep(float(os.environ['BATCH_SCORING_TEST_SLOW_START']))


def main():
    if 'BATCH_SCORING_TEST_STEPS' in os.environ:
        steps.install(os.environ['BATCH_SCORING_TEST_STEPS'])
    from datarobot_batch_scoring import commands
    method = os.environ.get('BATCH_SCORING_TEST_START_METHOD')
    if method:
        multiprocessing.set_start_method(method)
    command = sys.argv.pop(1)
    sys.argv[0] = command
    return getattr(commands, command)()


if __name__ == '__main__':
    sys.exit(main())
