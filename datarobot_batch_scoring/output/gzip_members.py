"""gzip, as it is sent and written."""

from __future__ import absolute_import, unicode_literals

import zlib

from datarobot_batch_scoring.compat import compressobj

# Measured: above these levels time grows faster than sizes shrink. isal has none above 3.
REQUEST_LEVEL = 1
OUTPUT_LEVEL = 3

# As zlib numbers it: gzip, with the largest window.
GZIP_FORMAT = 31
MAGIC = b'\x1f\x8b'


def pack(data, level):
    """`data` (bytes) as one gzip member."""
    packer = compressobj(level, zlib.DEFLATED, GZIP_FORMAT)
    return packer.compress(data) + packer.flush()


def unpack(pieces):
    """Yields the text of gzip members that come in pieces (bytes)."""
    unpacker = zlib.decompressobj(GZIP_FORMAT)
    for piece in pieces:
        while piece:
            yield unpacker.decompress(piece)
            piece = unpacker.unused_data
            if piece:
                unpacker = zlib.decompressobj(GZIP_FORMAT)
