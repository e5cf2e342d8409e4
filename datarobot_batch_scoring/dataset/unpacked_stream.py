"""Unpacks gzip on the way: no step needs to go back, as those of Python 2.7's own reader do."""

from __future__ import absolute_import, unicode_literals

import zlib

READ_SIZE = 1 << 16
# As zlib numbers it: gzip, with the largest window.
GZIP_FORMAT = 31
MAGIC = b'\x1f\x8b'


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
            found = self._unpacker.decompress(self._pending, size)
            left = self._unpacker.unused_data
            self._pending = left or self._unpacker.unconsumed_tail
            if left:
                self._unpacker = None
            if found:
                return found
        return b''

    def _rest(self):
        if self._source and self._source.is_cut:
            return b''
        # Only where a member is complete, one byte more is left over.
        try:
            found = self._unpacker.decompress(b'\0')
        except zlib.error:
            raise EOFError()
        if not self._unpacker.unused_data:
            raise EOFError()
        self._unpacker = None
        return found

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
