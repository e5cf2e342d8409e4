"""One request and its answer over a kept-alive connection, with a deadline."""

from __future__ import absolute_import, unicode_literals

import re
import socket
import threading
import zlib
from collections import namedtuple

import requests
from requests.adapters import HTTPAdapter
from requests.packages import urllib3
from six.moves.http_client import HTTPException, IncompleteRead
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.compat import monotonic, text
from datarobot_batch_scoring.errors import UsageError

# Who says --no_verify_ssl knows what it means.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

SEND_SIZE = 256 << 10
# What is read at a time of an answer that does not tell its length: 3.6 to 3.9 take,
# and fill, as much memory as they are asked to read.
PIECE = 1 << 20

# The text of an error is a message for a person.
MOST_MESSAGE = 1 << 20

EXPECTED = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError,
            HTTPException, EnvironmentError, zlib.error)

# Where requests go, and how.
Endpoint = namedtuple('Endpoint', [
    'url',
    'headers',     # a dict of text; they hold secrets
    'timeout',     # seconds
    'verify',      # as `requests` takes it
])

Reply = namedtuple('Reply', [
    'status',
    'headers',     # of `requests`: case does not count
    'body',        # bytes, unpacked
    'seconds',     # from the first byte sent to the last received
    'received',    # bytes of the body as they came over the network
])


class Lost(Exception):
    """No whole answer came.

    `kind` is a word for the statistics; `reason` says why, for `words.one_line`;
    `in_time` is false for a timeout after the request had been sent in full.
    """

    def __init__(self, kind, reason, in_time=True):
        super(Lost, self).__init__(kind, reason, in_time)
        self.kind = kind
        self.reason = reason
        self.in_time = in_time


class TooLarge(Exception):
    """The answer is far larger than its rows can justify; `args[0]` is the limit in bytes."""


class Deadlines(object):
    """Cuts connections whose answer is late.

    A socket's own timeout starts anew with every byte that drips in, so one
    thread per process keeps the time and shuts down what is overdue.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._due = {}
        thread = threading.Thread(target=self._watch, name='deadlines')
        thread.daemon = True
        thread.start()

    def set(self, connection, when):
        """Cuts it at `when`, in seconds of `compat.monotonic`, unless `clear` comes first."""
        with self._changed:
            self._due[connection] = when
            if len(self._due) == 1:
                self._changed.notify()

    def clear(self, connection):
        """It has its answer, or has failed."""
        with self._changed:
            self._due.pop(connection, None)

    def _watch(self):
        with self._changed:
            while True:
                now = monotonic()
                for late in [each for each, when in self._due.items() if when <= now]:
                    del self._due[late]
                    late.cut()
                # Every timeout is as long as the others: a later request is due later.
                self._changed.wait(min(self._due.values()) - now if self._due else None)


class _Body(object):
    """A request's body that knows when its last byte was handed over."""

    def __init__(self, data, sent):
        self._view = memoryview(data)
        self._size = len(data)
        self._position = 0
        self._sent = sent

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter(lambda: self.read(SEND_SIZE), b'')

    def read(self, _):
        # http.client asks for 8 KiB at a time, each with a system call.
        start = self._position
        self._position += SEND_SIZE
        if start >= self._size:
            self._sent()
            return b''
        return self._view[start:start + SEND_SIZE]


class Connection(object):
    """One kept-alive connection of one thread to the `Endpoint`."""

    def __init__(self, endpoint, deadlines):
        self._timeout = endpoint.timeout
        self._deadlines = deadlines
        self._socket = None
        self._overdue = False
        self._sent_at = None
        self._session = requests.Session()
        # Neither .netrc nor anything else from outside may change the headers.
        self._session.trust_env = False
        self._session.mount(endpoint.url, _Adapter(self))
        self._how = dict(stream=True, timeout=endpoint.timeout, verify=endpoint.verify,
                         proxies=proxies_for(endpoint.url), allow_redirects=False)
        self._request = _prepared(endpoint)

    def connected(self, sock):
        """A new connection was made; `cut` ends it."""
        self._socket = sock

    def cut(self):
        """The deadline has passed: whoever reads from the socket stops at once."""
        self._overdue = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except (AttributeError, EnvironmentError):
            pass

    def post(self, data, most):
        """Sends `data` (bytes) and returns the `Reply`, of at most `most` bytes.

        Raises `Lost` and `TooLarge`; the connection is given up then.
        """
        self._overdue = False
        self._sent_at = None
        began = monotonic()
        self._request.body = _Body(data, self._sent)
        self._request.headers['Content-Length'] = '{0}'.format(len(data))
        try:
            response = self._session.send(self._request, **self._how)
            body, received = read_body(response, most)
            if self._overdue and response.status_code == 200:
                raise EnvironmentError('the answer came too late')
        except TooLarge:
            self._session.close()
            raise
        except Exception as error:
            self._session.close()
            raise self._lost(error)
        finally:
            self._deadlines.clear(self)
        return Reply(status=response.status_code, headers=response.headers, body=body,
                     seconds=monotonic() - began, received=received)

    def _sent(self):
        if self._sent_at is None:
            self._sent_at = monotonic()
            self._deadlines.set(self, self._sent_at + self._timeout)

    def _lost(self, error):
        late = self._overdue or _is_timeout(error)
        if late and self._sent_at is not None:
            return Lost('timeout', 'no answer within {0:g} seconds'.format(self._timeout),
                        in_time=False)
        if isinstance(error, requests.exceptions.ProxyError):
            return Lost('proxy', 'the proxy failed: ' + reason_of(error))
        if isinstance(error, requests.exceptions.SSLError):
            return Lost('tls', 'TLS failed: ' + reason_of(error))
        if isinstance(error, EXPECTED):
            return Lost('connection', reason_of(error))
        raise error


