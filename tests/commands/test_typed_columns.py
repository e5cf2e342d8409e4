"""Typed requests have no column that must not be sent, and a value that does not fit is set aside."""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import time

import pytest

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from scoring import LOG, WHOLE
from typed_tables import CUTS, TABLES, assert_sent, random_table, rows_sent

DATA = b'x,secret,code,c\n1,s1,01,5\n2,s2,02,6\n3,s3,03,7\n'
FEW = [['--drop_cols=secret,c'], ['--send_cols=x,code'], ['--send_cols=code,x']]


def names_of(options):
    return ['code', 'x'] if 'code,x' in options[0] else ['x', 'code']


@pytest.mark.parametrize('options', FEW)
def test_only_the_columns_to_be_sent_are_in_a_frame(score, server, folder, options):
    assert score(DATA, '--protocol=mlflow', '--keep_cols=secret', WHOLE, *options, ids=[]).code == 0
    rows = [[n, '0{0}'.format(n)] for n in (1, 2, 3)]
    names = names_of(options)
    assert json.loads(server.batches[0].body.decode('utf-8')) == {'dataframe_split': {
        'columns': names, 'data': rows if names[0] == 'x' else [row[::-1] for row in rows]}}
    assert [line.split(',')[1] for line in folder.lines()[1:]] == ['s1', 's2', 's3']


def about(*names):
    return {'name': 'flats', 'inputs': [{'name': name, 'datatype': 'BYTES', 'shape': [-1, 1]} for name in names]}


@pytest.mark.parametrize('metadata', [(), ('code', 'x')])
@pytest.mark.parametrize('options', FEW)
def test_only_they_are_tensors(score, server, options, metadata):
    server.about['/v2/models/flats'] = about(*metadata)
    score(DATA, '--protocol=v2', WHOLE, *options, ids=['flats'])
    bodies = [json.loads(each.body.decode('utf-8')) for each in server.batches]
    assert [[each['name'] for each in body['inputs']] for body in bodies] == [names_of(options)]
    assert not any(b's1' in each.body or b'secret' in each.body for each in server.log)


@pytest.mark.parametrize('more', [[], ['--check']])
@pytest.mark.parametrize('options', FEW)
def test_to_leave_out_a_column_that_the_model_takes_is_a_usage_error(score, server, folder, options, more):
    server.about['/v2/models/flats'] = about('x', 'secret')
    result = score(DATA, '--protocol=v2', *(options + more), ids=['flats'])
    assert (result.code, server.batches, folder.has('out.csv')) == (2, [], False)
    assert result.err == (options[0].partition('=')[0] + ' leaves out column secret, which model flats requires.\n'
                          'It requires: x, secret.\n')


def test_a_request_that_is_split_leaves_them_out_too(score, server, folder):
    server.fail(faults.status(422), when.holds('2'))
    result = score(DATA, '--protocol=mlflow', '--drop_cols=secret', '--bad_rows=bad.csv', WHOLE, ids=[])
    assert result.code == 3
    assert len(server.batches) > 1 and not any(b's1' in each.body or b'secret' in each.body for each in server.log)
    assert len(folder.lines('bad.csv')) == 2 and folder.lines('bad.csv')[1].endswith(',2,s2,02,6')


@pytest.mark.parametrize('protocol', ['mlflow', 'v2'])
def test_values_that_do_not_fit_are_set_aside(score, server, folder, protocol):
    folder.write('types.json', b'{"code": "integer", "x": "integer"}')
    data = b'x,code\n' + b''.join(b'%d,%s\n' % (n, {3: b'B', 8: b'C'}.get(n, b'5')) for n in range(20))
    ids = ['flats'] if protocol == 'v2' else []
    options = ['--protocol=' + protocol, '--types=types.json', '--n_samples=10']
    ends = score(data, *options, ids=ids)
    assert ends.code == 1 and ends.err.startswith('Row 3 (dataset line 5)'), ends
    result = score(data, '--bad_rows=bad.csv', '--yes', '--no-resume', *options, ids=ids)
    assert (result.code, result.stray) == (3, False), result
    bad = [line.split(',') for line in folder.lines('bad.csv')[1:]]
    assert [each[:2] + each[-2:] for each in bad] == [
        ['3', '5', '3', 'B'], ['8', '10', '8', 'C']]
    assert all('code' in line for line in folder.lines('bad.csv')[1:])
    scored = [line.split(',') for line in folder.lines()[1:]]
    assert [each[0] for each in scored if not each[1]] == ['3', '8'] and len(scored) == 20
    assert all(each[1] in ('', each[0], each[0] + '.0') for each in scored)
    assert score(data, '--dry_run', '--bad_rows=other.csv', *options, ids=ids).code == 0


@pytest.mark.parametrize('seed', range(TABLES))
@pytest.mark.parametrize('kind', ['mlflow', 'mlserver', 'kserve'])
def test_a_table_is_sent_alike_however_it_is_cut(score, server, kind, seed):
    table = random_table(seed)
    if kind == 'mlserver' and table.lacks_a_boolean:
        pytest.skip('MLServer makes false of a missing boolean')
    server.about['/v2'] = {'name': kind}
    protocol, ids = ('mlflow', []) if kind == 'mlflow' else ('v2', ['flats'])
    alike = []
    for cut in CUTS:
        begin = len(server.batches)
        result = score(table.data, '--protocol=' + protocol, '--n_samples={0}'.format(cut), '--yes', ids=ids)
        assert (result.code, result.err) == (0, ''), (result, table)
        alike.append(rows_sent(batch.body for batch in server.batches[begin:]))
    assert alike[1:] == alike[:-1]
    assert_sent(alike[0], table)


@pytest.mark.skipif(WINDOWS, reason='a pipe cannot be asked whether it is silent')
def test_where_a_stream_pauses_what_has_come_of_it_decides(start_command, server, folder):
    os.mkfifo(folder('fifo'))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=-', '--protocol=mlflow', '-'], prefix=['sh', '-c', 'exec "$0" "$@" <fifo'])
    with io.open(folder('fifo'), 'wb', buffering=0) as writer:
        writer.write(b'x,code\n1,01\n2,0')
        # The stream goes on, so without types nothing would be there to see.
        while not (folder.has(LOG) and 'types: x integer, code string' in folder.read(LOG).decode('utf-8')):
            assert command.running(), command.err()
            time.sleep(0.05)
        assert server.batches == []
        writer.write(b'2\n3,03\n')
    result = command.wait()
    sent = rows_sent([record.body for record in server.batches])
    assert (result.code, sorted(sent.values())) == (
        0, [[('integer', '%d' % n), '0%d' % n] for n in (1, 2, 3)]), result.err
