"""Where the bytes of the input come from: a file, or standard input, read only once and unpacked on the way."""

from __future__ import absolute_import, unicode_literals

import hashlib
import io
import os
import stat
import zlib

from datarobot_batch_scoring.system import is_silent, read_all, read_some, standard_stream

# Seconds without a byte, after which what came of a stream is worth a look.
PAUSE = 0.05

READ_SIZE = 1 << 16
# As zlib numbers it: gzip, with the largest window.
GZIP_FORMAT = 31
MAGIC = b'\x1f\x8b'


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
    read once, in this or a child process. `enough(data)` tells where what is wanted of it ends,
    given its beginning, or gives None: then nothing more is waited for. Nor is it, until it is read
    for good, after a `pause`, in seconds: then the whole lines that have come are looked at.
    """

    is_stream = True
    name = 'on standard input'

    def __init__(self, with_digest=False, enough=None, pause=None):
        self._with_digest = with_digest
        self._enough = enough
        self._pause = pause
        # How many bytes are whole lines that were followed by a pause.
        self._paused_at = None
        # Whether what is read of it may be less than was asked for, and ends before it does.
        self.stops_early, self.is_cut = enough is not None, False
        self._hash = self._digest = None
        self._descriptor = standard_stream(0)
        self._kept = b''
        self._ended = False

    def open(self, for_good=False):
        """The stream from its beginning; `for_good`: it will not be opened again."""
        return _StreamFile(self, for_good)

    def read(self, position, size, for_good):
        """`size` bytes from `position` on, fewer only at the end; raises `OSError`."""
        piece = self._read(position, size, for_good)
        if for_good and self._with_digest:
            self._add_to_digest(piece, self._ended and not self.is_cut and len(piece) < size)
        return piece

    def _read(self, position, size, for_good):
        if not for_good:
            self._keep(position + size)
        end = position + size
        piece = self._kept[position:end if for_good or self._paused_at is None else min(end, self._paused_at)]
        if for_good and position + size >= len(self._kept):
            self._kept = b''
        if not for_good or len(piece) == size or self._ended:
            return piece
        if self._enough is None:
            piece += read_all(self._descriptor.number, size - len(piece))
            # Once is enough: a terminal would go on after its end.
            self._ended = len(piece) < size
        elif not piece:
            piece = read_all(self._descriptor.number, size, PAUSE)
            self._ended = not piece
        return piece

    def _keep(self, size):
        """Reads until `size` bytes are kept, or all that are wanted."""
        while len(self._kept) < size and not self._ended and not self._has_paused():
            more = read_some(self._descriptor.number, size - len(self._kept))
            self._kept += more
            end = self._enough(self._kept) if self._enough and more else None
            if end is not None:
                self._kept, self.is_cut = self._kept[:end], True
            self._ended = self.is_cut or not more

    def _has_paused(self):
        if self._paused_at is None and self._pause and _are_rows(self._kept) and is_silent(
                self._descriptor.number, self._pause):
            self._paused_at = self._kept.rfind(b'\n') + 1
        return self._paused_at is not None

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


def _are_rows(data):
    """Whether the whole lines in the bytes `data` are surely a header and rows."""
    lines = data[:data.rfind(b'\n') + 1]
    return lines.count(b'\n') > 1 and not lines.startswith(MAGIC) and b'\0' not in lines and lines.count(b'"') % 2 == 0


class _StreamFile(object):
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


class NotGzip(Exception):
    """Something that is not gzip follows the end of a member."""


class UnpackedStream(object):
    """What all members of a packed stream unpack to; `source` is the `source.Stream`, if it is one."""

    def __init__(self, packed, source=None):
        self._packed = packed
        self._source = source
        self._pending = b''
        self._unpacker = None

    def read(self, size):
        """`size` bytes, fewer only at the end or if the source stops early.

        Raises `EOFError` if that is too early, `NotGzip`, and `zlib.error`.
        """
        pieces = []
        while size:
            pieces.append(self._some(size))
            if not pieces[-1] or self._source and self._source.stops_early:
                break
            size -= len(pieces[-1])
        return b''.join(pieces)

    def _some(self, size):
        """Up to `size` bytes, none at the end."""
        while self._unpacker or self._begin_member():
            if not self._pending:
                self._pending = self._packed.read(READ_SIZE)
            if not self._pending:
                return self._rest()
            data = self._unpacker.decompress(self._pending, size)
            left = self._unpacker.unused_data
            self._pending = left or self._unpacker.unconsumed_tail
            if left:
                self._unpacker = None
            if data:
                return data
        return b''

    def _rest(self):
        if self._source and self._source.is_cut:
            return b''
        # Only where a member is complete, one byte more is left over.
        try:
            data = self._unpacker.decompress(b'\0')
        except zlib.error:
            raise EOFError()
        if not self._unpacker.unused_data:
            raise EOFError()
        self._unpacker = None
        return data

    def _begin_member(self):
        """False at the end of the stream."""
        # Zeros may fill up a block of a tape.
        while len(self._pending.lstrip(b'\0')) < len(MAGIC):
            more = self._packed.read(READ_SIZE)
            self._pending = self._pending.lstrip(b'\0') + more
            if not more:
                break
        if not self._pending.lstrip(b'\0'):
            return False
        self._pending = self._pending.lstrip(b'\0')
        if not self._pending.startswith(MAGIC):
            raise NotGzip()
        self._unpacker = zlib.decompressobj(GZIP_FORMAT)
        return True
