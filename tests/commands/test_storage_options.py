"""Secrets in the file of --storage_options stay secret, wherever in it they are."""

from __future__ import absolute_import, unicode_literals

import base64
import json
import os

import pytest
from six.moves.urllib.parse import quote_plus

import faults
from scoring import IMPORT, LOG, numbered

pytest.importorskip('distributed')
pytest.importorskip('s3fs')

ELSEWHERE = 'tcp://192.0.2.1:8786'
BASIC = base64.b64encode(b'me:canary/basic').decode('ascii')

# What a file holds, and the secrets in that.
FILES = {
    'key': ({'s3': {'key': 'canary/1', 'secret': 'canary/2'}}, ['canary/1', 'canary/2']),
    'client': ({'s3': {'client_kwargs': {'aws_secret_access_key': 'canary/3'}}}, ['canary/3']),
    'header': ({'https': {'headers': {'Authorization': 'Bearer canary.4'}}}, ['canary.4']),
    'basic': ({'https': {'headers': {'Authorization': 'Basic ' + BASIC}}},
              [BASIC, 'canary/basic']),
    'cookie': ({'https': {'headers': {'Cookie': 'canary=5'}}}, ['canary=5']),
    'auth': ({'webdav': {'auth': ['me', 'canary&6']}}, ['canary&6']),
    'url': ({'s3': {'endpoint_url': 'https://user:canary%207@store.example'}},
            ['canary%207', 'canary 7']),
    'proxy': ({'s3': {'config_kwargs': {'proxies': {'https': 'http://u:canary8@proxy:3128'}}}},
              ['canary8']),
    'signed': ({'az': {'account_url': 'https://a.example/?sv=2024&sig=canary%2F9'}},
               ['canary%2F9', 'canary/9']),
    'target': ({'filecache': {'target_options': {'secret': 'canary-10', 'deeper': [
        {'token': 'canary-11'}]}}}, ['canary-10', 'canary-11']),
    'connection': ({'az': {'connection_string': 'AccountName=me;AccountKey=canary12=='}},
                   ['canary12==']),
    'number': ({'sftp': {'password': 987654321}}, ['987654321']),
}


def private(folder, options):
    folder.write('storage.json', json.dumps(options).encode('ascii'))
    os.chmod(folder('storage.json'), 0o600)


@pytest.fixture
def score(run_command, server, folder):
    """`score(scheduler, option, ...)` scores ten rows of a file with the storage options."""
    def run(scheduler, *options):
        folder.write('data.csv', numbered(10))
        return run_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + scheduler, '--storage_options=storage.json',
            IMPORT, 'data.csv'] + list(options), timeout=90)
    return run


@pytest.mark.parametrize('name', sorted(FILES))
def test_no_secret_goes_unencrypted_to_another_host_though_the_run_uses_no_such_store(
        score, server, folder, name):
    options, secrets = FILES[name]
    private(folder, options)
    for more in ((), ('--dry_run',)):
        result = score(ELSEWHERE, *more)
        assert (result.code, result.stray, server.log) == (2, False, [])
        assert 'Refusing to send the secrets of --storage_options (' in result.err and 'tls://' in result.err
        assert not [each for each in secrets if each in result.err]


@pytest.mark.parametrize('more', [
    ['http://me:canary@127.0.0.1:9/data.csv'],
    ['http://127.0.0.1:9/data.csv?X-Amz-Signature=canary'],
    ['data.csv', '--out=memory://me:canary@x/out.csv'],
    ['data.csv', '--bad_rows=memory://me:canary@x/bad.csv']], ids=['dataset', 'query', 'out', 'bad rows'])
def test_no_secret_in_a_url_goes_unencrypted_to_another_host(run_command, server, folder, more):
    folder.write('data.csv', numbered(10))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + ELSEWHERE, IMPORT] + more, timeout=90)
    assert (result.code, result.stray, server.log) == (2, False, [])
    assert 'Refusing to send the secret in the URL ' in result.err and 'tls://' in result.err, result
    assert 'canary' not in result.err


def test_options_without_secrets_may_go_anywhere(score, folder):
    private(folder, {'s3': {'anon': True, 'endpoint_url': 'https://store.example', 'client_kwargs': {
        'region_name': 'eu-west-1'}}})
    # Nothing answers there: that is what ends the run.
    result = score('tcp://127.0.0.2:9')
    assert result.code == 2 and 'The scheduler tcp://127.0.0.2:9 ' in result.err, result


