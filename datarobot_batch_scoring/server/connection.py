"""One request and its answer over a kept-alive connection, with a deadline."""

from __future__ import absolute_import, unicode_literals

import socket
from collections import namedtuple

import requests
from requests.adapters import HTTPAdapter
from requests.packages import urllib3
from six.moves.http_client import HTTPException, HTTPResponse
from six.moves.urllib.parse import urljoin, urlsplit

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset.json_text import InvalidResponse
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server import client_certificate
from datarobot_batch_scoring.server.body import (
    EXPECTED, TooLarge, is_closed, is_unknown_host, read_body, reason_of, requires_certificate)
from datarobot_batch_scoring.server.headers import with_given
from datarobot_batch_scoring.server.request_error import UNKNOWN_HOST, RequestError
from datarobot_batch_scoring.system import unsent_bytes

# Whoever gives --no_verify_ssl knows what it means.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

SEND_SIZE = 64 << 10
# At most so many seconds between two looks at a connection, and so many looks per timeout.
LOOK_EVERY = 1.0
LOOKS = 10

# Maximum number of interim answers (100, 102, 103) before the one that counts.
MAX_INTERIM = 100
SWITCHING_PROTOCOLS = 101

# Redirects after which the same is sent again.
SAME_AGAIN = (307, 308)
DEFAULT_PORTS = {'http': 80, 'https': 443}
MAX_LINE = 64 << 10

# Where requests go, and how.
Endpoint = namedtuple('Endpoint', [
    'url',         # its query is sent as it is
    'headers',     # a dict of text; they hold secrets
    'timeout',     # seconds to connect, without progress in sending, and to be answered
    'verify',      # as `requests` takes it
    'given',       # pairs (name, value) of headers that the user gives
    'certificate',  # client_certificate.ClientCertificate, or None
])

Response = namedtuple('Response', [
    'status',
    'headers',     # from `requests`: case does not matter
    'body',        # bytes, unpacked
    'sending',     # seconds from the first byte sent to the last
    'seconds',     # from the beginning to the last byte received
    'received',    # bytes of the body as they came over the network
])


class _Stale(Exception):
    """A kept-alive connection was closed before a byte of the answer came."""


class _Body(object):
    """A request's body that knows how much of it was read; calls `begin` before the first byte."""

    def __init__(self, data, begin):
        self._view = memoryview(data)
        self._size = len(data)
        self._begin = begin
        self.taken = 0
        self.began = None

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter(lambda: self.read(SEND_SIZE), b'')

    def read(self, _):
        # http.client asks for 8 KiB at a time, which costs a system call each.
        if self.began is None:
            self.began = monotonic()
            self._begin()
        start = self.taken
        self.taken = min(start + SEND_SIZE, self._size)
        return self._view[start:self.taken] if start < self._size else b''


