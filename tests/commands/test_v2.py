"""The Open Inference Protocol: what is asked before the run, requests, answers, statuses."""

from __future__ import absolute_import, unicode_literals

import json

import pytest

import faults
import when
from echo import Echo
from scoring import QUICK, WHOLE, numbered

KSERVE, TRITON = {'name': 'kserve'}, {'name': 'triton'}
FLATS = '/v2/models/flats'


@pytest.fixture
def score_v2(score):
    def run(data, *options, **more):
        return score(data, '--protocol=v2', *options, **more)
    return run


def inputs(*columns):
    return {'name': 'flats', 'inputs': [
        {'name': name, 'datatype': datatype, 'shape': shape} for name, datatype, shape in columns]}


def sent(server):
    return [json.loads(record.body.decode('utf-8')) for record in server.batches]


def test_a_column_is_a_tensor_and_the_answer_a_column(score_v2, server, folder):
    result = score_v2(b'x,city,new\n1,"a ""b""\\",TRUE\n2.50,,false\n', WHOLE)
    assert (result.code, result.err) == (0, ''), result
    assert folder.lines() == ['row_id,y', '0,1.0', '1,2.50']
    assert server.batches[0].target == FLATS + '/infer'
    assert sent(server) == [{
        'id': 'rows-0-1', 'parameters': {'content_type': 'pd'}, 'inputs': [
            {'name': 'x', 'datatype': 'FP64', 'shape': [2, 1], 'data': [1.0, 2.5]},
            {'name': 'city', 'datatype': 'BYTES', 'shape': [2, 1], 'data': ['a "b"\\', None],
             'parameters': {'content_type': 'str'}},
            {'name': 'new', 'datatype': 'BOOL', 'shape': [2, 1], 'data': [True, False]}]}]


@pytest.mark.parametrize('name, city, size', [
    ('mlserver', 'null', 'null'), ('kserve', 'NaN', 'NaN'), ('triton', '""', 'NaN'), ('other', 'null', 'null')])
def test_a_missing_value_is_sent_as_the_server_takes_it(score_v2, server, name, city, size):
    server.about['/v2'] = {'name': name}
    assert score_v2(b'x,city,size\n1,a,2\n2,,\n', WHOLE).code == 0
    body = server.batches[0].body.decode('utf-8')
    assert '"data":["a",{0}]'.format(city) in body
    assert '"data":[2.0,{0}]'.format(size) in body


def test_columns_are_those_of_the_models_metadata_with_its_types_and_shapes(score_v2, server):
    server.about[FLATS] = inputs(('city', 'BYTES', [-1]), ('x', 'FP32', [-1, 1]))
    assert score_v2(b'x,name,city\n1,A,007\n2,B,008\n', WHOLE).code == 0
    assert [(each['name'], each['datatype'], each['shape'], each['data']) for each in sent(server)[0]['inputs']] == [
        ('x', 'FP32', [2, 1], [1.0, 2.0]), ('city', 'BYTES', [2], ['007', '008'])]


def test_a_column_that_the_model_takes_and_the_dataset_lacks_is_a_usage_error(score_v2, server, folder):
    server.about[FLATS] = inputs(('x', 'FP64', [-1, 1]), ('area', 'FP64', [-1, 1]))
    result = score_v2(numbered(3), WHOLE)
    assert (result.code, server.batches, folder.has('out.csv')) == (2, [], False)
    assert result.err == ('The dataset lacks column area, which model flats requires.\n'
                          'It has the columns: x, city.\n')


@pytest.mark.parametrize('name, datatype, code', [('mlserver', 'FP64', 0), ('triton', None, 1)])
def test_an_integer_of_the_model_without_a_value_is_a_number_where_the_server_takes_that(
        score_v2, server, name, datatype, code):
    server.about['/v2'] = {'name': name}
    server.about[FLATS] = inputs(('x', 'INT64', [-1, 1]))
    result = score_v2(b'x,city\n1,a\n,b\n', WHOLE)
    assert result.code == code
    if code:
        assert result.err.startswith('Row 1 (dataset line 3): column x has no value')
    else:
        assert sent(server)[0]['inputs'][0]['datatype'] == datatype


def test_batches_stay_within_the_most_rows_that_the_server_takes(score_v2, server):
    server.about['/v2'] = TRITON
    server.about[FLATS + '/config'] = {'max_batch_size': 4}
    assert score_v2(numbered(10), WHOLE).code == 0
    assert sorted(len(record.rows) for record in server.batches) == [2, 4, 4]


def test_only_the_outputs_that_are_named_are_requested(score_v2, server):
    assert score_v2(numbered(2), WHOLE, '--outputs=predict,proba').code == 0
    assert sent(server)[0]['outputs'] == [{'name': 'predict'}, {'name': 'proba'}]


@pytest.mark.parametrize('options, header', [
    ([], 'row_id,proba_0,proba_1,proba_2'), (['--class_names=u,v,w'], 'row_id,u,v,w')])
def test_an_output_with_several_values_becomes_several_columns(score_v2, server, folder, options, header):
    server.echo = Echo(shape='multiclass')
    assert score_v2(numbered(3), WHOLE, *options).code == 0
    assert folder.lines()[0] == header


def test_class_names_that_fit_no_output_end_the_run(score_v2):
    result = score_v2(numbered(3), WHOLE, '--class_names=a,b')
    assert result.code == 1 and '--class_names' in result.err


