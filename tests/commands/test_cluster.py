"""A run on a Dask cluster gives the bytes of a run on one machine, from and to files and S3."""

from __future__ import absolute_import, unicode_literals

import gzip
import json
import os
import signal
import threading

import pytest

import faults
import when
from scoring import IMPORT, MODEL, PROJECT, numbered

pytest.importorskip('distributed')
pytest.importorskip('s3fs')

from dask_cluster import workers_that_send  # noqa: E402

from datarobot_batch_scoring.cluster import joining  # noqa: E402
from datarobot_batch_scoring.cluster.remains import RunDirectory  # noqa: E402
from datarobot_batch_scoring.cluster.stores import open_store  # noqa: E402

# So wide that a few hundred of them are many parts.
WIDTH = 2000


def wide(rows, encoding='utf-8', line_end='\n'):
    """A dataset (bytes) of some 2 KB a row; some have quoted line breaks."""
    lines = ['x,city,text']
    for n in range(rows):
        text = '\xe9' * 10 + 'abcde ' * (WIDTH // 6)
        if n % 3 == 0:
            text = '"{0},{1}""q"" {1}{0}"'.format(text[:WIDTH // 2], line_end)
        lines.append('{0},"town, {0}",{1}'.format(n, text))
        if n % 50 == 7:
            lines.append('')
    return line_end.join(lines + ['']).encode(encoding)


@pytest.fixture
def on_cluster(run_command, server, folder, cluster):
    """`on_cluster(dataset, option, ...)`: a `command.Result`."""
    def score(data, *options, **more):
        return run_command(more.pop('command', 'batch_scoring_sse'), [
            '--host=' + server.url, '--scheduler=' + cluster.address] + more.pop(
                'ids', [IMPORT]) + [data] + list(options), timeout=120, **more)
    return score


def well(result):
    assert (result.code, result.stray) == (0, False), result
    assert 'Traceback' not in result.err
    return result


KINDS = [
    ('plain', lambda: numbered(4000), []),
    ('quoted', lambda: wide(300), ['--keep_cols=text,city']),
    ('crlf', lambda: wide(200, line_end='\r\n'), ['--n_samples=7', '--keep_cols=*']),
    ('latin', lambda: wide(200, 'latin-1'), ['--encoding=latin-1', '--keep_cols=text']),
    ('utf-16', lambda: wide(100, 'utf-16'), ['--keep_cols=text']),
    ('packed', lambda: gzip.compress(wide(300)), ['--keep_cols=city']),
    ('some rows', lambda: wide(300).replace(b'\n\n', b'\n'), ['--rows=120:230']),
]


@pytest.mark.parametrize('kind, data, options', KINDS, ids=[each[0] for each in KINDS])
def test_output_and_warnings_are_those_of_a_run_on_one_machine(
        on_cluster, score, folder, kind, data, options):
    folder.write('data.csv', data())
    single = well(score(None, '--out=single.csv', *options))
    result = well(on_cluster('data.csv', '--out=scored.csv', *options))
    assert result.err == single.err
    assert result.out.split(': ')[0] == single.out.split(': ')[0].replace('single', 'scored')
    assert folder.read('scored.csv') == folder.read('single.csv')
    assert not folder.has('scored.csv.run')


def test_explanations_come_from_a_cluster_too(on_cluster, run_command, make_server, folder, cluster):
    server = make_server(shape='binary', shuffle=True)
    folder.write('data.csv', wide(200))
    options = ['--host=' + server.url, '--api_token=test-token', '--max_prediction_explanations=3',
               '--compress', PROJECT, MODEL, 'data.csv']
    single = run_command('batch_scoring', options + ['--out=single.csv'])
    assert single.code == 0, single
    well(run_command('batch_scoring', options + [
        '--out=scored.csv', '--scheduler=' + cluster.address], timeout=120))
    assert folder.read('scored.csv') == folder.read('single.csv')


@pytest.fixture
def storage(s3, folder):
    """The name of a file for --storage_options."""
    folder.write('storage.json', json.dumps(s3.options).encode('ascii'))
    return 'storage.json'


@pytest.mark.parametrize('name', ['scored.csv', 'scored.csv.gz'])
def test_a_dataset_in_s3_is_scored_to_s3(
        on_cluster, score, folder, s3, storage, name):
    data = wide(400)
    s3.files.pipe_file(s3.bucket + 'in/data.csv', data)
    folder.write('data.csv', data)
    well(score(None, '--out=' + name, '--keep_cols=text'))
    well(on_cluster(s3.bucket + 'in/data.csv', '--out={0}out/{1}'.format(s3.bucket, name),
                    '--keep_cols=text', '--storage_options=' + storage))
    found = s3.files.cat_file(s3.bucket + 'out/' + name)
    assert (gzip.decompress(found) if name.endswith('.gz') else found) == folder.read(name)
    assert [each for each in s3.names() if '.run/' in each] == []


def test_a_file_is_scored_to_s3_and_what_is_there_to_a_file(on_cluster, score, folder, s3, storage):
    folder.write('data.csv', wide(300))
    well(score(None, '--keep_cols=text', '--out=single.csv'))
    there = s3.bucket + 'mixed/scored.csv'
    well(on_cluster('data.csv', '--out=' + there, '--keep_cols=text', '--storage_options=' + storage))
    assert s3.files.cat_file(there) == folder.read('single.csv')
    s3.files.pipe_file(s3.bucket + 'mixed/data.csv', wide(300))
    well(on_cluster(s3.bucket + 'mixed/data.csv', '--out=back.csv', '--keep_cols=text',
                    '--storage_options=' + storage))
    assert folder.read('back.csv') == folder.read('single.csv')
    assert not folder.has('back.csv.run')
    assert [each for each in s3.names() if '.run/' in each] == []


def test_an_output_of_many_megabytes_is_joined(on_cluster, score, folder, s3, storage):
    data = wide(7000)
    s3.files.pipe_file(s3.bucket + 'in/large.csv', data)
    well(on_cluster(s3.bucket + 'in/large.csv', '--out={0}out/large.csv'.format(s3.bucket),
                    '--keep_cols=text', '--storage_options=' + storage))
    folder.write('data.csv', data)
    well(score(None, '--keep_cols=text', '--out=large.csv'))
    assert s3.files.cat_file(s3.bucket + 'out/large.csv') == folder.read('large.csv')


@pytest.mark.parametrize('kind', ['plain', 'quoted', 'latin', 'packed'])
def test_explanations_in_any_order_come_from_s3_to_s3(
        run_command, make_server, cluster, folder, s3, storage, kind):
    data, given = next((made(), more) for name, made, more in KINDS if name == kind)
    server = make_server(shape='multiclass', shuffle=True)
    name = kind + '.csv' + '.gz' * (kind == 'packed')
    s3.files.pipe_file(s3.bucket + 'in/' + name, data)
    folder.write(name, data)
    options = ['--host=' + server.url, '--api_token=test-token', PROJECT, MODEL,
               '--max_prediction_explanations=2'] + given
    single = run_command('batch_scoring', options + [name, '--out=single.csv'])
    assert single.code == 0, single
    well(run_command('batch_scoring', options + [
        s3.bucket + 'in/' + name, '--out={0}out/{1}.csv'.format(s3.bucket, kind),
        '--storage_options=' + storage, '--scheduler=' + cluster.address], timeout=120))
    assert s3.files.cat_file('{0}out/{1}.csv'.format(s3.bucket, kind)) == folder.read('single.csv')


def test_large_parts_are_joined_by_the_store_itself(s3):
    store = open_store(s3.bucket, s3.options)
    remains = RunDirectory(store, s3.bucket + 'joined.csv')
    min_size = joining.MIN_PART_SIZE
    sizes = [3 * min_size, 1, min_size, min_size - 1, 2 * min_size + 7, 100]
    pieces = [('part-{0}'.format(n), size, None) for n, size in enumerate(sizes)]
    for n, (name, size, _) in enumerate(pieces):
        store.put(remains.folder + name, (b'%d,' % n * size)[:size])
    called = []
    call = store.filesystem.call_s3
    store.filesystem.call_s3 = lambda name, **more: called.append(name) or call(name, **more)
    try:
        size = joining.join(remains, store, s3.bucket + 'joined.csv', b'header', pieces)
    finally:
        del store.filesystem.call_s3
    assert called.count('upload_part_copy') == 2 and called[-1] == 'complete_multipart_upload'
    expected = b'header' + b''.join((b'%d,' % n * each)[:each] for n, each in enumerate(sizes))
    assert size == len(expected)
    assert s3.files.cat_file(s3.bucket + 'joined.csv') == expected
    remains.remove((), lambda: None)


@pytest.mark.parametrize('out, part', [
    ('scored.csv', 'scored.csv'), ('parts/', 'parts/part-00002.csv')])
def test_what_a_killed_run_had_half_uploaded_is_removed(
        on_cluster, folder, s3, storage, out, part):
    bucket = s3.bucket[5:-1]
    for key in (part, out.rstrip('/') + '.run/input-0f', 'scored.csv2', 'parts/mine'):
        s3.files.call_s3('create_multipart_upload', Bucket=bucket, Key=key)
    folder.write('data.csv', numbered(100))
    well(on_cluster('data.csv', '--out=' + s3.bucket + out, '--no-resume',
                    '--storage_options=' + storage))
    assert s3.uploads() == ['parts/mine', 'scored.csv2']
    s3.files.clear_multipart_uploads(bucket)


@pytest.mark.parametrize('pack', [bytes, gzip.compress])
def test_a_dry_run_reads_all_and_sends_and_writes_nothing(
        on_cluster, score, server, folder, pack):
    folder.write('data.csv', pack(wide(300)))
    single = well(score(None, '--dry_run', '--n_samples=300'))
    result = well(on_cluster('data.csv', '--dry_run'))
    assert (result.out.split(' in ')[0], result.err) == (single.out.split(' in ')[0], single.err)
    assert not server.log and not folder.has('out.csv') and not folder.has('out.csv.run')


def test_after_a_run_no_process_is_connected_to_the_server(on_cluster, cluster, server, folder):
    folder.write('data.csv', numbered(400))
    server.fail(faults.held(server.flag))
    seen = threading.Thread(target=lambda: (
        server.wait_for(lambda: workers_that_send(cluster, server)), server.flag.set()))
    seen.start()
    well(on_cluster('data.csv'))
    seen.join()
    server.wait_for(lambda: not workers_that_send(cluster, server))


def test_there_is_nothing_to_resume_in_a_complete_output(on_cluster, server, folder):
    folder.write('data.csv', numbered(20))
    well(on_cluster('data.csv'))
    before, requests = folder.read(), len(server.log)
    result = on_cluster('data.csv', '--resume')
    assert (result.code, folder.read(), len(server.log)) == (2, before, requests)
    assert 'Nothing to resume: ' in result.err and 'out.csv has no checkpoint' in result.err, result


def test_the_output_can_be_a_folder_of_parts(on_cluster, score, folder):
    folder.write('data.csv', wide(300))
    well(score(None, '--out=single.csv'))
    for _ in range(2):
        well(on_cluster('data.csv', '--out=scored/', '--yes', '--no-resume'))
    names = sorted(os.listdir(folder('scored')))
    assert names == ['part-{0:05d}.csv'.format(n) for n in range(len(names))] and len(names) > 3
    rows = [folder.read(os.path.join('scored', each)).split(b'\n', 1) for each in names]
    assert set(each[0] for each in rows) == set([b'row_id,y'])
    assert b'row_id,y\n' + b''.join(each[1] for each in rows) == folder.read('single.csv')


def test_a_url_needs_no_scheduler(run_command, server, folder):
    folder.write('data.csv', numbered(300))
    well(run_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'file://' + folder('data.csv')], timeout=120))
    assert len(folder.lines()) == 301


# --- resume ----------------------------------------------------------------------

def test_after_an_error_a_run_goes_on_and_scores_no_part_again(on_cluster, server, folder):
    folder.write('data.csv', wide(300))
    server.fail(faults.status(400), when.holds('280'))
    result = on_cluster('data.csv', '--n_concurrent=1', '--n_samples=20')
    assert result.code == 1 and '--resume' in result.err, result
    assert folder.has('out.csv.run') and not folder.has('out.csv')
    records = [json.loads(folder.read(os.path.join('out.csv.run', name)).decode('utf-8'))
               for name in os.listdir(folder('out.csv.run')) if name.startswith('record-')]
    done = [n for each in records for n in range(each['stretch'][2], sum(each['stretch'][2:4]))]
    assert len(done) >= 100
    server.heal()
    well(on_cluster('data.csv', '--resume', '--n_samples=20'))
    assert [row[0] for row in folder.records()[1:]] == ['{0}'.format(n) for n in range(300)]
    assert all(server.answered['{0}'.format(n)] == 1 for n in done)
    assert not folder.has('out.csv.run')


def test_a_client_that_is_killed_leaves_a_run_to_resume(
        start_command, on_cluster, server, folder, cluster):
    folder.write('data.csv', wide(300))
    server.delay = 0.1
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, '--n_samples=10', IMPORT,
        'data.csv'])
    server.wait_for(lambda: len(server.answered) >= 100)
    command.send_to_all(signal.SIGKILL)
    command.wait()
    well(on_cluster('data.csv', '--resume', '--n_samples=10'))
    assert [row[0] for row in folder.records()[1:]] == ['{0}'.format(n) for n in range(300)]


