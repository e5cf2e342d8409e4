"""Stands before an S3 server, and refuses or holds back what it is told to."""

from __future__ import absolute_import, unicode_literals

import threading

from six.moves import BaseHTTPServer, http_client, socketserver
from six.moves.urllib.parse import urlsplit

SLOW_DOWN = (b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
             b'<Message>Please reduce your request rate.</Message></Error>')


class StoreProxy(object):
    """`StoreProxy(url)`: clients use its `url`.

    `refuses(method, target)`: whether a request gets 503 SlowDown, as of S3. `holds`, the same
    for those that wait until the event `go` is set; `held` is set once there is one.
    """

    def __init__(self, url):
        self.refuses = self.holds = lambda method, target: False
        self.refused = 0
        self.held, self.go = threading.Event(), threading.Event()
        self._authority = urlsplit(url).netloc
        self._lock = threading.Lock()
        self._server = _Server(('127.0.0.1', 0), _handler(self))
        self.url = 'http://127.0.0.1:{0}'.format(self._server.server_address[1])
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.daemon = True
        thread.start()

    def stop(self):
        self.go.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, target, headers, body):
        """(status, headers, body) for a request."""
        with self._lock:
            refused = self.refuses(method, target)
            self.refused += refused
        if refused:
            return 503, [('Content-Type', 'application/xml')], SLOW_DOWN
        if self.holds(method, target):
            self.held.set()
            self.go.wait()
        connection = http_client.HTTPConnection(self._authority)
        try:
            connection.request(method, target, body, headers)
            found = connection.getresponse()
            return found.status, found.getheaders(), found.read()
        finally:
            connection.close()


class _Server(socketserver.ThreadingMixIn, BaseHTTPServer.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


def _handler(proxy):
    class Handler(BaseHTTPServer.BaseHTTPRequestHandler):
        protocol_version = str('HTTP/1.1')

        def _pass_on(self):
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
            if self.headers.get('Expect'):
                del self.headers['Expect']
            status, headers, data = proxy.answer(
                self.command, self.path, dict(self.headers.items()), body)
            self.send_response_only(status)
            names = [name.lower() for name, _ in headers]
            for name, value in headers:
                if name.lower() not in ('connection', 'transfer-encoding'):
                    self.send_header(name, value)
            if 'content-length' not in names and status != 204:
                self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

        def log_message(self, *_):
            """Nothing is said."""
    return Handler
