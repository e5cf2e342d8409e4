"""Where the bytes of the input come from: a file, or standard input, which is read only once."""

from __future__ import absolute_import, unicode_literals

import hashlib
import io
import os
import stat

from datarobot_batch_scoring.system import read_all, standard_stream


class File(object):
    """A file, which can be read as often as one likes; `name` is what messages call it."""

    is_stream = False

    def __init__(self, path):
        self.name = path

    def open(self, for_good=False):
        """The file from its beginning."""
        return io.open(self.name, 'rb')

    def size(self):
        """Its size in bytes."""
        return os.path.getsize(self.name)

    def digest(self):
        """None: it can be read again for that."""

    def close(self):
        """Nothing is open between two calls."""


class Stream(object):
    """Standard input. What was read is kept, until it is read for good.

    So the beginning can be looked at again and again, in this process, and the rest is
    read once, in this or a child process.
    """

    is_stream = True
    name = 'on standard input'

    def __init__(self, with_digest=False):
        self._with_digest = with_digest
        self._hash = self._digest = None
        self._descriptor = standard_stream(0)
        self._kept = b''
        self._ended = False

    def open(self, for_good=False):
        """The stream from its beginning; `for_good`: it will not be opened again."""
        return _Reader(self, for_good)

    def read(self, position, size, for_good):
        """`size` bytes from `position` on, fewer only at the end; raises `OSError`."""
        piece = self._read(position, size, for_good)
        if for_good and self._with_digest:
            self._add_to_digest(piece, len(piece) < size)
        return piece

    def _read(self, position, size, for_good):
        piece = self._kept[position:position + size]
        if for_good and position + size >= len(self._kept):
            self._kept = b''
        if len(piece) == size or self._ended:
            return piece
        more = read_all(self._descriptor.number, size - len(piece))
        # Once is enough: a terminal would go on after its end.
        self._ended = len(piece) + len(more) < size
        if not for_good:
            self._kept += more
        return piece + more

    def _add_to_digest(self, piece, at_end):
        # Not sooner: it would not get into a process that is spawned.
        self._hash = self._hash or hashlib.sha256()
        self._hash.update(piece)
        if at_end:
            self._digest = self._hash.hexdigest()

    def digest(self):
        """The SHA-256 of its bytes if it was wanted and they were all read for good, else None."""
        return self._digest

    def size(self):
        """Its size in bytes; None if that is not known yet."""
        if self._ended:
            return len(self._kept)
        status = os.fstat(self._descriptor.number)
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def close(self):
        os.close(self._descriptor.number)


class _Reader(object):
    """What `io.open` would give for a file, as far as it is needed."""

    def __init__(self, stream, for_good):
        self._stream = stream
        self._for_good = for_good
        self._position = 0

    def read(self, size):
        piece = self._stream.read(self._position, size, self._for_good)
        self._position += len(piece)
        return piece

    def tell(self):
        return self._position

    def close(self):
        pass