def test_a_run_that_was_killed_before_all_was_scanned_goes_on(on_cluster, server, folder):
    folder.write('data.csv', wide(300))
    server.fail(faults.status(400), when.holds('280'))
    assert on_cluster('data.csv', '--n_concurrent=1', '--n_samples=20').code == 1
    name = os.path.join('out.csv.run', 'plan.json')
    plan = json.loads(folder.read(name).decode('utf-8'))
    assert plan['stretches']
    # As it is written before anything is scored.
    folder.write(name, json.dumps(dict(plan, stretches=[])).encode('utf-8'))
    server.heal()
    before = dict(server.answered)
    well(on_cluster('data.csv', '--resume', '--n_samples=20'))
    assert [row[0] for row in folder.records()[1:]] == ['{0}'.format(n) for n in range(300)]
    assert before['10'] == server.answered['10'] == 1


def test_a_record_is_repaired_before_a_run_goes_on(on_cluster, server, folder):
    lines = wide(300).split(b'\n')
    at = next(place for place, line in enumerate(lines) if line.startswith(b'250,'))
    bad = lines[:at] + [lines[at] + b',too,many'] + lines[at + 1:]
    folder.write('data.csv', b'\n'.join(bad))
    result = on_cluster('data.csv', '--n_concurrent=1', '--n_samples=20')
    assert result.code == 1 and '5 fields' in result.err, result
    folder.write('data.csv', b'\n'.join(lines))
    well(on_cluster('data.csv', '--resume', '--n_samples=20'))
    assert [row[0] for row in folder.records()[1:]] == ['{0}'.format(n) for n in range(300)]
    assert server.answered['10'] == 1


