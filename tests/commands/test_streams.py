"""Datasets that come from standard input, and rows that go to standard output."""

from __future__ import absolute_import, unicode_literals

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import faults
from datarobot_batch_scoring.compat import PY2, WINDOWS
from places import ROOT
from processes import wait_until
from scoring import LOG, WHOLE, as_csv, numbered, predicted

pytestmark = pytest.mark.skipif(WINDOWS, reason='pipes and shells of Unix')

METHODS = [None] if PY2 else [None, 'spawn', 'forkserver']


@pytest.fixture
def stream(run_command, server, folder):
    """Scores data (bytes) from one pipe to another: a `command.Result`.

    Its `out` is what came out of the second pipe; its code is the command's.
    """
    def stream(data, *options, **more):
        folder.write('data', data)
        shell = 'cat data | {{ "$0" "$@"; echo $? >code; }} | {0}'.format(more.pop('into', 'cat'))
        result = run_command('batch_scoring_sse', [
            '--host=' + server.url, '--out=-'] + list(options) + ['flats', '-'],
            prefix=['sh', '-c', shell], **more)
        return result._replace(code=int(folder.read('code')))
    return stream


def gzipped(*parts):
    packed = io.BytesIO()
    for part in parts:
        with gzip.GzipFile(fileobj=packed, mode='wb', mtime=0) as target:
            target.write(part)
    return packed.getvalue()


# --- the same bytes -----------------------------------------------------------------

RECORDS = [['x', 'text']] + [['{0}'.format(n), each] for n, each in enumerate([
    'Malm\xf6', '5" pipe', 'a\r\nb', 'a;b', '', 'say "hi"'] * 40)]


@pytest.mark.parametrize('encoding, delimiter, pack', [
    ('utf-8', ',', bytes), ('utf-8-sig', ';', bytes), ('utf-16', '\t', bytes),
    ('latin-1', ';', gzipped), ('utf-8', '|', gzipped)])
def test_the_bytes_are_those_from_and_to_a_file(
        stream, score, server, folder, encoding, delimiter, pack):
    data = pack(as_csv(RECORDS, delimiter).encode(encoding))
    options = ['--n_samples=50', '--keep_cols=text', '--encoding=' + encoding]
    score.well(data, *options)
    result = stream(data, *options)
    assert (result.code, result.stray) == (0, False), result.err
    assert result.out.encode('utf-8') == folder.read().replace(b'\r\n', b'\n')


@pytest.mark.parametrize('rows', [10, 40000])
@pytest.mark.parametrize('pack', [bytes, gzipped])
def test_json_lines_are_read_from_a_stream_as_from_a_file(stream, score, folder, pack, rows):
    data = pack(b''.join(b'{"x":%d,"text":"a\\n%d"}\n' % (n, n) for n in range(rows)))
    score.well(data, '--keep_cols=text')
    result = stream(data, '--keep_cols=text')
    assert (result.code, result.stray) == (0, False), result.err
    assert result.out.encode('ascii') == folder.read().replace(b'\r\n', b'\n')


@pytest.mark.parametrize('method', METHODS)
def test_however_processes_start_the_streams_reach_them(stream, method):
    result = stream(numbered(30), '--n_samples=4', start_method=method)
    assert (result.code, result.stray) == (0, False), result.err
    assert result.out.encode('ascii') == predicted(30)


def test_encoding_and_delimiter_are_detected_at_the_beginning_of_a_stream(stream):
    text = as_csv([['x', 'st\xe4dte']] + [['1', 'M\xfcnchen'], ['2', 'K\xf6ln \u2013 Stra\xdfe']] * 20, ';')
    result = stream(text.encode('cp1252'), '--keep_cols=st\xe4dte' if not PY2 else '--verbose')
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) == 41


