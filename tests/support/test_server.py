"""The server for tests answers well, remembers everything, and fails when told to."""

from __future__ import absolute_import, unicode_literals

import gzip
import io
import json
import re
import socket
import ssl
import threading
import zlib

import pytest

import faults
import when
from client import (
    BODY, CODES_PATH, PATH, V1_PATH, Client, ids, request, statuses)
from datarobot_batch_scoring.demo.app import Account


# --- good answers ---------------------------------------------------------


def test_an_answer_echoes_the_numbers_of_column_x_word_for_word(server):
    body = Client(server).send().answer()[2].decode('utf-8')
    assert re.findall('"value": ([^}]*)', body) == ['1.50', '2', '-3e5']
    assert '"prediction": 1.50' in body


def test_without_column_x_the_checksum_of_the_record_is_echoed(server):
    body = BODY.replace(b'x,', b'y,')
    rows = Client(server).send(body=body).rows()
    assert rows[1]['prediction'] == zlib.crc32(
        b'2,"two, or\r\nthree"') & 0xffffffff


def test_an_empty_x_is_null_and_nan_is_nan(server):
    body = Client(server).send(body=b'x,y\n,1\nNaN,2\n').answer()[2]
    assert re.findall(b'"prediction": ([^,]*)', body) == [b'null', b'NaN']


@pytest.mark.parametrize('shape, labels', [
    ('regression', ['y']), ('binary', [1.0, 0.0]),
    ('multiclass', ['a', 'b', 'c']), ('multilabel', ['red', 'green', 'blue'])])
def test_each_shape_has_its_labels(make_server, shape, labels):
    server = make_server(shape=shape)
    for row in Client(server).send().rows():
        assert [each['label'] for each in row['predictionValues']] == labels
        assert isinstance(row['prediction'], list) == (shape == 'multilabel')
        assert ('predictionThreshold' in row) == (shape == 'binary')


def test_labels_can_be_chosen(make_server):
    server = make_server(shape='binary', labels=['yes', 'no "really"'])
    row = Client(server).send().rows()[0]
    assert row['predictionValues'][1]['label'] == 'no "really"'


def test_the_old_api_has_a_format_of_its_own(make_server):
    server = make_server(shape='binary')
    body = Client(server).send(V1_PATH).answer()[2]
    answer = json.loads(body.decode('utf-8'))
    assert answer['task'] == 'Binary'
    assert [row['row_id'] for row in answer['predictions']] == [0, 1, 2]
    assert answer['predictions'][0]['class_probabilities']['1.0'] == 1.5


def test_rows_can_come_in_any_order(make_server):
    server = make_server(shuffle=True)
    body = b'x\n' + b''.join('{0}\n'.format(n).encode() for n in range(50))
    rows = Client(server).send(body=body).rows()
    assert ids(rows) != sorted(ids(rows)) == list(range(50))
    assert all(row['rowId'] == row['prediction'] for row in rows)


def test_the_number_of_explanations_differs_from_row_to_row(server):
    body = b'x\n' + b''.join('{0}\n'.format(n).encode() for n in range(50))
    rows = Client(server).send(CODES_PATH, body=body).rows()
    assert set(len(row['predictionExplanations']) for row in rows) == set(
        [0, 1, 2, 3])


def test_cells_are_what_the_output_has_for_a_row(make_server):
    server = make_server(shape='binary')
    values = Client(server).send().rows()[0]['predictionValues']
    cells = server.echo.cells(server.batches[0].rows[0])
    assert [float(cell) for cell in cells] == [
        values[1]['value'], values[0]['value']]


def test_wrong_routes_arguments_and_bodies_are_refused(server):
    client = Client(server)
    assert client.send('/predApi/v1.0/predict').answer()[0] == 404
    assert client.send(PATH + '?a=b').answer()[0] == 422
    assert client.send(body=b'x\n').answer()[0] == 422


def test_an_account_is_checked(make_server):
    server = make_server(account=Account('u', 'p', 'the-token', 'the-key'))
    bearer, key = 'Authorization: Bearer the-token', 'datarobot-key: the-key'
    assert Client(server).send().answer()[0] == 401
    assert Client(server).send(headers=[bearer]).answer()[0] == 401
    assert Client(server).send(headers=[bearer, key]).answer()[0] == 200


