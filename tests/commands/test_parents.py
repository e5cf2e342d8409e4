"""A run does not depend on what its parent does with signals, nor on limits of the system."""

from __future__ import absolute_import, unicode_literals

import os
import signal
import subprocess
import sys

import pytest

import faults
import when
from datarobot_batch_scoring.compat import PY2, WINDOWS
from places import ROOT
from scoring import IMPORT, numbered, predicted

pytestmark = pytest.mark.skipif(WINDOWS, reason='POSIX signals and limits')

# A parent that does not want to know what becomes of its children.
IGNORING = [sys.executable, '-c', 'import os, signal, sys; '
            'signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])']
# Each pid that is signalled goes to signals.txt, unless a child of this process has it.
FROM_A_THREAD = '''
import os, signal, sys, threading
import datarobot_batch_scoring as package
from datarobot_batch_scoring import errors
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
real_kill = os.kill

def kill(pid, number):
    try:
        with open('/proc/{{0}}/stat'.format(pid)) as source:
            fields = source.read().rpartition(')')[2].split()
        ours = int(fields[1]) == os.getpid() and fields[0] != 'Z'
    except EnvironmentError:
        ours = False
    if number and not ours:
        with open('signals.txt', 'a') as target:
            target.write('{{0}} {{1}}\\n'.format(pid, number))
    real_kill(pid, number)

os.kill = kill

def score():
    try:
        result = package.score(package.make_settings(
            'batch_scoring_sse', host={0!r}, import_id='flats', dataset='data.csv', out='out.csv',
            n_samples=5, yes=True))
        print(result.rows)
    except errors.ScoringError as error:
        print(error.message)

if __name__ == '__main__':
    thread = threading.Thread(target=score)
    thread.start()
    thread.join()
'''


@pytest.mark.parametrize('command', ['batch_scoring_sse', 'batch_scoring'])
def test_a_parent_that_ignores_the_end_of_its_children_does_not_matter(
        run_command, server, folder, command):
    folder.write('data.csv', numbered(50))
    ids = [IMPORT] if command.endswith('sse') else ['5f0000000000000000000001'] * 2
    for _ in range(3):
        result = run_command(command, [
            '--host=' + server.url, '--api_token=test-token', '--n_samples=5', '--yes'] + ids + [
            'data.csv'] if command == 'batch_scoring' else [
            '--host=' + server.url, '--n_samples=5', '--yes'] + ids + ['data.csv'], prefix=IGNORING)
        assert (result.code, result.err, result.stray) == (0, '', False), result
        assert folder.read() == predicted(50)


def test_with_such_a_parent_an_error_is_told_and_the_run_can_be_resumed(run_command, server, folder):
    folder.write('data.csv', numbered(50))
    server.fail(faults.status(400), when.holds('30'))
    options = ['--host=' + server.url, '--n_samples=5', '--n_concurrent=1', IMPORT, 'data.csv']
    result = run_command('batch_scoring_sse', options, prefix=IGNORING)
    assert (result.code, result.stray) == (1, False)
    assert 'The cause is row 30' in result.err and 'Unexpected' not in result.err, result
    server.heal()
    result = run_command('batch_scoring_sse', options + ['--resume'], prefix=IGNORING)
    assert (result.code, result.err) == (0, ''), result
    assert folder.read() == predicted(50)


def test_with_such_a_parent_a_process_that_is_killed_ends_the_run_with_a_reason(
        start_command, server, folder):
    folder.write('data.csv', numbered(200))
    server.delay = 0.2
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--n_samples=5', '--n_concurrent=1', IMPORT, 'data.csv'],
        prefix=IGNORING)
    server.wait_for(lambda: len(server.answered) > 10)
    os.kill(command.living('network')[0], signal.SIGKILL)
    result = command.wait()
    assert (result.code, result.stray) == (1, False)
    assert 'The network process ended unexpectedly: it was killed' in result.err, result


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='/proc')
@pytest.mark.parametrize('fails', [False, True])
def test_no_signal_goes_to_a_process_that_has_ended(server, folder, fails):
    folder.write('data.csv', numbered(50))
    folder.write('run.py', FROM_A_THREAD.format(str(server.url)).encode('ascii'))
    if fails:
        server.fail(faults.status(400), when.holds('30'))
    process = subprocess.Popen(
        [sys.executable, 'run.py'], cwd=folder.path, env=dict(os.environ, PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = process.communicate()[0].decode('utf-8')
    assert not folder.has('signals.txt'), folder.read('signals.txt')
    assert process.returncode == 0 and 'Traceback' not in printed, printed
    assert printed.startswith('The server rejected rows 30' if fails else '50\n'), printed
    if not fails:
        assert folder.read() == predicted(50)


@pytest.mark.skipif(PY2, reason='clusters need Python 3.9')
def test_a_cluster_of_this_machine_does_not_mind_such_a_parent(run_command, server, folder):
    pytest.importorskip('distributed')
    folder.write('data.csv', numbered(50))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=local:1', IMPORT, 'data.csv'], prefix=IGNORING, timeout=120)
    assert (result.code, result.err, result.stray) == (0, '', False), result
    assert folder.read() == predicted(50)


# --- limits -----------------------------------------------------------------------

# The stack of each thread has that size, which no address space holds.
NO_THREADS = ['sh', '-c', 'ulimit -s 300000000000; exec "$0" "$@"']
FEW_FILES = ['sh', '-c', 'ulimit -n {0}; exec "$0" "$@"']
READ_ONLY = ['unshare', '--mount', 'sh', '-c',
             'mount --bind /dev/shm /dev/shm && mount -o remount,bind,ro /dev/shm && exec "$0" "$@"']
linux = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='limits of Linux')


def check_told(result, *words):
    """The run ended with sentences that have the words."""
    assert result.code in (1, 2) and not result.stray, result
    for each in ('Traceback', 'Unexpected error', 'Exception'):
        assert each not in result.err + result.out, result.err[-3000:]
    assert any(each in result.err for each in words), result
    assert len(result.err.splitlines()) <= 3, result.err


@linux
@pytest.mark.parametrize('more', [(), ('--scheduler=local:1',)])
def test_a_system_that_starts_no_thread_is_told_so(run_command, server, folder, more):
    if more:
        pytest.importorskip('distributed')
    folder.write('data.csv', numbered(50))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv'] + list(more), prefix=NO_THREADS, timeout=120)
    check_told(result, 'No more threads can be started')


@linux
@pytest.mark.parametrize('files', [8, 10, 14, 20, 30])
@pytest.mark.parametrize('more', [(), ('--scheduler=local:1',)])
def test_a_limit_on_files_that_is_too_low_is_told_in_a_sentence(
        run_command, server, folder, files, more):
    if more:
        pytest.importorskip('distributed')
    folder.write('data.csv', numbered(50))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--n_samples=5', IMPORT, 'data.csv'] + list(more),
        prefix=FEW_FILES[:2] + [FEW_FILES[2].format(files)], timeout=120)
    if result.code:
        check_told(result, 'oo many open files', 'ulimit -n')
    else:
        assert (result.err, folder.read()) == ('', predicted(50))


@linux
def test_without_shared_memory_a_local_cluster_is_told_not_to_start(run_command, server, folder):
    pytest.importorskip('distributed')
    if subprocess.call(READ_ONLY + ['true'], stderr=subprocess.STDOUT):
        pytest.skip('no namespaces here')
    folder.write('data.csv', numbered(50))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=local:1', IMPORT, 'data.csv'],
        prefix=READ_ONLY, timeout=120)
    check_told(result, '/dev/shm')
    assert result.code == 2 and not server.log
