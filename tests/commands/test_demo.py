# -*- coding: utf-8 -*-
"""The demo server answers as a prediction server does."""

from __future__ import absolute_import, unicode_literals

import base64
import gzip
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from datarobot_batch_scoring.demo.app import (
    DEMO_ACCOUNT, DEPLOYMENT_IDS, MODEL_IDS, PROJECT_ID, Application)
from datarobot_batch_scoring.demo.model import Model
from datarobot_batch_scoring.demo.server import DemoServer
from demo_sample import COLUMNS, ROWS, make_sample, write_table
from places import ROOT

try:
    from http.client import HTTPConnection
except ImportError:  # Python 2
    from httplib import HTTPConnection

RENT, LET, ENERGY = sorted(MODEL_IDS)
MODEL_ROUTE = '/predApi/v1.0/{0}/{1}/predict'
V1_ROUTE = '/api/v1/{0}/{1}/predict'
CODES_ROUTE = '/predApi/v1.0/{0}/{1}/reasonCodesPredictions?maxCodes={2}'
DEPLOYMENT_ROUTE = '/predApi/v1.0/deployments/{0}/'
TOKEN_ROUTE = '/predApi/v1.0/api_token'


def basic(user, secret):
    raw = '{0}:{1}'.format(user, secret).encode('utf-8')
    return {'Authorization': 'Basic ' + base64.b64encode(raw).decode('ascii')}


GRANTED = basic(DEMO_ACCOUNT.user, DEMO_ACCOUNT.api_token)


class Client(object):
    """One kept-alive connection to a demo server."""

    def __init__(self, server):
        self.application = server.application
        self.connection = HTTPConnection(*server.server_address)

    def send(self, path, body=b'', headers=GRANTED, method='POST'):
        # Python 2 wants its own kind of string in all of these.
        plain = dict((str(name), str(headers[name])) for name in headers)
        self.connection.request(str(method), str(path), body, plain)
        answer = self.connection.getresponse()
        content = json.loads(answer.read().decode('utf-8'))
        return answer.status, content


@pytest.fixture
def client():
    with DemoServer() as server:
        yield Client(server)


def flats(count=3, **changes):
    rows = [list(row) for row in make_sample()[:count + 1]]
    for column, value in changes.items():
        for row in rows[1:]:
            row[COLUMNS.index(column)] = value
    return write_table(rows)


def test_a_regression_row_has_one_value_named_by_the_target(client):
    status, answer = client.send(MODEL_ROUTE.format(PROJECT_ID, RENT), flats())
    assert status == 200
    assert [row['rowId'] for row in answer['data']] == [0, 1, 2]
    for row in answer['data']:
        assert row['predictionValues'] == [
            {'label': 'monthly_rent', 'value': row['prediction']}]
        assert 'predictionThreshold' not in row


def test_a_binary_row_has_two_probabilities_and_a_threshold(client):
    _, answer = client.send(MODEL_ROUTE.format(PROJECT_ID, LET), flats(50))
    assert set(row['prediction'] for row in answer['data']) == set(
        ['yes', 'no'])
    for row in answer['data']:
        values = dict((each['label'], each['value'])
                      for each in row['predictionValues'])
        assert row['predictionThreshold'] == 0.5
        assert sum(values.values()) == pytest.approx(1)
        assert row['prediction'] == ('yes' if values['yes'] >= 0.5 else 'no')


def test_a_multiclass_row_predicts_the_most_probable_class(client):
    _, answer = client.send(MODEL_ROUTE.format(PROJECT_ID, ENERGY), flats(50))
    for row in answer['data']:
        best = max(row['predictionValues'], key=lambda each: each['value'])
        assert row['prediction'] == best['label']
        assert 'predictionThreshold' not in row


def test_the_old_api_answers_in_its_own_format(client):
    _, rent = client.send(V1_ROUTE.format(PROJECT_ID, RENT), flats())
    assert rent['task'] == 'Regression'
    assert sorted(rent['predictions'][1]) == ['prediction', 'row_id']
    _, energy = client.send(V1_ROUTE.format(PROJECT_ID, ENERGY), flats())
    assert energy['task'] == 'Multiclass'
    assert sorted(energy['predictions'][1]['class_probabilities']) == [
        'A', 'B', 'C']


