"""Why a request got no answer, as errors from requests and urllib3 tell it."""

from __future__ import absolute_import, unicode_literals

import errno
import socket

import requests
from requests.packages import urllib3
from six.moves.http_client import BadStatusLine, IncompleteRead

from datarobot_batch_scoring.compat import text

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


def wants_certificate(error):
    """Whether the other end has refused TLS for lack of a client certificate, or of the right one."""
    said = ' '.join('{0}'.format(each.args) for each in _chain(error)).lower().replace('_', ' ')
    return any(words in said for words in ('certificate required', 'alert bad certificate', 'alert handshake failure',
                                           'alert unknown ca'))


def is_unknown_host(error):
    """Whether the name of the host does not exist; a resolver that fails for now says something else."""
    return any(isinstance(each, socket.gaierror) and each.errno in UNKNOWN for each in _chain(error))


def _is_timeout(error):
    # urllib3 1 treats a refused connection as a kind of timeout.
    return any(isinstance(each, (socket.timeout, requests.exceptions.Timeout,
                                 urllib3.exceptions.TimeoutError))
               and not isinstance(each, urllib3.exceptions.NewConnectionError)
               for each in _chain(error))


def reason_of(error):
    """The innermost reason of an error from requests or urllib3, for `words.one_line`.

    Their own texts contain addresses of objects, and their objects contain the
    request with its secrets.
    """
    chain = list(_chain(error))
    if any(isinstance(each, IncompleteRead) for each in chain):
        # Its text is what was received: predictions, say.
        return 'the response was truncated'
    for each in reversed(chain):
        if isinstance(each, EnvironmentError) and each.strerror and not isinstance(
                each, requests.exceptions.RequestException):
            return '{0}'.format(each.strerror)
    if _is_timeout(error):
        return 'it took too long to connect'
    innermost = chain[-1]
    said = innermost.args[-1] if innermost.args else ''
    if isinstance(said, bytes):
        said = said.decode('latin-1')
    if not isinstance(said, text):
        said = ''
    # What is not HTTP is quoted there.
    return said.split('>: ')[-1].strip() or type(innermost).__name__


def _chain(error):
    """An error and those that it wraps, the innermost last."""
    seen = []
    # Not a TypeError: urllib3 1 tries arguments that only 2.7 knows.
    while (isinstance(error, BaseException) and error not in seen
           and not isinstance(error, TypeError)):
        seen.append(error)
        inner = [each for each in (getattr(error, 'reason', None),) + error.args
                 if isinstance(each, BaseException)]
        error = inner[0] if inner else getattr(error, '__cause__', None) or getattr(
            error, '__context__', None)
    return seen
