"""The server for tests does wrong exactly what it is told to."""

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
from server import HOST
from datarobot_batch_scoring.demo.app import Account

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
    """A plain socket to a server."""

    def __init__(self, server, timeout=10):
        self.socket = socket.create_connection((HOST, server.port), timeout)

    def send(self, *args, **options):
        self.socket.sendall(request(*args, **options))
        return self

    def read_all(self):
        """All bytes until the server ends the connection."""
        return b''.join(iter(lambda: self.socket.recv(65536), b''))

    def answer(self):
        """Status, headers in lower case and body of one answer."""
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


@pytest.fixture
def ask(server):
    """Sends one request to a server that has `fault`; returns the client."""
    def asked(fault, path=PATH, **options):
        server.fail(fault)
        return Client(server).send(path, **options)
    return asked


def ids(rows):
    return [row['rowId'] for row in rows]


def is_reset(client):
    try:
        client.read_all()
    except socket.error as error:
        return error.args[0] in (104, 54, 10054)
    return False


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


def statuses(server, bodies):
    client = Client(server)
    return [client.send(body=body).answer()[0] for body in bodies]


def test_one_request_in_so_many(server):
    server.fail(faults.status(503), when=faults.one_in(3))
    assert statuses(server, [BODY] * 6) == [200, 200, 503, 200, 200, 503]


def test_requests_by_their_number(server):
    server.fail(faults.status(503), when=faults.number(1, 3))
    assert statuses(server, [BODY] * 4) == [503, 200, 503, 200]


def test_the_first_requests(server):
    server.fail(faults.status(503), when=faults.first_requests(2))
    assert statuses(server, [BODY] * 3) == [503, 503, 200]


def test_the_first_tries_of_each_batch(server):
    server.fail(faults.status(503), when=faults.first_tries(1))
    assert statuses(server, [BODY, b'x\n9\n', BODY, b'x\n9\n']) == [
        503, 503, 200, 200]


def test_batches_that_hold_a_row(server):
    server.fail(faults.status(503), when=faults.holds('9'))
    assert statuses(server, [BODY, b'x\n9\n', b'x\n8\n9\n']) == [200, 503, 503]


def test_batches_above_a_size(server):
    server.fail(faults.status(413), when=faults.more_rows_than(3))
    server.fail(faults.status(400), when=faults.more_bytes_than(100))
    assert statuses(server, [BODY, BODY + b'1,1\n', b'x\n' + b'9' * 99]) == [
        200, 413, 400]


def test_while_a_flag_is_set(server):
    server.fail(faults.status(503), when=faults.while_set(server.flag))
    server.flag.set()
    assert statuses(server, [BODY]) == [503]
    server.flag.clear()
    assert statuses(server, [BODY]) == [200]


def test_during_a_time(server):
    server.fail(faults.status(503), when=faults.during(0, 3600))
    server.fail(faults.status(502), when=faults.during(3600, 7200))
    assert statuses(server, [BODY]) == [503]


def test_by_chance_but_the_same_each_time(make_server):
    runs = []
    for _ in range(2):
        server = make_server()
        server.fail(faults.status(503), when=faults.by_chance(0.5, seed=3))
        runs.append(statuses(server, [BODY] * 20))
    assert runs[0] == runs[1]
    assert set(runs[0]) == set([200, 503])


def test_two_conditions_and_the_path(server):
    server.fail(faults.status(503), when=faults.both(
        faults.path_has('deployments'), faults.first_requests(1)))
    assert statuses(server, [BODY] * 2) == [503, 200]
    server.fail(faults.status(503))
    server.heal()
    assert statuses(server, [BODY]) == [200]


def test_an_early_fault_does_not_wait_for_the_body(server):
    server.fail(faults.status(413), when=faults.more_bytes_than(10**6),
                early=True)
    client = Client(server)
    client.socket.sendall(request(body=b'x' * 10**7)[:1000])
    assert client.answer()[0] == 413


# --- the faults -----------------------------------------------------------


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
    client = ask(fault)
    server.wait_for(lambda: server.log and server.log[0].fault)
    server.stop()
    assert client.read_all() == start
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
    assert [record['status'] for record in server.records()][:3] == [
        200, 503, 500]
    assert server.records()[0]['keys'] == ['1.50', '2', '-3e5']


def test_many_at_once_are_served(server):
    server.fail(faults.reset(), when=faults.one_in(4))
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