def test_answers_say_how_long_they_took(client):
    client.connection.request(
        str('POST'), str('/predApi/v1.0/monthly_rent/predict'), flats())
    answer = client.connection.getresponse()
    answer.read()
    assert float(answer.getheader('X-DataRobot-Execution-Time')) >= 0
    _, rent = client.send(V1_ROUTE.format(PROJECT_ID, RENT), flats())
    assert rent['execution_time'] >= 0


def test_all_three_commands_get_the_same_predictions(client):
    by_model = client.send(MODEL_ROUTE.format(PROJECT_ID, RENT), flats())
    deployment_id = [each for each, target in DEPLOYMENT_IDS.items()
                     if target == 'monthly_rent'][0]
    by_deployment = client.send(
        DEPLOYMENT_ROUTE.format(deployment_id) + 'predictions', flats())
    by_import = client.send(
        '/predApi/v1.0/monthly_rent/predict', flats(), headers={})
    assert by_model == by_deployment == by_import


def test_explanations_are_the_strongest_first(client):
    _, answer = client.send(
        CODES_ROUTE.format(PROJECT_ID, RENT, 4), flats(20))
    for row in answer['data']:
        strengths = [abs(each['strength']) for each in row['reasonCodes']]
        assert len(strengths) == 4
        assert strengths == sorted(strengths, reverse=True)


def test_all_explanations_of_a_rent_add_up_to_it(client):
    _, answer = client.send(
        CODES_ROUTE.format(PROJECT_ID, RENT, 20), flats(20))
    model = Model()
    usual = model.targets['monthly_rent']['scores']['monthly_rent']
    for row in answer['data']:
        total = sum(each['strength'] for each in row['reasonCodes'])
        assert row['prediction'] == pytest.approx(usual['intercept'] + total)


def test_deployments_name_their_explanations_so(client):
    _, answer = client.send(
        DEPLOYMENT_ROUTE.format(sorted(DEPLOYMENT_IDS)[1]) +
        'predictionExplanations?maxCodes=1', flats())
    assert [len(row['predictionExplanations'])
            for row in answer['data']] == [1, 1, 1]


def test_an_area_below_zero_is_refused(client):
    status, answer = client.send(MODEL_ROUTE.format(PROJECT_ID, RENT), flats(area_m2='-41.3'))
    assert (status, answer['message']) == (422, 'The area is below zero: -41.3')


@pytest.mark.parametrize('number', ['', 'NA', 'inf', '1e300', 'ten'])
def test_a_missing_or_unreadable_value_moves_no_prediction(client, number):
    path = CODES_ROUTE.format(PROJECT_ID, RENT, 20)
    _, answer = client.send(path, flats(year_built=number))
    assert 'year_built' not in [
        each['feature'] for row in answer['data']
        for each in row['reasonCodes']]


def test_the_same_request_gets_the_same_bytes():
    application = Application()
    with DemoServer(application) as server:
        answers = []
        for _ in range(2):
            connection = HTTPConnection(*server.server_address)
            connection.request(
                str('POST'), str('/predApi/v1.0/energy_class/predict'),
                flats(100))
            answers.append(connection.getresponse().read())
    assert answers[0] == answers[1]


def test_a_gzipped_request_is_unpacked(client):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb') as out:
        out.write(flats())
    headers = dict(GRANTED, **{'Content-Encoding': 'gzip'})
    path = MODEL_ROUTE.format(PROJECT_ID, RENT)
    assert client.send(path, packed.getvalue(), headers) == client.send(
        path, flats())
    assert client.send(path, b'not gzip', headers)[0] == 400
    headers['Content-Encoding'] = 'br'
    assert client.send(path, flats(), headers)[0] == 415


@pytest.mark.parametrize('body, status, message', [
    (b'', 422, 'No data to predict on.'),
    (flats(0), 422, 'No data to predict on.'),
    (b'a,b\n1,2\n', 400, 'Unknown columns: a, b'),
    (b'city\nParis\n', 400, 'Missing columns: area_m2'),
    (b'city\n\xff\n', 400, 'The body is not UTF-8'),
    (flats() + b',' * 40 + b'\n', 400, 'fields, the header 13'),
])
def test_a_body_that_cannot_be_scored_is_refused(
        client, body, status, message):
    answer = client.send(MODEL_ROUTE.format(PROJECT_ID, RENT), body)
    assert answer[0] == status
    assert message in answer[1]['message']