@pytest.mark.parametrize('name', sorted(FILES))
def test_a_secret_that_a_server_repeats_is_masked_everywhere(score, server, cluster, folder, name):
    options, secrets = FILES[name]
    private(folder, options)
    forms = secrets + [quote_plus(each) for each in secrets] + [
        base64.b64encode(each.encode('ascii')).decode('ascii').rstrip('=') for each in secrets]
    server.fail(faults.status(403, 'who told you ' + ' or '.join(forms)))
    result = score(cluster.address, '--report=report.json')
    assert result.code == 1 and 'who told you' in result.err, result
    seen = '\n'.join([result.out, result.err] + [
        folder.read(each).decode('utf-8') for each in (LOG, 'report.json')])
    assert not [each for each in forms if each in seen], seen


@pytest.mark.parametrize('more', [(), ('--dry_run',)])
def test_a_secret_in_the_words_of_a_store_is_masked(
        run_command, server, cluster, folder, more):
    private(folder, {'s3': {'key': 'me', 'secret': 'canary1', 'endpoint_url': 'http://me:canary3@x:y'}})
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, '--storage_options=storage.json',
        IMPORT, 's3://bucket/data.csv', '--out=out.csv'] + list(more), timeout=90)
    assert (result.code, server.log) == (2, [])
    assert 's3://bucket/data.csv cannot be used: ' in result.err, result
    assert 'canary' not in result.err + (
        folder.read(LOG).decode('utf-8') if folder.has(LOG) else '')


@pytest.mark.skipif(os.name == 'nt', reason='modes')
def test_a_file_with_secrets_that_others_may_read_is_a_warning(score, cluster, folder):
    private(folder, FILES['client'][0])
    assert (score(cluster.address).err, score(cluster.address, '--dry_run').err) == ('', '')
    os.chmod(folder('storage.json'), 0o640)
    for more in (('--yes',), ('--dry_run',)):
        result = score(cluster.address, *more)
        assert (result.code, result.err) == (
            0, 'warning: --storage_options: other users can read the file storage.json. Run: chmod go= '
               'storage.json\n'), result


@pytest.mark.skipif(os.name == 'nt', reason='modes')
def test_a_file_without_secrets_may_be_read_by_all(score, cluster, folder):
    folder.write('storage.json', b'{"s3": {"endpoint_url": "https://store.example"}}')
    os.chmod(folder('storage.json'), 0o644)
    assert score(cluster.address).err == ''


def nested(depth, start='{"s3": {"a": ', end='}}'):
    return (start + '[' * depth + ']' * depth + end).encode('ascii')


@pytest.mark.parametrize('data, said', [
    (nested(50), 'is nested too deeply'), (nested(5000), 'is nested too deeply'),
    (nested(200000), ''), (b'[' * 30000, ''),
    (b'{"s3": {"a": "' + b'x' * (1 << 20) + b'"}}', 'is larger than'),
    (b'{"s3": {"a": ' + b'9' * 20000 + b'}}', 'is not JSON'),
    (b'{"s3": {"\\ud800": "x"}}', 'is not JSON'), (b'\xff', 'is not JSON'),
], ids=lambda value: value if isinstance(value, type('')) else '{0}'.format(len(value)))
def test_a_file_of_any_depth_or_size_is_told_in_a_sentence(score, server, folder, data, said):
    folder.write('storage.json', data)
    os.chmod(folder('storage.json'), 0o600)
    result = score('tcp://127.0.0.1:9')
    assert (result.code, result.stray, server.log) == (2, False, [])
    assert 'of --storage_options' in result.err and said in result.err, result
    assert 'Traceback' not in result.err and 'Unexpected' not in result.err


def test_a_file_without_an_end_is_told_in_a_sentence(run_command, server, folder):
    folder.write('data.csv', numbered(10))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=tcp://127.0.0.1:9', '--storage_options=/dev/zero',
        IMPORT, 'data.csv'], timeout=30, prefix=['sh', '-c', 'ulimit -v 4000000; exec "$0" "$@"'])
    assert result.code == 2 and 'is larger than' in result.err, result
