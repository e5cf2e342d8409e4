"""What the system knows about a command's processes."""

from __future__ import absolute_import, unicode_literals

import os
import time

import psutil

from datarobot_batch_scoring.compat import monotonic


def wait_until(condition, seconds=30):
    """Waits until `condition()` is true."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, 'waited in vain'
        time.sleep(0.01)


def lives(pid):
    """True until the process has ended, whether or not its parent has waited for it."""
    try:
        return _lives(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def group(number):
    """The living processes of a process group, as `psutil.Process`es."""
    return [each for each in psutil.process_iter()
            if _group_of(each.pid) == number and _lives(each)]


def command_lines(pid):
    """The command lines of a command and of all its processes."""
    return [_command_line(each) for each in group(pid)]


def _lives(process):
    try:
        # While its threads end one by one, it seems to be a zombie, and still has its files.
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def _group_of(pid):
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _command_line(process):
    try:
        words = process.cmdline()
    except psutil.Error:
        return ''
    return ' '.join(word.decode('utf-8', 'replace') if isinstance(word, bytes) else word
                    for word in words)
