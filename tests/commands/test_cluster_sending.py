"""What goes out from a Dask cluster is what goes out from one machine."""

from __future__ import absolute_import, unicode_literals

import json
import os

import pytest

from scoring import IMPORT, killed, numbered
from test_rates import SECONDS, check_rate
from test_unsendable_rows import BAD, KILLS, ROWS, assert_set_aside, unreadable

pytest.importorskip('distributed')


@pytest.fixture
def on_cluster(run_command, server, folder, cluster):
    def score(*options):
        return run_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + cluster.address, IMPORT, 'data.csv'] + list(options), timeout=120)
    return score


@pytest.mark.parametrize('encoding', ['utf-8', 'cp1252', 'utf-16-le'])
def test_records_that_cannot_be_sent_are_set_aside_there_too(on_cluster, score, folder, encoding):
    lines = numbered(4000).decode('ascii').split('\n')
    rows = list(range(7, 4000, 400))
    for row in rows:
        lines[row + 1] = ['{0},a,b', '{0},\0', '{0},\0x'][row % 3].format(row)
    data = '\n'.join(lines).encode(encoding)
    if encoding != 'utf-16-le':
        data = data.replace(b'town 11\n', b'town \x81\n')
    folder.write('data.csv', data)
    options = [BAD, '--encoding=' + encoding, '--keep_cols=city']
    single = score(None, '--out=single.csv', *options)
    bad = folder.read('bad.csv')
    assert single.code == 3 and len(folder.lines('bad.csv')) - 1 in (10, 11)
    os.remove(folder('bad.csv'))
    result = on_cluster('--out=scored.csv', *options)
    assert (result.code, result.err) == (3, single.err)
    assert folder.read('bad.csv') == bad and folder.read('scored.csv') == folder.read('single.csv')
    dry = on_cluster('--dry_run', *options)
    assert dry.code == 0 and 'rows of the dataset cannot be sent and would be set aside' in dry.err


def test_forty_rows_that_cannot_be_sent_are_set_aside_however_often_the_client_is_killed(
        start_command, server, folder, cluster):
    folder.write('data.csv', unreadable())
    server.delay = 0.02
    result = killed(lambda option: start_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, IMPORT, 'data.csv', BAD, '--encoding=utf-8',
        '--n_samples={0}'.format(ROWS // 200), option]), server, ROWS, KILLS)
    assert (result.code, result.err) == (3, ''), result
    assert_set_aside(folder)


def test_headers_columns_and_rates_are_those_of_every_process(on_cluster, server, folder):
    folder.write('data.csv', numbered(2000))
    result = on_cluster('--header=X-Tenant: canary-17', '--drop_cols=city', '--rows_per_second=1000')
    assert result.code == 0, result
    assert set(each.headers['x-tenant'] for each in server.log) == set(['canary-17'])
    assert not any(b'town' in each.body for each in server.batches)
    assert float(result.out.split(' s, ')[0].rsplit(' ', 1)[1]) > 2000 / 1000 - 0.3
    log = folder.read('datarobot_batch_scoring_main.log')
    assert b'canary-17' not in log


@pytest.mark.parametrize('n_concurrent', [1, 4, 16])
def test_a_rate_is_that_of_all_processes_together(on_cluster, server, folder, n_concurrent):
    folder.write('data.csv', numbered(300 * SECONDS))
    result = on_cluster('--rows_per_second=300', '--n_concurrent={0}'.format(n_concurrent))
    assert (result.code, result.err) == (0, '')
    check_rate(server, 300)


def test_headers_are_not_sent_unencrypted_to_other_machines(run_command, folder):
    folder.write('data.csv', numbered(20))
    result = run_command('batch_scoring_sse', [
        '--host=http://127.0.0.1:9', '--scheduler=tcp://192.0.2.7:8786', '--header=X-Tenant: canary-17', IMPORT,
        'data.csv'])
    assert result.code == 2 and 'Refusing to send the value of --header to tcp://192.0.2.7:8786' in result.err
    assert 'canary' not in result.err


def test_lines_with_too_few_fields_are_counted_and_named(on_cluster, folder):
    folder.write('data.csv', b'x,city\n' + b''.join(
        b'%d\n' % n if n % 4000 == 3 else b'%d,t\n' % n for n in range(20000)))
    result = on_cluster('--report=r.json')
    words = '5 lines had fewer fields than the header: lines 5, 4005, 8005, ...'
    assert result.code == 0 and '; ' + words in result.out, result
    assert result.err == (
        'warning: Line 5 of the dataset has fewer fields than the header; such lines are sent unchanged.\n')
    assert json.loads(folder.read('r.json').decode('ascii'))['short_lines'] == {'count': 5, 'first': [5, 4005, 8005]}
    assert words in folder.read('datarobot_batch_scoring_main.log').decode('ascii')
    assert words in on_cluster('--dry_run').out


@pytest.mark.parametrize('options, name, expected', [
    ([], 'out.csv', b''), (['--class_names=b,a', '--keep_cols=*'], 'out.csv', b'row_id,x,city,a,b\n'),
    (['--out=parts/', '--class_names=y'], 'parts/part-00000.csv', b'row_id,y\n'),
    (['--out=parts/'], 'parts/part-00000.csv', None)])
def test_a_dataset_without_rows_is_a_success_with_empty_ok(on_cluster, server, folder, options, name, expected):
    os.mkdir(folder('parts'))
    for each in ('bad.csv', 'out.csv', 'parts/part-00000.csv', 'parts/part-00001.csv'):
        folder.write(each, b'row_id,yesterday\n0,1\n')
    folder.write('data.csv', b'x,city\n')
    result = on_cluster('--empty_ok', '--yes', '--bad_rows=bad.csv', *options)
    assert (result.code, result.err) == (0, '')
    assert result.out.startswith('The dataset has no rows: nothing was sent, and ')
    assert server.log == [] and (folder.read(name) if folder.has(name) else None) == expected
    assert folder.lines('bad.csv') == ['row_id,line,reason,x,city']
    assert len(os.listdir(folder('parts'))) == (2 if 'parts/' not in name else 1 if expected else 0)
    assert not [each for each in os.listdir(folder.path) if each.endswith(('.run', '.shelve'))]
