"""Where rows go: a file, plain or gzipped, standard output, or an object in a store."""

from __future__ import absolute_import, unicode_literals

import io
import os
import zlib
from contextlib import contextmanager

from datarobot_batch_scoring.compat import GZIP_FORMAT, compress
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.system import (
    O_BINARY, fsync, fsync_folder, is_broken_pipe, is_open_as, write_all)

# Measured: above this level time grows faster than sizes shrink.
OUTPUT_LEVEL = 3

MAGIC = b'\x1f\x8b'


class Target(object):
    """What bytes are appended to: `length` so far, whose CRC-32 is `checksum`.

    `forced` of them are certain to be on disk; where there is no disk to force, all methods for
    that do nothing. Any method may raise `OSError`, which `unwritable` turns into an error for
    the user, or `ScoringError`.
    """

    # Whether `compressed` compresses.
    gzipped = False

    def __init__(self):
        self.length = self.forced = self.checksum = 0
        self.unforced = 0

    def compressed(self, data):
        """Bytes as the target has them."""
        return compress_rows(data) if self.gzipped else data

    def begin(self):
        """Opens it, empty."""

    def restore(self, state):
        """Opens it as a state says that it was, without what came after that."""
        raise NotImplementedError

    def append(self, data):
        """Appends bytes, which count only once `advance` is called with them."""
        raise NotImplementedError

    def advance(self, data):
        """Counts these bytes as part of it."""
        self.length += len(data)
        self.checksum = zlib.crc32(data, self.checksum) & 0xffffffff
        self.unforced += len(data)

    def state(self):
        """What the checkpoint says about it."""
        return {'length': self.length, 'forced': self.forced, 'checksum': self.checksum}

    def force(self):
        """Forces it to disk."""
        self.unforced = 0

    def check_present(self):
        """Raises `ScoringError` if another program has taken it away."""

    def cut_back(self):
        """Cuts off what does not count; never fails."""

    def unwritable(self, error):
        """The `ScoringError` for an `OSError`; a store raises its own."""
        raise NotImplementedError

    def close(self):
        """Closes it if it was opened."""


@contextmanager
def at_work_on(target, *others):
    """Turns an `OSError` into the error for a target, and leaves neither it nor others half written."""
    try:
        yield
    except EnvironmentError as error:
        for unfinished in (target,) + others:
            unfinished.cut_back()
        raise target.unwritable(error)


class Stream(Target):
    """Standard output; what is written to it cannot be taken back."""

    def __init__(self, descriptor):
        Target.__init__(self)
        self._descriptor = descriptor

    def append(self, data):
        """Writes bytes."""
        write_all(self._descriptor, data)

    def unwritable(self, error):
        """The `ScoringError` for an `OSError`."""
        if is_broken_pipe(error):
            return ScoringError('stdout_closed')
        return ScoringError('stdout_unwritable', reason=error.strerror)


class Upload(Target):
    """An object in a store that is being written; `opened` is a file-like object of it."""

    def __init__(self, opened, gzipped):
        Target.__init__(self)
        self.gzipped = gzipped
        self._opened = opened

    def append(self, data):
        """Writes bytes."""
        self._opened.write(data)


class SmallUpload(Target):
    """Few bytes on their way to a store: `put(data)` gets them at the end, if there are any."""

    def __init__(self, put, gzipped):
        Target.__init__(self)
        self.gzipped = gzipped
        self._put = put
        self._data = []

    def append(self, data):
        """Keeps bytes."""
        self._data.append(data)

    def close(self):
        """Puts all of them."""
        if self._data:
            self._put(b''.join(self._data))


class AppendFile(Target):
    """A file of a run, `length` bytes of which are its own; `what` names it in messages."""

    def __init__(self, what, path):
        Target.__init__(self)
        self.what = what
        self.path = path
        self.gzipped = path.endswith('.gz')
        self.descriptor = None

    def begin(self):
        """Opens the file and empties it, or creates it; its folder is forced to disk."""
        self.descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | O_BINARY, 0o666)
        self.force_folder()

    def open(self):
        """Opens the file without a change, or creates it; `cut_to` must follow."""
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | O_BINARY, 0o666)

    def restore(self, state):
        """Opens it as a state says that it was, without what came after that."""
        self.open()
        self.cut_to(state['length'], state['checksum'])

    def cut_to(self, length, checksum):
        """Cuts off all but the first `length` bytes, whose CRC-32 is `checksum`."""
        self.length, self.checksum = length, checksum
        self._truncate()
        os.lseek(self.descriptor, 0, os.SEEK_END)

    def _truncate(self):
        io.FileIO(self.descriptor, 'r+', closefd=False).truncate(self.length)

    def append(self, data):
        """Appends bytes, which count only once `advance` is called with them."""
        self.check_size()
        write_all(self.descriptor, data)

    def force(self):
        """Forces it to disk."""
        self.check_size()
        fsync(self.descriptor)
        self.forced, self.unforced = self.length, 0

    def force_folder(self):
        """Forces its name to disk, in the folder that any links lead to."""
        fsync_folder(os.path.dirname(os.path.realpath(self.path)))

    def check_size(self):
        """Raises `ScoringError` if it is longer or shorter than this process left it."""
        # Rows that someone cut off would become zeros, and what someone added would stay.
        if os.fstat(self.descriptor).st_size != self.length:
            raise self._disturbed('changed')

    def check_present(self):
        """Raises `ScoringError` if its name leads to another file, or to none."""
        # Writing to a file that has lost its name goes on without an error.
        if not os.path.exists(self.path):
            raise self._disturbed('removed')
        if not is_open_as(self.path, self.descriptor):
            raise self._disturbed('replaced')

    def _disturbed(self, how):
        return ScoringError('disturbed', file_kind=self.what, file=self.path, change=how)

    def cut_back(self):
        """Cuts off what does not count; never fails."""
        # A full disk may have taken only some of the rows.
        if self.descriptor is not None:
            try:
                self._truncate()
            except EnvironmentError:
                pass

    def unwritable(self, error):
        """The `ScoringError` for an `OSError`."""
        return ScoringError('unwritable', file_kind=self.what, file=self.path, reason=error.strerror)

    def close(self):
        """Closes it if it was opened."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def compress_rows(lines):
    """Lines of the output (bytes) as one gzip member."""
    return compress(lines, OUTPUT_LEVEL)


def unpack(pieces):
    """Yields the text of gzip members that come in pieces (bytes)."""
    unpacker = zlib.decompressobj(GZIP_FORMAT)
    for piece in pieces:
        while piece:
            yield unpacker.decompress(piece)
            piece = unpacker.unused_data
            if piece:
                unpacker = zlib.decompressobj(GZIP_FORMAT)
