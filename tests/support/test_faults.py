"""Each fault of the server for tests does what it says."""

from __future__ import absolute_import, unicode_literals

import json
import socket
import zlib

import pytest

import faults
from client import PATH, V1_PATH, Client, ids


@pytest.fixture
def ask(server):
    """Sends one request to a server that has `fault`; returns the client."""
    def asked(fault, path=PATH, **options):
        server.fail(fault)
        return Client(server).send(path, **options)
    return asked


def is_reset(client):
    try:
        client.read_all()
    except socket.error as error:
        return error.args[0] in (104, 54, 10054)
    return False


@pytest.mark.parametrize('code', [
    400, 401, 403, 404, 405, 408, 422, 425, 429, 500, 502, 503, 504, 570])
def test_a_status_with_a_message(ask, code):
    client = ask(faults.status(code, 'bad \x1b[31m luck'))
    answer = client.answer()
    assert answer[0] == code
    assert json.loads(answer[2].decode()) == {'message': 'bad \x1b[31m luck'}


def test_a_status_can_say_when_to_come_again(ask):
    assert ask(faults.retry_after(7)).answer()[1]['retry-after'] == '7'


def test_a_status_can_say_when_to_come_again_as_a_date(ask):
    headers = ask(faults.retry_after(7, 503, as_date=True)).answer()[1]
    assert headers['retry-after'].endswith(' GMT')


def test_a_redirect_names_another_host(ask):
    code, headers, _ = ask(faults.redirect('http://else/', 301)).answer()
    assert (code, headers['location']) == (301, 'http://else/')


def test_html_and_garbage_are_no_json(make_server):
    for fault in [faults.html(), faults.garbage()]:
        server = make_server()
        server.fail(fault)
        code, _, body = Client(server).send().answer()
        assert code == 200
        with pytest.raises(ValueError):
            json.loads(body.decode('latin-1'))


def test_no_http_at_all(ask):
    assert ask(faults.not_http()).read_all().startswith(b'SSH')


@pytest.mark.parametrize('fault, expected', [
    (faults.rows_too_few(), [0, 1]),
    (faults.rows_too_many(2), [0, 1, 2, 3, 4]),
    (faults.doubled_ids(), [0, 1, 0]),
    (faults.shifted_ids(), [1, 2, 3]),
])
def test_row_ids_that_do_not_fit(ask, fault, expected):
    assert ids(ask(fault).rows()) == expected


def test_row_ids_can_be_missing(ask):
    assert 'rowId' not in ask(faults.without_ids()).rows()[0]


def test_labels_can_change(make_server):
    server = make_server(shape='binary')
    server.fail(faults.other_labels())
    row = Client(server).send().rows()[0]
    assert row['predictionValues'][0]['label'] == '1.0 (new)'
    body = Client(server).send(V1_PATH).answer()[2]
    assert b'"1.0 (new)": 1.50' in body


def test_values_can_be_anything(make_server):
    server = make_server(shape='binary')
    server.fail(faults.values('null'))
    row = Client(server).send().rows()[0]
    assert [each['value'] for each in row['predictionValues']] == [None] * 2
    assert b'"1.0": null' in Client(server).send(V1_PATH).answer()[2]


def whole(server):
    return Client(server).send().answer()[2]


def body_of(data):
    return data.partition(b'\r\n\r\n')[2]


def test_a_body_can_be_cut(server, ask):
    good = whole(server)
    data = ask(faults.truncated(missing=4)).read_all()
    assert body_of(data) == good[:-4]
    assert 'Content-Length: {0}'.format(len(good)).encode() in data


@pytest.mark.parametrize('by', [-5, 5])
def test_a_length_can_be_wrong(server, ask, by):
    good = whole(server)
    data = ask(faults.wrong_length(by)).read_all()
    assert body_of(data) == good
    assert 'Content-Length: {0}'.format(len(good) + by).encode() in data


def test_a_connection_can_be_closed_instead_of_an_answer(ask):
    assert ask(faults.hang_up()).read_all() == b''


