"""What is at the address of a scheduler and does not answer is told in seconds."""

from __future__ import absolute_import, unicode_literals

import contextlib
import signal
import socket
import subprocess
import sys
import threading

import pytest

from scoring import IMPORT, numbered

pytest.importorskip('distributed')


@contextlib.contextmanager
def port(reply=None):
    """A port that takes connections; its answer to all that comes is `reply`, or none."""
    listening = socket.create_server(('127.0.0.1', 0))
    connections = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connections.append(listening.accept()[0])
                if reply:
                    connections[-1].recv(1000)
                    connections[-1].sendall(reply)
                    connections[-1].close()
    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()
    for each in connections:
        each.close()


@pytest.fixture
def run(run_command, server, folder):
    """`run(scheduler, option, ...)`: a `command.Result`, in less than a minute."""
    def run(scheduler, *options, **more):
        folder.write('data.csv', numbered(10))
        return run_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + scheduler, IMPORT, 'data.csv'] + list(options),
            timeout=60, **more)
    return run


@pytest.mark.parametrize('option', ['--timeout=4', '--timeout=600', '--dry_run'])
def test_a_port_that_is_silent_is_no_scheduler(run, server, option):
    with port() as number:
        result = run('tcp://127.0.0.1:{0}'.format(number), option)
    assert (result.code, result.stray, server.log) == (2, False, [])
    assert result.err.startswith(
        'The scheduler tcp://127.0.0.1:{0} accepts connections but does not respond.\n'.format(number)), result
    assert len(result.err.splitlines()) == 2


def test_the_port_of_the_dashboard_is_named_as_that(run, server):
    with port(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n') as number:
        result = run('tcp://127.0.0.1:{0}'.format(number), '--timeout=10')
    assert (result.code, result.stray, server.log) == (2, False, [])
    assert result.err.startswith('tcp://127.0.0.1:{0} responds in HTTP: '.format(number)), result
    assert 'dashboard' in result.err and len(result.err.splitlines()) == 2


@pytest.mark.parametrize('env', [{}, {'DASK_DISTRIBUTED__COMM__TLS__CA_FILE': '/none',
                                      'DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT': '/none'}])
def test_without_certificates_tls_is_not_tried(run, server, env):
    with port() as number:
        result = run('tls://127.0.0.1:{0}'.format(number), env=env, fresh=True)
    assert (result.code, result.stray, server.log) == (2, False, [])
    assert result.err.startswith('No certificates for tls://'), result
    assert len(result.err.splitlines()) == 2


def test_ctrl_c_with_a_local_cluster_prints_the_lines_of_one_machine(
        start_command, server, folder):
    folder.write('data.csv', b'x,text\n' + b''.join(
        b'%d,%s\n' % (n, b'abcde ' * 330) for n in range(2000)))
    server.delay = 0.1
    lines = []
    for more in ([], ['--scheduler=local:2']):
        command = start_command('batch_scoring_sse', [
            '--host=' + server.url, '--n_samples=10', '--no-resume', '--yes', IMPORT,
            'data.csv'] + more, fresh=True)
        server.answered.clear()
        server.wait_for(lambda: len(server.answered) > 300, 60)
        command.send_to_all(signal.SIGINT)
        result = command.wait(60)
        assert (result.code, result.stray) == (130, False), result
        lines.append(result.err.splitlines())
    single, local = lines
    assert [len(each) for each in lines] == [2, 2] and local[0] == single[0] == 'Interrupted.', lines
    assert local[1].endswith('To continue, rerun with --resume.')
    assert single[1].endswith('To continue, rerun with --resume.')


def test_ctrl_c_while_a_local_cluster_starts_is_one_line(start_command, server, folder):
    folder.write('data.csv', numbered(10))
    for seconds in (0.7, 1.2, 2):
        command = start_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=local:2', IMPORT, 'data.csv', '--yes'])
        # Wherever it is by then.
        subprocess.call([sys.executable, '-c', 'import time; time.sleep({0})'.format(seconds)])
        if not command.running():
            continue
        command.send_to_all(signal.SIGINT)
        result = command.wait(60)
        assert not result.stray
        assert (result.code, result.err) in [(130, 'Interrupted.\n'), (0, '')] or (
            len(result.err.splitlines()) == 2 and 'Interrupted.' in result.err.splitlines()), result