def test_what_a_killed_run_commits_late_is_not_part_of_the_next(on_cluster, server, folder):
    folder.write('data.csv', wide(300))
    server.fail(faults.status(400), when.holds('280'))
    options = ['data.csv', '--n_concurrent=1', '--n_samples=20']
    assert on_cluster(*options).code == 1
    late = dict((name, folder.read(os.path.join('out.csv.run', name)))
                for name in os.listdir(folder('out.csv.run')) if name.startswith(('part-', 'record-')))
    assert len(late) > 4
    server.heal()

    def commit_late(record):
        # The next run has cleared the folder, and written its plan.
        while late:
            name, data = late.popitem()
            folder.write(os.path.join('out.csv.run', name), data)
        return 0
    server.delay = commit_late
    well(on_cluster(*options + ['--no-resume', '--skip_row_id']))
    assert not late and folder.lines() == ['y'] + ['{0}'.format(n) for n in range(300)]


def test_other_settings_are_refused_when_resuming(on_cluster, server, folder):
    folder.write('data.csv', wide(300))
    server.fail(faults.status(400), when.holds('280'))
    assert on_cluster('data.csv', '--n_concurrent=1', '--n_samples=20').code == 1
    result = on_cluster('data.csv', '--resume', '--n_samples=20', '--skip_row_id')
    assert (result.code, result.stray) == (2, False)
    assert '--skip_row_id was not given and is True' in result.err
    server.heal()
    well(on_cluster('data.csv', '--no-resume', '--n_samples=20', '--skip_row_id'))
    assert len(folder.records()) == 301


