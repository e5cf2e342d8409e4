"""A request on its connection, and the ways to answer it."""

from __future__ import absolute_import, unicode_literals

import collections
import json
import select
import socket
import struct

from datarobot_batch_scoring.demo import app

REASONS = {200: 'OK', 401: 'Unauthorized', 404: 'Not Found',
           413: 'Request Entity Too Large', 503: 'Service Unavailable'}


class Exchange(object):
    """A request on its connection: what a fault gets to answer with."""

    def __init__(self, server, connection, record):
        self.server = server
        self.connection = connection
        self.record = record
        self.keep = record.headers.get('connection', '').lower() != 'close'

    def answer_well(self):
        """The answer that a good server gives."""
        status, body = self.good_answer()
        keys = collections.Counter(self.record.keys)
        if status != 200:
            return self.send(status, body)
        # Counted first: whoever gets the answer may look right away.
        with self.server.changed:
            self.server.answered += keys
        try:
            self.send(status, body)
        except (socket.error, OSError):
            with self.server.changed:
                self.server.answered -= keys
            raise

    def good_answer(self):
        """The status and body (bytes) of a good server's answer."""
        path = self.record.target.partition('?')[0]
        if path in self.server.about:
            # Of a v2 server: what it says of itself and its models.
            return 200, json.dumps(self.server.about[path]).encode('ascii')
        if path.endswith(('/api_token', '/ping', '/ping/', '/ready')):
            response = self.server.application(self.record.request)
            return response.status, response.body
        try:
            route, rows = self.good_rows()
        except app.HttpError as error:
            return error.response.status, error.response.body
        return 200, self.server.echo.wrap(rows, route, app.batch_id(route, self.record.body))

    def good_rows(self):
        """The route and the rows of a good answer, as `Echo.answer` returns them.

        Raises `app.HttpError` if a good server would refuse.
        """
        server, record = self.server, self.record
        path, _, query = record.target.partition('?')
        route = app.find_route(path)
        if route is None or record.method != 'POST':
            raise app.HttpError(404, 'No such route: ' + path)
        if route.kind in app.WITH_ACCOUNT:
            server.application.check_account(record.request)
        app.check_kind(record.request, route)
        most = app.max_codes(route, query)
        if not record.rows:
            raise app.HttpError(422, 'No data to predict on.')
        return route, server.echo.answer(record.rows, route, most)

    def send(self, status, body=b'', headers=(), length=None):
        """Sends a whole answer; `length` is a Content-Length that may be wrong."""
        headers = list(headers) + [
            ('Content-Length', len(body) if length is None else length)]
        self.send_head(status, headers)
        self.write(body)

    def send_head(self, status, headers=()):
        """Sends the status line and headers, and notes the status."""
        names = [name.lower() for name, _ in headers]
        if 'content-type' not in names:
            headers = [('Content-Type', 'application/json')] + list(headers)
        self.record.status = status
        self.write(self.head(status, headers))

    def head(self, status, headers):
        """The status line and headers as bytes."""
        lines = ['HTTP/1.1 {0} {1}'.format(status, REASONS.get(status, 'X'))]
        lines += ['{0}: {1}'.format(*header) for header in headers]
        if not self.keep:
            lines.append('Connection: close')
        return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')

    def write(self, data):
        """Sends bytes to the client; raises socket.error if it is gone."""
        self.connection.sendall(data)

    def reset(self):
        """Ends the connection with an RST instead of a FIN."""
        reset_on_close(self.connection)
        self.keep = False

    def wait(self, seconds):
        """Waits, but not past the end of the server; False if that has come."""
        return not self.server.stopping.wait(seconds)

    def client_is_there(self, seconds):
        """Waits for the client to hang up or to write; False if it did."""
        return not select.select([self.connection], [], [], seconds)[0]


def reset_on_close(connection):
    """Makes the next close of a socket a reset."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack(str('ii'), 1, 0))
    except (socket.error, OSError):
        pass


def cut(connection):
    """Ends a connection while another thread reads from it or writes to it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except (socket.error, OSError):
        pass


def close_quietly(closable):
    """Closes a socket, its file or None, whatever its state."""
    try:
        if closable is not None:
            closable.close()
    except (socket.error, OSError):
        pass
