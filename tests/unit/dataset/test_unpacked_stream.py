"""gzip from a stream unpacks as from a file, wherever the pieces end."""

from __future__ import absolute_import, unicode_literals

import gzip
import io
import random
import zlib

import pytest

from datarobot_batch_scoring.dataset import source
from datarobot_batch_scoring.dataset.source import NotGzip, UnpackedStream

TEXT = ''.join(random.Random(n).choice('abc,\n"') for n in range(300)).encode('ascii') + b'a' * 3000


def packed(*parts):
    target = io.BytesIO()
    for part in parts:
        with gzip.GzipFile(fileobj=target, mode='wb') as member:
            member.write(part)
    return target.getvalue()


def unpacked(data, size):
    reader, found = UnpackedStream(io.BytesIO(data)), []
    while not found or found[-1]:
        found.append(reader.read(size))
        assert len(found[-1]) <= size
    return b''.join(found)


@pytest.fixture(params=[1, 2, 7, 1 << 16])
def piece(request, monkeypatch):
    """The most that is read from the stream at once."""
    monkeypatch.setattr(source, 'READ_SIZE', request.param)


@pytest.mark.parametrize('size', [1, 10, 1000, 1 << 20])
@pytest.mark.parametrize('parts, behind', [
    ((TEXT,), b''), ((TEXT, b'', TEXT[:20]), b''), ((b'',), b''), ((TEXT, TEXT), b'\0' * 100)])
def test_all_members_are_read(piece, size, parts, behind):
    assert unpacked(packed(*parts) + behind, size) == b''.join(parts)


@pytest.mark.parametrize('size', [10, 1 << 20])
def test_a_stream_that_ends_inside_a_member_is_an_error(piece, size):
    whole = packed(TEXT[:100], TEXT[:50])
    first = len(packed(TEXT[:100]))
    for end in range(1, len(whole)):
        if end != first:
            with pytest.raises((EOFError, NotGzip)):
                unpacked(whole[:end], size)


def test_what_is_behind_the_end_is_an_error(piece):
    for behind in (b'x', b'more', b'\0\0x', b'\x1fx'):
        with pytest.raises(NotGzip):
            unpacked(packed(TEXT) + behind, 1000)


def test_a_wrong_checksum_is_an_error(piece):
    data = packed(TEXT)
    with pytest.raises(zlib.error):
        unpacked(data[:-8] + b'\1\2\3\4' + data[-4:], 1000)
