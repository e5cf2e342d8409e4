"""Signals, kills and streams that are closed: the run ends soon, resumable, and nothing is left."""

from __future__ import absolute_import, unicode_literals

import io
import os
import signal
import sys

import pytest

import faults
import when
from datarobot_batch_scoring.output import checkpoint
from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.demo import app
from datarobot_batch_scoring.local import child
from processes import wait_until
from scoring import LOG, MODEL, PROJECT, numbered, predicted

termios = pytest.importorskip('termios')

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='signals of Linux')

ROWS = 200
OPTIONS = ('--n_samples=2', '--n_concurrent=2')
METHODS = [None, 'spawn'] if sys.version_info[0] > 2 else [None]


@pytest.fixture
def start(start_command, server, folder):
    """Starts a run whose first ten rows are scored and whose next requests are in flight.

    They meet `fault`. Returns the `Command`.
    """
    def started(fault, *options, **more):
        server.fail(fault, lambda record: int(record.first) >= 10)
        folder.write('data.csv', numbered(ROWS))
        command = start_command('batch_scoring_sse', (
            '--host=' + server.url, 'flats', 'data.csv') + OPTIONS + options, **more)
        server.wait_for(lambda: server.scored['10'] and server.scored['12'])
        return command
    return started


@pytest.fixture
def resumed(server, score, folder):
    """Resumes a run against the healed server; nothing that was committed is scored again."""
    def resume():
        committed = committed_rows(folder)
        server.heal()
        server.flag.set()
        before = dict(server.answered)
        score.well(None, *(OPTIONS + ('--resume',)))
        assert folder.read() == predicted(ROWS)
        assert not folder.has('out.csv.shelve')
        assert all(server.answered[key] == before[key]
                   for key in map('{0}'.format, range(committed)))
        return committed
    return resume


def committed_rows(folder):
    """As the checkpoint has it: the output may hold a batch more after a kill."""
    with io.open(folder('out.csv.shelve'), 'rb') as state:
        found, _ = checkpoint.load(state.fileno(), folder('out.csv'))
    return found['rows'] if found else 0


# --- SIGINT, SIGTERM, SIGHUP -----------------------------------------------


@pytest.fixture
def interrupting_import(tmp_path):
    """A folder with a module of a library's name, in whose import Ctrl-C comes."""
    folder = tmp_path / 'interrupting'
    folder.mkdir()
    (folder / 'trafaret.py').write_bytes(
        b'import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n')
    return '{0}'.format(folder)


def test_a_signal_while_the_program_is_loaded_ends_it_without_a_traceback(
        run_command, interrupting_import):
    result = run_command('batch_scoring', ['--help'], env={'PYTHONPATH': interrupting_import})
    assert (result.code, result.out, result.err) == (130, '', '')


SIGNALLING_CODEC = b'''
import codecs, os, signal, time

left = [int(os.environ.get('SIGNAL_AT', 0))]
left_in_destructor = [int(os.environ.get('SIGNAL_IN_DESTRUCTOR_AT', 0))]

class Signal(object):
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # Python sees it here.

class Decoder(codecs.getincrementaldecoder('utf-8')):
    def decode(self, data, final=False):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGINT)
        left_in_destructor[0] -= 1
        if not left_in_destructor[0]:
            Signal()
        return codecs.BufferedIncrementalDecoder.decode(self, data, final)

def search(name):
    if name == 'signalling':
        utf8 = codecs.lookup('utf-8')
        return codecs.CodecInfo(utf8.encode, utf8.decode, incrementaldecoder=Decoder, name=name)

codecs.register(search)
'''


def test_a_signal_whose_error_is_dropped_in_a_destructor_ends_the_run_too(score, server, folder):
    folder.write('sitecustomize.py', SIGNALLING_CODEC)
    result = score(numbered(20), '--encoding=signalling',
                   env={'PYTHONPATH': folder.path, 'SIGNAL_IN_DESTRUCTOR_AT': '1'})
    assert result.code == 130 and result.err.endswith('Interrupted.\n')
    assert server.log == []


