"""Reads the body of an answer, of a bounded size, and unpacks it."""

from __future__ import absolute_import, unicode_literals

import re
import zlib

import requests
from requests.packages import urllib3
from six.moves.http_client import HTTPException, IncompleteRead

from datarobot_batch_scoring.server.json_text import BadAnswer

# What is read at a time of an answer that does not tell its length: 3.6 to 3.9 take,
# and fill, as much memory as they are asked to read.
PIECE = 1 << 20
SMALL_PIECE = 8 << 10
# The text of an error is a message for a person.
MOST_MESSAGE = 1 << 20

EXPECTED = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError,
            HTTPException, EnvironmentError, zlib.error)

# What every member of gzip begins with.
GZIP = b'\x1f\x8b'


class TooLarge(Exception):
    """The answer is far larger than its rows can justify; `args[0]` is the limit in bytes."""


def read_body(response, most):
    """The body of a response, and its size before unpacking.

    Raises `TooLarge`, `BadAnswer` and what is `EXPECTED`, but for a status other
    than 200: that alone says what to do, so what cannot be read of its text is left out.
    """
    try:
        return _read_whole(
            response, most if response.status_code == 200 else min(most, MOST_MESSAGE))
    except EXPECTED + (TooLarge, BadAnswer):
        if response.status_code == 200:
            raise
        response.close()
        return b'', 0


def _read_whole(response, most):
    length = _announced(response.headers)
    if length is not None and length > most:
        raise TooLarge(most)
    # One call: read piece by piece, each waits for a thread that computes.
    body = (_read(response.raw, most + 1, PIECE) if length is None
            else _read(response.raw, length, length))
    if len(body) > most:
        raise TooLarge(most)
    if length is not None and len(body) < length:
        raise EnvironmentError('the answer was cut off after {0} of {1} bytes'.format(
            len(body), length))
    response.raw.release_conn()
    encoding = response.headers.get('Content-Encoding', '').lower()
    if encoding in ('gzip', 'x-gzip', 'deflate'):
        return _unpack(body, most), len(body)
    return body, len(body)


def _announced(headers):
    """The bytes of the body as the headers tell them; None where they do not."""
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
            # Of http.client, for a chunk with less than no bytes.
            raise IncompleteRead(b'')
        pieces.append(piece)
        size -= len(piece)
        if size <= 0 or not piece:
            return b''.join(pieces)


def _unpack(body, most):
    """A packed body as it was; RFC 1952 lets gzip be several members, one behind the other."""
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
            # All that follows would be copied for each of many small members.
            unpacker, size = _unpacker(), SMALL_PIECE
    if not _at_end(unpacker):
        raise EnvironmentError('the packed answer was cut off')
    return b''.join(unpacked)


def _unpacker():
    # 47: the header tells whether it is gzip or zlib.
    return zlib.decompressobj(47)


def _check_padding(rest):
    if rest.strip(b'\0'):
        # What it is, and what it took the place of, nobody knows.
        raise BadAnswer('something else follows the packed answer')


def _at_end(unpacker):
    if hasattr(unpacker, 'eof'):
        return unpacker.eof
    # 2.7 only tells what comes after the end.
    unpacker.decompress(b'\0')
    return bool(unpacker.unused_data)
