"""A dataset's URL that leads to no file, or to a server that cannot do what a run needs, is one sentence."""

from __future__ import absolute_import, unicode_literals

import json
import os
import re
import threading

import pytest

import faults
import when
from scoring import IMPORT, LOG, numbered, predicted

pytest.importorskip('distributed')
pytest.importorskip('s3fs')
pytest.importorskip('aiohttp')

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402

DATA = numbered(60000)
SMALL = numbered(2000)


class Files(BaseHTTPRequestHandler):
    """Serves `DATA`, or `SMALL`, under every name; the name says how."""

    protocol_version = 'HTTP/1.1'

    def do_HEAD(self):
        self._answer(False)

    def do_GET(self):
        self._answer(True)

    def _answer(self, with_body):
        whole = SMALL if 'small' in self.path else DATA
        data, wanted = whole, re.match(r'bytes=(\d+)-(\d*)', self.headers.get('Range') or '')
        ranges = 'norange' not in self.path
        if wanted and ranges:
            start, end = int(wanted.group(1)), int(wanted.group(2) or len(whole) - 1)
            data = whole[start:end + 1]
            self.send_response(206)
            self.send_header('Content-Range', 'bytes {0}-{1}/{2}'.format(start, start + len(data) - 1, len(whole)))
        else:
            self.send_response(200)
        self.send_header('ETag', '"one"')
        if ranges:
            self.send_header('Accept-Ranges', 'bytes')
        if 'nolength' in self.path:
            self.send_header('Connection', 'close')
            self.close_connection = True
        else:
            self.send_header('Content-Length', '{0}'.format(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def files():
    served = ThreadingHTTPServer(('127.0.0.1', 0), Files)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield 'http://127.0.0.1:{0}/'.format(served.server_port)
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture
def run(run_command, server, folder, cluster):
    def run(*args):
        return run_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + cluster.address, '--yes', IMPORT] + list(args), timeout=120)
    return run


@pytest.fixture
def refused(run, server, folder):
    def refused(words, *args):
        before = folder.state()
        result = run(*args)
        assert (result.code, result.stray, server.log, folder.state()) == (2, False, [], before), result
        assert 'Unexpected' not in result.err and 'Traceback' not in result.err, result.err
        lines = [line for line in result.err.splitlines() if 'has not responded for 5 s' not in line]
        assert len(lines) <= 2, result.err
        assert [word for word in words if word not in result.err] == [], result.err
    return refused


@pytest.fixture
def storage(s3, folder):
    folder.write('storage.json', json.dumps(s3.options).encode('ascii'))
    for name in ('p/in.csv', '/slash.csv'):
        s3.files.call_s3('put_object', Bucket=s3.bucket[5:-1], Key=name, Body=numbered(10))
    return '--storage_options=storage.json'


@pytest.mark.parametrize('name, words', [
    ('', ['bucket']), ('p', ['p is a directory']), ('p/', ['p/ is a directory']),
    ('nothing/', ['nothing/ is a directory']),
    ('nothing.csv', ['does not exist']), ('p/in.csv/', ['is a directory'])])
def test_a_bucket_or_prefix_is_no_dataset(refused, s3, storage, name, words):
    refused(words, s3.bucket + name, storage)


def test_a_directory_is_no_dataset(refused, folder):
    refused(['directory'], 'file://' + folder.path)
    refused(['directory'], folder.path)


def test_a_key_that_begins_with_a_slash_is_a_name(run, s3, storage, folder):
    for dataset in (s3.bucket + '/slash.csv', 'S3://' + s3.bucket[5:] + 'p/in.csv'):
        result = run(dataset, storage)
        assert result.code == 0 and len(folder.lines()) == 11, result


def test_an_output_whose_key_begins_with_a_slash_is_refused(refused, s3, storage, folder):
    folder.write('data.csv', numbered(10))
    refused(['begins with a slash'], 'data.csv', '--out=' + s3.bucket + '/out.csv', storage)


@pytest.mark.parametrize('key', ['upper.csv', 'p//doubled.csv', 'a b%20c.csv'])
def test_an_output_has_its_very_key(run, s3, storage, folder, key):
    folder.write('data.csv', numbered(10))
    folder.write('storage.json', json.dumps({'s3': s3.options['s3'], 's3a': s3.options['s3']}).encode('ascii'))
    result = run('data.csv', '--out=S3A://' + s3.bucket[5:] + key, storage)
    assert result.code == 0, result
    found = s3.files.call_s3('list_objects_v2', Bucket=s3.bucket[5:-1])['Contents']
    assert key in [each['Key'] for each in found]


@pytest.mark.parametrize('url', ['file:///tmp/a%00b.csv', 'file://elsewhere/tmp/a.csv'])
def test_a_url_that_can_be_no_file_is_refused(refused, url):
    refused(['dataset'], url)


def test_nothing_listens(refused):
    refused(['http://127.0.0.1:9/data.csv cannot be used: Connect call failed'], 'http://127.0.0.1:9/data.csv')


def test_a_password_in_the_url_of_the_dataset_is_shown_nowhere(run, server, files, folder):
    url = files.replace('://', '://me:canary%2F1@') + 'small.csv'
    server.fail(faults.status(403, 'not canary/1 nor canary%2F1'), when.holds('1500'))
    result = run(url, '--report=report.json', '--out=out.csv', '--verbose')
    assert result.code == 1 and 'not *****' in result.err, result
    seen = [result.out, result.err] + [folder.read(each).decode('utf-8') for each in (
        LOG, 'report.json', os.path.join('out.csv.run', 'plan.json'))]
    assert 'small.csv' in seen[-1] and not [each for each in seen if 'canary' in each]
    server.heal()
    result = run(url, '--report=report.json', '--out=out.csv', '--resume')
    assert result.code == 0 and 'canary' not in result.out + result.err, result
    assert folder.read() == predicted(2000)
    refused = run(url.replace('small.csv', 'norange.csv'), '--out=other.csv')
    assert refused.code == 2 and 'canary' not in refused.err and 'norange.csv' in refused.err


@pytest.mark.parametrize('url', ['http://me:canary%2F1@{0}/small.csv', 'http://{0}/small.csv?a=1&sig=canary-2%3D'])
def test_a_secret_in_the_url_of_the_dataset_is_not_in_what_the_scheduler_shows(
        start_command, server, cluster, files, folder, url):
    server.delay = 0.2
    url = url.format(files.split('/')[2])
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, '--n_samples=20', IMPORT, url, '--out=out.csv'])
    server.wait_for(lambda: server.answered, 60)
    seen = cluster.everything_a_client_sees()
    assert 'small.csv' in seen
    server.delay = 0
    result = command.wait(120)
    assert result.code == 0 and folder.read() == predicted(2000), result
    seen += result.err + folder.read(LOG).decode('utf-8')
    assert 'canary' not in seen


def test_a_server_of_ranges_is_read_like_a_file(run, files, folder):
    result = run(files + 'data.csv')
    assert result.code == 0 and folder.lines()[1:] == ['{0},{0}'.format(n) for n in range(60000)], result


def test_a_server_without_ranges_is_named_as_such(refused, files):
    refused(['does not support ranges', files + 'norange.csv'], files + 'norange.csv')


@pytest.mark.parametrize('name', ['nolength.csv', 'nolength-norange.csv'])
def test_a_server_that_does_not_say_a_length_is_named_as_such(refused, files, name):
    refused(['Content-Length', files + name], files + name)