def test_a_token_is_given_for_the_password(make_server):
    server = make_server(account=Account('u', 'p', 'the-token', None))
    answer = Client(server).send(
        '/api/v1/api_token', b'', 'GET', ['Authorization: Basic dTpw']
    ).answer()
    assert json.loads(answer[2].decode()) == {'api_token': 'the-token'}


def test_a_gzipped_request_is_unpacked(server):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb') as out:
        out.write(BODY)
    client = Client(server).send(body=packed.getvalue(),
                                 headers=['Content-Encoding: gzip'])
    assert len(client.rows()) == 3
    assert server.log[0].body == BODY
    assert server.log[0].sent == packed.getvalue()


# --- what it remembers ----------------------------------------------------


def test_the_log_has_each_request(server):
    client = Client(server)
    client.send().answer()
    server.fail(faults.status(503))
    client.send(body=BODY + b'7,x\n', headers=['X-Y: z']).answer()
    server.wait_for(lambda: server.log[1].finished)
    assert [record.status for record in server.log] == [200, 503]
    assert server.log[1].fault == 'status'
    assert server.log[1].headers['x-y'] == 'z'
    assert server.log[1].target == PATH
    assert server.log[1].first == '1.50'
    assert server.log[1].keys == ['1.50', '2', '-3e5', '7']
    assert server.scored['1.50'] == 2
    assert server.answered == {'1.50': 1, '2': 1, '-3e5': 1}
    assert server.connections == 1


def test_the_most_requests_in_flight_are_counted(server):
    server.fail(faults.held(server.flag))
    clients = [Client(server).send() for _ in range(3)]
    server.wait_for(lambda: server.in_flight == 3)
    server.flag.set()
    for client in clients:
        client.rows()
    Client(server).send().rows()
    assert server.max_in_flight == 3
    assert server.connections == 4


def test_a_delay_can_depend_on_the_request(make_server):
    asked = []

    def delay(record):
        asked.append(record.first)
        return 0
    Client(make_server(delay=delay)).send().rows()
    assert asked == ['1.50']
    Client(make_server(delay=(0.0, 0.001))).send().rows()


# --- when a fault strikes -------------------------------------------------


def test_one_request_in_so_many(server):
    server.fail(faults.status(503), when=when.one_in(3))
    assert statuses(server, [BODY] * 6) == [200, 200, 503, 200, 200, 503]


def test_requests_by_their_number(server):
    server.fail(faults.status(503), when=when.number(1, 3))
    assert statuses(server, [BODY] * 4) == [503, 200, 503, 200]


def test_the_first_requests(server):
    server.fail(faults.status(503), when=when.first_requests(2))
    assert statuses(server, [BODY] * 3) == [503, 503, 200]


def test_the_first_tries_of_each_batch(server):
    server.fail(faults.status(503), when=when.first_tries(1))
    assert statuses(server, [BODY, b'x\n9\n', BODY, b'x\n9\n']) == [
        503, 503, 200, 200]


def test_batches_that_hold_a_row(server):
    server.fail(faults.status(503), when=when.holds('9'))
    assert statuses(server, [BODY, b'x\n9\n', b'x\n8\n9\n']) == [200, 503, 503]


def test_batches_above_a_size(server):
    server.fail(faults.status(413), when=when.more_rows_than(3))
    server.fail(faults.status(400), when=when.more_bytes_than(100))
    assert statuses(server, [BODY, BODY + b'1,1\n', b'x\n' + b'9' * 99]) == [
        200, 413, 400]


def test_while_a_flag_is_set(server):
    server.fail(faults.status(503), when=when.while_set(server.flag))
    server.flag.set()
    assert statuses(server, [BODY]) == [503]
    server.flag.clear()
    assert statuses(server, [BODY]) == [200]


def test_during_a_time(server):
    server.fail(faults.status(503), when=when.during(0, 3600))
    server.fail(faults.status(502), when=when.during(3600, 7200))
    assert statuses(server, [BODY]) == [503]


