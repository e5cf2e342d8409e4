# -*- coding: utf-8 -*-
"""Against the real DRUM and MLflow, every prediction is what the model itself says.

    pytest -n 0 -m real_servers
"""

from __future__ import absolute_import, division, unicode_literals

import io
import json

import pytest

from datarobot_batch_scoring.dataset.csv_bytes import read_records
from real_server import CLASSES, free_port
from scoring import DEPLOYMENT, IMPORT, MODEL, PROJECT

pytestmark = pytest.mark.real_servers

KINDS = ('drum', 'mlflow')
# DRUM rounds to ten decimals; what goes through JSON as it is, is exact.
PRECISION = {'drum': 1e-9, 'mlflow': 0.0, 'mlserver': 0.0}
TARGETS = ('binary', 'multiclass', 'regression')

# requests in flight, rows a batch (None: sized by the answers)
WAYS = [(1, 6000), (8, 20), (4, None), (2, 977)]


@pytest.fixture
def score(run_command):
    """`score(server, data, ...)` runs `batch_scoring_sse` with the protocol of the server."""
    def run(server, data, *options, **more):
        more.setdefault('timeout', 180)
        return run_command('batch_scoring_sse', [
            '--protocol=' + server.protocol, '--host=' + server.host, data] + list(options), **more)
    return run


def records(folder, name='out.csv'):
    """The records of a file, as lists of text, the header first."""
    return list(read_records(folder.read(name), b','))


def assert_same(found, kind_of, labels, rows, ahead=1):
    """The columns of an output, from `ahead` on, have the model's predictions, in order."""
    header, body = found[0], found[1:]
    assert [row[0] for row in body] == ['{0}'.format(n) for n in range(len(rows))]
    for row, expected in zip(body, rows):
        expected = dict(zip(labels, expected))
        for label, text in zip(header[ahead:], row[ahead:]):
            assert abs(float(text) - expected[label]) <= PRECISION[kind_of], (row, expected)


def options_of(way):
    concurrent, samples = way
    return ['--keep_cols=stadt,name', '--n_concurrent={0}'.format(concurrent)] + (
        ['--n_samples={0}'.format(samples)] if samples else [])


def assert_all(found, data, kind_of, labels, rows):
    """The records of an output: the columns of `options_of`, and the model's predictions."""
    assert found[0] == ['row_id', 'stadt', 'name'] + labels
    assert_same(found, kind_of, labels, rows, ahead=3)
    with io.open(data, 'rb') as source:
        sent = list(read_records(source.read(), b','))
    assert [row[1:3] for row in found[1:]] == [[row[3], row[0]] for row in sent[1:]]


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('kind', KINDS + ('mlserver',))
def test_every_prediction_is_the_models_own(
        kind, target, way, shared, models, score, data, folder):
    named = kind != 'drum' and CLASSES[target]
    result = score(shared(kind, target), data, *options_of(way) + (
        ['--class_names=' + ','.join(CLASSES[target])] if named else []))
    assert (result.code, result.err) == (0, ''), result
    labels, rows = models(kind).says(target, data)
    assert_all(records(folder), data, kind, labels or ['prediction'], rows)


@pytest.mark.parametrize('kind', KINDS + ('mlserver',))
def test_a_check_says_what_the_columns_would_be(kind, shared, score, data, folder):
    result = score(shared(kind, 'binary'), data, '--check', '--keep_cols=stadt')
    assert (result.code, result.err) == (0, ''), result
    columns = 'no, yes' if kind == 'drum' else 'prediction_0, prediction_1'
    assert result.out.startswith('Check passed: row 0 was scored (4 columns')
    assert result.out.endswith('; output columns: row_id, stadt, {0}; nothing was written.\n'.format(columns))
    assert folder.state() == {}


@pytest.mark.parametrize('kind', KINDS)
def test_a_report_counts_the_classes_of_a_model_that_answers_them_as_texts(
        kind, shared, models, score, data, folder):
    server = shared(kind, 'classes', env={'TARGET_NAME': 'class'})
    result = score(server, data, '--n_samples=500', '--report=report.json')
    assert (result.code, result.err) == (0, ''), result
    labels, rows = models(kind).says('multiclass', data)
    expected = [labels[row.index(max(row))] for row in rows]
    assert [row[1] for row in records(folder)[1:]] == expected
    found = json.loads(folder.read('report.json').decode('ascii'))
    assert found['predictions'] == {
        'classes': dict((label, expected.count(label)) for label in labels)}
    assert found['prediction_columns']['prediction']['missing'] == found['null_values'] == 0


@pytest.mark.parametrize('kind', KINDS)
def test_a_report_has_the_numbers_of_each_class(kind, shared, models, score, data, folder):
    result = score(shared(kind, 'multiclass'), data, '--n_samples=500', '--report=report.json')
    assert (result.code, result.err) == (0, ''), result
    found = json.loads(folder.read('report.json').decode('ascii'))['prediction_columns']
    _, rows = models(kind).says('multiclass', data)
    assert len(found) == 3
    for label, numbers in zip(sorted(found), zip(*rows)):
        assert found[label]['count'] == len(numbers)
        assert found[label]['mean'] == pytest.approx(sum(numbers) / len(numbers))