def test_a_checkpoint_of_a_single_run_is_not_one_of_a_cluster(on_cluster, score, server, folder):
    server.fail(faults.status(400), when.holds('50'))
    assert score(numbered(100), '--n_samples=7').code == 1
    result = on_cluster('data.csv', '--resume')
    assert result.code == 2
    assert 'its checkpoint comes from a run without --scheduler' in result.err


def test_a_checkpoint_of_a_cluster_is_not_one_of_a_single_run(on_cluster, score, server, folder):
    folder.write('data.csv', wide(300))
    server.fail(faults.status(400), when.holds('280'))
    assert on_cluster('data.csv', '--n_concurrent=1', '--n_samples=20').code == 1
    result = score(None, '--resume', '--n_samples=20')
    assert result.code == 2
    assert 'its checkpoint comes from a run with --scheduler' in result.err


def test_of_two_runs_on_one_output_the_second_is_refused(
        start_command, on_cluster, server, folder, cluster):
    folder.write('data.csv', numbered(100))
    server.fail(faults.never(), when.while_set(server.flag))
    server.flag.set()
    first = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, IMPORT, 'data.csv'])
    server.wait_for(lambda: server.in_flight)
    second = on_cluster('data.csv')
    assert second.code == 2 and 'Another run is writing out.csv.' in second.err, second
    first.send(signal.SIGINT)
    assert first.wait(60).code == 130