@pytest.mark.parametrize('target', ['monthly_rent', 'energy_class'])
def test_it_answers_as_drum_and_as_mlflow_do_too(client, target):
    known = client.send('/predApi/v1.0/{0}/predict'.format(target), flats())[1]['data']
    values = [[(each['label'], each['value']) for each in row['predictionValues']] for row in known]
    many = '/deployments/{0}/predictions'.format(target)
    drum, again, mlflow = [client.send(path, flats(), {})[1]['predictions'] for path in (
        '/{0}/predictions/'.format(target), many, '/a/{0}/invocations'.format(target))]
    assert drum == again
    if target == 'monthly_rent':
        assert mlflow == [row[0][1] for row in values]
        assert drum == [round(each, 10) for each in mlflow]
    else:
        assert mlflow == [[value for _, value in row] for row in values]
        assert drum == [dict((label, round(value, 10)) for label, value in row)
                        for row in values]


def test_current_arguments_are_answered_and_others_refused(client):
    path = DEPLOYMENT_ROUTE.format(sorted(DEPLOYMENT_IDS)[1]) + 'predictions?maxExplanations=2'
    everything = client.send(path, flats(50))[1]['data']
    assert all(len(row['predictionExplanations']) == 2 for row in everything)
    between = client.send(path + '&thresholdLow=0.3&thresholdHigh=0.7', flats(50))[1]['data']
    for before, row in zip(everything, between):
        value = row['predictionValues'][0]['value']
        assert row['predictionExplanations'] == (
            [] if 0.3 < value < 0.7 else before['predictionExplanations'])
    assert {len(row['predictionExplanations']) for row in between} == {0, 2}
    passed = client.send(path + '&passthroughColumns=city,rooms,x', flats(city='K\xf6ln', rooms='2'))[1]['data']
    assert [row['passthroughValues'] for row in passed] == [{'city': 'K\xf6ln', 'rooms': '2'}] * 3
    assert client.send(path + '&wd=1', flats()) == (422, {'message': "'wd': wd is not allowed key"})


def test_a_text_is_a_prediction_and_models_have_extra_output_in_all_three_forms(client):
    path = DEPLOYMENT_ROUTE.format(sorted(DEPLOYMENT_IDS)[3]) + 'predictions'
    rows = client.send(path, flats())[1]['data']
    texts = [row['prediction'] for row in rows]
    assert all(row['predictionValues'] == [{'label': 'resultText', 'value': text}] and '\n' in text
               and row['extraModelOutput'] == {'words': len(text.split())} for row, text in zip(rows, texts))
    table = {'columns': ['words'], 'index': [0, 1, 2], 'data': [[len(text.split())] for text in texts]}
    for path in ('/advert/predictions/', '/fastrag/advert/predictions/'):
        assert client.send(path, flats(), {})[1] == {'predictions': texts, 'extraModelOutput': table}
    rents = client.send('/fastrag/predictions/', flats(), {})[1]
    assert rents['extraModelOutput']['columns'] == ['rent_per_m2', 'size']
    assert [row['predictionValues'] for row in rents['predictions']] == [None] * 3
    classes = client.send('/fastrag/energy_class/predictions/', flats(), {})[1]
    assert classes['extraModelOutput'] is None
    assert [each['label'] for each in classes['predictions'][0]['predictionValues']] == ['A', 'B', 'C']


def test_each_request_has_a_number(client):
    for path in ('/predApi/v1.0/monthly_rent/predict', '/predApi/v1.0/nothing/predict'):
        client.connection.request(str('POST'), str(path), flats())
        answer = client.connection.getresponse()
        answer.read()
        assert re.match('[0-9a-f]{8}$', answer.getheader('X-DataRobot-Request-ID'))


@pytest.mark.parametrize('deployment_id', sorted(DEPLOYMENT_IDS))
def test_as_a_drum_with_many_models_it_knows_the_ids_of_its_deployments_too(
        client, deployment_id):
    path = '/deployments/{0}/predictions'
    known = client.send(path.format(DEPLOYMENT_IDS[deployment_id]), flats(), {})
    assert known[0] == 200
    assert client.send(path.format(deployment_id), flats(), {}) == known


@pytest.mark.parametrize('path, message', [
    ('/deployments/rent/predictions', 'No deployment rent'),
    ('/rent/predictions/', 'No model rent'), ('/a/rent/invocations', 'No model rent')])
def test_an_id_or_a_path_that_it_does_not_know_is_called_what_it_is(client, path, message):
    assert client.send(path, flats(), {}) == (404, {'message': message})


