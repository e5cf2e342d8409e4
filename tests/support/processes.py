"""What the system knows of a command's processes; Linux only."""

from __future__ import absolute_import, unicode_literals

import io
import os


def listing():
    """(pid, pid of the parent, number of the group, state as a letter) of all processes."""
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            stat = _read(name, 'stat').decode('ascii', 'replace')
            if stat:
                state, parent, group = stat.rpartition(') ')[2].split()[:3]
                found.append((int(name), int(parent), int(group), state))
    return found


def children(pid):
    """The pids of the living children of a process, the oldest first.

    One that `multiprocessing` starts for itself, before those that it spawns, is none of them.
    """
    return sorted(each for each, parent, _, state in listing() if parent == pid and state != 'Z'
                  and b'_tracker import main' not in _read('{0}'.format(each), 'cmdline'))


def command_lines(pid):
    """The command lines, as bytes, of a command that was started and of all its processes."""
    return [_read('{0}'.format(each), 'cmdline')
            for each, _, group, _ in listing() if group == pid]


def _read(pid, name):
    try:
        with io.open(os.path.join('/proc', pid, name), 'rb') as source:
            return source.read()
    except EnvironmentError:
        return b''