def test_more_than_what_is_looked_at_first_is_read_once_and_in_order(stream):
    # Several megabytes: neither the pipes nor the sample hold all of it.
    rows = 60000
    data = b'x,pad\n' + b''.join(b'%d,%s\n' % (n, b'.' * 40) for n in range(rows))
    result = stream(data)
    assert result.code == 0, result.err
    assert result.out.encode('ascii') == predicted(rows)


def test_types_are_those_of_the_beginning_of_a_stream(stream):
    pad = b'.' * 200
    result = stream(b'x,pad\n' + b''.join(b'%d,%s\n' % (n, pad) for n in range(10000)), '--protocol=mlflow')
    assert (result.code, result.out.splitlines()[-1]) == (0, '9999,9999'), result.err


def test_all_members_of_a_gzipped_stream_are_read(stream):
    whole = numbered(60)
    half = whole.index(b'\n30,') + 1
    result = stream(gzipped(whole[:half], whole[half:]) + b'\0' * 512)
    assert (result.code, result.out.encode('ascii')) == (0, predicted(60))


# --- standard output has the rows and nothing else ----------------------------------

@pytest.mark.parametrize('options', [
    ['--verbose'], ['--yes'], ['--report=report.json'], ['--log=some.log', '--n_concurrent=1']])
def test_only_rows_are_on_standard_output(stream, options):
    result = stream(numbered(20).replace(b'\n7,', b'\n\n7,'), WHOLE, *options)
    assert (result.code, result.out.encode('ascii')) == (0, predicted(20))
    assert 'warning: Line 9 of the dataset is blank' in result.err
    assert result.err.splitlines()[-1].startswith(
        '20 rows are on standard output: 20 scored in 1 batch, 0 retries, ')


def test_a_stream_can_be_scored_into_a_file(run_command, server, folder):
    result = run_command('batch_scoring_sse', ['--host=' + server.url, 'flats', '-'],
                         stdin=numbered(20).decode('ascii'))
    assert (result.code, result.err) == (0, '')
    assert result.out.startswith('20 rows are in out.csv: ')
    assert folder.read() == predicted(20) and not folder.has('out.csv.shelve')


def test_a_file_can_be_scored_to_standard_output(score, folder):
    result = score(numbered(20), '--out=-')
    assert (result.code, result.out.encode('ascii')) == (0, predicted(20))
    assert sorted(os.listdir(folder.path)) == ['data.csv', LOG]


def test_a_dry_run_writes_no_row(stream):
    result = stream(numbered(20), '--dry_run')
    assert (result.code, result.out) == (0, '')
    assert result.err == ("20 rows; 2 columns, encoding utf-8, delimiter ','; "
                          'nothing was sent or written.\n')


# --- the other options ----------------------------------------------------------------

def test_columns_and_rows_are_chosen_as_in_a_file(stream):
    result = stream(numbered(20), '--rows=3:5', '--keep_cols=*')
    assert (result.code, result.out.splitlines()) == (
        0, ['row_id,x,city,y', '3,3,town 3,3', '4,4,town 4,4'])


def test_after_the_last_row_that_is_wanted_the_stream_is_left_alone(
        start_command, server, folder):
    os.mkfifo(folder('fifo'))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=-', '--rows=5', 'flats', '-'],
        prefix=['sh', '-c', 'exec "$0" "$@" <fifo'])
    writer = os.open(folder('fifo'), os.O_WRONLY)
    try:
        os.write(writer, numbered(5))
        # It is looked at as far as a megabyte; then it goes on without an end.
        while command.running():
            os.write(writer, b'99,more\n' * 1000)
    except OSError:
        pass
    finally:
        os.close(writer)
    result = command.wait()
    assert (result.code, result.out.encode('ascii')) == (0, predicted(5)), result.err


QUOTED = b'x,text\n' + b''.join(b'%d,"a\nb, ""c""\n"\n' % n for n in range(40))


# In CSV, the quotes would open fields.
JSON_LINES = b''.join(b'{"x": %d, "text": "a,","b":"\\"" }\n' % n for n in range(5))


