"""A small HTTP proxy that logs what comes through."""

from __future__ import absolute_import, unicode_literals

import socket
import threading

from exchange import close_quietly, cut

HOST = '127.0.0.1'


class Proxy(object):
    """A proxy in threads of this process, on a free port of 127.0.0.1.

    It forwards requests with an absolute URI, one per connection, and tunnels
    CONNECT. With `refuse` (407 or 502, say) it answers everything with that status.
    It passes on `rate` bytes per second of what clients send, and no more than
    `most` bytes per connection: after that it stops reading and holds the connection.
    `log` is a list of (method, target, headers), with header names in lower case.
    """

    def __init__(self, refuse=None, rate=None, most=None):
        self.refuse = refuse
        self.rate = rate
        self.most = most
        self.log = []
        self._listener = socket.socket()
        if rate or most:
            # The connections it accepts inherit this from the start.
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 10)
        self._listener.bind((HOST, 0))
        self._listener.listen(128)
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self.url = 'http://{0}:{1}'.format(HOST, self.port)
        self._stopping = threading.Event()
        self._acceptor = _start(self._accept)

    def stop(self):
        """Stops accepting connections."""
        self._stopping.set()
        self._acceptor.join()
        self._listener.close()

    def _accept(self):
        while not self._stopping.is_set():
            try:
                client = self._listener.accept()[0]
            except socket.timeout:
                continue
            client.settimeout(None)
            _start(self._serve, client)

    def _serve(self, client):
        server = None
        try:
            head, rest = _read_head(client)
            method, target, headers = _parse(head)
            self.log.append((method, target, headers))
            if self.refuse:
                client.sendall(_refusal(self.refuse))
                return
            server = _connect(target)
            if method == 'CONNECT':
                client.sendall(b'HTTP/1.1 200 Connected\r\n\r\n')
                server.sendall(rest)
            else:
                server.sendall(_origin_form(head) + rest)
            upward = _start(self._pass_on, client, server)
            _pump(server, client)
            upward.join()
        except (socket.error, OSError, ValueError):
            pass
        finally:
            close_quietly(server)
            close_quietly(client)

    def _pass_on(self, client, server):
        if not (self.rate or self.most):
            return _pump(client, server)
        left = self.most or 1 << 60
        while left > 0:
            data = client.recv(min(left, 8 << 10))
            if not data:
                break
            server.sendall(data)
            left -= len(data)
            self._stopping.wait(len(data) / float(self.rate) if self.rate else 0)
        self._stopping.wait(60 if left <= 0 else 0)


def _start(target, *args):
    thread = threading.Thread(target=target, args=args)
    thread.daemon = True
    thread.start()
    return thread


def _read_head(client):
    """The bytes up to the empty line, and those after it so far."""
    data = b''
    while b'\r\n\r\n' not in data:
        piece = client.recv(65536)
        if not piece:
            raise ValueError('the client hung up')
        data += piece
    head, _, rest = data.partition(b'\r\n\r\n')
    return head, rest


def _parse(head):
    lines = head.decode('latin-1').split('\r\n')
    method, target = lines[0].split()[:2]
    pairs = [line.partition(':') for line in lines[1:]]
    return method, target, dict(
        (name.strip().lower(), value.strip()) for name, _, value in pairs)


def _refusal(status):
    lines = ['HTTP/1.1 {0} Refused'.format(status), 'Content-Length: 0',
             'Connection: close']
    if status == 407:
        lines.append('Proxy-Authenticate: Basic realm="proxy"')
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('ascii')


def _connect(target):
    authority = target.split('//', 1)[-1].split('/', 1)[0]
    host, _, port = authority.rpartition(':')
    return socket.create_connection((host, int(port)))


def _origin_form(head):
    """The head as the server gets it, with one request per connection."""
    lines = head.split(b'\r\n')
    method, target, version = lines[0].split()
    path = b'/' + target.split(b'//', 1)[1].partition(b'/')[2]
    kept = [line for line in lines[1:]
            if not line.lower().startswith((b'proxy-', b'connection:'))]
    return b'\r\n'.join([b' '.join([method, path, version])] + kept +
                        [b'Connection: close', b'', b''])


def _pump(source, sink):
    """Moves bytes until the source ends, then closes both ends."""
    try:
        for piece in iter(lambda: source.recv(65536), b''):
            sink.sendall(piece)
    except (socket.error, OSError):
        pass
    cut(sink)
    cut(source)
