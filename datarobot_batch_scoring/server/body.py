"""The bodies of requests and responses, compressed or not, and why a request got no response."""

from __future__ import absolute_import, unicode_literals

import errno
import re
import socket
import zlib

import requests
from requests.packages import urllib3
from six.moves.http_client import BadStatusLine, HTTPException, IncompleteRead

from datarobot_batch_scoring.compat import compress, text
from datarobot_batch_scoring.dataset.json_text import InvalidResponse

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
    """The response is far larger than its rows can justify; `args[0]` is the limit in bytes."""


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


# What a resolver says of a name that does not exist, or has no address; on Windows, WSAHOST_NOT_FOUND and WSANO_DATA.
UNKNOWN = [getattr(socket, name) for name in ('EAI_NONAME', 'EAI_NODATA') if hasattr(socket, name)] + [11001, 11004]
CLOSED = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN)


def is_closed(error):
    """Whether the other end has closed or reset the connection."""
    innermost = _chain(error)[-1]
    if isinstance(innermost, BadStatusLine):
        # Of 2.7: there, and only then, the line that was received is empty.
        return innermost.line in ('', "''", 'No status line received - the server has closed the '
                                  'connection')
    return getattr(innermost, 'errno', None) in CLOSED or type(innermost).__name__ == 'RemoteDisconnected'


def requires_certificate(error):
    """Whether the other end has refused TLS for lack of a client certificate, or of the right one."""
    message = ' '.join('{0}'.format(cause.args) for cause in _chain(error)).lower().replace('_', ' ')
    return any(words in message for words in (
        'certificate required', 'alert bad certificate', 'alert handshake failure', 'alert unknown ca'))


def is_unknown_host(error):
    """Whether the name of the host does not exist; a resolver that fails for now says something else."""
    return any(isinstance(cause, socket.gaierror) and cause.errno in UNKNOWN for cause in _chain(error))


def _is_timeout(error):
    # urllib3 1 treats a refused connection as a kind of timeout.
    return any(isinstance(cause, (socket.timeout, requests.exceptions.Timeout,
                                  urllib3.exceptions.TimeoutError))
               and not isinstance(cause, urllib3.exceptions.NewConnectionError)
               for cause in _chain(error))


def reason_of(error):
    """The innermost reason of an error from requests or urllib3, for `server_messages.one_line`.

    Their own texts contain addresses of objects, and their objects contain the
    request with its secrets.
    """
    chain = list(_chain(error))
    if any(isinstance(cause, IncompleteRead) for cause in chain):
        # Its text is what was received: predictions, say.
        return 'the response was truncated'
    for cause in reversed(chain):
        if isinstance(cause, EnvironmentError) and cause.strerror and not isinstance(
                cause, requests.exceptions.RequestException):
            return '{0}'.format(cause.strerror)
    if _is_timeout(error):
        return 'it took too long to connect'
    innermost = chain[-1]
    message = innermost.args[-1] if innermost.args else ''
    if isinstance(message, bytes):
        message = message.decode('latin-1')
    if not isinstance(message, text):
        message = ''
    # What is not HTTP is quoted there.
    return message.split('>: ')[-1].strip() or type(innermost).__name__


def _chain(error):
    """An error and those that it wraps, the innermost last."""
    seen = []
    # Not a TypeError: urllib3 1 tries arguments that only 2.7 knows.
    while (isinstance(error, BaseException) and error not in seen
           and not isinstance(error, TypeError)):
        seen.append(error)
        inner = [cause for cause in (getattr(error, 'reason', None),) + error.args
                 if isinstance(cause, BaseException)]
        error = inner[0] if inner else getattr(error, '__cause__', None) or getattr(
            error, '__context__', None)
    return seen