# What there is in a pipe, and the rows that are wanted.
OPEN_PIPES = {
    'more': (numbered(40), '5'),
    'from a row on': (numbered(40), '2:5'),
    'no more': (numbered(5), '5'),
    'CRLF': (numbered(5).replace(b'\n', b'\r\n'), '5'),
    'sep and blank lines': (
        b'sep=;\n\n' + numbered(40).replace(b',', b';').replace(b'\n', b'\n\n'), '5'),
    'quoted': (QUOTED, '5'),
    'byte-order mark': (b'\xef\xbb\xbf' + numbered(5), '5'),
    'gzip': (gzipped(numbered(40)), '5'),
    'gzip of two members': (gzipped(numbered(3), b'3,c\n4,d\n'), '5'),
    'JSON Lines, more': (JSON_LINES + JSON_LINES, '5'),
    'JSON Lines, no more': (JSON_LINES, '5'),
    'JSON Lines, the last': (JSON_LINES, '4:5'),
    'JSON Lines with blank lines and a byte-order mark': (
        b'\xef\xbb\xbf\n' + JSON_LINES.replace(b'\n', b'\r\n\r\n'), '5'),
    'JSON Lines, gzipped': (gzipped(JSON_LINES), '5'),
    'more than is looked at': (numbered(100000), '99998:99999'),
    'more than is looked at, gzipped': (gzipped(numbered(150000)), '149998:149999'),
}


@pytest.mark.parametrize('name', sorted(OPEN_PIPES))
@pytest.mark.parametrize('method', METHODS)
def test_with_all_rows_that_are_wanted_nothing_more_of_an_open_pipe_is_waited_for(
        start_command, server, folder, name, method):
    data, rows = OPEN_PIPES[name]
    os.mkfifo(folder('fifo'))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=-', '--rows=' + rows, 'flats', '-'],
        prefix=['sh', '-c', 'exec "$0" "$@" <fifo'], start_method=method)
    writer = os.open(folder('fifo'), os.O_WRONLY)
    try:
        os.write(writer, data)
        result = command.wait()
    finally:
        os.close(writer)
    first, _, last = rows.rpartition(':')
    assert result.code == 0 and 'Traceback' not in result.err, result.err
    assert result.out.replace(';', ',').splitlines() == ['row_id,y'] + [
        '{0},{0}'.format(n) for n in range(int(first or 0), int(last))]


def test_a_file_on_standard_input_and_a_slow_pipe_give_the_rows_that_are_wanted(
        start_command, server, folder):
    folder.write('data', QUOTED)
    for source in ('exec "$0" "$@" <data', '{ head -c 30 data; sleep 0.3; cat data; } | "$0" "$@"'):
        result = start_command('batch_scoring_sse', [
            '--host=' + server.url, '--out=-', '--rows=30', 'flats', '-'],
            prefix=['sh', '-c', source.replace('cat data', 'tail -c +31 data')]).wait()
        assert result.code == 0, result.err
        assert len(result.out.splitlines()) == 31


def test_refused_rows_are_set_aside(stream, server, folder):
    server.fail(faults.status(422, 'no'), when=lambda record: '7' in record.keys)
    result = stream(numbered(20), '--n_samples=6', '--bad_rows=bad.csv', '--keep_cols=city')
    assert result.code == 3, result.err
    lines = result.out.splitlines()
    assert len(lines) == 21 and lines[8] == '7,town 7,'
    assert folder.lines('bad.csv')[1].endswith(',7,town 7')
    assert '1 row was set aside and is in bad.csv' in result.err


def test_a_report_calls_the_stream_by_its_name(stream, folder):
    assert stream(numbered(20), '--report=report.html').code == 0
    assert b'<h1>Scoring of standard input</h1>' in folder.read('report.html')
    assert stream(numbered(20), '--report=report.json').code == 0
    found = json.loads(folder.read('report.json').decode('ascii'))
    assert (found['rows'], found['bytes']['read'], found['bytes']['output']) == (
        20, len(numbered(20)), len(predicted(20)))


