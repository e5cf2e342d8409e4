"""Datasets that are not CSV, and outputs of JSON Lines, on a cluster."""

from __future__ import absolute_import, unicode_literals

import gzip
import io
import json
import signal

import pytest

from scoring import IMPORT

pytest.importorskip('distributed')
pytest.importorskip('s3fs')

ROWS = 3000


def rows():
    return [('{0}'.format(n), 'a\n"{0}",'.format(n)) for n in range(ROWS)]


def json_lines():
    return ''.join(json.dumps({'x': x, 'text': text}) + '\n' for x, text in rows()).encode('ascii')


def gzipped():
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb', mtime=0) as target:
        target.write(json_lines())
    return packed.getvalue()


def parquet():
    pyarrow = pytest.importorskip('pyarrow')
    from pyarrow import parquet
    target = io.BytesIO()
    x, text = zip(*rows())
    parquet.write_table(pyarrow.table({'x': list(x), 'text': list(text)}), target, row_group_size=500)
    return target.getvalue()


@pytest.fixture
def command(server, folder, s3, cluster):
    """`command(data, option, ...)` puts `data` into S3 and gives the arguments that score it from there to there."""
    def command(data, *options):
        folder.write('storage.json', json.dumps(s3.options).encode('ascii'))
        s3.files.pipe_file(s3.bucket + 'data', data)
        return 'batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + cluster.address, '--keep_cols=text', '--n_samples=100',
            '--storage_options=storage.json', IMPORT, s3.bucket + 'data'] + list(options)
    return command


MAKERS = [json_lines, gzipped, parquet]


@pytest.mark.parametrize('out', ['scored.csv', 'scored.jsonl', 'scored.jsonl.gz'])
@pytest.mark.parametrize('make', MAKERS)
def test_a_dataset_of_another_kind_in_a_store_gives_the_bytes_of_one_machine(
        run_command, score, s3, command, folder, make, out):
    result = run_command(*command(make(), '--out={0}{1}'.format(s3.bucket, out), '--yes'))
    assert (result.code, result.err) == (0, ''), result
    score.well(make(), '--keep_cols=text', '--out=' + out)
    on_cluster, alone = s3.files.cat_file(s3.bucket + out), folder.read(out)
    on_cluster = gzip.decompress(on_cluster) if out.endswith('.gz') else on_cluster
    assert on_cluster == alone and alone.count(b'\n') >= ROWS


@pytest.mark.parametrize('make', MAKERS)
def test_a_client_that_is_killed_leaves_a_run_to_resume(start_command, run_command, server, s3, command, make):
    words = command(make(), '--out={0}killed.csv'.format(s3.bucket), '--yes')
    server.delay = 0.05
    started = start_command(*words)
    server.wait_for(lambda: len(server.answered) >= ROWS // 3)
    started.send_to_all(signal.SIGKILL)
    started.wait()
    server.delay = 0
    result = run_command(words[0], words[1] + ['--resume'])
    assert (result.code, result.err) == (0, ''), result
    assert s3.files.cat_file(s3.bucket + 'killed.csv').decode('ascii') == ''.join(
        ['row_id,text,y\n'] + ['{0},"{1}",{0}\n'.format(x, text.replace('"', '""')) for x, text in rows()])
    assert [name for name in s3.names() if 'killed.csv.run/' in name] == []


def test_records_that_cannot_be_sent_are_set_aside(run_command, s3, command):
    lines = json_lines().splitlines(True)
    lines[7], lines[2000] = b'\n{"x":7,"text":"a","q":1}\n', b'{"x":2000,"text":"\\ud800"}\n'
    result = run_command(*command(
        b''.join(lines), '--out={0}aside.csv'.format(s3.bucket), '--bad_rows={0}bad.csv'.format(s3.bucket)))
    assert result.code == 3, result
    assert s3.files.cat_file(s3.bucket + 'bad.csv').decode('utf-8').splitlines() == [
        'row_id,line,reason,x,text',
        '7,9,"Line 9 of the dataset cannot be sent: it has the key q, which the first line lacks.",7,a',
        '2000,2002,Line 2002 of the dataset cannot be read: it contains half a surrogate pair.,2000,\ufffd']
    assert b'\n7,a,\n8,' in s3.files.cat_file(s3.bucket + 'aside.csv')


@pytest.mark.parametrize('damage, code, word', [
    (lambda data: data[:-20], 2, 'damaged'), (lambda data: data[:90] + b'\xff' * 90 + data[180:], 2, 'damaged'),
    (lambda data: data[:30000] + b'\xff' * 500 + data[30500:], 1, 'damaged')])
def test_a_damaged_parquet_file_in_a_store_is_named(run_command, s3, command, damage, code, word):
    result = run_command(*command(damage(parquet()), '--out={0}none.csv'.format(s3.bucket)))
    assert result.code == code and word in result.err and 'Traceback' not in result.err, result
    assert s3.bucket + 'data' in result.err and not s3.files.exists(s3.bucket + 'none.csv')


def test_a_file_that_all_machines_share_may_be_parquet(run_command, server, folder, cluster):
    folder.write('data.parquet', parquet())
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, IMPORT, 'data.parquet'])
    assert (result.code, result.err) == (0, ''), result
    assert len(folder.records()) == ROWS + 1
