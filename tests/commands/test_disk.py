"""A disk that is full or gone: one line, exit code 1, and resumable once there is room."""

from __future__ import absolute_import, unicode_literals

import io
import os
import shutil
import subprocess
import sys

import pytest

import faults
import when
from datarobot_batch_scoring.compat import PY2, WINDOWS
from scoring import LOG, QUICK, numbered, predicted

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='mounts and limits of Linux')

ROWS = 8000
# In 512 bytes or KiB, as the shell has it; more than the checkpoint needs, less than the rows.
LIMIT = ['sh', '-c', 'ulimit -f 48; trap "" XFSZ; exec "$0" "$@"']
OPTIONS = ('--n_samples=500', '--n_concurrent=2')


@pytest.fixture
def small_disk(folder):
    """Makes a folder 'disk' that is a disk of 48 KiB; a function that remounts it."""
    os.mkdir(folder('disk'))
    if not mounts('-t', 'tmpfs', '-o', 'size=48k', 'none', folder('disk')):
        pytest.skip('no disks can be mounted')
    yield lambda options: mounts('-o', 'remount,' + options, folder('disk'))
    subprocess.call(['umount', '-l', folder('disk')])


def mounts(*options):
    with open(os.devnull, 'wb') as nowhere:
        try:
            return subprocess.call(('mount',) + options, stdout=nowhere, stderr=nowhere) == 0
        except OSError:
            return False


def fill(path):
    """Writes a file until the disk is full."""
    with open(path, 'wb') as filler:
        for size in (4096, 1):
            try:
                while True:
                    os.write(filler.fileno(), b'.' * size)
            except OSError:
                pass


def expect_full(result, *words):
    assert (result.code, result.stray) == (1, False), result.err
    assert 'Traceback' not in result.err
    for word in words + ('--resume',):
        assert word in result.err
    complaints = [line for line in result.err.splitlines() if 'cannot be written' in line]
    assert len(complaints) == 1