def test_from_python_the_streams_are_those_of_the_process(server, folder):
    script = (
        'from datarobot_batch_scoring import make_settings, score\n'
        'if __name__ == "__main__":\n'
        '    print("before")\n'
        '    result = score(make_settings("batch_scoring_sse", import_id="flats",\n'
        '                                 host="{0}", dataset="-", out="-"))\n'
        '    print(result.rows)\n').format(server.url)
    folder.write('script.py', script.encode('ascii'))
    process = subprocess.Popen(
        [sys.executable, 'script.py'], cwd=folder.path, env=dict(os.environ, PYTHONPATH=str(ROOT)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    printed = process.communicate(numbered(20))[0]
    assert (process.returncode, printed) == (0, b'before\n' + predicted(20) + b'20\n')


# --- nothing to resume, nobody to ask ---------------------------------------------------

@pytest.mark.parametrize('options, said', [
    (['--out=-', 'flats', 'data.csv'], 'with --out=-: standard output cannot be resumed'),
    (['flats', '-'], 'with standard input, which cannot be read again')])
@pytest.mark.parametrize('from_ini', [False, True])
def test_resuming_a_stream_is_a_usage_error(run_command, server, folder, options, said, from_ini):
    folder.write('data.csv', numbered(3))
    folder.write('batch_scoring.ini', b'[batch_scoring]\nresume = yes\n' if from_ini else b'')
    result = run_command('batch_scoring_sse', ['--host=' + server.url] + options + (
        [] if from_ini else ['--resume']))
    assert (result.code, result.out, server.log) == (2, '', [])
    assert '--resume is not supported ' + said in result.err
    assert not folder.has('out.csv')


def test_a_log_on_standard_output_leaves_no_room_for_rows(score, server):
    result = score(numbered(3), '--out=-', '--stdout')
    assert (result.code, result.out, server.log) == (2, '', [])
    assert result.err.startswith('--stdout and --out=- exclude each other.\n')


def test_a_question_is_not_answered_by_the_dataset(run_command, server, folder):
    folder.write('out.csv', b'precious')
    command = ['--host=' + server.url, 'flats', '-']
    result = run_command('batch_scoring_sse', command, stdin='y\n' * 5)
    assert (result.code, result.out, server.log) == (2, '', [])
    assert result.err == ''.join([
        'Cannot prompt because standard input is the dataset: The output out.csv exists. Overwrite it?\n',
        'Answer it with --yes or --no.\n'])
    assert folder.read() == b'precious'
    assert run_command('batch_scoring_sse', command + ['--yes'], stdin='x\n7\n').code == 0
    assert folder.lines() == ['row_id,y', '0,7']


def test_a_stream_that_failed_is_resumed_from_a_file(run_command, server, folder):
    server.fail(faults.status(422), when=lambda record: record.first == '4')
    words = ['--host=' + server.url, '--n_samples=2', '--n_concurrent=1', 'flats']
    result = run_command('batch_scoring_sse', words + ['-'], stdin=numbered(6).decode('ascii'))
    assert result.code == 1
    assert result.err.startswith(
        '4 rows are in out.csv. To continue, save the dataset to a file and rerun with that file and --resume.\n')
    server.heal()
    again = run_command('batch_scoring_sse', words + ['-'], stdin=numbered(6).decode('ascii'))
    assert again.code == 2
    assert 'does not match: standard input cannot be read again. Discard it' in again.err
    folder.write('data.csv', numbered(6))
    assert run_command('batch_scoring_sse', words + ['data.csv', '--resume']).code == 0
    assert folder.read() == predicted(6)
    assert [server.answered[key] for key in '0123'] == [1] * 4


def test_a_run_that_fails_says_that_it_cannot_be_resumed(stream, server):
    server.fail(faults.status(422), when=lambda record: record.first == '4')
    result = stream(numbered(6), '--n_samples=2', '--n_concurrent=1')
    assert (result.code, result.out.encode('ascii')) == (1, predicted(4))
    assert result.err.startswith('4 rows are on standard output. Such a run cannot be resumed.\n')
    assert '--resume' not in result.err


@pytest.mark.parametrize('options', [[], ['--dry_run']])
def test_a_line_to_repair_is_not_said_to_be_resumed(stream, options):
    result = stream(numbered(5) + b'1,2,3\n', *options)
    assert result.code == 1
    assert 'Line 7 of the dataset has 3 fields' in result.err
    assert 'Repair the line, then rerun.' in result.err and '--resume' not in result.err


def test_a_terminal_is_told_how_the_dataset_ends(start_command, server, folder):
    terminal, other = os.openpty()
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=-', 'flats', '-'],
        prefix=['sh', '-c', 'exec "$0" "$@" <' + os.ttyname(other)])
    wait_until(lambda: 'end it with Ctrl-D' in command.err())
    os.write(terminal, b'x\n7\n\x04')
    result = command.wait()
    os.close(terminal)
    os.close(other)
    assert (result.code, result.out) == (0, 'row_id,y\n0,7\n')


# --- streams that cannot be used ------------------------------------------------------

@pytest.mark.parametrize('data, said', ids=[
    'empty', 'header', 'zip', 'packed', 'short', 'more'], argvalues=[
    (b'', 'The dataset on standard input is empty.'),
    (b'x,y\n', 'The dataset on standard input has a header but no rows.'),
    (b'PK\3\4' + b'\0' * 40, 'The dataset on standard input is not a CSV file: it is '),
    (gzipped(b'PK\3\4' + b'\0' * 40), 'The dataset on standard input does not contain CSV'),
    (gzipped(numbered(9))[:-9], 'The gzip file on standard input is damaged: it ends too early'),
    (gzipped(numbered(9)) + b'more', 'The gzip file on standard input is followed by data')])
def test_what_is_no_dataset_is_said_as_of_a_file(stream, server, data, said):
    result = stream(data)
    assert (result.code, result.out, server.log) == (2, '', [])
    assert said in result.err and '--resume' not in result.err


@pytest.mark.parametrize('end, said', [
    (lambda data: data[:-9], 'The gzip file on standard input is damaged: it ends too early'),
    (lambda data: data[:-8] + b'\0' * 8, 'The gzip file on standard input is damaged: '),
    (lambda data: data + b'more', 'The gzip file on standard input is followed by data')])
def test_a_gzipped_stream_that_breaks_off_ends_the_run(stream, server, end, said):
    # So long that its end is not seen at the beginning.
    data = b'x,pad\n' + b''.join(b'%d,%s\n' % (n, b'.' * 90) for n in range(20000))
    result = stream(end(gzipped(data)))
    assert result.code == 1
    assert said in result.err and 'Traceback' not in result.err


@pytest.mark.parametrize('path', ['/dev/stdin', 'fifo'])
def test_another_name_of_a_pipe_is_not_waited_for(run_command, server, folder, path):
    os.mkfifo(folder('fifo'))
    result = run_command('batch_scoring_sse', ['--host=' + server.url, 'flats', path],
                         prefix=['sh', '-c', 'echo | "$0" "$@"'])
    assert (result.code, server.log) == (2, [])
    assert 'is not a regular file.\nTo score data from a pipe or FIFO, pass - ' in result.err


@pytest.mark.parametrize('words', ['flats data.csv >>data.csv', 'flats - <data.csv >>data.csv'])
def test_a_file_is_not_scored_into_itself(run_command, server, folder, words):
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring_sse', ['--host=' + server.url, '--out=-'],
                         prefix=['sh', '-c', '"$0" "$@" ' + words])
    assert (result.code, server.log) == (2, [])
    assert result.err == 'The dataset and the output are the same file: standard output.\n'
    assert folder.read('data.csv') == numbered(3)


