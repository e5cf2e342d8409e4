"""The lock on an output: that of the system, on the file of its checkpoint."""

from __future__ import absolute_import, unicode_literals

import errno
import os

from datarobot_batch_scoring.compat import O_BINARY, WINDOWS, is_open_as
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import checkpoint

_LOCKED = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


class Locked(Exception):
    """Another process writes the output."""


def no_checkpoint(out, reason):
    """The error for a checkpoint that cannot be opened or locked; `reason` is an `OSError`."""
    return ScoringError('The checkpoint {0} cannot be written: {1}.'.format(
        checkpoint.path_for(out), reason.strerror))


def locked_by_another(out):
    """The error for an output that another run is writing."""
    return ScoringError('Another run is writing {0}.'.format(out),
                        hint='Wait for its end, or name another file with --out.')


class LockedFile(object):
    """The checkpoint file, open and locked for one process.

    The lock is the system's and ends with the process that holds it. An output
    with several names has a checkpoint for each, so it is locked as well.
    """

    def __init__(self, out):
        self.path = checkpoint.path_for(out)
        self._output = _lock_names(out)
        try:
            self._open()
        except (Locked, EnvironmentError):
            self._unlock_names()
            raise

    def _open(self):
        while True:
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | O_BINARY, 0o666)
            _try_to_lock(self.descriptor)
            # Whoever held the lock before may have removed the file meanwhile.
            if is_open_as(self.path, self.descriptor):
                return
            os.close(self.descriptor)

    def close(self, remove=False):
        """Gives the lock up; `remove`: the file too, as always where it is empty."""
        unused = remove or os.fstat(self.descriptor).st_size == 0
        # Somebody may have removed it, and another run made its own.
        if unused and is_open_as(self.path, self.descriptor):
            _remove(self.path, self.descriptor)
        else:
            os.close(self.descriptor)
        self._unlock_names()

    def _unlock_names(self):
        if self._output is not None:
            os.close(self._output)


def _lock_names(out):
    """Locks an output that has other names (hard links); a descriptor or None."""
    try:
        if WINDOWS or os.stat(out).st_nlink < 2:
            # Windows would let nobody write what is locked.
            return None
    except OSError:
        return None
    descriptor = os.open(out, os.O_RDWR)
    _try_to_lock(descriptor)
    return descriptor


def _try_to_lock(descriptor):
    """Locks the file, or closes it and raises `Locked`, or `OSError` where there are no locks."""
    try:
        _lock(descriptor)
    except EnvironmentError as error:
        os.close(descriptor)
        if error.errno in _LOCKED:
            raise Locked()
        raise


def remove_unused(out):
    """Removes the empty file that a writer leaves which is killed before its first commit."""
    try:
        LockedFile(out).close()
    except (Locked, EnvironmentError):
        pass


def _remove(path, descriptor):
    try:
        os.remove(path)
        os.close(descriptor)
    except OSError:
        # Windows removes no file that is open.
        os.close(descriptor)
        os.remove(path)


try:
    import fcntl
except ImportError:
    import msvcrt

    def _lock(descriptor):
        # Far behind the content: Windows lets nobody else read what is locked.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    def _lock(descriptor):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