def test_what_drum_and_mlflow_refuse_it_refuses(client):
    assert client.send('/predictions', flats())[0] == 308
    kind = {'Content-Type': 'text/csv; charset=utf8'}
    assert client.send('/invocations', flats(), kind)[0] == 415
    assert client.send('/ping/', method='GET')[0] == client.send('/ping', method='GET')[0] == 200


@pytest.mark.parametrize('path, status', [
    ('/', 404),
    ('/predApi/v1.0/nothing/predict', 404),
    ('/predApi/v2.0/monthly_rent/predict', 404),
    (MODEL_ROUTE.format(RENT, RENT), 404),
    (MODEL_ROUTE.format(PROJECT_ID, PROJECT_ID), 404),
    (DEPLOYMENT_ROUTE.format(RENT) + 'predictions', 404),
    (MODEL_ROUTE.format(PROJECT_ID, RENT) + '?maxCodes=3', 422),
    (MODEL_ROUTE.format(PROJECT_ID, RENT) + '?a=b', 422),
    (CODES_ROUTE.format(PROJECT_ID, RENT, 'x'), 422),
    (CODES_ROUTE.format(PROJECT_ID, RENT, 0), 422),
    (CODES_ROUTE.format(PROJECT_ID, RENT, 3) + '&a=b', 422),
    ('/api/v1/{0}/{1}/reasonCodesPredictions?maxCodes=3'.format(
        PROJECT_ID, RENT), 404),
])
def test_a_wrong_route_or_argument_is_refused(client, path, status):
    answer = client.send(path, flats())
    assert answer[0] == status
    assert answer[1]['message']


def test_a_get_of_predictions_is_not_allowed(client):
    path = MODEL_ROUTE.format(PROJECT_ID, RENT)
    assert client.send(path, method='GET')[0] == 405
    assert client.send(TOKEN_ROUTE, method='DELETE')[0] == 405


@pytest.mark.parametrize('headers, status', [
    (GRANTED, 200),
    ({'Authorization': 'Bearer ' + DEMO_ACCOUNT.api_token}, 200),
    ({'Authorization': 'Bearer x'}, 401),
    ({'Authorization': 'Basic ???'}, 401),
    (basic(DEMO_ACCOUNT.user, DEMO_ACCOUNT.password), 401),
    (basic('else@example.com', DEMO_ACCOUNT.api_token), 401),
    ({}, 401),
])
def test_predictions_need_the_token(client, headers, status):
    path = MODEL_ROUTE.format(PROJECT_ID, RENT)
    assert client.send(path, flats(), headers)[0] == status


def test_predictions_need_the_key_where_there_is_one(client):
    client.application.account = DEMO_ACCOUNT._replace(key='the-key')
    path = MODEL_ROUTE.format(PROJECT_ID, RENT)
    key = {'datarobot-key': 'the-key'}
    assert client.send(path, flats(), dict(GRANTED, **key))[0] == 200
    assert client.send(path, flats(), GRANTED)[0] == 401


def test_a_password_fetches_the_token_or_makes_a_new_one(client):
    account = basic(DEMO_ACCOUNT.user, DEMO_ACCOUNT.password)
    assert client.send(TOKEN_ROUTE, b'', account, 'GET') == (
        200, {'api_token': DEMO_ACCOUNT.api_token})
    new = client.send(TOKEN_ROUTE, b'', account, 'POST')[1]['api_token']
    assert new != DEMO_ACCOUNT.api_token
    path = MODEL_ROUTE.format(PROJECT_ID, RENT)
    assert client.send(path, flats())[0] == 401
    assert client.send(path, flats(), basic(DEMO_ACCOUNT.user, new))[0] == 200
    assert client.send(TOKEN_ROUTE, b'', GRANTED, 'GET')[0] == 401


def test_a_body_above_the_limit_is_refused_packed_or_not(client):
    client.application.max_bytes = len(flats())
    path = MODEL_ROUTE.format(PROJECT_ID, RENT)
    assert client.send(path, flats())[0] == 200
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb') as out:
        out.write(flats(4))
    headers = dict(GRANTED, **{'Content-Encoding': 'gzip'})
    assert client.send(path, packed.getvalue(), headers)[0] == 413
    assert client.send(path, flats(4))[0] == 413


@pytest.mark.parametrize('length', [b'\xb2', b'-1', b'1e3', b''])
def test_a_length_that_is_no_number_is_refused(length, capfd):
    with DemoServer() as server:
        client = socket.create_connection(server.server_address)
        client.sendall(b'POST / HTTP/1.1\r\nContent-Length: ' + length + b'\r\n\r\n')
        assert b' 411 ' in client.recv(4096)
        client.close()
    assert 'Traceback' not in capfd.readouterr()[1]


