"""Stores that speak S3 differ; here one answers as Ceph's gateway 16.2.15 did."""

from __future__ import absolute_import, unicode_literals

import ssl
import threading

import pytest
from six.moves.BaseHTTPServer import BaseHTTPRequestHandler, HTTPServer
from six.moves.socketserver import ThreadingMixIn

from datarobot_batch_scoring.errors import ScoringError

pytest.importorskip('s3fs')

from datarobot_batch_scoring.cluster import remote, stores  # noqa: E402

ERROR = ('<?xml version="1.0" encoding="UTF-8"?><Error><Code>{0}</Code><Message></Message>'
         '<BucketName>scores</BucketName><RequestId>tx1-default</RequestId>'
         '<HostId>3733-default-default</HostId></Error>')


class _Ceph(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    objects = {}

    def do_PUT(self):
        if 'Content-Length' not in self.headers:
            # As a body comes that has a checksum behind it. The rest is not read.
            self.close_connection = True
            return self._answer(411, ERROR.format('MissingContentLength'))
        data = self.rfile.read(int(self.headers['Content-Length']))
        if self.headers.get('If-None-Match') == '*' and self.path in self.objects:
            return self._answer(412, ERROR.format('PreconditionFailed'))
        if self.path.endswith('/refused'):
            return self._answer(403, ERROR.format('SignatureDoesNotMatch'))
        self.objects[self.path] = data
        self._answer(200, '')

    def do_GET(self):
        if self.path not in self.objects:
            return self._answer(404, ERROR.format('NoSuchKey'))
        self._answer(200, self.objects[self.path].decode('ascii'))

    do_HEAD = do_GET

    def handle_expect_100(self):
        return 'Content-Length' not in self.headers or BaseHTTPRequestHandler.handle_expect_100(self)

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header('Content-Length', '{0}'.format(len(body)))
        self.send_header('Content-Type', 'application/xml')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body.encode('ascii'))

    def log_message(self, *args):
        pass


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False


@pytest.fixture(params=['http', 'https'])
def store(request, certs):
    server = _Server(('127.0.0.1', 0), type(str('Ceph'), (_Ceph,), {'objects': {}}))
    if request.param == 'https':
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs + '/localhost.pem')
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield stores.open_store('s3://scores/', {'s3': {
        'endpoint_url': '{0}://localhost:{1}'.format(request.param, server.server_port),
        'key': 'me', 'secret': 'a-secret', 'client_kwargs': {'verify': certs + '/ca.pem'}}})
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_object_is_put_without_what_older_stores_do_not_understand(store):
    store.put('s3://scores/a', b'x,y')
    assert store.read('s3://scores/a') == b'x,y'


def test_a_store_that_refuses_a_second_object_without_a_word_knows_conditions(store):
    store.put_new('s3://scores/lock', b'mine')
    store.put_new('s3://scores/lock', b'mine')
    with pytest.raises(stores.Taken):
        store.put_new('s3://scores/lock', b'theirs')


def test_an_answer_without_a_message_is_told_by_its_code(store):
    with pytest.raises(ScoringError) as error:
        store.put('s3://scores/refused', b'')
    assert error.value.message == (
        's3://scores/refused cannot be used: SignatureDoesNotMatch.')


def test_who_may_not_is_told_so_at_once(store, monkeypatch):
    monkeypatch.setattr(remote.time, 'sleep', lambda seconds: pytest.fail('waited'))
    with pytest.raises(ScoringError):
        store.put('s3://scores/refused', b'')


def test_options_of_the_user_are_not_overruled():
    from datarobot_batch_scoring.cluster.remote import options_for_s3
    given = {'key': 'me', 'config_kwargs': {
        'request_checksum_calculation': 'when_supported', 'max_pool_connections': 3}}
    found = options_for_s3(given)
    assert found['key'] == 'me' and found['config_kwargs']['max_pool_connections'] == 3
    assert found['config_kwargs']['request_checksum_calculation'] == 'when_supported'
    assert given['config_kwargs'] == {
        'request_checksum_calculation': 'when_supported', 'max_pool_connections': 3}