@pytest.mark.parametrize('option', ['--log=-', '--bad_rows=-'])
def test_no_other_file_can_be_a_stream(score, server, folder, option):
    result = score(numbered(3), option)
    assert (result.code, server.log) == (2, [])
    assert "'-' is not allowed: it must be a file name." in result.err


@pytest.mark.parametrize('redirection, reason', [
    ('>/dev/full', 'No space left on device'), ('>&-', 'Bad file descriptor')])
def test_a_standard_output_that_cannot_be_written_ends_the_run(
        run_command, server, folder, redirection, reason):
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=-', 'flats', 'data.csv'],
        prefix=['sh', '-c', 'exec "$0" "$@" ' + redirection])
    assert (result.code, result.stray) == (1, False)
    assert result.err.startswith('Standard output cannot be written: {0}.'.format(reason))


# --- readers and writers that end, or keep one waiting --------------------------------------

@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('options, expected', [
    ([], ''), (['--verbose', '--report=report.json'], None)])
def test_a_reader_that_has_read_enough_ends_the_run(stream, method, options, expected):
    result = stream(numbered(60000), into='head -n 1', start_method=method, *options)
    assert (result.code, result.out, result.stray) == (1, 'row_id,y\n', False)
    assert 'The program that reads standard output has ended.\n' in result.err
    assert 'Traceback' not in result.err and 'Exception' not in result.err


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize('sent', [b'', numbered(200000)[:1200000]], ids=['nothing', 'much'])
def test_a_signal_ends_a_run_that_waits_for_its_input(
        start_command, server, folder, number, code, sent):
    os.mkfifo(folder('fifo'))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=-', '--n_samples=2000', 'flats', '-'],
        prefix=['sh', '-c', 'exec "$0" "$@" <fifo'])
    writer = os.open(folder('fifo'), os.O_WRONLY)
    while sent:
        sent = sent[os.write(writer, sent):]
        if not sent:
            server.wait_for(lambda: server.answered)
    wait_until(lambda: folder.has(LOG) and b'The host is' in folder.read(LOG))
    command.send(number)
    result = command.wait()
    os.close(writer)
    assert (result.code, result.stray) == (code, False), result.err
    assert 'Traceback' not in result.err