class Connection(object):
    """A thread's kept-alive connection to the `Endpoint`."""

    def __init__(self, endpoint, deadlines, method='POST'):
        self._timeout = endpoint.timeout
        self._deadlines = deadlines
        self._socket = None
        self._body = None
        self._overdue = False
        # How many requests were sent, or begun.
        self.asked = 0
        # Whether the answer has begun; whether the connection was made for this request; whether
        # there is one that was used before.
        self.heard = self._is_new = self._is_kept = False
        self._moved = self._moved_at = None
        # No session: neither .netrc nor anything else from outside may change the headers,
        # and a session would read the body of a redirect, however large.
        self._adapter = _Adapter(self)
        # Once there is a connection, `look` keeps the time.
        self._how = dict(stream=True, timeout=(endpoint.timeout, None), verify=endpoint.verify,
                         proxies=proxies_for(endpoint.url))
        self._request = _prepared(endpoint, method)
        # None: the one that urllib3 makes.
        self.context = client_certificate.context(endpoint.certificate, endpoint.verify)
        self._is_tls = endpoint.url.startswith('https:')
        # The query of requests, which `requests` and urllib3 would write in their own way.
        self.query = _query_of(endpoint.url)

    def follow(self, location):
        """Whether `location`, of a redirect, is the same URL but for a slash at its end.

        If it is, requests go there from now on.
        """
        if isinstance(location, bytes):
            # On 2.7, headers are bytes.
            location = location.decode('latin-1')
        old, new = self._request.url, urljoin(self._request.url, location or '')
        if not _differ_by_slash(urlsplit(old), urlsplit(new)):
            return False
        self._request.prepare_url(new, None)
        return True

    def go_to(self, url):
        """Sends requests to another URL of the same server from now on."""
        self._request.prepare_url(url, None)
        self.query = _query_of(url)

    def close(self):
        """Closes it; the next request opens a new one."""
        self._adapter.close()

    def connected(self, sock):
        """There is a new connection, or TLS on it, which `cut` can end."""
        self._socket = sock
        self._is_new = True

    def look(self, now):
        """Cuts the connection if nothing has moved for too long.

        Returns the seconds until it must be looked at again.
        """
        often = min(LOOK_EVERY, self._timeout / LOOKS)
        if self._overdue:
            # Its state at that time tells what was late.
            return often
        moved = self._progress(now)
        if moved != self._moved:
            self._moved, self._moved_at = moved, now
        left = self._moved_at + self._timeout - now
        if left <= 0:
            self.cut()
        return min(left, often) if left > 0 else often

    def _progress(self, now):
        # Receiving is not progress: the deadline is for the whole answer.
        unsent = self._socket and unsent_bytes(self._socket)
        if unsent is None:
            # Still connecting, which has a timeout of its own.
            return now
        return self._socket, self._body and self._body.taken, unsent

    def cut(self):
        """Time is up: stops at once whoever sends on the socket or reads from it."""
        self._overdue = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except (AttributeError, EnvironmentError):
            pass

    def post(self, data, most):
        """Sends `data` (bytes) and returns the `Response`, of at most `most` bytes.

        Raises `RequestError`, `TooLarge` and `InvalidResponse`, after which the connection is closed.
        """
        self._request.headers['Content-Length'] = '{0}'.format(len(data))
        return self.ask(most, data)

    def ask(self, most, data=None):
        """The same without a body."""
        try:
            return self._ask(most, data)
        except _Stale:
            # The server had closed it before the request came, which it has not seen.
            return self._ask(most, data)

    def _ask(self, most, data):
        self.asked += 1
        if data is not None:
            self._body = self._request.body = _Body(data, self._begin_to_send)
        self.heard, self._is_new, self._is_kept = False, not self._is_kept, False
        self._overdue = False
        self._moved, self._moved_at = None, monotonic()
        began = self._moved_at
        self._deadlines.add(self)
        try:
            response = self._adapter.send(self._request, **self._how)
            body, received = read_body(response, most)
            if self._overdue and response.status_code == 200:
                raise EnvironmentError('the response came too late')
        except (TooLarge, InvalidResponse):
            self._adapter.close()
            raise
        except Exception as error:
            self._adapter.close()
            if not (self.heard or self._is_new or self._overdue) and is_closed(error):
                raise _Stale
            raise self._lost(error)
        finally:
            self._deadlines.discard(self)
        self._is_kept = True
        return Response(status=response.status_code, headers=response.headers, body=body,
                        sending=self._sending(), seconds=monotonic() - began, received=received)

    def _sending(self):
        began = self._body and self._body.began
        # `look` may not have been called yet.
        return max(self._moved_at - began, 0.0) if began else 0.0

    def _begin_to_send(self):
        # A system with large buffers may take long to accept more.
        self._socket.settimeout(None)

    def _lost(self, error):
        if self._overdue and self._body and self._body.began is None:
            return RequestError('connection', 'it took too long to connect')
        if self._overdue and self._body and not self._all_sent():
            return RequestError('timeout', 'no request data could be sent for {0:g} '
                                'seconds'.format(self._timeout), too_much=True)
        if self._overdue:
            return RequestError('timeout', 'no response within {0:g} seconds'.format(self._timeout),
                                too_much=True)
        if isinstance(error, requests.exceptions.ProxyError):
            return RequestError('proxy', 'the proxy failed: ' + reason_of(error))
        if isinstance(error, requests.exceptions.SSLError) or requires_certificate(error):
            return RequestError('tls', 'TLS failed: ' + reason_of(error),
                                note=self._certificate_note(requires_certificate(error)))
        if isinstance(error, EXPECTED):
            unknown = is_unknown_host(error) and not self._how['proxies']
            note = self._certificate_note(
                self._is_tls and self._is_new and not self.heard and is_closed(error) and not self.context)
            return RequestError(UNKNOWN_HOST if unknown else 'connection', reason_of(error), note=note)
        raise error

    def _certificate_note(self, is_wanted):
        if not is_wanted:
            return ''
        return (' (the server does not take the one of --client_cert)' if self.context else
                ' (the server may want a client certificate: see --client_cert)')

    def _all_sent(self):
        return self._moved[1:] == (len(self._body), 0)


