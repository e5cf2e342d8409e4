"""What the system knows of a command's processes; Linux only."""

from __future__ import absolute_import, unicode_literals

import io
import os


def listing():
    """Triples (pid, pid of the parent, state as a letter) of all processes."""
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            stat = _read(name, 'stat').decode('ascii', 'replace')
            if stat:
                state, parent = stat.rpartition(') ')[2].split()[:2]
                found.append((int(name), int(parent), state))
    return found


def children(pid):
    """The pids of the living children of a process, the oldest first.

    One that `multiprocessing` starts for itself, before those that it spawns, is none of them.
    """
    return sorted(each for each, parent, state in listing() if parent == pid and state != 'Z'
                  and b'_tracker import main' not in _read('{0}'.format(each), 'cmdline'))


def command_lines():
    """The command lines of all processes, as bytes."""
    return [_read('{0}'.format(pid), 'cmdline') for pid, _, _ in listing()]


def _read(pid, name):
    try:
        with io.open(os.path.join('/proc', pid, name), 'rb') as source:
            return source.read()
    except EnvironmentError:
        return b''
