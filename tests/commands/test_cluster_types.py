"""Columns have the same types in all processes of a Dask cluster as on one machine."""

from __future__ import absolute_import, unicode_literals

import gzip
import json

import pytest

import faults
import when
from scoring import IMPORT
from typed_tables import TABLES, assert_sent, random_table, rows_sent

pytest.importorskip('distributed')

ROWS = 3000


def table(last='2.5'):
    """A dataset (bytes) of which only the last rows show that x is no integer and code is text."""
    lines = ['x,code,new'] + ['{0},{1},true'.format(n, n % 10) for n in range(ROWS - 1)]
    return '\n'.join(lines + [last + ',007,', '']).encode('ascii')


@pytest.fixture
def on_cluster(run_command, server, folder, cluster):
    """`on_cluster(protocol, option, ...)` scores data.csv."""
    def score(protocol, *options, **more):
        return run_command('batch_scoring_sse', [
            '--host=' + server.url, '--protocol=' + protocol, '--scheduler=' + cluster.address]
            + ([IMPORT] if protocol == 'v2' else []) + [more.get('data', 'data.csv')] + list(options), timeout=120)
    return score


def sent(server, begin=0):
    """{the first value of each row that was sent: the row}, of mlflow."""
    rows = []
    for each in server.batches[begin:]:
        body = json.loads(each.body.decode('utf-8'), parse_float=lambda text: text, parse_int=int)
        rows += body['dataframe_split']['data']
    return dict((row[0], row) for row in rows)


@pytest.mark.parametrize('pack', [bytes, gzip.compress], ids=['plain', 'packed'])
def test_typed_requests_for_mlflow_are_those_of_one_machine(on_cluster, score, server, folder, pack):
    folder.write('data.csv', pack(table()))
    single = score(None, '--protocol=mlflow', '--out=single.csv', ids=[])
    assert single.code == 0, single
    expected, begin = sent(server), len(server.batches)
    result = on_cluster('mlflow', '--out=scored.csv', '--n_samples=50')
    assert (result.code, result.err) == (0, single.err), result
    assert folder.read('scored.csv') == folder.read('single.csv')
    assert folder.lines('scored.csv')[1] == '0,0.0'
    assert len(server.batches) - begin > 10 and sent(server, begin) == expected
    assert expected['0.0'] == ['0.0', '0', True]


def test_tensors_for_v2_are_those_of_one_machine_within_the_rows_that_the_server_takes(
        on_cluster, score, server, folder):
    server.about['/v2'] = {'name': 'triton'}
    server.about['/v2/models/{0}/config'.format(IMPORT)] = {'max_batch_size': 100}
    columns = [('x', 'FP64'), ('code', 'BYTES')]
    server.about['/v2/models/' + IMPORT] = {'inputs': [
        {'name': name, 'datatype': datatype, 'shape': [-1, 1]} for name, datatype in columns]}
    folder.write('data.csv', table())
    single = score(None, '--protocol=v2', '--out=single.csv', ids=[IMPORT])
    assert single.code == 0, single
    result = on_cluster('v2', '--out=scored.csv')
    assert (result.code, result.err) == (0, single.err), result
    assert folder.read('scored.csv') == folder.read('single.csv')
    assert max(len(each.rows) for each in server.batches) <= 100
    assert len([each for each in server.log if each.target.endswith('/config')]) == 2


