"""Starts commands as copies of itself: it has loaded what they need, half of their time.

Reads an order on each line of standard input, as JSON, and answers with lines: the process of a
command that it has started, then, once that has ended, the process and how `os.waitpid` puts it.
"""

from __future__ import absolute_import, unicode_literals

import errno
import json
import os
import random
import runpy
import select
import signal
import sys

LAUNCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'launch.py')
PIDS = 'BATCH_SCORING_TEST_PIDS'


def load():
    """Imports what a command imports."""
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from datarobot_batch_scoring import cli, commands  # noqa: F401
    from datarobot_batch_scoring.local import supervisor  # noqa: F401
    from datarobot_batch_scoring.scoring import attempt  # noqa: F401
    from datarobot_batch_scoring.run import score  # noqa: F401


def forget_the_package():
    """Has the package loaded anew; what it stands on stays."""
    for name in list(sys.modules):
        if name.partition('.')[0] == 'datarobot_batch_scoring':
            del sys.modules[name]


def main():
    load()
    # Whoever ends the tests from a terminal ends them, not this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended, wake = os.pipe()
    if hasattr(os, 'set_blocking'):
        os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: os.write(wake, b'.'))
    left = b''
    while True:
        for ready in _ready([0, ended]):
            if ready == ended:
                os.read(ended, 1000)
                _tell_of_the_ended()
                continue
            read = os.read(0, 1 << 16)
            if not read:
                return
            lines = (left + read).split(b'\n')
            left = lines.pop()
            for line in lines:
                order = json.loads(line.decode('ascii'))
                process = os.fork()
                if not process:
                    os.close(ended)
                    os.close(wake)
                    return become(order)
                os.write(1, '{0}\n'.format(process).encode('ascii'))


def _ready(descriptors):
    try:
        return select.select(descriptors, [], [])[0]
    except (OSError, select.error) as error:
        if error.args[0] != errno.EINTR:
            raise
        return []


def _tell_of_the_ended():
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except OSError:
            return
        if not process:
            return
        os.write(1, '{0} {1}\n'.format(process, status).encode('ascii'))


def become(order):
    """Makes this process, a copy, what a new interpreter would be that runs `launch.py`."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    os.umask(order['umask'])
    for number, path in enumerate(order['streams']):
        stream = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY)
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order['cwd'])
    os.environ.clear()
    os.environ.update((str(name), str(value)) for name, value in order['env'].items())
    random.seed()
    if any(name.startswith('BATCH_SCORING_TEST_') for name in set(order['env']) - set([PIDS])):
        # `launch.py` changes modules before others take something from them.
        forget_the_package()
    sys.argv = [LAUNCH] + order['args']
    runpy.run_path(LAUNCH, run_name=str('__main__'))


if __name__ == '__main__':
    main()
