"""The commands run in processes of their own, and end."""

from __future__ import absolute_import, unicode_literals

import os
import signal
import subprocess
import sys

import pytest

from datarobot_batch_scoring.compat import PY2, WINDOWS
from datarobot_batch_scoring.system import is_runnable
from processes import wait_until
from scoring import LOG, MODEL, PROJECT, numbered

METHODS = [None] if PY2 else [None, 'spawn']
IMPORT_ID = 'flats'


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / 'data.csv'
    path.write_bytes(b'x\n' + b''.join(
        '{0}\n'.format(n).encode('ascii') for n in range(100)))
    return path


def options(server):
    return ['--host=' + server.url, '--n_samples=10', '--no', IMPORT_ID]


@pytest.mark.parametrize('name', [
    'batch_scoring', 'batch_scoring_deployment_aware', 'batch_scoring_sse'])
def test_each_command_tells_its_version(run_command, name):
    result = run_command(name, ['--version'])
    assert (result.code, result.err, result.stray) == (0, '', False)
    assert name in result.out


@pytest.mark.parametrize('method', METHODS)
def test_a_command_scores_and_leaves_nothing_behind(
        run_command, server, dataset, tmp_path, method):
    result = run_command('batch_scoring_sse', options(server) + [dataset],
                         start_method=method)
    assert (result.code, result.stray) == (0, False), result.err
    lines = (tmp_path / 'out.csv').read_bytes().decode('ascii').splitlines()
    assert lines == ['row_id,y'] + ['{0},{0}'.format(n) for n in range(100)]
    assert set(server.answered.values()) == set([1])


@pytest.mark.parametrize('options', [['--api_token=token'], ['--user=me', '--password=word']])
@pytest.mark.parametrize('host', ['http://*.example', 'http://.example', 'http://ex%ample'])
def test_a_host_that_no_request_can_be_sent_to_is_a_usage_error(
        run_command, folder, host, options):
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring', ['--host=' + host, PROJECT, MODEL, 'data.csv'] + options)
    assert (result.code, result.stray) == (2, False), result.err
    assert host in result.err and '--host' in result.err
    assert 'Traceback' not in folder.read(LOG).decode('utf-8')
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


def test_a_ca_bundle_that_does_not_exist_is_a_usage_error(run_command, server, folder):
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url.replace('http:', 'https:'), '--ca_bundle=nowhere.pem',
        IMPORT_ID, 'data.csv'])
    assert (result.code, server.log) == (2, [])
    assert 'nowhere.pem' in result.err and '--ca_bundle' in result.err


@pytest.mark.skipif(not PY2 or WINDOWS, reason='2.7 opens files by text of the locale')
@pytest.mark.parametrize('name, locale', [(b'd\xc3\xa4.csv', 'C'), (b'd\xff.csv', 'C.UTF-8')])
@pytest.mark.parametrize('option', [b'', b'--out='])
def test_a_file_name_that_python_2_cannot_open_is_a_usage_error(
        server, tmp_path, option, name, locale):
    words = [b'data.csv', option + name] if option else [name]
    process = subprocess.Popen(
        [sys.executable, b'-m', b'datarobot_batch_scoring.batch_scoring_sse',
         b'--host=' + server.url.encode('ascii'), b'flats'] + words,
        cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=dict(os.environ, LC_ALL=str(locale)))
    _, errors = process.communicate()
    assert process.returncode == 2
    assert b"is not text in this system's encoding" in errors


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='no other system tells')
def test_a_process_that_would_run_if_it_got_a_processor_is_told_from_one_that_is_stuck():
    busy, stuck = [subprocess.Popen(
        [sys.executable, '-c', 'import sys; sys.stdout.write("."); sys.stdout.flush(); ' + work],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE) for work in ('exec("while True: pass")', 'sys.stdin.read()')]
    try:
        assert busy.stdout.read(1) == stuck.stdout.read(1) == b'.'
        wait_until(lambda: not is_runnable(stuck), 20)
        assert is_runnable(busy)
        os.kill(busy.pid, signal.SIGSTOP)
        wait_until(lambda: not is_runnable(busy), 20)
    finally:
        for process in (busy, stuck):
            process.kill()
            process.communicate()
    assert not is_runnable(busy)
