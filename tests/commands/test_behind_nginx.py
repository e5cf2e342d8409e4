"""What goes out gets through a real nginx, which wants a host, a header, a certificate or a rate."""

from __future__ import absolute_import, unicode_literals

import os
import shutil
import socket
import subprocess
import time

import pytest

from scoring import numbered, predicted

NGINX = shutil.which('nginx') if hasattr(shutil, 'which') else None
OPENSSL = shutil.which('openssl') if hasattr(shutil, 'which') else None

pytestmark = pytest.mark.skipif(not (NGINX and OPENSSL), reason='nginx and openssl are not installed')

CONFIG = '''
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    limit_req_zone $server_name zone=all:1m rate=20r/s;
    server {{ listen 127.0.0.1:{port} default_server {tls}; server_name _; {certificates} {verify} return 404; }}
    server {{
        listen 127.0.0.1:{port} {tls};
        server_name models.example.com;
        {certificates} {verify}
        {rules}
        location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_set_header X-Tenant $http_x_tenant; }}
    }}
}}
'''
HOST = '--header=Host: models.example.com'


def free_port():
    with_port = socket.socket()
    with_port.bind(('127.0.0.1', 0))
    port = with_port.getsockname()[1]
    with_port.close()
    return port


def answers(port):
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return True
    except EnvironmentError:
        return False


@pytest.fixture
def nginx(server, tmp_path_factory, certs):
    """`nginx(rules, verify, tls)` starts one in front of the server, and gives its port."""
    running = []

    def start(rules='', verify='', tls=False):
        folder, port = '{0}'.format(tmp_path_factory.mktemp('nginx')), free_port()
        pem = os.path.join(certs, 'localhost.pem')
        config = CONFIG.format(
            folder=folder, port=port, upstream=server.port, rules=rules, verify=verify, tls='ssl' if tls else '',
            certificates='ssl_certificate {0}; ssl_certificate_key {0};'.format(pem) if tls else '')
        with open(os.path.join(folder, 'nginx.conf'), 'w') as target:
            target.write(config)
        running.append(subprocess.Popen(
            [NGINX, '-p', folder, '-c', os.path.join(folder, 'nginx.conf')], stderr=subprocess.DEVNULL))
        end = time.time() + 30
        while not answers(port):
            assert running[-1].poll() is None and time.time() < end
            time.sleep(0.05)
        return port
    yield start
    for each in running:
        each.terminate()
        each.wait()


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
        subprocess.check_call([
            OPENSSL, 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=' + name,
            '-keyout', folder(name + '-key.pem'), '-out', folder(name + '.pem')], stderr=subprocess.DEVNULL)
    subprocess.check_call([
        OPENSSL, 'rsa', '-aes256', '-passout', 'pass:secret', '-in', folder('client-key.pem'), '-out',
        folder('encrypted.pem')], stderr=subprocess.DEVNULL)
    folder.write('both.pem', folder.read('client.pem') + folder.read('client-key.pem'))
    return folder


def test_a_virtual_host_is_that_of_the_header(nginx, through, folder):
    port = nginx()
    assert through(port).code == 1
    result = through(port, HOST)
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(30)


def test_a_gateway_that_wants_a_header_gets_it(nginx, through, folder, server):
    port = nginx('if ($http_x_tenant != "t-17-secret") { return 403; }')
    result = through(port, HOST)
    assert result.code == 1 and '(403)' in result.err
    assert through(port, HOST, '--header=X-Tenant: t-17-secret').code == 0
    assert folder.read() == predicted(30)
    assert server.log[-1].headers['x-tenant'] == 't-17-secret'


def test_a_client_certificate_is_shown(nginx, through, client_pem, certs):
    # Whoever answers the handshake wants it, by the name in the URL.
    port = nginx(verify='ssl_client_certificate {0}; ssl_verify_client on;'.format(client_pem('client.pem')), tls=True)
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
    port = nginx('limit_req zone=all burst=5 nodelay; limit_req_status 429;')
    result = through(port, HOST, '--requests_per_second=20', '--n_samples=5', '--n_concurrent=16', data=numbered(500))
    assert result.code == 0 and ' 0 retries' in result.out
    assert len(server.log) == 100 and folder.read() == predicted(500)