def expect_resumed(score, server, folder, name, rows=ROWS):
    committed = folder.lines(name)[1:] if folder.has(name) else []
    before = dict(server.answered)
    score.well(None, '--out=' + name, '--resume', *OPTIONS)
    assert folder.read(name) == predicted(rows)
    # What was written past the last commit does not count.
    whole = [line.split(',')[0] for line in committed[:len(committed) // 500 * 500]]
    assert all(server.answered[key] == before[key] for key in whole)
    assert not folder.has(name + '.shelve')


@pytest.mark.parametrize('name, rows', [('disk/out.csv', ROWS), ('disk/out.csv.gz', 20000)])
def test_a_full_disk_ends_the_run_and_room_completes_it(
        score, server, folder, small_disk, name, rows):
    result = score(numbered(rows), '--out=' + name, *OPTIONS)
    expect_full(result, name, 'No space left')
    assert small_disk('size=10m')
    expect_resumed(score, server, folder, name, rows)


def test_a_disk_without_room_for_the_checkpoint(score, server, folder, small_disk):
    folder.write('disk/filler', b'.' * (40 << 10))
    result = score(numbered(ROWS), '--out=disk/out.csv', *OPTIONS)
    assert (result.code, result.stray) == (1, False)
    assert 'No space left' in result.err and 'Traceback' not in result.err
    os.remove(folder('disk/filler'))
    small_disk('size=10m')
    score.well(None, '--out=disk/out.csv', '--resume', *OPTIONS)
    assert folder.read('disk/out.csv') == predicted(ROWS)


def test_a_disk_that_is_full_before_the_run_keeps_the_output_that_was_there(
        score, server, folder, small_disk):
    folder.write('disk/out.csv', b'precious')
    folder.write('disk/filler', b'.' * (40 << 10))
    result = score(numbered(ROWS), '--out=disk/out.csv', '--yes', *OPTIONS)
    assert result.code == 1 and 'No space left' in result.err
    assert folder.read('disk/out.csv') == b'precious'


def test_a_quota_ends_the_run_and_a_larger_one_completes_it(score, server, folder):
    result = score(numbered(ROWS), *OPTIONS, prefix=LIMIT)
    expect_full(result, 'out.csv', 'File too large')
    expect_resumed(score, server, folder, 'out.csv')


def test_a_run_that_finds_the_disk_full_again_can_still_be_resumed(score, server, folder):
    assert score(numbered(ROWS), *OPTIONS, prefix=LIMIT).code == 1
    state = folder.read()
    again = score(None, '--resume', *OPTIONS, prefix=LIMIT)
    expect_full(again, 'out.csv', 'File too large')
    # Batches that come together are committed together or not at all, so that one more may fit.
    assert folder.read().startswith(state)
    expect_resumed(score, server, folder, 'out.csv')


def test_a_disk_that_cannot_be_written_is_told_before_anything_is_sent(
        score, server, folder, small_disk):
    assert small_disk('ro')
    result = score(numbered(20), '--out=disk/out.csv')
    assert (result.code, result.stray) == (2, False)
    assert result.err.startswith(
        'The directory of the output is not writable: disk (Read-only file system).')
    assert server.log == []


@pytest.mark.parametrize('option, file', [
    ('--bad_rows=disk/bad.csv', 'bad-rows file'), ('--report=disk/report.json', 'report')])
def test_a_second_file_that_cannot_be_written_leaves_an_earlier_output_as_it_was(
        score, server, folder, small_disk, option, file):
    folder.write('out.csv', b'of yesterday')
    assert small_disk('ro')
    result = score(numbered(20), option, '--yes')
    assert (result.code, result.stray) == (2, False)
    assert result.err.startswith(
        'The directory of the {0} is not writable: disk.\nName a file in another'.format(file))
    assert server.log == [] and folder.read() == b'of yesterday'
    assert not folder.has('out.csv.shelve')


@pytest.mark.parametrize('option, file', [
    ('--out=disk/file.csv', 'output'), ('--bad_rows=disk/file.csv', 'bad-rows file')])
def test_a_file_that_is_there_and_write_protected_is_told_before_anything_is_sent(
        score, server, folder, small_disk, option, file):
    folder.write('disk/file.csv', b'of yesterday')
    assert small_disk('ro')
    result = score(numbered(20), option, '--yes')
    assert result.code == 2 and result.err.startswith(
        'The {0} disk/file.csv is write-protected.'.format(file))
    assert server.log == [] and folder.read('disk/file.csv') == b'of yesterday'


@pytest.mark.skipif(hasattr(os, 'geteuid') and os.geteuid() == 0, reason='root may write anywhere')
def test_a_folder_without_permission_is_told_before_anything_is_sent(score, server, folder):
    os.mkdir(folder('locked'), 0o500)
    result = score(numbered(20), '--out=locked/out.csv')
    assert result.code == 2 and result.err.startswith(
        'The directory of the output is not writable: locked (Permission denied).')
    assert server.log == []


def test_a_disk_that_another_program_fills_ends_the_run(
        start_command, score, server, folder, small_disk):
    server.fail(faults.held(server.flag), lambda record: int(record.first) >= 1000)
    folder.write('data.csv', numbered(2000))
    command = start_command('batch_scoring_sse', (
        '--host=' + server.url, 'flats', 'data.csv', '--out=disk/out.csv') + OPTIONS)
    server.wait_for(lambda: server.scored['1000'])
    fill(folder('disk/filler'))
    server.flag.set()
    result = command.wait()
    assert (result.code, result.stray) == (1, False)
    small_disk('size=10m')
    expect_resumed(score, server, folder, 'disk/out.csv', 2000)


# --- the output's folder ---------------------------------------------------


@pytest.fixture
def started(start_command, server, folder):
    """A run whose output is in the folder 'there', its first ten rows scored."""
    os.mkdir(folder('there'))
    server.fail(faults.held(server.flag), lambda record: int(record.first) >= 10)
    folder.write('data.csv', numbered(30))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--out=there/out.csv', '--n_samples=5',
        '--n_concurrent=1'])
    server.wait_for(lambda: server.scored['10'])
    server.wait_for(lambda: folder.has('there/out.csv') and folder.read('there/out.csv'))
    return command


