"""Compresses the body of a request; reads that of an answer, up to a limit, and unpacks it."""

from __future__ import absolute_import, unicode_literals

import re
import zlib

import requests
from requests.packages import urllib3
from six.moves.http_client import HTTPException, IncompleteRead

from datarobot_batch_scoring.compat import compress
from datarobot_batch_scoring.server.json_text import InvalidResponse

# Bytes read at a time if an answer does not give its length: 3.6 to 3.9 allocate, and
# fill, as much memory as they are asked to read.
PIECE = 1 << 20
SMALL_PIECE = 8 << 10
# The text of an error is only a message for a person.
MAX_MESSAGE = 1 << 20

EXPECTED = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError,
            HTTPException, EnvironmentError, zlib.error)

# Measured: above this level time grows faster than sizes shrink.
REQUEST_LEVEL = 1

# The bytes that every gzip member begins with.
GZIP = b'\x1f\x8b'


class TooLarge(Exception):
    """The answer is far larger than its rows can justify; `args[0]` is the limit in bytes."""


def compress_request(data):
    """The body of a request as it is sent with --compress."""
    return compress(data, REQUEST_LEVEL)


def read_body(response, most):
    """The body of a response, and its size before unpacking.

    Raises `TooLarge`, `InvalidResponse` and whatever is `EXPECTED`, but only for status 200:
    any other status says enough by itself, so text that cannot be read is left out, and of
    one that is too long there is the beginning.
    """
    try:
        if response.status_code == 200:
            return _read_whole(response, most)
        return _read_message(response, min(most, MAX_MESSAGE))
    except EXPECTED + (TooLarge, InvalidResponse):
        if response.status_code == 200:
            raise
        response.close()
        return b'', 0


def _read_whole(response, most):
    length = _announced(response.headers)
    if length is not None and length > most:
        raise TooLarge(most)
    # In one call: each of several reads would have to wait for a thread that computes.
    body = (_read(response.raw, most + 1, PIECE) if length is None
            else _read(response.raw, length, length))
    if len(body) > most:
        raise TooLarge(most)
    if length is not None and len(body) < length:
        raise EnvironmentError('the response was truncated after {0} of {1} bytes'.format(
            len(body), length))
    response.raw.release_conn()
    encoding = response.headers.get('Content-Encoding', '').lower()
    if encoding in ('gzip', 'x-gzip', 'deflate'):
        return _unpack(body, most), len(body)
    return body, len(body)


def _read_message(response, most):
    length = _announced(response.headers)
    packed = response.headers.get('Content-Encoding')
    if packed or length is not None and length <= most:
        return _read_whole(response, most)
    body = _read(response.raw, most + 1, PIECE)
    if len(body) > most:
        # The rest of it is not worth the connection.
        response.close()
    else:
        response.raw.release_conn()
    return body[:most], len(body)


def _announced(headers):
    """The size of the body in bytes, by its headers; None if they do not give it."""
    length = headers.get('Content-Length', '')
    # RFC 9112, 6.3: chunks override a length.
    chunked = 'chunked' in headers.get('Transfer-Encoding', '').lower()
    return int(length) if re.match('[0-9]{1,18}$', length) and not chunked else None


def _read(raw, size, piece_size):
    """Up to `size` bytes, `piece_size` at a time; fewer only at the end of the body."""
    pieces = []
    while True:
        try:
            piece = raw.read(min(size, piece_size), decode_content=False)
        except ValueError:
            # From http.client, for a chunk of a negative size.
            raise IncompleteRead(b'')
        pieces.append(piece)
        size -= len(piece)
        if size <= 0 or not piece:
            return b''.join(pieces)


def _unpack(body, most):
    """The body, unpacked; by RFC 1952, gzip may be several members, one after another."""
    unpacked, position, size = [], 0, len(body)
    unpacker = _unpacker()
    while True:
        piece = body[position:position + size]
        unpacked.append(unpacker.decompress(piece, most + 1))
        most -= len(unpacked[-1])
        if most < 0:
            raise TooLarge(most + sum(map(len, unpacked)))
        position += len(piece) - len(unpacker.unused_data)
        if position == len(body):
            break
        if unpacker.unused_data:
            if not body.startswith(GZIP, position):
                _check_padding(body[position:])
                return b''.join(unpacked)
            # Otherwise each of many small members would copy all that follows it.
            unpacker, size = _unpacker(), SMALL_PIECE
    if not _at_end(unpacker):
        raise EnvironmentError('the compressed response was truncated')
    return b''.join(unpacked)


def _unpacker():
    # 47: the header tells whether it is gzip or zlib.
    return zlib.decompressobj(47)


def _check_padding(rest):
    if rest.strip(b'\0'):
        # Nobody knows what it is, or what it replaced.
        raise InvalidResponse('unexpected data follows the compressed response')


def _at_end(unpacker):
    if hasattr(unpacker, 'eof'):
        return unpacker.eof
    # 2.7 shows the end only by what comes after it.
    unpacker.decompress(b'\0')
    return bool(unpacker.unused_data)
