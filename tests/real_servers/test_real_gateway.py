"""A real DRUM behind a real nginx: host, header, client certificate and rate get through."""

from __future__ import absolute_import, unicode_literals

import os

import pytest

from nginx import HOST, LIMIT, NGINX, OPENSSL, TENANT, TENANT_HEADER, Nginx, make_pair

pytestmark = [pytest.mark.real_servers,
              pytest.mark.skipif(not (NGINX and OPENSSL), reason='nginx and openssl are not installed')]

# For how long the limit of nginx is tried.
SECONDS = int(os.environ.get('BATCH_SCORING_TEST_SECONDS', 5))


@pytest.mark.parametrize('tls', [False, True])
def test_drum_behind_a_gateway_gives_what_it_gives_without(shared, run_command, data, folder, certs, tmp_path, tls):
    drum = shared('drum', 'binary')
    make_pair(folder, 'client')
    options = ['--protocol=drum', '--n_concurrent=4', data]
    assert run_command('batch_scoring_sse', options + [
        '--host=' + drum.host, '--out=direct.csv'], timeout=120).code == 0
    gateway = Nginx(drum.port, tmp_path, TENANT + LIMIT, os.path.join(certs, 'localhost.pem') if tls else None,
                    folder('client.pem') if tls else None)
    try:
        options += ['--host=http{0}://localhost:{1}'.format('s' * tls, gateway.port)] + [
            '--ca_bundle=' + os.path.join(certs, 'ca.pem')] * tls
        given = [HOST, TENANT_HEADER] + ['--client_cert=client.pem'] * tls
        pair = ['--client_key=client-key.pem'] * tls
        for missing in given:
            left = [option for option in given if option != missing]
            result = run_command('batch_scoring_sse', options + left + pair * ('cert' not in missing) + ['--n_retry=0'])
            assert result.code == 1, missing
        # 6,000 rows, so that the limit takes the seconds.
        refused = len(gateway.statuses())
        result = run_command('batch_scoring_sse', options + given + pair + [
            '--requests_per_second=20', '--n_samples={0}'.format(6000 // (20 * SECONDS))], timeout=120 + SECONDS)
    finally:
        gateway.stop()
    assert (result.code, result.err) == (0, '') and ' 0 retries' in result.out
    assert 429 not in gateway.statuses()[refused:]
    assert folder.read() == folder.read('direct.csv')
