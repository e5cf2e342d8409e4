"""What S3 does to a run on a cluster, and what a killed one leaves there."""

from __future__ import absolute_import, unicode_literals

import json
import signal

import pytest

from scoring import IMPORT

pytest.importorskip('distributed')
pytest.importorskip('s3fs')

from store_proxy import StoreProxy  # noqa: E402

ROWS = 500
# Much of what goes in comes out, so that the store joins it in several pieces.
WIDE = b'abcdefghi ' * 1200


SILENT = ' has not responded for 5 s. Retrying.'


def dataset():
    """6 MB."""
    return b'x,text\n' + b''.join(b'%d,%s\n' % (n, WIDE) for n in range(ROWS))


def expected():
    return b'row_id,text,y\n' + b''.join(b'%d,%s,%d\n' % (n, WIDE, n) for n in range(ROWS))


@pytest.fixture
def proxy(s3):
    made = StoreProxy(s3.options['s3']['endpoint_url'])
    yield made
    made.stop()


@pytest.fixture
def start(start_command, server, folder, s3, proxy, cluster):
    """`start(option, ...)` starts to score `dataset()` from S3 to S3."""
    def start(*options):
        return start_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + cluster.address, '--keep_cols=text', '--n_samples=10',
            '--storage_options=storage.json', '--out={0}scored.csv'.format(s3.bucket), '--yes',
            IMPORT, s3.bucket + 'data.csv'] + list(options))
    options = dict(s3.options['s3'], endpoint_url=proxy.url)
    folder.write('storage.json', json.dumps({'s3': options}).encode('ascii'))
    s3.files.pipe_file(s3.bucket + 'data.csv', dataset())
    return start


def check(result, s3):
    """The output is whole, and nothing is left beside it."""
    assert result.code == 0 and not [
        line for line in result.err.splitlines() if SILENT not in line], result
    assert s3.files.cat_file(s3.bucket + 'scored.csv') == expected()
    assert [each for each in s3.names() if '.run/' in each] == []
    assert s3.uploads() == []


@pytest.mark.parametrize('option', ['--resume', '--no-resume'])
def test_an_upload_that_a_killed_client_left_half_done_is_removed(start, s3, proxy, option):
    proxy.holds = lambda method, target: method == 'POST' and 'scored.csv?uploadId=' in target
    command = start('--no-resume')
    assert proxy.held.wait(120)
    command.send_to_all(signal.SIGKILL)
    command.wait()
    assert [each for each in s3.uploads() if each.endswith('scored.csv')]
    proxy.holds = lambda method, target: False
    check(start(option).wait(120), s3)
    # Whoever was about to complete it comes too late.
    proxy.go.set()
    assert s3.files.cat_file(s3.bucket + 'scored.csv') == expected()


def test_a_store_that_asks_to_slow_down_is_asked_again(start, s3, proxy, server):
    proxy.refuses = lambda method, target: bool(server.answered) and proxy.refused < 60
    check(start('--no-resume').wait(180), s3)
    assert proxy.refused == 60


@pytest.mark.parametrize('holds', [
    lambda method, target: True, lambda method, target: method == 'GET' and 'data.csv' in target,
    lambda method, target: method == 'PUT' and 'scored.csv.run/part' in target],
    ids=['everything', 'the dataset', 'a part'])
def test_a_store_that_does_not_answer_is_reported_while_it_is_waited_for(start, s3, proxy, server, holds):
    proxy.holds = holds
    command = start()
    assert proxy.held.wait(120)
    server.wait_for(lambda: SILENT in command.err(), 60)
    assert command.running()
    proxy.holds = lambda method, target: False
    proxy.go.set()
    result = command.wait(120)
    check(result, s3)
    assert result.err.startswith('warning: ' + s3.bucket) and result.err.count(SILENT) == 1, result


def test_a_bucket_that_keeps_all_versions_is_a_bucket(start, s3):
    def keep(status):
        s3.files.call_s3('put_bucket_versioning', Bucket=s3.bucket[5:-1], VersioningConfiguration={'Status': status})
    keep('Enabled')
    try:
        check(start('--no-resume').wait(120), s3)
    finally:
        keep('Suspended')


def test_a_part_that_was_replaced_since_it_was_put_is_not_joined(start, s3, proxy, server):
    server.delay = 0.2
    # Another test in this bucket may have left one.
    for name in s3.names():
        if name.endswith('/scored.csv'):
            s3.files.rm_file(name)
    command = start()
    server.wait_for(lambda: [name for name in s3.names() if '.run/part-' in name], 120)
    name = [name for name in s3.names() if '.run/part-' in name][0]
    s3.files.pipe_file(name, b'x' * s3.files.info(name)['size'])
    server.delay = 0
    result = command.wait(120)
    assert result.code == 1 and 'Part s3://' + name in result.err, result
    assert not s3.files.exists(s3.bucket + 'scored.csv')
