"""Who holds an output: a process, which other machines know by more than its number."""

from __future__ import absolute_import, unicode_literals

import io
import os
import re
import socket
import subprocess
import sys
import uuid
from collections import namedtuple

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.output import sealed
from datarobot_batch_scoring.system import process_lives

MAX_PID = (1 << 31) - 1
_TOKEN = re.compile(r'[0-9a-f]{32}\Z')

# All are text but the pid. What this system does not tell is ''.
Holder = namedtuple('Holder', [
    'host', 'pid',
    'boot',       # ID of the boot of its system
    'namespace',  # of its process numbers, '' too where there is only one
    'started',    # when the process began: tells it from a later one with its number
    'token',      # no other run has it
])


def this_process():
    """The `Holder` that this process is; each call gives one with another token."""
    return Holder(text(socket.gethostname()), os.getpid(), _boot(), _namespace(),
                  _start_of(os.getpid()), uuid.uuid4().hex)


def of_lock(path):
    """The `Holder` whose process has locked a file, without a token; None where the system does not tell."""
    try:
        status = os.stat(path)
        file = '{0:02x}:{1:02x}:{2}'.format(
            os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)
    except (EnvironmentError, AttributeError):
        return None
    for line in _read('/proc/locks').splitlines():
        fields = line.split()
        # Of another namespace it has no number.
        if len(fields) > 5 and fields[1] == 'FLOCK' and fields[5] == file and int(fields[4]) > 0:
            pid = _main_of(int(fields[4]))
            return Holder(text(socket.gethostname()), pid, _boot(), _namespace(), _start_of(pid), '')
    return None


def is_dead(holder):
    """Whether a holder was a process of this system and certainly has ended.

    Two containers may have the same host name, and each has a process with the number 1.
    """
    if not holder.boot or (holder.boot, holder.namespace) != (_boot(), _namespace()):
        return False
    if not process_lives(holder.pid):
        return True
    started = _start_of(holder.pid)
    return bool(started and holder.started) and started != holder.started


def describe(holder):
    """A sentence about a `Holder`; '' for None."""
    return 'It is process {0} on {1}.'.format(holder.pid, holder.host) if holder else ''


def to_bytes(holder):
    """A `Holder` as bytes."""
    return sealed.to_bytes(dict(holder._asdict()))


def from_bytes(data):
    """The same back; raises `ValueError` for anything else."""
    fields = sealed.from_bytes(data)
    if set(fields) != set(Holder._fields):
        raise ValueError('not the fields of a holder')
    holder = Holder(**fields)
    if isinstance(holder.pid, bool) or not isinstance(holder.pid, int):
        raise ValueError('not a process number')
    words = holder._replace(pid='')
    if (not 0 < holder.pid <= MAX_PID or not all(sealed.is_text(word, 256) for word in words)
            or not _TOKEN.match(holder.token)):
        raise ValueError('not a holder')
    return holder


def _boot():
    if sys.platform == 'darwin':
        return _output_of('/usr/sbin/sysctl', '-n', 'kern.bootsessionuuid')
    return _read('/proc/sys/kernel/random/boot_id')


def _namespace():
    try:
        return text(os.readlink('/proc/self/ns/pid'))
    except (OSError, AttributeError):
        return ''


def _main_of(pid):
    """The process of the command that a process is one of: its parent, as long as that is a copy."""
    parent = _stat_of(pid)[1:2]
    if parent and _command_of(pid) == _command_of(parent[0]):
        return _main_of(int(parent[0]))
    return pid


def _command_of(pid):
    """What tells the processes of one command from others: its words, process group and session."""
    return [_read('/proc/{0}/cmdline'.format(pid))] + _stat_of(pid)[2:4]


def _stat_of(pid):
    """The fields of a process from the third on; none if the system does not tell."""
    # The second is a name, which may contain spaces and parentheses.
    return _read('/proc/{0}/stat'.format(pid)).rpartition(')')[2].split()


def _start_of(pid):
    if sys.platform == 'darwin':
        return _output_of('/bin/ps', '-o', 'lstart=', '-p', '{0}'.format(pid))
    fields = _stat_of(pid)
    return fields[19] if len(fields) > 19 else ''


def _read(path):
    try:
        with io.open(path, encoding='ascii', errors='replace') as source:
            return source.read().strip()
    except EnvironmentError:
        return ''


def _output_of(*command):
    try:
        with io.open(os.devnull, 'wb') as nowhere:
            return text(subprocess.check_output(command, stderr=nowhere).decode('ascii')).strip()
    except (EnvironmentError, ValueError, subprocess.CalledProcessError):
        return ''
