"""What goes out gets through a real nginx, which wants a host, a header, a certificate or a rate."""

from __future__ import absolute_import, unicode_literals

import os
import subprocess

import pytest

import faults
import when
from datarobot_batch_scoring.demo.app import DEMO_ACCOUNT, MODEL_IDS, PROJECT_ID
from datarobot_batch_scoring.demo.model import SAMPLE
from datarobot_batch_scoring.demo.server import DemoServer
from nginx import HOST, LIMIT, NGINX, OPENSSL, TENANT, TENANT_HEADER, Nginx, make_pair
from processes import command_lines
from scoring import numbered, predicted

pytestmark = pytest.mark.skipif(not (NGINX and OPENSSL), reason='nginx and openssl are not installed')

# For how long the limit of nginx is tried: BATCH_SCORING_TEST_SECONDS=60 is for once.
SECONDS = int(os.environ.get('BATCH_SCORING_TEST_SECONDS', 5))


@pytest.fixture
def nginx(server, tmp_path_factory, certs):
    """`nginx(rules, tls=True, client=path)` starts one in front of a server, by its port, and returns it."""
    running = []

    def start(rules='', tls=False, client=None, upstream=None):
        running.append(Nginx(upstream or server.port, tmp_path_factory.mktemp('nginx'), rules,
                             os.path.join(certs, 'localhost.pem') if tls else None, client))
        return running[-1]
    yield start
    for each in running:
        each.stop()


@pytest.fixture
def through(run_command, folder):
    def score(port, *options, **more):
        folder.write('data.csv', more.pop('data', numbered(30)))
        return run_command('batch_scoring_sse', ['--host={0}://localhost:{1}'.format(
            more.pop('scheme', 'http'), port), 'flats', 'data.csv'] + list(options), **more)
    return score


@pytest.fixture
def client_pem(folder):
    """A certificate and its key, in two files, and an encrypted key."""
    for name in ('client', 'other'):
        make_pair(folder, name)
    subprocess.check_call([
        OPENSSL, 'rsa', '-aes256', '-passout', 'pass:secret', '-in', folder('client-key.pem'), '-out',
        folder('encrypted.pem')], stderr=subprocess.DEVNULL)
    folder.write('both.pem', folder.read('client.pem') + folder.read('client-key.pem'))
    return folder


def test_a_virtual_host_is_that_of_the_header(nginx, through, folder):
    port = nginx().port
    assert through(port).code == 1
    result = through(port, HOST)
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(30)


def test_a_gateway_that_wants_a_header_gets_it(nginx, through, folder, server):
    port = nginx(TENANT).port
    result = through(port, HOST)
    assert result.code == 1 and '(403)' in result.err
    assert through(port, HOST, TENANT_HEADER).code == 0
    assert folder.read() == predicted(30)
    assert server.log[-1].headers['x-tenant'] == 't-17-secret'


def test_a_client_certificate_is_shown(nginx, through, client_pem, certs):
    # Whoever answers the handshake wants it, by the name in the URL.
    port = nginx(tls=True, client=client_pem('client.pem')).port
    options = [HOST, '--ca_bundle=' + os.path.join(certs, 'ca.pem')]
    result = through(port, *options, scheme='https')
    assert result.code == 1 and 'SSL certificate' in result.err
    for given in (['--client_cert=client.pem', '--client_key=client-key.pem'], ['--client_cert=both.pem']):
        result = through(port, '--yes', *(options + given), scheme='https')
        assert (result.err, result.code) == ('', 0), given
        assert client_pem.read() == predicted(30)
    result = through(port, '--client_cert=other.pem', '--client_key=other-key.pem', '--yes', *options, scheme='https')
    assert result.code == 1
    log = client_pem.read('datarobot_batch_scoring_main.log').decode('utf-8')
    assert 'client-key' not in log and 'both.pem' not in log


@pytest.mark.parametrize('options, words', [
    (['--client_cert=none.pem'], '--client_cert: the file cannot be read: No such file'),
    (['--client_cert=client.pem', '--client_key=none.pem'], '--client_key: the file cannot be read'),
    (['--client_cert=client.pem', '--client_key=encrypted.pem'], 'the key is encrypted'),
    (['--client_cert=client.pem', '--client_key=other-key.pem'], 'do not match'),
    (['--client_cert=client.pem'], 'do not match'), (['--client_cert=data.csv'], 'do not match'),
    (['--client_key=client-key.pem'], '--client_key requires --client_cert')])
def test_a_pair_that_is_none_is_a_usage_error(server, through, client_pem, options, words):
    result = through(server.port, *options)
    assert (result.code, server.log) == (2, [])
    assert words in result.err and '.pem' not in result.err


def test_a_limit_of_requests_is_kept_so_that_none_is_refused(nginx, through, folder, server):
    gateway, rows = nginx(LIMIT), 100 * SECONDS
    result = through(gateway.port, HOST, '--requests_per_second=20', '--n_samples=5', '--n_concurrent=16',
                     data=numbered(rows), timeout=60 + 2 * SECONDS)
    assert result.code == 0 and ' 0 retries' in result.out
    assert gateway.statuses() == [200] * (20 * SECONDS) and folder.read() == predicted(rows)