@pytest.mark.parametrize('resume', [False, True])
def test_a_signal_while_the_dataset_is_looked_at_is_no_fault_of_it(score, server, folder, resume):
    folder.write('sitecustomize.py', SIGNALLING_CODEC)
    options = ('--encoding=signalling', '--n_samples=10', '--yes') + ('--resume',) * resume
    if resume:
        server.fail(faults.status(400), when.holds('10'))
        assert score(numbered(20), *options, env={'PYTHONPATH': folder.path}).code == 1
        server.heal()
    for number in range(1, 99):
        result = score(numbered(20), *options,
                       env={'PYTHONPATH': folder.path, 'SIGNAL_AT': '{0}'.format(number)})
        if result.code == 0:
            break
        assert (result.code, result.err) == (130, 'Interrupted.\n')
    assert number > 3 and folder.read() == predicted(20)


def test_a_long_wait_for_a_token_is_a_warning(start_command, make_server, folder):
    server = make_server(account=app.Account('u', 'p', 'test-token', None))
    server.fail(faults.retry_after(100), when.path_has('api_token'))
    folder.write('data.csv', numbered(2))
    command = start_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=p', PROJECT, MODEL, 'data.csv'])
    wait_until(lambda: 'No API token after' in command.err())
    command.send_to_all(signal.SIGTERM)
    assert command.wait(4).code == 143


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('name, code', [('SIGINT', 130), ('SIGTERM', 143), ('SIGHUP', 143)])
def test_a_signal_lets_requests_in_flight_end_and_commits_them(
        start, server, resumed, name, code, method):
    command = start(faults.held(server.flag), start_method=method)
    command.send(getattr(signal, name))
    # The batcher ends first: the signal has arrived.
    wait_until(lambda: not command.living('batcher'))
    server.flag.set()
    result = command.wait(20)
    assert (result.code, result.stray) == (code, False), result.err
    assert '--resume' in result.err and 'Traceback' not in result.err
    assert resumed() == 14


def test_a_signal_to_all_processes_is_the_same(start, server, resumed):
    command = start(faults.held(server.flag))
    command.send_to_all(signal.SIGINT)
    wait_until(lambda: not command.living('batcher'))
    server.flag.set()
    result = command.wait(20)
    assert (result.code, result.stray) == (130, False)
    assert resumed() == 14


def test_requests_in_flight_get_five_seconds(start, resumed):
    command = start(faults.never())
    command.send(signal.SIGTERM)
    result = command.wait(9)
    assert (result.code, result.stray) == (143, False)
    assert '--resume' in result.err
    assert resumed() == 10


@pytest.mark.parametrize('all_processes', [False, True])
def test_a_second_signal_ends_it_at_once(start, resumed, all_processes):
    command = start(faults.never())
    send = command.send_to_all if all_processes else command.send
    send(signal.SIGINT)
    wait_until(lambda: not command.living('batcher'))
    send(signal.SIGINT)
    # Less than the requests in flight would get.
    result = command.wait(4)
    assert (result.code, result.stray) == (130, False)
    assert resumed() <= 10


def test_a_run_that_ends_at_once_before_its_first_commit_leaves_no_files(
        start_command, server, folder):
    server.fail(faults.never())
    folder.write('data.csv', numbered(ROWS))
    command = start_command('batch_scoring_sse', (
        '--host=' + server.url, 'flats', 'data.csv') + OPTIONS)
    server.wait_for(lambda: server.in_flight)
    command.send(signal.SIGINT)
    wait_until(lambda: not command.living('batcher'))
    command.send(signal.SIGINT)
    result = command.wait(4)
    assert (result.code, result.stray) == (130, False)
    assert list(folder.state()) == ['data.csv']


def test_two_signals_of_two_kinds_end_it_at_once(start, resumed):
    command = start(faults.never())
    command.send(signal.SIGINT)
    command.send(signal.SIGTERM)
    result = command.wait(4)
    assert result.code in (130, 143) and not result.stray
    resumed()


def test_a_signal_ends_waits_for_a_retry(start_command, server, folder):
    server.fail(faults.retry_after(600))
    folder.write('data.csv', numbered(2))
    command = start_command('batch_scoring_sse', ['--host=' + server.url, 'flats', 'data.csv'])
    wait_until(lambda: folder.has(LOG) and b'next retry in 600' in folder.read(LOG))
    command.send(signal.SIGTERM)
    result = command.wait(4)
    assert (result.code, result.stray) == (143, False)


def test_a_signal_while_processes_start_is_not_lost(start_command, server, folder):
    server.fail(faults.never())
    folder.write('data.csv', numbered(ROWS))
    command = start_command('batch_scoring_sse', (
        '--host=' + server.url, 'flats', 'data.csv', '--n_retry=0') + OPTIONS)
    wait_until(lambda: command.living())
    command.send(signal.SIGINT)
    result = command.wait(9)
    assert (result.code, result.stray) == (130, False)
    assert 'Traceback' not in result.err