def test_pipes_that_others_made_not_to_wait_are_waited_for(start_command, server, folder):
    for name in ('in', 'out'):
        os.mkfifo(folder(name))
    keeper = os.open(folder('out'), os.O_RDWR | os.O_NONBLOCK)
    folder.write('launch.py', (
        'import fcntl, os, sys\n'
        'for number in (0, 1):\n'
        '    flags = fcntl.fcntl(number, fcntl.F_GETFL)\n'
        '    fcntl.fcntl(number, fcntl.F_SETFL, flags | os.O_NONBLOCK)\n'
        'os.execv(sys.argv[1], sys.argv[1:])\n').encode('ascii'))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=-', '--n_samples=1000', 'flats', '-'],
        prefix=['sh', '-c', 'exec {0} launch.py "$0" "$@" <in >out'.format(sys.executable)])
    writer = os.open(folder('in'), os.O_WRONLY)
    data, rows = numbered(30000), b''
    half = len(data) // 2
    os.write(writer, data[:10])
    wait_until(lambda: folder.has(LOG))
    sent = 10
    while command.running() or len(rows) < len(predicted(30000)):
        if sent < len(data):
            sent += os.write(writer, data[sent:sent + half])
            if sent == len(data):
                os.close(writer)
        try:
            rows += os.read(keeper, 1 << 16)
        except OSError:
            assert command.running() or command.wait().code == 0, command.err()
            time.sleep(0.01)
    os.close(keeper)
    assert (command.wait().code, rows) == (0, predicted(30000))