@pytest.mark.parametrize('tls', [False, True])
def test_the_demo_server_is_reached_through_it_too(nginx, run_command, client_pem, certs, tls):
    def score(url, *options):
        return run_command('batch_scoring', [
            '--host=' + url, '--user=' + DEMO_ACCOUNT.user, '--api_token=' + DEMO_ACCOUNT.api_token,
            '--n_samples=5', '--n_concurrent=4', PROJECT_ID, sorted(MODEL_IDS)[0], SAMPLE] + list(options))
    with DemoServer() as demo:
        assert score(demo.url, '--out=direct.csv').code == 0
        gateway = nginx(TENANT + LIMIT, tls, client_pem('client.pem') if tls else None,
                        demo.server_address[1])
        given = [HOST, TENANT_HEADER, '--requests_per_second=20'] + [
            '--client_cert=both.pem', '--ca_bundle=' + os.path.join(certs, 'ca.pem')] * tls
        url = 'http{0}://localhost:{1}'.format('s' * tls, gateway.port)
        for missing in given[:2]:
            assert score(url, *[option for option in given if option != missing]).code == 1
        result = score(url, *given)
    assert (result.code, result.err) == (0, '') and ' 0 retries' in result.out
    assert client_pem.read() == client_pem.read('direct.csv')


def _everything_in(folder):
    """{path below a folder: content} of all files, except what the user has put there."""
    found = {}
    for root, _, names in os.walk(folder.path):
        for name in names:
            path = os.path.relpath(os.path.join(root, name), folder.path)
            if not path.startswith('keys') and not path.endswith(('.pem', '.ini')):
                try:
                    found[path] = folder.read_raw(path)
                except EnvironmentError:
                    pass  # it was temporary
    return found


@pytest.mark.parametrize('workers', [0, 2], ids=['one machine', 'cluster'])
def test_no_value_of_a_header_and_no_path_of_a_key_is_kept_or_shown(
        nginx, start_command, make_cluster, client_pem, certs, server, workers):
    folder, cluster, options = client_pem, None, []
    os.mkdir(folder('tmp'))
    if workers:
        pytest.importorskip('distributed')
        cluster = make_cluster(workers, env={'TMPDIR': folder('tmp')})
        options = ['--scheduler=' + cluster.address]
    os.mkdir(folder('keys'))
    os.rename(folder('client-key.pem'), folder('keys/canary.pem'))
    key = folder.read('keys/canary.pem')
    gateway = nginx(TENANT, True, folder('client.pem'))
    folder.write('batch_scoring.ini', '\n    '.join([
        '[batch_scoring]\nclient_cert = client.pem\nclient_key = keys/canary.pem\nca_bundle = {0}\nheader ='.format(
            os.path.join(certs, 'ca.pem')), 'Host: models.example.com', 'X-Tenant: t-17-secret']).encode('ascii'))
    # Several parts.
    folder.write('data.csv', numbered(600).replace(b'town', b'town' * 250))
    server.delay = 0.1

    def is_half_way():
        return len(server.answered) >= 200 and (
            not cluster or any('record-' in path for path in _everything_in(folder)))
    server.fail(faults.status(422, 'no such town'), when.holds('599'))
    server.fail(faults.status(503), when.first_requests(5))
    for report in ('report.json', 'report.html'):
        server.answered.clear()
        command = start_command('batch_scoring_sse', [
            '--host=https://localhost:{0}'.format(gateway.port), '--report=' + report, '--bad_rows=bad.csv', '--yes',
            '--verbose', '--n_samples=5', 'flats', 'data.csv'] + options, fresh=True, env={'TMPDIR': folder('tmp')})
        server.wait_for(is_half_way, 60)
        seen = _everything_in(folder)
        seen['processes'] = repr(command_lines(command.pid)).encode('ascii')
        if cluster:
            seen['tasks'] = cluster.everything_a_client_sees().encode('utf-8')
            assert any('plan.json' in path for path in seen)
        result = command.wait(120)
        assert result.code == 3, result
        assert len(folder.lines()) == 601 and len(folder.lines('bad.csv')) == 2
        after = _everything_in(folder)
        assert report in after and 'datarobot_batch_scoring_main.log' in after
        seen.update(('after ' + path, content) for path, content in after.items())
        seen['printed'] = (result.out + result.err + (cluster.logs() if cluster else '')).encode('utf-8')
        for path, content in seen.items():
            for secret in (b't-17-secret', b'canary', b'PRIVATE KEY', key.splitlines()[1]):
                assert secret not in content, (path, secret)


def test_a_client_certificate_is_not_sent_unencrypted_to_other_machines(run_command, client_pem):
    pytest.importorskip('distributed')
    client_pem.write('data.csv', numbered(20))
    result = run_command('batch_scoring_sse', [
        '--host=https://127.0.0.1:9', '--scheduler=tcp://192.0.2.7:8786', '--client_cert=both.pem', 'flats',
        'data.csv'])
    assert result.code == 2 and '--client_cert' in result.err and 'tcp://192.0.2.7:8786' in result.err
    assert 'both.pem' not in result.err