def test_an_ignored_hangup_stays_ignored(start, server, folder):
    command = start(faults.held(server.flag), prefix=['nohup'])
    command.send_to_all(signal.SIGHUP)
    server.flag.set()
    result = command.wait(20)
    assert (result.code, result.stray) == (0, False)
    assert folder.read() == predicted(ROWS)


# --- kills -----------------------------------------------------------------


@pytest.mark.parametrize('method', METHODS)
def test_a_kill_of_the_main_process_leaves_no_process(start, resumed, method):
    command = start(faults.never(), start_method=method)
    command.send(signal.SIGKILL)
    # `stray` says that a process was there five seconds later.
    result = command.wait()
    assert (result.code, result.stray) == (-signal.SIGKILL, False)
    assert resumed() <= 10


@pytest.mark.parametrize('role', child.ROLES)
def test_a_kill_of_any_process_ends_the_run(start, resumed, role):
    command = start(faults.never())
    os.kill(command.living(role)[0], signal.SIGKILL)
    began = monotonic()
    result = command.wait(20)
    # Noticed at once; requests in flight get five seconds, where that is of use.
    assert monotonic() - began < 11
    assert (result.code, result.stray) == (1, False)
    assert 'The {0} process ended unexpectedly: it was killed'.format(role) in result.err
    assert '--resume' in result.err and 'Traceback' not in result.err
    assert resumed() <= 10


@pytest.mark.parametrize('role', child.ROLES)
def test_a_process_that_hangs_is_noticed(start, server, resumed, role):
    command = start(faults.held(server.flag))
    os.kill(command.living(role)[0], signal.SIGSTOP)
    wait_until(lambda: len(command.living()) < 3, 9)
    server.flag.set()
    result = command.wait(20)
    assert (result.code, result.stray) == (1, False)
    assert 'The {0} process does not respond'.format(role) in result.err
    resumed()


def test_a_pause_of_all_processes_is_no_failure(start, server, folder):
    command = start(faults.held(server.flag))
    command.send_to_all(signal.SIGSTOP)
    server.flag.set()
    server.stopping.wait(6)
    command.send_to_all(signal.SIGCONT)
    result = command.wait()
    assert (result.code, result.stray) == (0, False), result.err
    assert folder.read() == predicted(ROWS)


@pytest.mark.skipif(sys.version_info[0] == 2, reason='2.7 has no start methods')
def test_processes_that_are_slow_to_start_are_not_taken_for_stuck(score, folder):
    result = score(numbered(20), start_method='spawn',
                   env={'BATCH_SCORING_TEST_SLOW_START': '7'})
    assert (result.code, result.stray) == (0, False), result.err
    assert folder.read() == predicted(20)


# --- streams ---------------------------------------------------------------


@pytest.mark.parametrize('closing', [
    '>&-', '2>&-', '<&-', '>&- 2>&- <&-', '>/dev/full 2>/dev/full'])
@pytest.mark.parametrize('option', ['--no', '--stdout', '--verbose'])
def test_closed_streams_do_not_matter(score, folder, closing, option):
    shell = ['sh', '-c', 'exec "$0" "$@" ' + closing]
    result = score(numbered(20), option, prefix=shell)
    assert (result.code, result.stray) == (0, False), result.err
    assert 'Traceback' not in result.err and 'Exception' not in result.err
    assert folder.read() == predicted(20)


@pytest.mark.parametrize('option', ['--no', '--stdout'])
def test_a_reader_of_standard_output_that_is_gone_does_not_matter(
        start_command, server, folder, option):
    fifo = folder('fifo')
    os.mkfifo(fifo)
    folder.write('data.csv', numbered(20))
    server.fail(faults.held(server.flag))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', option],
        prefix=['sh', '-c', 'exec "$0" "$@" >fifo 2>&1'])
    reader = os.open(fifo, os.O_RDONLY)
    server.wait_for(lambda: server.in_flight)
    os.close(reader)
    server.flag.set()
    result = command.wait()
    assert (result.code, result.stray) == (0, False)
    assert folder.read() == predicted(20)


