"""A prediction server that misbehaves on request, and remembers everything.

    server = Server(shape='binary', delay=0.1)
    server.fail(faults.status(503), when=when.one_in(4))
    ... run a command against server.url ...
    assert server.answered['17'] == 1
    server.stop()

It uses plain sockets, so that a fault can stop in the middle of a line. The
faults are in `faults.py`, their conditions in `when.py`, and good answers in
`echo.py`.
"""

from __future__ import absolute_import, unicode_literals

import collections
import hashlib
import random
import socket
import ssl
import threading
import time

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.demo import app
from datarobot_batch_scoring.demo.bodies import as_csv

from echo import Echo, read_rows
from exchange import Exchange, close_quietly, cut

HOST = '127.0.0.1'
ANYONE = app.Account(user=None, password=None, api_token='test-token',
                     key=None)


class Record(object):
    """One request in the server's log."""

    def __init__(self, number, connection, method, target, headers):
        self.number = number          # from 1, in order of arrival
        self.connection = connection  # number of its connection, from 1
        self.time = time.time()
        self.method = method
        self.target = target          # path and query
        self.headers = headers        # dict, names in lower case
        self.sent = b''               # the body as it was sent
        self.body = b''               # the same, unpacked
        self.rows = []                # an echo.Row for each data row
        self.tries = 0                # how often this body has come, this time included
        self.fault = None             # name of the fault it met
        self.status = None            # of the answer; None while there is none
        self.finished = None          # time.time() when it was over

    @property
    def keys(self):
        """The keys of its rows; see `echo.Row`."""
        return [row.key for row in self.rows]

    @property
    def first(self):
        """The key of its first row; None if it has no rows."""
        return self.rows[0].key if self.rows else None

    @property
    def request(self):
        """The request as a `demo.app.Request`."""
        return app.Request(self.method, self.target, self.headers, self.sent)


