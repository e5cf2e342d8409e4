"""gzip, as it is written."""

from __future__ import absolute_import, unicode_literals

import zlib

from datarobot_batch_scoring.compat import GZIP_FORMAT, compress

# Measured: above this level time grows faster than sizes shrink.
OUTPUT_LEVEL = 3

MAGIC = b'\x1f\x8b'


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