def test_the_demo_scores_its_sample_with_the_real_command(tmp_path):
    run = subprocess.Popen(
        [sys.executable, '-m', 'datarobot_batch_scoring.demo',
         '--out={0}'.format(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    shown = run.communicate()[0].decode('utf-8')
    assert run.returncode == 0
    assert 'row_id,listing_id,monthly_rent,predicted_rent' in shown
    lines = (tmp_path / 'demo_out.csv').read_bytes().splitlines()
    assert len(lines) == ROWS + 1


@pytest.mark.skipif(os.name == 'nt', reason='no such signals')
def test_the_demo_writes_the_files_that_the_pages_name_and_replaces_no_other(tmp_path):
    words = [sys.executable, '-m', 'datarobot_batch_scoring.demo', '--files={0}'.format(tmp_path)]
    for _ in range(2):
        assert subprocess.check_output(words, cwd=ROOT).decode('utf-8').startswith('Written to ')
    written = sorted(os.listdir('{0}'.format(tmp_path)))
    assert 'data.csv.gz' in written and 'excel.csv' in written
    (tmp_path / 'excel.csv').write_bytes(b'mine')
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE)
    assert b'excel.csv exists and is another file' in process.communicate()[1] and process.returncode == 2
    assert (tmp_path / 'excel.csv').read_bytes() == b'mine' and sorted(os.listdir('{0}'.format(tmp_path))) == written


def test_the_demo_serves_until_it_is_interrupted():
    run = subprocess.Popen(
        [sys.executable, '-m', 'datarobot_batch_scoring.demo', '--serve'],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    url = re.search('http://([0-9.]+):([0-9]+)',
                    run.stdout.readline().decode('utf-8'))
    connection = HTTPConnection(url.group(1), int(url.group(2)))
    connection.request(
        str('POST'), str('/predApi/v1.0/energy_class/predict'), flats())
    assert connection.getresponse().status == 200
    os.kill(run.pid, signal.SIGINT)
    out, err = run.communicate()
    assert out.decode('utf-8').endswith('Stopped.\n')
    assert (run.returncode, err) == (130, b'')


@pytest.mark.skipif(os.name == 'nt', reason='the commands are those of a Unix shell')
def test_the_commands_that_the_demo_prints_run_when_pasted_and_keep_all_their_outputs(tmp_path):
    serving = subprocess.Popen(
        [sys.executable, '-m', 'datarobot_batch_scoring.demo', '--serve'],
        cwd=ROOT, stdout=subprocess.PIPE, env=dict(os.environ, PATH=os.defpath))
    printed = ''
    while 'Ids, by target' not in printed:
        printed += serving.stdout.readline().decode('utf-8')
    commands = re.findall(r'(?m)^  \S.*(?:\n      .*)*', printed)
    for command in commands:
        assert_readable(command)
    codes = [subprocess.call(['sh', '-c', each], cwd='{0}'.format(tmp_path),
                             env=dict(os.environ, PATH=os.defpath, PYTHONPATH=ROOT))
             for each in commands]
    os.kill(serving.pid, signal.SIGINT)
    serving.communicate()
    assert codes == [0] * 8
    assert len([each for each in os.listdir('{0}'.format(tmp_path)) if each.endswith('.csv')]) == 8


def assert_readable(command):
    """A line for the program, one for the server, one for the other options, and one for the arguments."""
    program, server, others, arguments = [line.strip() for line in command.replace('\\\n', '\n').split('\n')]
    assert re.match(r'\S+ -m datarobot_batch_scoring\.\w+$', program)
    assert ' --host=' in ' ' + server and '--out=' in others
    assert '--' not in arguments and arguments.endswith('sample.csv')
    assert max(map(len, (program, server, others))) < 120


@pytest.mark.parametrize('port', ['99999', 'taken'])
def test_a_port_that_cannot_be_had_is_one_line(port):
    with DemoServer() as server:
        if port == 'taken':
            port = '{0}'.format(server.server_address[1])
        run = subprocess.Popen(
            [sys.executable, '-m', 'datarobot_batch_scoring.demo',
             '--port=' + port], cwd=ROOT, stderr=subprocess.PIPE)
        err = run.communicate()[1].decode('utf-8')
    assert run.returncode == 2
    assert err.startswith('Cannot listen on 127.0.0.1:' + port)
    assert len(err.splitlines()) == 1
