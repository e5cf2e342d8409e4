"""Whatever dies in a cluster, the run completes, or ends with a line and is resumed."""

from __future__ import absolute_import, unicode_literals

import os
import re
import signal
import subprocess
from contextlib import contextmanager

import pytest

import faults
import when
from scoring import IMPORT, MODEL, PROJECT, numbered

pytest.importorskip('distributed')

from dask_cluster import sends, worker_of, worker_that_sends  # noqa: E402

ROWS = 1200
PADDING = b'a' * 500


def dataset():
    """A dataset of many parts."""
    return b'x,text\n' + b''.join(b'%d,%s\n' % (n, PADDING) for n in range(ROWS))


def expected():
    return ''.join(['row_id,y\n'] + ['{0},{0}\n'.format(n) for n in range(ROWS)]).encode('ascii')


def completes(command, folder):
    """Checks that a command scores `dataset()` without a word."""
    result = command.wait(120)
    assert (result.code, result.err) == (0, ''), result
    assert folder.read() == expected()


@contextmanager
def frozen(process):
    """Within it, a process stands still."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@pytest.fixture
def start(start_command, server, folder):
    """`start(cluster, option, ...)` starts to score a dataset, with small batches."""
    def start(cluster, *options, **more):
        command = more.pop('command', 'batch_scoring_sse')
        ids = more.pop('ids', [IMPORT])
        return start_command(command, [
            '--host=' + server.url, '--scheduler=' + cluster.address, '--n_samples=20'] + ids + [
                'data.csv'] + list(options), **more)
    folder.write('data.csv', dataset())
    server.delay = 0.05
    return start


def scored_twice(server):
    return sum(times - 1 for times in server.answered.values())


def test_a_worker_that_is_killed_is_replaced(start, make_cluster, server, folder):
    cluster = make_cluster()
    command = start(cluster)
    server.wait_for(lambda: len(server.answered) >= ROWS // 4, 60)
    worker_of(cluster.workers[0]).kill()
    completes(command, folder)
    assert scored_twice(server) <= ROWS // 4


def test_without_a_nanny_its_work_is_done_elsewhere(start, make_cluster, server, folder):
    cluster = make_cluster()
    command = start(cluster)
    server.wait_for(lambda: len(server.answered) >= ROWS // 4, 60)
    os.killpg(cluster.workers[0].pid, signal.SIGKILL)
    completes(command, folder)


@pytest.mark.parametrize('nanny', [True, False])
def test_a_worker_may_be_killed_with_the_rows_that_show_the_labels(
        start, make_cluster, server, folder, nanny):
    cluster = make_cluster(nanny=nanny)
    server.fail(faults.held(server.flag))
    command = start(cluster)
    server.wait_for(lambda: server.in_flight, 60)
    worker_that_sends(cluster, server).kill()
    server.flag.set()
    result = command.wait(60)
    assert (result.code, result.err) == (0, ''), result
    assert folder.read() == expected()


def test_a_worker_may_be_frozen_with_the_rows_that_show_the_labels(
        start, make_cluster, server, folder):
    cluster = make_cluster()
    server.fail(faults.held(server.flag))
    command = start(cluster)
    server.wait_for(lambda: server.in_flight, 60)
    with frozen(worker_that_sends(cluster, server)):
        server.flag.set()
        completes(command, folder)


def test_a_worker_that_comes_after_the_last_has_died_goes_on(start, make_cluster, server, folder):
    cluster = make_cluster(1, nanny=False)
    command = start(cluster)
    server.wait_for(lambda: len(server.answered) >= ROWS // 4, 60)
    cluster.workers[0].kill()
    cluster.workers[0].wait()
    cluster.add_worker()
    completes(command, folder)


def test_a_worker_that_comes_late_takes_part(start, make_cluster, server, folder):
    cluster = make_cluster(1)
    command = start(cluster, '--n_concurrent=3')
    server.wait_for(lambda: server.answered, 60)
    # Enough is left to do when it comes.
    server.delay = 2
    cluster.add_worker()
    server.wait_for(lambda: sends(worker_of(cluster.workers[1]), server), 60)
    server.delay = 0
    completes(command, folder)
    assert server.max_in_flight == 3


def test_what_a_killed_run_has_in_flight_counts_for_the_next(start, make_cluster, server, folder):
    cluster = make_cluster()
    server.fail(faults.slow(15), when.while_set(server.flag))
    command = start(cluster, '--n_concurrent=4')
    server.wait_for(lambda: len(server.answered) >= ROWS // 4, 60)
    server.flag.set()
    server.wait_for(lambda: _slow(server) == 4)
    command.send_to_all(signal.SIGKILL)
    command.wait()
    server.flag.clear()
    before = len(server.log)
    command = start(cluster, '--n_concurrent=4', '--resume')
    server.wait_for(lambda: len(server.log) > before, 60)
    assert _slow(server) < 4
    completes(command, folder)
    assert server.max_in_flight == 4


def _slow(server):
    return sum(each.fault == 'slow' and not each.finished for each in list(server.log))


def test_a_worker_that_is_frozen_is_taken_for_lost(start, make_cluster, server, folder):
    cluster = make_cluster()
    command = start(cluster)
    server.wait_for(lambda: len(server.answered) >= ROWS // 4, 60)
    with frozen(worker_of(cluster.workers[0])):
        completes(command, folder)


def test_without_a_scheduler_the_run_ends_and_goes_on_elsewhere(start, make_cluster, server, folder):
    cluster = make_cluster()
    command = start(cluster)
    server.wait_for(lambda: len(server.answered) >= ROWS // 2, 60)
    os.killpg(cluster.scheduler.pid, signal.SIGKILL)
    result = command.wait(60)
    assert (result.code, result.stray) == (1, False)
    lines = result.err.splitlines()
    assert lines[-2:] == ['The scheduler {0} is gone.'.format(cluster.address),
                          'When it is back, rerun with --resume.'], result.err
    assert lines[:-2] == [each for each in lines if each.endswith(
        'rows are scored. To continue, rerun with --resume.')]
    other = make_cluster(1)
    result = start(other, '--resume').wait(120)
    assert (result.code, result.err) == (0, ''), result
    assert folder.read() == expected()
    assert not folder.has('out.csv.run')


def test_a_scheduler_that_is_frozen_ends_the_run(start, make_cluster, server, folder):
    cluster = make_cluster()
    command = start(cluster)
    server.wait_for(lambda: server.answered, 60)
    cluster.scheduler.send_signal(signal.SIGSTOP)
    result = command.wait(60)
    assert (result.code, result.stray) == (1, False)
    assert 'The scheduler {0} is gone.'.format(cluster.address) in result.err.splitlines()


def test_a_request_of_a_killed_run_that_is_never_answered_does_not_stop_the_next(
        start_command, make_cluster, server, folder):
    cluster = make_cluster()
    folder.write('data.csv', b'x,text\n' + b''.join(
        b'%d,%s\n' % (n, PADDING * 4) for n in range(300)))
    options = ['--host=' + server.url, '--scheduler=' + cluster.address, IMPORT, 'data.csv']
    server.fail(faults.never(), when.while_set(server.flag))
    server.flag.set()
    command = start_command('batch_scoring_sse', options)
    server.wait_for(lambda: server.in_flight, 60)
    command.send_to_all(signal.SIGKILL)
    command.wait()
    server.flag.clear()
    server.heal()
    result = start_command('batch_scoring_sse', options + ['--no-resume']).wait(75)
    assert (result.code, result.err) == (0, ''), result
    assert len(folder.lines()) == 301


def test_a_cluster_that_loses_all_its_workers_ends_the_run(start, make_cluster, server, folder):
    cluster = make_cluster(1)
    command = start(cluster)
    server.wait_for(lambda: server.answered, 60)
    os.killpg(cluster.workers[0].pid, signal.SIGKILL)
    result = command.wait(90)
    assert result.code == 1
    assert 'The cluster has no workers left.\n' in result.err, result.err


def test_an_outage_is_waited_for_and_the_limit_is_kept(start, make_cluster, server, folder):
    command = start(make_cluster(), '--n_concurrent=3')
    server.wait_for(lambda: len(server.answered) >= ROWS // 3, 60)
    server.fail(faults.status(503))
    server.wait_for(lambda: server.statuses()[503] >= 4, 60)
    server.heal()
    result = command.wait(120)
    assert result.code == 0, result
    assert folder.read() == expected()
    assert server.max_in_flight == 3


@pytest.mark.parametrize('down', [True, False])
def test_an_outage_of_five_seconds_costs_few_requests(start, make_cluster, server, folder, down):
    command = start(make_cluster(), '--n_concurrent=8')
    server.wait_for(lambda: len(server.answered) >= ROWS // 4, 60)
    if down:
        server.go_down()
    else:
        server.fail(faults.status(503))
    server.stopping.wait(5)
    if down:
        server.come_back()
    server.heal()
    result = command.wait(120)
    assert result.code == 0, result
    assert folder.read() == expected()
    retries = int(re.search('([0-9]+) retries', result.out).group(1))
    assert 0 < retries <= 60
    assert server.statuses()[503] <= 60
    # What a server that is gone had taken in may come again, and no more than that.
    assert sum(server.scored.values()) <= ROWS + 20 * (60 if not down else 8)


def test_how_many_requests_a_cluster_has_in_flight_can_be_found(start, make_cluster, server, folder):
    server.delay = 0.2
    result = start(make_cluster(), '--n_concurrent=auto', '--n_samples=5').wait(120)
    assert (result.code, result.err) == (0, ''), result
    assert folder.read() == expected()
    assert 4 < server.max_in_flight <= 64


@pytest.fixture
def certificates(tmp_path_factory):
    """(options of `dask scheduler` and `dask worker`, environment of the client, `Security`)."""
    import distributed
    path = os.path.join('{0}'.format(tmp_path_factory.mktemp('tls')), 'host.pem')
    subprocess.check_call(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', path + '.key',
         '-out', path, '-days', '2', '-subj', '/CN=cluster'], stderr=subprocess.DEVNULL)
    names = ('CA_FILE', 'CLIENT__CERT', 'CLIENT__KEY')
    env = dict(('DASK_DISTRIBUTED__COMM__TLS__' + name, path + '.key' * name.endswith('KEY'))
               for name in names)
    return (['--protocol=tls', '--tls-ca-file=' + path, '--tls-cert=' + path,
             '--tls-key=' + path + '.key'], env, distributed.Security(
                 tls_ca_file=path, tls_client_cert=path, tls_client_key=path + '.key',
                 require_encryption=True))


@pytest.mark.parametrize('encrypted', [False, True])
def test_a_token_reaches_the_server_and_nothing_else(
        start, make_cluster, make_server, folder, server, certificates, encrypted):
    options, env, security = certificates if encrypted else ((), {}, None)
    cluster = make_cluster(tls=options)
    assert cluster.address.startswith('tls://' if encrypted else 'tcp://')
    command = start(cluster, '--api_token=test-token', command='batch_scoring',
                    ids=[PROJECT, MODEL], env=env)
    server.wait_for(lambda: len(server.answered) >= ROWS // 4, 60)
    kept = [os.path.join(root, name) for root, _, names in os.walk(folder('.')) for name in names]
    assert any('record-' in each for each in kept)
    seen = b''
    for path in kept:
        try:
            with open(path, 'rb') as source:
                seen += source.read()
        except OSError:
            pass
    assert any('plan.json' in each for each in kept)
    tasks = cluster.everything_a_client_sees(security)
    result = command.wait(120)
    assert result.code == 0, result
    assert all(each.headers['authorization'] == 'Bearer test-token' for each in server.batches)
    seen += folder.read('datarobot_batch_scoring_main.log') + result.err.encode('utf-8')
    for text in (seen.decode('utf-8', 'replace'), tasks, cluster.logs()):
        assert 'test-token' not in text


def test_without_certificates_an_encrypted_cluster_is_not_reached(
        start, make_cluster, certificates, server):
    cluster = make_cluster(0, tls=certificates[0])
    result = start(cluster).wait(60)
    assert (result.code, result.stray) == (2, False)
    assert result.err.startswith('No certificates for {0}.\n'.format(cluster.address))


def test_the_workers_have_the_credentials_in_their_environment(start, make_cluster, server, folder):
    cluster = make_cluster(env={'DATAROBOT_API_TOKEN': 'test-token', 'DATAROBOT_KEY': 'a-key'})
    result = start(cluster, command='batch_scoring', ids=[PROJECT, MODEL]).wait(120)
    assert result.code == 0, result
    assert set((each.headers['authorization'], each.headers['datarobot-key'])
               for each in server.batches) == set([('Bearer test-token', 'a-key')])


def test_rows_that_are_refused_are_set_aside(start, run_command, make_cluster, server, folder):
    for row in ('3', '700', '701'):
        server.fail(faults.status(422), when.holds(row))
    command = start(make_cluster(), '--bad_rows=bad.csv', '--report=report.json')
    result = command.wait(120)
    assert result.code == 3, result
    single = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--n_samples=20', IMPORT, 'data.csv', '--out=single.csv',
        '--bad_rows=single-bad.csv'], timeout=120)
    assert single.code == 3
    assert folder.read() == folder.read('single.csv')
    assert folder.read('bad.csv') == folder.read('single-bad.csv')
    assert folder.has('report.json')


def test_a_run_from_python(make_cluster, server, folder, tmp_path):
    from datarobot_batch_scoring import make_settings, score
    folder.write('data.csv', numbered(100))
    cluster = make_cluster(1)
    result = score(make_settings(
        'batch_scoring_sse', host=server.url, import_id=IMPORT, dataset=folder('data.csv'),
        out=folder('out.csv'), scheduler=cluster.address))
    assert (result.rows, result.scored) == (100, 100)
    assert len(folder.lines()) == 101
