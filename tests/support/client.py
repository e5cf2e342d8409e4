"""A client on plain sockets, for tests of the server."""

from __future__ import absolute_import, unicode_literals

import json
import socket

HOST = '127.0.0.1'
ID = '0123456789abcdef01234567'
PATH = '/predApi/v1.0/deployments/{0}/predictions'.format(ID)
CODES_PATH = PATH.replace('predictions', 'predictionExplanations?maxCodes=3')
V1_PATH = PATH.replace('predApi/v1.0', 'api/v1')
BODY = b'x,text\n1.50,one\n2,"two, or\r\nthree"\n-3e5,four\n'


def request(path=PATH, body=BODY, method='POST', headers=()):
    lines = ['{0} {1} HTTP/1.1'.format(method, path), 'Host: x',
             'Content-Length: {0}'.format(len(body))] + list(headers)
    return '\r\n'.join(lines + ['', '']).encode('ascii') + body


class Client(object):
    """A plain socket connected to a server."""

    def __init__(self, server, timeout=10):
        self.socket = socket.create_connection((HOST, server.port), timeout)

    def send(self, *args, **options):
        self.socket.sendall(request(*args, **options))
        return self

    def read_all(self):
        """All bytes until the server closes the connection."""
        return b''.join(iter(lambda: self.socket.recv(65536), b''))

    def answer(self):
        """The status, headers (names in lower case) and body of one answer."""
        reader = self.socket.makefile('rb')
        code = int(reader.readline().split()[1])
        headers = {}
        for line in iter(reader.readline, b'\r\n'):
            name, _, value = line.decode('latin-1').partition(':')
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers['content-length']))
        reader.close()
        return code, headers, body

    def rows(self):
        return json.loads(self.answer()[2].decode('utf-8'))['data']


def ids(rows):
    """The row ids of an answer, in its order."""
    return [row['rowId'] for row in rows]


def statuses(server, bodies):
    """The statuses that a server answers these bodies with, one after another."""
    client = Client(server)
    return [client.send(body=body).answer()[0] for body in bodies]