def _query_of(url):
    return url.partition('#')[0].partition('?')[2]


def _differ_by_slash(old, new):
    try:
        same = _origin(old) == _origin(new) and old.query == new.query
    except ValueError:
        # What should be a port is none.
        return False
    return same and (old.path + '/' == new.path or old.path == new.path + '/')


def _origin(parts):
    return (parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme),
            parts.username, parts.password)


def _prepared(endpoint, method):
    try:
        sent = with_given(endpoint.headers, endpoint.given)
        return requests.Request(method, endpoint.url, headers=sent).prepare()
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
        raise UsageError('proxy_url', host=url)
    if proxy and urlsplit(proxy).scheme.startswith('socks'):
        _check_socks(url)
    return proxies


def _check_socks(url):
    try:
        import socks  # noqa: F401
    except ImportError:
        raise UsageError('socks_proxy', host=url)


def impossible_host(url, error):
    """The error for a URL that `requests` rejects; `url` has no credentials in it."""
    return UsageError('impossible_host', host=url, reason=error)


class _Adapter(HTTPAdapter):
    """Tells its `Connection` of every new socket."""

    def __init__(self, owner):
        self._owner = owner
        super(_Adapter, self).__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args, **kwargs):
        super(_Adapter, self).init_poolmanager(*args, **kwargs)
        self._track(self.poolmanager)

    def proxy_manager_for(self, proxy, **kwargs):
        known = proxy in self.proxy_manager
        manager = super(_Adapter, self).proxy_manager_for(proxy, **kwargs)
        if not known:
            self._track(manager)
        return manager

    def _track(self, manager):
        manager.pool_classes_by_scheme = dict(
            (scheme, _tracking(pool, self._owner))
            for scheme, pool in manager.pool_classes_by_scheme.items())


def _tracking(pool, owner):
    """A pool class like `pool` whose connections tell `owner` of their sockets."""
    class TrackedResponse(_Final):
        def _read_status(self):
            status = _Final._read_status(self)
            owner.heard = True
            return status

    class Tracked(pool.ConnectionCls):
        response_class = TrackedResponse

        def putrequest(self, method, url, *args, **options):
            if owner.query:
                url = url.partition('?')[0] + '?' + owner.query
            super(Tracked, self).putrequest(method, str(url), *args, **options)

        def _new_conn(self):
            sock = super(Tracked, self)._new_conn()
            # Already now: a proxy's answer to CONNECT may trickle in.
            owner.connected(sock)
            return sock

        def connect(self):
            if owner.context is not None and hasattr(self, 'ssl_context'):
                self.ssl_context = owner.context
            super(Tracked, self).connect()
            owner.connected(self.sock)

    return type(str('Tracking'), (pool,), {'ConnectionCls': Tracked})


class _Final(HTTPResponse):
    """An answer without the interim ones before it; http.client only knows 100."""

    def _read_status(self):
        for _ in range(MAX_INTERIM + 1):
            version, status, reason = HTTPResponse._read_status(self)
            if not 100 <= status < 200 or status == SWITCHING_PROTOCOLS:
                return version, status, reason
            self._skip_headers()
        raise HTTPException('there were only interim responses')

    def _skip_headers(self):
        while True:
            line = self.fp.readline(MAX_LINE + 1)
            if len(line) > MAX_LINE:
                raise HTTPException('a header line is too long')
            if line in (b'\r\n', b'\n', b''):
                return