def test_a_folder_that_is_removed_ends_the_run(started, score, server, folder):
    shutil.rmtree(folder('there'))
    server.flag.set()
    result = started.wait()
    assert (result.code, result.stray) == (1, False)
    assert 'there/out.csv' in result.err and 'removed' in result.err
    assert 'Traceback' not in result.err
    os.mkdir(folder('there'))
    score.well(None, '--out=there/out.csv', '--resume', '--n_samples=5')
    assert folder.read('there/out.csv') == predicted(30)


def test_a_folder_that_is_moved_can_be_moved_back_and_resumed(started, score, server, folder):
    os.rename(folder('there'), folder('elsewhere'))
    server.flag.set()
    result = started.wait()
    assert (result.code, result.stray) == (1, False)
    os.rename(folder('elsewhere'), folder('there'))
    score.well(None, '--out=there/out.csv', '--resume', '--n_samples=5')
    assert folder.read('there/out.csv') == predicted(30)
    assert not folder.has('there/out.csv.shelve')


@pytest.mark.parametrize('how', ['cut', 'written to', 'replaced'])
def test_an_output_that_another_program_changes_ends_the_run(started, server, folder, how):
    output = folder.read('there/out.csv')
    if how == 'replaced':
        folder.write('other', output)
        os.rename(folder('other'), folder('there/out.csv'))
    else:
        with io.open(folder('there/out.csv'), 'r+b') as other:
            other.truncate(3) if how == 'cut' else other.write(output + b'note')
    server.flag.set()
    result = started.wait()
    assert (result.code, result.stray) == (1, False)
    assert 'there/out.csv was ' + {'replaced': how}.get(how, 'changed') in result.err
    assert 'Traceback' not in result.err


# --- the log ---------------------------------------------------------------


def test_a_full_disk_for_the_log_does_not_end_the_run(
        run_command, server, folder, small_disk):
    folder.write('data.csv', numbered(ROWS))
    fill(folder('disk/filler'))
    server.fail(faults.status(503, 'x' * 200), when.first_tries(1))
    result = run_command('batch_scoring_sse', (
        '--host=' + server.url, 'flats', folder('data.csv'), '--out=' + folder('out.csv')) +
        OPTIONS, cwd=folder('disk'), env=QUICK)
    assert (result.code, result.stray) == (0, False), result.err
    assert 'Traceback' not in result.err
    assert folder.read() == predicted(ROWS)


@pytest.mark.parametrize('option', ['--no', '--verbose'])
def test_a_log_that_cannot_be_written_is_a_warning(score, folder, option):
    os.mkdir(folder(LOG))
    result = score(numbered(20), option)
    assert (result.code, result.stray) == (0, False)
    assert 'warning: The log' in result.err and LOG in result.err
    assert folder.read() == predicted(20)


def test_a_full_standard_output_takes_no_log_and_the_run_goes_on(score, folder):
    result = score(numbered(20), '--stdout', '--verbose',
                   prefix=['sh', '-c', 'exec "$0" "$@" >/dev/full'])
    assert (result.code, result.stray) == (0, False)
    assert folder.read() == predicted(20)


@pytest.mark.skipif(PY2, reason='its subprocess takes no such names')
@pytest.mark.parametrize('option', ['--stdout', '--no'])
def test_a_log_escapes_what_cannot_be_shown(run_command, server, folder, option):
    name = 'd\xe4\x1b[31m.csv'
    try:
        folder.write(name, numbered(20))
    except (EnvironmentError, UnicodeError):
        pytest.skip('no such names here')
    result = run_command(
        'batch_scoring_sse', ['--host=' + server.url, 'flats', name, option],
        env={'PYTHONIOENCODING': 'ascii', 'LC_ALL': 'C.UTF-8'})
    assert (result.code, result.err) == (0, '')
    log = result.out if option == '--stdout' else folder.read(LOG).decode('utf-8')
    shown = 'd\\xe4\\x1b[31m.csv' if option == '--stdout' else 'd\xe4\\x1b[31m.csv'
    assert shown + ': encoding utf-8' in log