# --- what cannot be ---------------------------------------------------------------

def test_a_scheduler_that_does_not_answer_is_named(run_command, server, folder):
    folder.write('data.csv', numbered(10))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=tcp://127.0.0.1:9', IMPORT, 'data.csv'], timeout=90)
    assert (result.code, result.stray) == (2, False)
    assert result.err.startswith('The scheduler tcp://127.0.0.1:9 does not respond.\n'), result.err
    assert 'Traceback' not in result.err


@pytest.mark.parametrize('option, words', [
    ('--api_token=secret-token', 'Refusing to send credentials to tcp://192.0.2.1:8786'),
    ('--storage_options=storage.json', 'the secrets of --storage_options (s3: key, s3: secret)'),
])
def test_secrets_do_not_go_to_other_machines_unencrypted(
        run_command, server, folder, s3, storage, option, words):
    folder.write('data.csv', numbered(10))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--scheduler=tcp://192.0.2.1:8786', option, PROJECT, MODEL,
        'data.csv'])
    assert (result.code, result.stray) == (2, False)
    assert words in result.err and 'tls://' in result.err
    assert 'secret-token' not in result.err and s3.options['s3']['secret'] not in result.err


def test_a_secret_of_the_store_that_a_server_says_is_not_shown(
        on_cluster, server, folder, s3, storage):
    secret = s3.options['s3']['secret']
    server.fail(faults.status(403, 'who told you {0}?'.format(secret)))
    folder.write('data.csv', numbered(10))
    result = on_cluster('data.csv', '--storage_options=' + storage)
    assert result.code == 1
    assert 'who told you' in result.err and secret not in result.err


def test_a_dataset_that_is_not_there_is_named(on_cluster, folder, s3, storage):
    result = on_cluster(s3.bucket + 'nothing.csv', '--storage_options=' + storage)
    assert result.code == 2
    assert 'The dataset {0}nothing.csv does not exist.'.format(s3.bucket) in result.err


def test_an_output_in_a_bucket_that_is_not_there_is_a_usage_error(
        on_cluster, server, folder, s3, storage):
    folder.write('data.csv', numbered(10))
    out = s3.bucket[:-1] + '-not-there/scored.csv'
    result = on_cluster('data.csv', '--out=' + out, '--storage_options=' + storage)
    assert result.code == 2 and 'scored.csv.run/' in result.err, result
    assert 'cannot be used: ' in result.err and not server.log


@pytest.mark.parametrize('text', [b'{', b'[]', b'{"s3": 1}'])
def test_storage_options_that_are_no_objects_are_a_usage_error(on_cluster, folder, text):
    folder.write('data.csv', numbered(10))
    folder.write('storage.json', text)
    result = on_cluster('data.csv', '--storage_options=storage.json')
    assert result.code == 2 and 'is not JSON with one object per scheme' in result.err


def test_rows_that_wait_for_the_first_accepted_one_are_set_aside(on_cluster, server, folder):
    # Four of them are the first part, and four the second.
    folder.write('data.csv', b'x,text\n' + b''.join(
        b'%d,%s\n' % (n, b'abcde ' * 6000) for n in range(60)))
    server.fail(faults.status(422), lambda record: any(int(key) < 7 for key in record.keys))
    result = on_cluster('data.csv', '--bad_rows=bad.csv', '--n_concurrent=2')
    assert (result.code, result.stray) == (3, False), result
    lines = folder.read('out.csv').splitlines()
    assert [int(line.split(b',')[0]) for line in lines[1:]] == list(range(60))
    assert [line.split(b',')[1] == b'' for line in lines[1:]] == [n < 7 for n in range(60)]
    assert folder.read('bad.csv').count(b'\n') == 8


def test_no_bad_rows_file_is_overwritten_without_a_question(on_cluster, server, folder):
    folder.write('data.csv', numbered(10))
    folder.write('bad.csv', b'of another run')
    result = on_cluster('data.csv', '--bad_rows=bad.csv')
    assert (result.code, server.log) == (2, []) and 'The bad-rows file' in result.err
    assert folder.read('bad.csv') == b'of another run'
    well(on_cluster('data.csv', '--bad_rows=bad.csv', '--yes'))
    assert folder.read('bad.csv').startswith(b'row_id,line,reason,')