@pytest.mark.parametrize('protocol', ['mlflow', 'v2'])
@pytest.mark.parametrize('seed', range(TABLES // 2))
def test_a_table_has_the_same_types_on_a_cluster(on_cluster, server, folder, seed, protocol):
    table = random_table(seed)
    server.about['/v2'] = {'name': 'kserve'}
    folder.write('data.csv', table.data)
    result = on_cluster(protocol, '--n_samples=3')
    assert (result.code, result.err) == (0, ''), result
    assert_sent(rows_sent(batch.body for batch in server.batches), table)


@pytest.mark.parametrize('protocol', ['mlflow', 'v2'])
def test_a_dataset_in_s3_has_the_same_types(on_cluster, server, folder, s3, protocol):
    server.about['/v2'] = {'name': 'kserve'}
    folder.write('storage.json', json.dumps(s3.options).encode('ascii'))
    s3.files.pipe_file(s3.bucket + 'data.csv.gz', gzip.compress(table()))
    result = on_cluster(protocol, '--storage_options=storage.json', '--n_samples=200', '--keep_cols=code',
                        data=s3.bucket + 'data.csv.gz')
    assert (result.code, result.err) == (0, ''), result
    rows = rows_sent(batch.body for batch in server.batches)
    assert len(rows) == ROWS and rows['number', '0.0'] == [('number', '0.0'), '0', True]
    assert folder.lines()[1:4:2] + folder.lines()[-1:] == ['0,0,0.0', '2,2,2.0', '2999,007,2.5']


def test_values_that_do_not_fit_are_set_aside_as_on_one_machine(on_cluster, score, folder):
    folder.write('types.json', b'{"code": "integer"}')
    folder.write('data.csv', table().replace(b'\n1000,0,', b'\n1000,A,').replace(b'\n2000,0,', b'\n2000,"B ""b""",'))
    options = ['--types=types.json', '--n_samples=50']
    single = score(None, '--protocol=mlflow', '--out=single.csv', '--bad_rows=bad.csv', *options, ids=[])
    result = on_cluster('mlflow', '--bad_rows=bad-rows.csv', *options)
    assert (single.code, result.code) == (3, 3), result
    assert folder.read() == folder.read('single.csv')
    assert folder.read('bad-rows.csv') == folder.read('bad.csv')
    assert [row[:2] for row in folder.records('bad.csv')[1:]] == [
        ['1000', '1002'], ['2000', '2002'], ['2999', '3001']]


def test_a_resume_keeps_the_types(on_cluster, server, folder):
    folder.write('data.csv', table())
    folder.write('types.json', b'{"code": "string"}')
    options = ['--n_samples=50', '--types=types.json']
    server.fail(faults.status(400, 'no'), when.holds('{0}.0'.format(ROWS - 2)))
    result = on_cluster('mlflow', *options)
    assert result.code == 1, result
    server.heal()
    # The types that this dataset shows are others.
    folder.write('data.csv', table('2'))
    result = on_cluster('mlflow', '--resume', *options)
    assert result.code == 0, result
    assert folder.lines()[ROWS - 1:] == ['{0},{0}.0'.format(ROWS - 2), '{0},2.0'.format(ROWS - 1)]


def test_a_plan_whose_types_are_none_is_not_resumed(on_cluster, server, folder):
    folder.write('data.csv', table())
    server.fail(faults.status(400, 'no'), when.holds('{0}.0'.format(ROWS - 2)))
    assert on_cluster('mlflow', '--n_samples=50').code == 1
    server.heal()
    plan = json.loads(folder.read('out.csv.run/plan.json').decode('utf-8'))
    plan['matching']['column types'][0] = 'money'
    folder.write('out.csv.run/plan.json', json.dumps(plan).encode('ascii'))
    result = on_cluster('mlflow', '--n_samples=50', '--resume')
    assert result.code == 2 and 'it does not have the types of the columns' in result.err, result


def test_a_value_that_does_not_fit_and_a_dry_run_name_what_they_do_on_one_machine(on_cluster, score, folder):
    folder.write('types.json', b'{"code": "integer"}')
    folder.write('data.csv', table().replace(b'\n1000,0,', b'\n1000,A,'))
    single = score(None, '--protocol=mlflow', '--types=types.json', '--dry_run', ids=[])
    result = on_cluster('mlflow', '--types=types.json', '--dry_run')
    assert (result.code, result.err) == (single.code, single.err) and result.code == 1, result
    assert result.err.startswith('Row 1000 (dataset line 1002)')
    folder.write('data.csv', table())
    single = score(None, '--protocol=mlflow', '--dry_run', ids=[])
    result = on_cluster('mlflow', '--dry_run')
    assert (result.code, result.err) == (0, ''), result
    assert 'types: x number, code string, new boolean' in result.out
    assert result.out.split('; ')[1:] == single.out.split('; ')[1:]


def test_a_server_that_describes_models_only_with_a_token_needs_that_of_the_client(on_cluster, server, folder):
    folder.write('data.csv', table())
    server.fail(faults.status(401, 'no token'), when.path_has('/v2/models'))
    result = on_cluster('v2')
    assert (result.code, server.batches) == (1, []), result
    assert result.err.startswith('The server describes its models only to clients with a token (status 401)'), result
    assert 'Set BATCH_SCORING_API_TOKEN for this command too' in result.err