def test_by_chance_but_the_same_each_time(make_server):
    runs = []
    for _ in range(2):
        server = make_server()
        server.fail(faults.status(503), when=when.by_chance(0.5, seed=3))
        runs.append(statuses(server, [BODY] * 20))
    assert runs[0] == runs[1]
    assert set(runs[0]) == set([200, 503])


def test_two_conditions_and_the_path(server):
    server.fail(faults.status(503), when=when.both(
        when.path_has('deployments'), when.first_requests(1)))
    assert statuses(server, [BODY] * 2) == [503, 200]
    server.fail(faults.status(503))
    server.heal()
    assert statuses(server, [BODY]) == [200]


def test_an_early_fault_does_not_wait_for_the_body(server):
    server.fail(faults.status(413), when=when.more_bytes_than(10**6),
                early=True)
    client = Client(server)
    client.socket.sendall(request(body=b'x' * 10**7)[:1000])
    assert client.answer()[0] == 413


# --- TLS, proxy, processes ------------------------------------------------


def tls_rows(server, ca, name):
    context = ssl.create_default_context(cafile=ca)
    client = Client(server)
    client.socket = context.wrap_socket(client.socket, server_hostname=name)
    return client.send().rows()


def test_a_certificate_can_be_good(make_server, certs):
    server = make_server(tls=certs + '/localhost.pem')
    assert server.url.startswith('https://')
    assert len(tls_rows(server, certs + '/ca.pem', 'localhost')) == 3


@pytest.mark.parametrize('pem, ca', [
    ('/elsewhere.pem', '/ca.pem'), ('/localhost.pem', None)])
def test_a_certificate_can_be_bad(make_server, certs, pem, ca):
    server = make_server(tls=certs + pem)
    with pytest.raises((ssl.SSLError, ssl.CertificateError)):
        tls_rows(server, ca and certs + ca, 'localhost')


def test_a_proxy_forwards_what_it_logs(server, make_proxy):
    proxy = make_proxy()
    rows = Client(proxy).send(server.url + PATH).rows()
    assert len(rows) == 3
    assert proxy.log[0][:2] == ('POST', server.url + PATH)
    assert server.log[0].target == PATH


def test_a_proxy_tunnels(make_server, make_proxy, certs):
    server, proxy = make_server(tls=certs + '/localhost.pem'), make_proxy()
    client = Client(proxy)
    target = '127.0.0.1:{0}'.format(server.port)
    client.socket.sendall(request(target, b'', 'CONNECT'))
    assert client.socket.recv(100).startswith(b'HTTP/1.1 200')
    context = ssl.create_default_context(cafile=certs + '/ca.pem')
    client.socket = context.wrap_socket(client.socket,
                                        server_hostname='localhost')
    assert len(client.send().rows()) == 3
    assert proxy.log[0][:2] == ('CONNECT', target)


@pytest.mark.parametrize('code', [407, 502])
def test_a_proxy_can_refuse(make_proxy, code):
    client = Client(make_proxy(refuse=code))
    assert client.send('http://somewhere/').answer()[0] == code


def test_a_server_can_have_a_process_of_its_own(make_server_process):
    server = make_server_process(
        {'shape': 'binary', 'delay': [0.0, 0.001]},
        [('status(503)', 'one_in(2)'), ('status(500)', 'flag')])
    assert statuses(server, [BODY] * 2) == [200, 503]
    server.tell('set')
    assert statuses(server, [BODY]) == [500]
    server.tell('down')
    with pytest.raises(socket.error):
        Client(server)
    server.tell('up')
    server.tell('clear')
    assert statuses(server, [BODY]) == [503]
    server.tell('finish')
    # Requests on separate connections may end in another order.
    records = sorted(server.records(), key=lambda record: record['number'])
    assert [record['status'] for record in records] == [200, 503, 500, 503]
    assert server.records()[0]['keys'] == ['1.50', '2', '-3e5']


def test_many_at_once_are_served(server):
    server.fail(faults.reset(), when=when.one_in(4))
    ended = []

    def ask_some():
        for _ in range(10):
            try:
                ended.append(len(Client(server).send().rows()))
            except (socket.error, IndexError):
                ended.append(None)
    threads = [threading.Thread(target=ask_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended.count(3) == 60
    assert ended.count(None) == 20
    assert server.answered['2'] == 60