@pytest.mark.skipif(PY2 or not sys.platform.startswith('linux'), reason='names of any bytes')
def test_a_log_takes_names_that_are_no_text(run_command, server, folder):
    name = os.fsdecode(b'd\xff.csv')
    folder.write(name, numbered(20))
    result = run_command('batch_scoring_sse', ['--host=' + server.url, 'flats', name])
    assert (result.code, result.err) == (0, '')
    assert 'd\\udcff.csv: encoding utf-8' in folder.read(LOG).decode('utf-8')


@pytest.fixture
def run_nowhere(run_command, server, folder):
    """Runs a command in a working directory that is gone."""
    def run(method):
        folder.write('data.csv', numbered(20))
        os.mkdir(folder('gone'))
        return run_command(
            'batch_scoring_sse', ['--host=' + server.url, 'flats', folder('data.csv'),
                                  '--out=' + folder('out.csv')], cwd=folder('gone'),
            prefix=['sh', '-c', 'rmdir "$PWD" && exec "$0" "$@"'], start_method=method)
    return run


@pytest.mark.skipif(WINDOWS, reason='Windows removes no folder that is in use')
def test_a_working_directory_that_is_gone_takes_only_the_log(run_nowhere, folder):
    result = run_nowhere(None if PY2 else 'fork')
    assert result.code == 0, result.err
    assert 'warning: The log' in result.err
    assert folder.read() == predicted(20)


@pytest.mark.skipif(PY2 or WINDOWS, reason='Windows removes no folder that is in use')
@pytest.mark.parametrize('method', ['spawn', 'forkserver'])
def test_processes_that_begin_anew_need_a_working_directory(run_nowhere, folder, method):
    result = run_nowhere(method)
    assert (result.code, result.err) == (2, (
        'Cannot start processes in the working directory: No such file or directory.\n'
        'Change to another directory.\n'))
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


# Of a file system that lacks something: flock or fsync answer with an error, as `errno` has it.
LACKING = b'''
import errno, fcntl, os

def lacking(name):
    def answer(*ignored):
        code = getattr(errno, name)
        raise OSError(code, os.strerror(code))
    return answer

if os.environ.get('FLOCK'):
    fcntl.flock = lacking(os.environ['FLOCK'])
if os.environ.get('FSYNC'):
    os.fsync = lacking(os.environ['FSYNC'])
'''


@pytest.mark.parametrize('name', ['ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'ENOLCK'])
def test_a_file_system_without_locks_is_told_before_anything_is_sent(score, server, folder, name):
    folder.write('sitecustomize.py', LACKING)
    result = score(numbered(20), env={'PYTHONPATH': folder.path, 'FLOCK': name})
    assert (result.code, result.stray) == (2, False), result.err
    assert 'does not support locks' in result.err and '--out' in result.err
    assert server.log == [] and not folder.has('out.csv')


@pytest.mark.parametrize('name', ['EINVAL', 'ENOTSUP', 'ENOSYS'])
def test_a_file_system_that_forces_nothing_to_disk_is_no_error(score, server, folder, name):
    folder.write('sitecustomize.py', LACKING)
    score.well(numbered(20), env={'PYTHONPATH': folder.path, 'FSYNC': name})
    assert folder.read() == predicted(20)


def test_an_error_in_forcing_to_disk_is_one(score, server, folder):
    folder.write('sitecustomize.py', LACKING)
    result = score(numbered(20), env={'PYTHONPATH': folder.path, 'FSYNC': 'EIO'})
    assert result.code == 1 and 'cannot be written' in result.err
