"""Serves the demo application over HTTP/1.1, on this machine only."""

from __future__ import absolute_import, unicode_literals

import re
import socket
import sys
import threading

from .app import Application, Request, too_large

try:
    from http.server import BaseHTTPRequestHandler
    from socketserver import TCPServer, ThreadingMixIn
except ImportError:  # Python 2
    from BaseHTTPServer import BaseHTTPRequestHandler
    from SocketServer import TCPServer, ThreadingMixIn

HOST = '127.0.0.1'


class DemoServer(ThreadingMixIn, TCPServer):
    """Serves an application on 127.0.0.1 in threads of this process.

    Port 0 means any that is free; `url` has the real one. Raises socket.error
    if the port is in use. As a context manager it serves until the block ends.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, application=None, port=0):
        self.application = application or Application()
        TCPServer.__init__(self, (HOST, port), _Handler)
        self.url = 'http://{0}:{1}'.format(HOST, self.server_address[1])

    def __enter__(self):
        thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        thread.daemon = True
        thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that went away is not worth a traceback."""
        if not isinstance(sys.exc_info()[1], (socket.error, OSError)):
            TCPServer.handle_error(self, request, client_address)


class _Handler(BaseHTTPRequestHandler):

    protocol_version = str('HTTP/1.1')
    server_version = 'demo'
    sys_version = ''
    disable_nagle_algorithm = True
    # Head and body leave in one write.
    wbufsize = -1

    def _serve(self):
        headers = dict((_text(name).lower(), _text(value))
                       for name, value in self.headers.items())
        length = headers.get('content-length', '0')
        application = self.server.application
        if 'transfer-encoding' in headers or not re.match('[0-9]{1,18}\\Z', length):
            self.send_error(411)
            self.close_connection = True
            return
        if int(length) > application.max_bytes:
            # The body is not read, so nothing can follow it.
            self._send(too_large(application.max_bytes).response, close=True)
            return
        body = self.rfile.read(int(length))
        if len(body) == int(length):
            self._send(application(
                Request(self.command, _text(self.path), headers, body)))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _send(self, response, close=False):
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header('Content-Length', '{0}'.format(len(response.body)))
        if close:
            self.send_header('Connection', 'close')
            self.close_connection = True
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()

    def log_message(self, *_):
        """Requests are not worth a line."""


def _text(header):
    return header.decode('latin-1') if isinstance(header, bytes) else header
