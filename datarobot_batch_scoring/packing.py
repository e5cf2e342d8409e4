"""gzip, as it is sent and written."""

from __future__ import absolute_import, unicode_literals

import zlib

# Measured: past these levels, time grows faster than sizes shrink.
REQUEST_LEVEL = 1
OUTPUT_LEVEL = 4


def pack(data, level):
    """`data` (bytes) as one gzip member."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()