@pytest.mark.parametrize('samples', [20, 500, 6000])
@pytest.mark.parametrize('kind', KINDS)
def test_the_output_is_the_same_however_the_input_is_cut(kind, samples, shared, score, data, folder):
    server = shared(kind, 'binary')
    assert score(server, data, '--n_samples=977', '--out=whole.csv').code == 0
    assert score(server, data, '--n_samples={0}'.format(samples), '--n_concurrent=8').code == 0
    assert folder.read('whole.csv') == folder.read()


def configuration(folder, target):
    """The path of a deployment's configuration for DRUM."""
    classes = CLASSES[target]
    folder.write('deployment.json', json.dumps({'target': {
        'name': 'y', 'type': target.capitalize(), 'prediction_threshold': 0.25,
        'class_mapping': classes and [[name, at] for at, name in enumerate(classes)],
    }}).encode('utf-8'))
    return folder('deployment.json')


@pytest.mark.parametrize('target', TARGETS)
def test_drum_with_a_prefix_and_a_deployments_configuration(
        target, own, models, score, data, folder):
    server = own('drum', target, env={'URL_PREFIX': '/models/rent'},
                 options=['--deployment-config', configuration(folder, target)])
    server.start().ready()
    more = ['--pred_threshold=t'] if target == 'binary' else []
    result = score(server, data, '--n_samples=500', '--pred_decision=d', *more)
    assert (result.code, result.err) == (0, ''), result
    labels, rows = models('drum').says(target, data)
    found = records(folder)
    ends = len(more) + 1
    assert [row[-1] for row in found[:1]] == ['d']
    assert target != 'binary' or set(row[-2] for row in found[1:]) == set(['0.25'])
    assert_same([row[:-ends] for row in found], 'drum', labels or ['y'], rows)


OWN_ROUTES = {
    'batch_scoring': ('/predApi/v1.0/{0}/{1}'.format(PROJECT, MODEL), [PROJECT, MODEL]),
    'batch_scoring_deployment_aware': ('/predApi/v1.0/deployments/' + DEPLOYMENT, [DEPLOYMENT]),
    'batch_scoring_sse': ('/predApi/v1.0/' + IMPORT, [IMPORT]),
}


@pytest.mark.parametrize('command', sorted(OWN_ROUTES))
def test_the_three_commands_as_they_are_against_drum_with_their_routes(
        command, own, models, run_command, data, folder):
    prefix, ids = OWN_ROUTES[command]
    server = own('drum', 'binary', variant='-own-routes', env={'URL_PREFIX': prefix},
                 options=['--deployment-config', configuration(folder, 'binary')])
    server.start().ready()
    token = ['--api_token=any'] if command != 'batch_scoring_sse' else []
    labels, rows = models('drum').says('binary', data)
    for way in WAYS:
        result = run_command(command, ['--host=' + server.url, '--yes'] + options_of(way) + token
                             + ids + [data], timeout=180)
        assert (result.code, result.err) == (0, ''), result
        assert_all(records(folder), data, 'drum', labels, rows)


def test_the_route_of_a_deployment_that_redirects_to_one_with_a_slash(
        own, models, run_command, data, folder):
    server = own('drum', 'binary', env={'URL_PREFIX': '/deployments/rent-2'})
    server.start().ready()
    labels, rows = models('drum').says('binary', data)
    for way in WAYS:
        result = run_command('batch_scoring_deployment_aware', [
            '--protocol=drum', '--host=' + server.url, '--yes', 'rent-2', data] + options_of(way),
            timeout=180)
        assert (result.code, result.err) == (0, ''), result
        assert_all(records(folder), data, 'drum', labels, rows)


# --- trouble -----------------------------------------------------------------------

# The types of the columns are the same in each batch, and so are the batches after a resume.
SMALL = ['--keep_cols=stadt,name', '--n_samples=50']


@pytest.fixture
def start(start_command):
    """Starts `batch_scoring_sse` for a server, with small batches."""
    def start(server, data, *options):
        return start_command('batch_scoring_sse', [
            '--protocol=' + server.protocol, '--host=' + server.host, data] + SMALL + list(options))
    return start


@pytest.fixture
def assert_undisturbed(models, score, data, folder):
    """The output has the bytes of a run that nothing disturbs, and the model's predictions."""
    def check(server, target):
        assert score(server, data, '--out=whole.csv', *SMALL).code == 0
        assert folder.read() == folder.read('whole.csv')
        labels, rows = models(server.kind).says(target, data)
        assert_all(records(folder), data, server.kind, labels or ['prediction'], rows)
    return check


@pytest.mark.parametrize('kind', KINDS)
def test_a_server_that_is_started_after_the_command(kind, own, start, assert_undisturbed, data):
    server = own(kind, 'regression')
    command = start(server, data, '--timeout=120')
    while not command.living('network'):
        assert command.running()
    server.start()
    assert command.wait(180).code == 0
    assert_undisturbed(server, 'regression')


