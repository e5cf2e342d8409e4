"""The lock on an output: a lock of the system, on its checkpoint file."""

from __future__ import absolute_import, unicode_literals

import errno
import os
import stat

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.errors import ScoringError, UsageError
from datarobot_batch_scoring.output import checkpoint
from datarobot_batch_scoring.system import (
    O_BINARY, O_NOFOLLOW, is_open_as, lock_file, pread_all)

_NO_LOCKS = tuple(getattr(errno, name) for name in (
    'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'ENOLCK') if hasattr(errno, name))
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_LOCKED = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


class Locked(Exception):
    """Another process is writing the output."""


class NotACheckpoint(Exception):
    """What has the checkpoint's name is not a checkpoint, and is left as it is."""


def has_none(reason):
    """Whether an `OSError` says that a file system has no locks."""
    return reason.errno in _NO_LOCKS


def no_checkpoint(out, reason):
    """The error for a checkpoint that cannot be opened or locked; `reason` is an `OSError`."""
    if has_none(reason):
        return ScoringError('no_locks', file=out, reason=reason.strerror)
    if reason.errno in _READ_ONLY and not os.path.exists(checkpoint.path_for(out)):
        return ScoringError('no_checkpoint_folder', file=os.path.dirname(out) or '.', reason=reason.strerror)
    return ScoringError('checkpoint_unwritable', file=checkpoint.path_for(out), reason=reason.strerror)


def locked_by_another(out):
    """The error for an output that another run is writing."""
    return ScoringError('locked', file=out)


def not_ours(out):
    """The error for somebody else's file with the checkpoint's name."""
    return UsageError('not_a_checkpoint', file=checkpoint.path_for(out))


class LockedFile(object):
    """The checkpoint file, open and locked for one process.

    The lock is the system's and ends with the process that holds it. An output
    with several names has a checkpoint for each, so the output is locked as well.
    Raises `Locked`, `NotACheckpoint` and `OSError`.
    """

    def __init__(self, out):
        self.path = checkpoint.path_for(out)
        self._out = out
        self._output = _lock_names(out)
        try:
            self._open()
        except (Locked, NotACheckpoint, EnvironmentError):
            self._unlock_names()
            raise

    def _open(self):
        while True:
            self.descriptor = _open_regular(self.path)
            _try_to_lock(self.descriptor)
            # Whoever held the lock before may have removed the file in the meantime.
            if is_open_as(self.path, self.descriptor):
                break
            os.close(self.descriptor)
        if not _is_ours(self.descriptor):
            os.close(self.descriptor)
            raise NotACheckpoint()

    def snapshot(self):
        """What another run would change: the newest checkpoint and the output file.

        Not every system can hand the lock from one process to another. Whoever takes it
        again compares this with what it was before.
        """
        try:
            out = os.stat(self._out)
            output = [out.st_dev, out.st_ino, out.st_size, out.st_mtime]
        except OSError:
            output = None
        return [max([slot.serial for slot in checkpoint.read_slots(self.descriptor)] or [0]),
                output]

    def close(self, remove=False):
        """Gives up the lock; `remove`: removes the file too, as always if it is empty."""
        unused = remove or os.fstat(self.descriptor).st_size == 0
        # Somebody may have removed it, and another run may have created its own.
        if unused and is_open_as(self.path, self.descriptor):
            _remove(self.path, self.descriptor)
        else:
            os.close(self.descriptor)
        self._unlock_names()

    def _unlock_names(self):
        if self._output is not None:
            os.close(self._output)


class Unlocked(object):
    """In place of a `LockedFile` where the output is standard output."""

    descriptor = None

    def snapshot(self):
        """Nothing that another run could change."""

    def close(self, remove=False):
        """There is nothing to give up."""


def _open_regular(path):
    """Opens or creates a regular file; raises `NotACheckpoint` for anything else, links included."""
    # Opening a FIFO or a device may have effects, and not every system has O_NOFOLLOW.
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise NotACheckpoint()
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | O_BINARY | O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotACheckpoint()
        raise


def _is_ours(descriptor):
    """Whether a file begins like a checkpoint, or is empty and belongs to this user."""
    beginning = pread_all(descriptor, len(checkpoint.MAGIC), 0)
    if beginning:
        return checkpoint.MAGIC.startswith(beginning)
    return WINDOWS or os.fstat(descriptor).st_uid == os.geteuid()


def _lock_names(out):
    """Locks an output that has other names (hard links); returns a descriptor or None."""
    try:
        status = os.stat(out)
        # Windows lets nobody write to what is locked, and a folder of parts has no other names.
        if WINDOWS or status.st_nlink < 2 or not stat.S_ISREG(status.st_mode):
            return None
    except OSError:
        return None
    descriptor = os.open(out, os.O_RDWR)
    _try_to_lock(descriptor)
    return descriptor


def _try_to_lock(descriptor):
    """Locks the file, or closes it and raises `Locked`, or `OSError` if there are no locks."""
    try:
        lock_file(descriptor)
    except EnvironmentError as error:
        os.close(descriptor)
        if error.errno in _LOCKED:
            raise Locked()
        raise


def lock_if_possible(descriptor):
    """Locks an open file, if its file system can; raises `Locked`."""
    try:
        lock_file(descriptor)
    except EnvironmentError as error:
        if error.errno in _LOCKED:
            raise Locked()


def open_to_append(file):
    """Opens an `Appended`; raises `ScoringError` if another run is writing the file."""
    file.open()
    # It must not be cut then.
    try:
        lock_if_possible(file.descriptor)
    except Locked:
        raise locked_by_another(file.path)


def is_locked(path):
    """Whether another run is writing the file; False if it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDWR | O_BINARY)
    except EnvironmentError:
        return False
    try:
        lock_if_possible(descriptor)
        return False
    except Locked:
        return True
    finally:
        os.close(descriptor)


def remove_unused(out):
    """Removes the empty checkpoint left by a writer that was killed before its first commit."""
    try:
        LockedFile(out).close()
    except (Locked, NotACheckpoint, EnvironmentError):
        pass


def _remove(path, descriptor):
    try:
        os.remove(path)
        os.close(descriptor)
    except OSError:
        # Windows does not remove a file that is open.
        os.close(descriptor)
        os.remove(path)