def _prepared(endpoint):
    try:
        return requests.Request(
            'POST', endpoint.url, headers=endpoint.headers, data=b'-').prepare()
    except requests.exceptions.InvalidURL as error:
        raise impossible_host(endpoint.url, error)


def proxies_for(url):
    """The proxies of the environment, as `requests` takes them; raises `UsageError`."""
    proxies = requests.utils.get_environ_proxies(url)
    proxy = requests.utils.select_proxy(url, proxies)
    try:
        usable = not proxy or urlsplit(proxy if '://' in proxy else '//' + proxy).hostname
    except ValueError:
        usable = False
    if not usable:
        raise UsageError('The proxy for {0} is not a URL with a host.'.format(url),
                         hint='Look at HTTP_PROXY and HTTPS_PROXY.')
    return proxies


def impossible_host(url, error):
    """The error for a URL that `requests` refuses; `url` is without credentials."""
    return UsageError('No request can be sent to {0}: {1}'.format(
        url, error), hint='Look at --host and the proxy.')


class _Adapter(HTTPAdapter):
    """Tells its `Connection` of every new socket."""

    def __init__(self, owner):
        self._owner = owner
        super(_Adapter, self).__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args, **kwargs):
        super(_Adapter, self).init_poolmanager(*args, **kwargs)
        self._track(self.poolmanager)

    def proxy_manager_for(self, proxy, **kwargs):
        manager = super(_Adapter, self).proxy_manager_for(proxy, **kwargs)
        self._track(manager)
        return manager

    def _track(self, manager):
        manager.pool_classes_by_scheme = {
            'http': _tracking(urllib3.connectionpool.HTTPConnectionPool, self._owner),
            'https': _tracking(urllib3.connectionpool.HTTPSConnectionPool, self._owner),
        }


def _tracking(pool, owner):
    """A connection pool class like `pool` whose connections tell `owner` their sockets."""
    class Tracked(pool.ConnectionCls):
        def connect(self):
            super(Tracked, self).connect()
            owner.connected(self.sock)

    return type(str('Tracking'), (pool,), {'ConnectionCls': Tracked})


def read_body(response, most):
    """The body of a response, and its size before unpacking.

    Raises `TooLarge` and what is `EXPECTED`, but for a status other than 200: that
    alone says what to do, so what cannot be read of its text is left out.
    """
    try:
        return _read_whole(
            response, most if response.status_code == 200 else min(most, MOST_MESSAGE))
    except EXPECTED + (TooLarge,):
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
    # 47: the header tells whether it is gzip or zlib.
    unpacker = zlib.decompressobj(47)
    unpacked = unpacker.decompress(body, most + 1)
    if len(unpacked) > most:
        raise TooLarge(most)
    if not _at_end(unpacker):
        raise EnvironmentError('the packed answer was cut off')
    return unpacked


def _at_end(unpacker):
    if hasattr(unpacker, 'eof'):
        return unpacker.eof
    # 2.7 only tells what comes after the end.
    unpacker.decompress(b'\0')
    return bool(unpacker.unused_data)


def _is_timeout(error):
    # urllib3 1 makes of a refused connection a kind of timeout.
    return any(isinstance(each, (socket.timeout, requests.exceptions.Timeout,
                                 urllib3.exceptions.TimeoutError))
               and not isinstance(each, urllib3.exceptions.NewConnectionError)
               for each in _chain(error))


def reason_of(error):
    """The innermost reason of an error of requests and urllib3, as `words.one_line` takes it.

    Their own texts hold objects' addresses, and their objects the request
    with its secrets.
    """
    chain = list(_chain(error))
    if any(isinstance(each, IncompleteRead) for each in chain):
        # Its text is what did come: predictions, say.
        return 'the answer was cut off'
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
    # What is no HTTP is quoted there.
    return said.split('>: ')[-1].strip() or type(innermost).__name__


def _chain(error):
    """An error and those that it wraps, the innermost last."""
    seen = []
    while isinstance(error, BaseException) and error not in seen:
        seen.append(error)
        inner = [each for each in (getattr(error, 'reason', None),) + error.args
                 if isinstance(each, BaseException)]
        error = inner[0] if inner else getattr(error, '__cause__', None) or getattr(
            error, '__context__', None)
    return seen