def at_work(command, folder):
    """Waits until a command has written some rows."""
    while not (folder.has('out.csv') and len(folder.read()) > 5000):
        assert command.running(), command.err()


def test_a_killed_worker_of_drum_is_no_more_than_a_retry(
        own, start, assert_undisturbed, data, folder):
    server = own('drum', 'binary')
    server.start().ready()
    command = start(server, data)
    at_work(command, folder)
    server.kill_worker()
    result = command.wait(180)
    assert result.code == 0, result
    assert_undisturbed(server, 'binary')


@pytest.mark.parametrize('kind', KINDS)
def test_a_server_that_is_restarted(kind, own, start, assert_undisturbed, data, folder):
    server = own(kind, 'regression')
    server.start().ready()
    command = start(server, data)
    at_work(command, folder)
    server.stop()
    server.start()
    assert command.wait(240).code == 0
    assert_undisturbed(server, 'regression')


@pytest.mark.parametrize('kind', KINDS)
def test_a_killed_run_is_resumed(kind, shared, start, score, assert_undisturbed, data, folder):
    server = shared(kind, 'regression')
    command = start(server, data)
    at_work(command, folder)
    command.end()
    assert score(server, data, '--resume', *SMALL).code == 0
    assert_undisturbed(server, 'regression')


@pytest.mark.parametrize('kind', KINDS)
def test_rows_that_the_model_cannot_score_are_found_among_thousands(
        kind, shared, models, score, data, folder):
    with io.open(data, encoding='utf-8', newline='') as source:
        good = source.read()
    head, name, tail = good.partition('Zoë 3001,')
    folder.write('bad.csv', (head + 'x,abc,1,Oslo\n' + name + tail).encode('utf-8'))
    server = shared(kind, 'regression')
    result = score(server, 'bad.csv', '--n_samples=500')
    assert result.code == 1
    assert 'row 3001 (' in result.err and 'Traceback' not in result.err, result.err
    result = score(server, 'bad.csv', '--n_samples=500', '--resume', '--bad_rows=refused.csv')
    assert result.code == 3, result
    found = records(folder)
    assert found[3002] == ['3001', '']
    assert [row[3:] for row in records(folder, 'refused.csv')[1:]] == [['x', 'abc', '1', 'Oslo']]
    del found[3002]
    _, rows = models(kind).says('regression', data)
    for row, expected in zip(found[1:], rows):
        assert abs(float(row[1]) - expected[0]) <= PRECISION[kind]


GOOD = 'größe,x2,stadt\n1,2,Oslo\n3,4,Köln\n'


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('content, path, code, said', [
    ('größe,x2\n1,2\n', '', 1, 'stadt'),
    ('größe,x2,stadt\n1,2,Oslo\nabc,4,Oslo\n', '', 1, 'abc'),
    ('', '', 2, 'is empty'),
    ('größe,x2,stadt\n', '', 2, 'a header but no rows'),
    (GOOD, '/wrong', 1, 'rejected the request (404)'),
], ids=['a missing column', 'a wrong type', 'an empty file', 'a header alone', 'a wrong prefix'])
def test_what_is_wrong_is_said_in_time(
        kind, content, path, code, said, shared, run_command, folder):
    folder.write('bad.csv', content.encode('utf-8'))
    result = run_command('batch_scoring_sse', [
        '--protocol=' + kind, '--host=' + shared(kind, 'binary').host + path, '--timeout=10',
        'bad.csv'], timeout=15)
    assert result.code == code and said in result.err, result
    assert 'Traceback' not in result.err and len(result.err.splitlines()) <= 4


@pytest.mark.parametrize('kind', KINDS)
def test_a_model_that_answers_too_few_rows_is_told_with_both_numbers(kind, shared, score, folder):
    folder.write('odd.csv', 'größe,x2,stadt\n1,1.5,Oslo\n3,999,Köln\n'.encode('utf-8'))
    result = score(shared(kind, 'odd'), 'odd.csv', '--timeout=10', '--n_samples=2', timeout=15)
    assert result.code == 1
    assert '2 rows were sent and 1 predictions received' in result.err


@pytest.mark.parametrize('kind', KINDS)
def test_a_wrong_port_is_said_in_time(kind, run_command, folder):
    folder.write('good.csv', GOOD.encode('utf-8'))
    result = run_command('batch_scoring_sse', [
        '--protocol=' + kind, '--host=http://127.0.0.1:{0}'.format(free_port()), '--timeout=2',
        'good.csv'], timeout=7)
    assert result.code == 1 and result.err.splitlines()[-2].startswith('No connection to ')


def test_infinity_of_a_data_frame_keeps_its_text(shared, score, folder):
    folder.write('odd.csv', 'größe,x2,stadt\n1,0.5,Oslo\n2,-0.5,Oslo\n'.encode('utf-8'))
    assert score(shared('mlflow', 'odd'), 'odd.csv').code == 0
    assert folder.lines() == ['row_id,a,b', '0,Infinity,1.0', '1,-Infinity,2.0']