class Server(object):
    """A server in threads of this process, on a free port of 127.0.0.1.

    `delay` holds back every answer: it is seconds, a pair (least, most) or a
    function of the `Record`. `account` is a `demo.app.Account`; without one
    anyone may ask. `tls` is the path of a file with a certificate and its key.
    The remaining arguments are those of `Echo`. Attributes for tests:

    log          list of `Record`, one for each request, in order of arrival
    scored       Counter of row key: times it arrived
    answered     Counter of row key: times it was in a good answer that was fully sent
    max_in_flight, connections (opened so far), url, port
    on_finished  called with each record once it is over, under the lock
    flag         an Event for `when.while_set(server.flag)` and tests
    """

    def __init__(self, delay=0, account=ANYONE, tls=None, port=0, seed=0,
                 keep_bodies=True, **echo):
        self.echo = Echo(seed=seed, **echo)
        self.application = app.Application(account)
        self.delay = delay
        self.keep_bodies = keep_bodies
        self.random = random.Random(seed)
        self.rules = []
        self.log = []
        self.scored = collections.Counter()
        self.answered = collections.Counter()
        self.max_in_flight = self.in_flight = self.connections = 0
        self.on_finished = lambda record: None
        # {path: plain data}: what a v2 server says of itself and of its models.
        self.about = {'/v2/models/flats': {'name': 'flats', 'inputs': [], 'outputs': []},
                      '/v2': {'name': 'mlserver', 'version': '1.7.1', 'extensions': []}}
        self.flag = threading.Event()
        self.stopping = threading.Event()
        self.changed = threading.Condition()
        self._tries = collections.Counter()
        self._open = set()
        self._context = None
        if tls:
            self._context = ssl.SSLContext(
                getattr(ssl, 'PROTOCOL_TLS_SERVER', ssl.PROTOCOL_SSLv23))
            self._context.load_cert_chain(tls)
        self.port = port
        self._bound = None
        self.started = monotonic()
        self.come_back()
        self.url = '{0}://{1}:{2}'.format('https' if tls else 'http',
                                          HOST, self.port)

    # --- what tests tell it ------------------------------------------------

    def fail(self, fault, when=None, early=False):
        """Adds a rule: requests for which `when(record)` is true get `fault`.

        Without `when`, all requests do. The first rule that applies decides. With
        `early` the fault strikes once the headers are read, before the body.
        """
        self.rules.append((fault, when, early))

    def heal(self):
        """Forgets all rules."""
        self.rules = []

    def wait_for(self, condition, timeout=30):
        """Waits until `condition()` is true, asking after each change.

        Raises AssertionError after `timeout` seconds.
        """
        end = monotonic() + timeout
        with self.changed:
            while not condition():
                assert monotonic() < end, 'waited in vain'
                self.changed.wait(0.1)

    def go_down(self):
        """Refuses connections, and cuts those that are open."""
        listener, self._listener = self._listener, None
        # A listener that a thread waits on would still accept for a while after it is closed.
        self._acceptor.join()
        listener.close()
        # Bound but not listening, it refuses, and nobody else gets the port.
        self._bound = self._bind()
        for connection in list(self._open):
            cut(connection)

    def come_back(self):
        """Listens on the same port again."""
        self._listener, self._bound = self._bound or self._bind(), None
        self._listener.listen(128)
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._acceptor = _start(self._accept, self._listener)

    def _bind(self):
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, self.port))
        return bound

    def stop(self):
        """Ends all connections, even those whose answers never come."""
        self.stopping.set()
        if self._listener:
            self.go_down()
        close_quietly(self._bound)

    # --- what it remembers -------------------------------------------------

    @property
    def batches(self):
        """The records of requests with rows."""
        return [record for record in list(self.log) if record.rows]

    def statuses(self):
        """Counter of the statuses that were sent; None for requests without an answer."""
        return collections.Counter(record.status for record in list(self.log))

    # --- serving -----------------------------------------------------------

    def _accept(self, listener):
        while self._listener is listener and not self.stopping.is_set():
            try:
                connection = listener.accept()[0]
            except socket.timeout:
                continue
            self._open.add(connection)
            with self.changed:
                self.connections += 1
                number = self.connections
            _start(self._serve, connection, number)

    def _serve(self, connection, number):
        reader = None
        try:
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                self._open.discard(connection)
                connection = self._context.wrap_socket(
                    connection, server_side=True)
                self._open.add(connection)
            reader = connection.makefile('rb')
            while self._exchange(connection, reader, number):
                pass
        except (socket.error, ssl.SSLError, OSError, ValueError):
            pass  # the client, a fault or go_down ended it
        finally:
            self._open.discard(connection)
            # The reader shares the socket, which is closed only when both are.
            for each in (reader, connection):
                close_quietly(each)

    def _exchange(self, connection, reader, number):
        """Serves one request; False if it was the last one."""
        try:
            record = self._read_head(reader, number)
        except ValueError:
            # As servers do that are asked over TLS and speak none.
            connection.sendall(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
            raise
        if record is None:
            return False
        exchange = Exchange(self, connection, record)
        try:
            fault = self._find_rule(record, early=True)
            if fault is None:
                self._read_body(reader, record)
                self._wait(record)
                fault = self._find_rule(record, early=False)
            else:
                exchange.keep = False
            record.fault = getattr(fault, 'name', None)
            if not self.stopping.is_set():
                (fault or Exchange.answer_well)(exchange)
        finally:
            if not self.keep_bodies:
                record.sent = record.body = b''
            with self.changed:
                self.in_flight -= 1
                record.finished = time.time()
                self.on_finished(record)
                self.changed.notify_all()
        return exchange.keep

    def _read_head(self, reader, connection):
        line = reader.readline().decode('latin-1')
        if not line.strip():
            return None
        if ' HTTP/1.' not in line:
            raise ValueError('this is no request line')
        method, target = line.split()[:2]
        headers = {}
        for line in iter(reader.readline, b'\r\n'):
            if not line:
                return None
            name, _, value = line.decode('latin-1').partition(':')
            headers[name.strip().lower()] = value.strip()
        with self.changed:
            record = Record(len(self.log) + 1, connection, method, target,
                            headers)
            self.log.append(record)
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            self.changed.notify_all()
        return record

    def _read_body(self, reader, record):
        length = int(record.headers.get('content-length', 0))
        record.sent = reader.read(length)
        if len(record.sent) < length:
            raise ValueError('the client hung up')
        try:
            record.body = app.unpack(record.request, 1 << 30)
            csv = record.body
            if record.headers.get('content-type', '').startswith('application/json'):
                csv = as_csv(record.body)
            record.rows = read_rows(csv)
        except (app.HttpError, ValueError):
            pass  # no rows; a good answer says what is wrong
        digest = hashlib.md5(record.body).digest()
        with self.changed:
            self._tries[digest] += 1
            record.tries = self._tries[digest]
            self.scored.update(record.keys)
            self.changed.notify_all()

    def _wait(self, record):
        delay = self.delay
        if callable(delay):
            delay = delay(record)
        elif isinstance(delay, tuple):
            delay = self.random.uniform(*delay)
        if delay:
            self.stopping.wait(delay)

    def _find_rule(self, record, early):
        with self.changed:
            for fault, when, is_early in self.rules:
                if is_early == early and (when is None or when(record)):
                    return fault
        return None


def _start(target, *args):
    thread = threading.Thread(target=target, args=args)
    thread.daemon = True
    thread.start()
    return thread