def test_pred_name_renames_a_sole_output(score_v2, folder):
    assert score_v2(numbered(2), WHOLE, '--pred_name=rent').code == 0
    assert folder.lines()[0] == 'row_id,rent'


@pytest.mark.parametrize('option', ['--pred_threshold=t', '--pred_decision=d', '--max_prediction_explanations=2',
                                    '--request_format=csv', '--compress'])
def test_what_the_protocol_does_not_have_is_a_usage_error(score_v2, server, option):
    assert score_v2(numbered(2), option).code == 2
    assert server.log == []


def test_an_id_may_have_a_version(score_v2, server):
    server.about[FLATS + '/versions/2'] = {'inputs': []}
    assert score_v2(numbered(2), WHOLE, ids=['flats/versions/2']).code == 0
    assert server.batches[0].target == FLATS + '/versions/2/infer'


def test_the_id_is_required(run_command, folder):
    folder.write('data.csv', numbered(2))
    result = run_command('batch_scoring_sse', ['--protocol=v2', '--host=http://127.0.0.1', 'data.csv'])
    assert result.code == 2 and result.err.startswith('An argument is missing: <import_id>')


@faults.fault
def other_answer(exchange, change):
    status, body = exchange.good_answer()
    whole = json.loads(body.decode('utf-8'))
    change(whole)
    exchange.send(status, json.dumps(whole).encode('utf-8'))


ODD = {
    'its id is not the one': lambda whole: whole.update(id='rows-5-6'),
    '3 rows were sent and 2 predictions received': lambda whole: whole['outputs'][0].update(shape=[2, 1], data=[1, 2]),
    'has 3 values, its shape 3x2': lambda whole: whole['outputs'][0].update(shape=[3, 2]),
    'no list "outputs"': lambda whole: whole.pop('outputs'),
    'an output lacks name, shape or data': lambda whole: whole['outputs'][0].pop('data'),
}


@pytest.mark.parametrize('said', sorted(ODD))
def test_an_answer_that_does_not_fit_is_never_written(score_v2, server, folder, said):
    server.fail(other_answer(ODD[said]), when=when.path_has('infer'))
    result = score_v2(numbered(3), WHOLE, env=QUICK)
    assert result.code == 1 and said in result.err
    assert not folder.has('out.csv') or not folder.read()


def test_a_server_that_is_not_ready_is_waited_for(score_v2, server, folder):
    server.fail(faults.status(400, 'not ready'), when=when.both(when.path_has('/ready'), when.first_requests(2)))
    assert score_v2(numbered(3), WHOLE, env=QUICK).code == 0
    assert folder.lines()[1:] == ['0,0', '1,1', '2,2']


def test_an_unknown_model_ends_the_run_at_once(score_v2, server):
    result = score_v2(numbered(3), ids=['nope'])
    assert (result.code, server.batches) == (1, [])
    assert '(404)' in result.err and 'the name of the model' in result.err


def test_a_server_that_has_just_started_may_not_know_the_model_yet(score_v2, server, folder):
    about = when.path_has(FLATS)
    server.fail(faults.hang_up(), when=when.both(about, when.first_requests(1)))
    # Triton says that it is ready.
    server.fail(faults.status(404, 'unknown model'), when=when.both(about, when.first_requests(2)))
    assert score_v2(numbered(3), WHOLE, env=QUICK).code == 0
    assert folder.lines()[1:] == ['0,0', '1,1', '2,2']


def test_a_model_that_loads_again_is_waited_for(score_v2, server, folder):
    def pings():
        return sum(record.target.endswith('/ready') for record in server.log)
    lost = when.both(when.holds('10'), when.first_requests(1))
    server.fail(faults.reset_in_body(), when=lost)
    server.fail(faults.status(400, 'Model version not ready'),
                when=lambda record: record.target.endswith('/ready') and 1 < pings() < 4)
    server.fail(faults.status(404, 'unknown model'), when=lambda record: '10' in record.keys and pings() < 4)
    result = score_v2(numbered(20), '--n_samples=5', '--n_concurrent=1', env=QUICK)
    assert (result.code, pings()) == (0, 4), result
    assert folder.lines()[1:] == ['{0},{0}'.format(row) for row in range(20)]


@pytest.mark.parametrize('status, body', [
    (400, b'{"error": "ValueError: no"}'), (422, b'{"detail": "ValueError: no"}'),
    (500, b'{"error": "builtins.ValueError: no"}'),
    (500, b'Traceback (most recent call last):\n  ...\nValueError: no\n'),
    # PyTriton
    (500, b'{"error": "Failed: Traceback (most recent call last):\\n ...\\nValueError: no\\n\\n\\n\\n'
          b'At:\\n  /srv/model/1/model.py(501): execute\\n"}')])
def test_rows_that_the_model_rejects_are_set_aside(score_v2, server, folder, status, body):
    server.fail(faults.status(status, body=body), when=when.holds('7'))
    result = score_v2(numbered(20), WHOLE, '--bad_rows=bad.csv', env=QUICK)
    assert result.code == 3, result
    (row_id, _, reason, _, _), = folder.records('bad.csv')[1:]
    assert row_id == '7' and 'ValueError: no' in reason and 'model.py' not in reason
    assert folder.lines()[8] == '7,' and folder.lines()[9] == '8,8'