def test_a_connection_can_be_reset_before_an_answer(ask):
    assert is_reset(ask(faults.reset()))


def test_a_connection_can_be_reset_in_an_answer(server, ask):
    assert is_reset(ask(faults.reset_in_body()))
    assert server.log[0].status == 200
    assert not server.answered


def test_a_connection_can_be_reset_at_its_next_request(server, ask):
    client = ask(faults.reset_at_next())
    assert len(client.rows()) == 3
    client.send()
    assert is_reset(client)
    assert server.answered['2'] == 1


def test_a_connection_can_be_closed_after_an_answer_without_a_word(ask):
    data = ask(faults.silent_close()).read_all()
    assert b'"rowId": 2' in data
    assert b'Connection: close' not in data


@pytest.mark.parametrize('fault, start', [
    (faults.never(), b''), (faults.half_a_head(), b'HTTP/1.1 20')])
def test_an_answer_may_never_come(server, ask, fault, start):
    reader = ask(fault).socket.makefile('rb')
    server.wait_for(lambda: server.log and server.log[0].fault)
    assert reader.read(len(start)) == start
    server.stop()
    assert reader.read() == b''
    assert server.log[0].status is None


def test_a_client_that_gives_up_ends_the_wait(server, ask):
    client = ask(faults.never())
    client.socket.close()
    server.wait_for(lambda: server.log and server.log[0].finished)


def test_an_answer_can_be_late(ask):
    assert len(ask(faults.slow(0.01)).rows()) == 3


@pytest.mark.parametrize('in_head', [True, False])
def test_an_answer_can_drip(server, ask, in_head):
    good = whole(server)
    client = ask(faults.drip(0.00001, in_head))
    assert client.answer()[2] == good


def test_an_answer_can_end_with_its_connection(server, ask):
    good = whole(server)
    data = ask(faults.close_delimited()).read_all()
    assert body_of(data) == good
    assert b'Content-Length' not in data


@pytest.mark.parametrize('complete', [True, False])
def test_an_answer_can_be_chunked(ask, complete):
    data = ask(faults.chunked(100, complete),
               headers=['Connection: close']).read_all()
    assert b'Transfer-Encoding: chunked' in data
    assert body_of(data).startswith(b'64\r\n{"data"')
    assert data.endswith(b'\r\n0\r\n\r\n') == complete


def test_an_answer_can_be_gzipped(server, ask):
    good = whole(server)
    _, headers, body = ask(faults.gzipped()).answer()
    assert headers['content-encoding'] == 'gzip'
    assert zlib.decompress(body, 31) == good


def test_a_gzipped_answer_can_be_broken(ask):
    _, _, body = ask(faults.gzipped(missing=20)).answer()
    assert not getattr(zlib.decompressobj(31), 'eof', False)
    with pytest.raises(zlib.error):
        zlib.decompress(body, 31)


def test_a_gzipped_answer_can_be_a_bomb(ask):
    _, _, body = ask(faults.gzip_bomb(1 << 22)).answer()
    assert len(body) < 10000
    assert len(zlib.decompress(body, 31)) > 1 << 22


@pytest.mark.parametrize('in_chunks', [True, False])
def test_a_body_can_be_endless(server, ask, in_chunks):
    client = ask(faults.endless(in_chunks))
    read = 0
    while read < 1 << 21:
        read += len(client.socket.recv(1 << 16))
    client.socket.close()
    server.wait_for(lambda: server.log[0].finished)


def test_headers_can_be_endless(server, ask):
    client = ask(faults.endless_head())
    read = b''
    while b'X-More: xxx' not in read:
        read += client.socket.recv(1 << 16)
    client.socket.close()
    server.wait_for(lambda: server.log[0].finished)


def test_a_server_can_be_down_for_a_while(server):
    client = Client(server).send()
    client.rows()
    server.go_down()
    assert client.read_all() == b''
    with pytest.raises(socket.error):
        Client(server)
    server.come_back()
    assert len(Client(server).send().rows()) == 3