def fill(descriptor):
    """Fills a pipe that does not block."""
    for size in (4096, 1):
        try:
            while True:
                os.write(descriptor, b'.' * size)
        except OSError:
            pass


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_run_whose_output_nobody_reads(start_command, server, folder, number):
    os.mkfifo(folder('fifo'))
    unread = os.open(folder('fifo'), os.O_RDWR | os.O_NONBLOCK)
    folder.write('data.csv', numbered(20))
    server.fail(faults.held(server.flag))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--stdout'],
        prefix=['sh', '-c', 'exec "$0" "$@" >fifo'])
    server.wait_for(lambda: server.in_flight)
    fill(unread)
    end = monotonic() + 30
    while command.running():
        assert monotonic() < end
        command.send(number)
        server.stopping.wait(0.5)
    os.close(unread)
    result = command.wait()
    assert (result.code in (-number, 128 + number), result.stray) == (True, False)


# --- at a prompt -----------------------------------------------------------


def test_ctrl_c_at_a_question_leaves_everything_as_it_was(start_command, server, folder):
    fifo = folder('fifo')
    os.mkfifo(fifo)
    folder.write('data.csv', numbered(20))
    folder.write('out.csv', b'precious')
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv'],
        prefix=['sh', '-c', 'exec "$0" "$@" <fifo'])
    writer = os.open(fifo, os.O_WRONLY)
    wait_until(lambda: 'Overwrite it?' in command.err())
    command.send_to_all(signal.SIGINT)
    result = command.wait(10)
    os.close(writer)
    assert (result.code, result.stray) == (130, False)
    assert 'Traceback' not in result.err
    assert folder.read() == b'precious' and not folder.has('out.csv.shelve')
    assert server.log == []


@pytest.fixture
def asked_for_password(start_command, server, folder):
    """A command that asks for a password: (Command, our end of the terminal, the other end)."""
    folder.write('data.csv', numbered(20))
    terminal, other = os.openpty()
    # The first terminal that a session opens is the one that its Ctrl-C comes from.
    shell = ['sh', '-c', 'exec "$0" "$@" <' + os.ttyname(other)]
    command = start_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '5f0000000000000000000001',
        '5f0000000000000000000002', 'data.csv'], prefix=shell)
    shown = b''
    while b'Password' not in shown and 'Password' not in command.err():
        shown += os.read(terminal, 100)
    yield command, terminal, other
    os.close(other)
    os.close(terminal)


def test_ctrl_c_at_the_question_for_a_password(asked_for_password, server):
    command, terminal, _ = asked_for_password
    os.write(terminal, b'half a pass\x03')
    result = command.wait(10)
    assert (result.code, result.stray) == (130, False)
    assert 'Traceback' not in result.err and 'half' not in result.err
    assert server.log == []


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGHUP'])
def test_a_signal_at_the_question_for_a_password_lets_the_terminal_show_typing_again(
        asked_for_password, server, name):
    command, _, other = asked_for_password
    assert not termios.tcgetattr(other)[3] & termios.ECHO
    command.send(getattr(signal, name))
    result = command.wait(10)
    assert (result.code, result.stray) == (143, False)
    assert termios.tcgetattr(other)[3] & termios.ECHO
    assert 'Traceback' not in result.err
    assert server.log == []


SIGNALLING_SOCKET = b'''
import os, signal, socket, time
make = socket.SocketIO.__init__

def make_and_signal(self, *args):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)  # Python sees it here.
    make(self, *args)

socket.SocketIO.__init__ = make_and_signal
'''


@pytest.mark.skipif(sys.version_info[0] == 2, reason='2.7 makes its sockets in C')
def test_a_signal_while_the_socket_of_a_token_is_half_made(run_command, server, folder):
    folder.write('data.csv', numbered(20))
    folder.write('sitecustomize.py', SIGNALLING_SOCKET)
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=p', '5f0000000000000000000001',
        '5f0000000000000000000002', 'data.csv'], env={'PYTHONPATH': folder.path})
    assert (result.code, result.err) == (143, 'Terminated by a signal.\n')


def test_a_signal_while_a_token_is_bought(start_command, server, folder):
    server.fail(faults.never(), when.path_has('api_token'))
    folder.write('data.csv', numbered(20))
    command = start_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=p', '5f0000000000000000000001',
        '5f0000000000000000000002', 'data.csv'])
    server.wait_for(lambda: server.in_flight)
    command.send(signal.SIGTERM)
    result = command.wait(4)
    assert (result.code, result.stray) == (143, False)
    assert 'Traceback' not in result.err
