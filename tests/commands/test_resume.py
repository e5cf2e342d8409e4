"""A run that ended early goes on with --resume; what does not fit is refused, and named."""

from __future__ import absolute_import, unicode_literals

import collections
import gzip
import io
import json
import os
import pickle
import signal
import struct
import zlib

import pytest

import faults
import when
from datarobot_batch_scoring.output import checkpoint
from datarobot_batch_scoring.compat import WINDOWS
from scoring import DEPLOYMENT, IMPORT, LOG, MODEL, PROJECT, numbered

CHECKPOINT = 'out.csv.shelve'
ONE_BY_ONE = ['--n_samples=10', '--n_concurrent=1']

no_signals = pytest.mark.skipif(WINDOWS, reason='no such signals')


def packed(data):
    """`data` as a gzip file of two members."""
    whole = b''
    for piece in (data[:len(data) // 2], data[len(data) // 2:]):
        member = io.BytesIO()
        with gzip.GzipFile(fileobj=member, mode='wb') as out:
            out.write(piece)
        whole += member.getvalue()
    return whole


def undisturbed(score, folder, data, *options):
    """The bytes of the output of a run that nothing gets in the way of."""
    score.well(data, '--out=whole.csv', *options)
    os.rename(folder('whole.csv'), folder('expected'))
    score.server.scored.clear()
    return folder.read('expected')


def not_scored_again(server, rows):
    return all(server.scored['{0}'.format(n)] == 1 for n in range(rows))


# --- it goes on ------------------------------------------------------------------

@pytest.mark.parametrize('name', ['out.csv', 'out.csv.gz'])
@pytest.mark.parametrize('n_concurrent', ['1', '4'])
def test_after_an_error_the_output_ends_up_as_if_nothing_had_happened(
        score, server, folder, name, n_concurrent):
    options = ['--n_samples=7', '--keep_cols=city', '--n_concurrent=' + n_concurrent]
    expected = undisturbed(score, folder, numbered(100), *options)
    options.append('--out=' + name)
    server.fail(faults.status(400), when.holds('50'))
    result = score(None, *options)
    assert result.code == 1
    assert '--resume' in result.err
    committed = folder.read(name)
    rows = committed.count(b'\n') - 1
    assert rows <= 49 and expected.startswith(committed)
    assert folder.has(name + '.shelve')
    server.heal()
    score.well(None, '--resume', *options)
    assert folder.read(name) == expected
    assert not_scored_again(server, rows)
    assert not folder.has(name + '.shelve')


@no_signals
@pytest.mark.parametrize('name', ['out.csv', 'out.csv.gz'])
def test_after_a_kill_the_output_ends_up_as_if_nothing_had_happened(
        start_command, score, server, folder, name):
    options = ONE_BY_ONE + ['--out=' + name]
    expected = undisturbed(score, folder, numbered(100), *ONE_BY_ONE)
    server.fail(faults.never(), when.holds('50'))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv'] + options)
    server.wait_for(lambda: folder.has(name) and folder.read(name).count(b'\n') == 51)
    command.send_to_all(signal.SIGKILL)
    command.wait()
    server.heal()
    server.scored.clear()
    score.well(None, '--resume', *options)
    assert folder.read(name) == expected
    # The last batch may have been written and not yet been committed.
    assert not any(server.scored['{0}'.format(n)] for n in range(40))


def test_a_run_may_end_early_many_times(score, server, folder):
    data = numbered(100)
    expected = undisturbed(score, folder, data, *ONE_BY_ONE)
    for bad in ('20', '21', '50', '90'):
        server.heal()
        server.fail(faults.status(400), when.holds(bad))
        assert score(data, '--resume', *ONE_BY_ONE).code == 1
    server.heal()
    score.well(None, '--resume', *ONE_BY_ONE)
    assert folder.read() == expected
    assert not_scored_again(server, 20)


def test_resume_without_a_checkpoint_starts_anew(score, folder):
    score.well(numbered(20), '--resume', *ONE_BY_ONE)
    assert len(folder.lines()) == 21
    assert not folder.has(CHECKPOINT)


@pytest.fixture(scope='module')
def files_of_interrupted():
    """Made by the first test that needs them, for that takes a while."""
    return {}


@pytest.fixture
def interrupted(score, server, folder, files_of_interrupted):
    """A run of 100 rows that ended after 50; what the output is to be in the end."""
    if not files_of_interrupted:
        undisturbed(score, folder, numbered(100), *ONE_BY_ONE)
        server.fail(faults.status(400), when.holds('50'))
        assert score(None, *ONE_BY_ONE).code == 1
        assert len(folder.lines()) == 51
        files_of_interrupted.update(folder.state())
    server.heal()
    for name, content in files_of_interrupted.items():
        folder.write(name, content)
    server.scored.clear()
    server.scored.update('{0}'.format(n) for n in range(50))
    return folder.read('expected')


@pytest.mark.parametrize('more', [
    b'50,50\n', b'50,5', b'\0' * 5000, b'50,50\n' * 20], ids=['row', 'half', 'zeros', 'rows'])
def test_what_was_written_past_the_last_checkpoint_is_cut(
        interrupted, score, server, folder, more):
    folder.write('out.csv', folder.read() + more)
    score.well(None, '--resume', *ONE_BY_ONE)
    assert folder.read() == interrupted
    assert not_scored_again(server, 50)


def test_the_counts_of_a_resumed_run_are_those_of_the_whole_output(score, server, folder):
    data = numbered(40).replace(b'\n3,', b'\n,')
    server.fail(faults.status(400), when.holds('20'))
    assert score(data, *ONE_BY_ONE).code == 1
    server.heal()
    result = score.well(None, '--resume', *ONE_BY_ONE)
    assert '40 rows are in out.csv: 20 scored in 2 batches' in result.out
    assert '1 null' in result.out


QUOTED = ('x,text\r\n' + ''.join(
    '{0},"\xe9, ""{0}""\r\nand\rmore\n"\r\n'.format(n) for n in range(60)))


@pytest.mark.parametrize('data, options', [
    (packed(QUOTED.encode('utf-8')), []),
    (b'\xef\xbb\xbf' + QUOTED.encode('utf-8'), []),
    (QUOTED.encode('utf-16'), []),
    (packed(QUOTED.encode('utf-32')), []),
    (QUOTED.encode('latin-1'), ['--encoding=latin-1']),
    (QUOTED.encode('cp037'), ['--encoding=cp037']),
    (QUOTED.replace(',', ';').encode('utf-8'), ['--output_delimiter=tab']),
    (QUOTED.replace('\r\n', '\n').encode('utf-8'), []),
    (b'x\r' + b''.join('{0}\r'.format(n).encode('ascii') for n in range(60)), []),
    (b'x\n\n' + b''.join('{0}\n \n\n'.format(n).encode('ascii') for n in range(60)), []),
    (b'x\n' + b'\n'.join('{0}'.format(n).encode('ascii') for n in range(60)), ['--fast']),
], ids=['gzip', 'utf-8 with a mark', 'utf-16', 'utf-32 in gzip', 'latin-1', 'ebcdic', 'semicolons',
        'line feeds', 'carriage returns', 'blank lines', 'no last line end'])
def test_inputs_of_all_kinds_resume(score, server, folder, data, options):
    folder.write('data.csv', data)
    options = options + ['--n_samples=7', '--n_concurrent=1', '--keep_cols=' + (
        'text' if len(data) > 1000 else 'x')]
    assert score(None, '--out=whole.csv', *options).code == 0
    server.scored.clear()
    server.fail(faults.status(400), when.holds('30'))
    assert score(None, *options).code == 1
    assert folder.read('whole.csv').startswith(folder.read())
    server.heal()
    assert score(None, '--resume', *options).code == 0
    assert folder.read() == folder.read('whole.csv')
    assert not_scored_again(server, 28)


def test_a_run_that_split_batches_resumes_in_the_middle_of_one(score, server, folder):
    options = ['--n_samples=40', '--n_concurrent=1']
    expected = undisturbed(score, folder, numbered(100), *options)
    server.fail(faults.status(413), when.more_rows_than(6))
    server.fail(faults.status(400), when.holds('33'))
    assert score(None, *options).code == 1
    # The part that is refused holds the rows 30 to 34.
    rows = len(folder.lines()) - 1
    assert rows == 30
    server.rules.pop()
    server.scored.clear()
    score.well(None, '--resume', *options)
    assert folder.read() == expected
    assert not any(server.scored['{0}'.format(n)] for n in range(rows))


def test_the_line_of_a_bad_record_is_right_after_a_resume(score, server, folder):
    data = QUOTED.replace('55,', '55,too,', 1).encode('utf-8')
    server.fail(faults.status(400), when.holds('30'))
    assert score(data, *ONE_BY_ONE).code == 1
    server.heal()
    result = score(None, '--resume', *ONE_BY_ONE)
    assert result.code == 1
    lines = data[:data.index(b'55,too')].replace(b'\r\n', b'\n').replace(b'\r', b'\n')
    assert 'ine {0} '.format(lines.count(b'\n') + 1) in result.err


# --- what may change -------------------------------------------------------------

@pytest.mark.parametrize('bad, good', [
    (b'57,town,57\n', b'57,"town,57"\n'), (b'57,town,57\n', b''), (b'57,town 57\0\n', b'57,t\n'),
    (b'57,\xff\n', b'57,\xc3\xbf\n')], ids=['repaired', 'removed', 'NUL', 'encoding'])
def test_a_bad_record_is_repaired_and_the_run_goes_on(score, server, folder, bad, good):
    options = ONE_BY_ONE + ['--encoding=utf-8']
    before, after = numbered(57), numbered(40, 58).partition(b'\n')[2]
    expected = undisturbed(score, folder, before + good + after, *options)
    result = score(before + bad + after, *options)
    assert result.code == 1
    assert 'ine 59 ' in result.err
    rows = len(folder.lines()) - 1
    assert rows in (50, 57)
    score.well(before + good + after, '--resume', *options)
    assert folder.read() == expected
    assert not_scored_again(server, 50)


def test_the_encoding_that_a_later_row_needs_may_be_named(score, server, folder):
    # Further on than the encoding is detected from.
    data = numbered(6000).replace(b'town', b'town' + b'x' * 800).replace(
        b'\n5500,town', b'\n5500,t\xf6wn')
    options = ['--n_samples=500', '--n_concurrent=1', '--keep_cols=city']
    expected = undisturbed(score, folder, data, '--encoding=latin-1', *options)
    result = score(None, *options)
    assert result.code == 1 and 'does not fit the encoding utf-8' in result.err
    committed = len(folder.lines()) - 1
    assert committed > 0
    server.scored.clear()
    score.well(None, '--encoding=latin-1', '--resume', *options)
    assert folder.read() == expected
    assert not any(server.scored['{0}'.format(n)] for n in range(committed))


def test_an_encoding_that_makes_other_text_of_the_scored_rows_is_refused(score, server, folder):
    server.fail(faults.status(400), when.holds('50'))
    data = numbered(100).replace(b'town', b't\xc3\xb6wn')
    assert score(data, *ONE_BY_ONE).code == 1
    server.heal()
    before = folder.state()
    server.scored.clear()
    result = score(None, '--resume', '--encoding=latin-1', *ONE_BY_ONE)
    assert_refused(result, server, folder, before, '--encoding was utf-8 and is iso8859-1')


def test_rows_that_follow_may_be_others_more_or_none(interrupted, score, server, folder):
    before = folder.state()
    for follow in (numbered(70, 50), numbered(3, 200), numbered(0)):
        for name in before:
            folder.write(name, before[name])
        score.well(numbered(50) + follow.partition(b'\n')[2], '--resume', *ONE_BY_ONE)
        assert len(folder.lines()) == 1 + 50 + follow.count(b'\n') - 1
        assert not folder.has(CHECKPOINT)
    assert not_scored_again(server, 50)


def test_the_dataset_may_be_moved_and_packed(interrupted, score, run_command, server, folder):
    os.mkdir(folder('elsewhere'))
    folder.write('elsewhere/other.csv', packed(numbered(100)))
    os.remove(folder('data.csv'))
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'elsewhere/other.csv', '--resume'] + ONE_BY_ONE)
    assert (result.code, result.err) == (0, '')
    assert folder.read() == interrupted
    assert not_scored_again(server, 50)


@pytest.mark.parametrize('option', [
    '--n_concurrent=3', '--n_retry=5', '--timeout=7', '--compress', '--stdout', '--verbose',
    '--no_verify_ssl', '--fast', '--field_size_limit=1000', '--encoding=UTF-8', '--delimiter=,',
    '--output_delimiter=,', '--skip_dialect', '--report=report.json'])
def test_an_option_that_does_not_shape_the_output_may_change(
        interrupted, score, server, folder, option):
    result = score(None, '--n_samples=10', '--resume', option)
    assert result.code == 0, result.err
    assert folder.read() == interrupted
    assert not_scored_again(server, 50)


# --- what may not ----------------------------------------------------------------

BASE = collections.OrderedDict([
    ('--n_samples', '10'), ('--n_concurrent', '1'), ('--keep_cols', 'city,x'),
    ('--user', 'me'), ('--api_token', 'token')])
IDS = [PROJECT, MODEL]


@pytest.fixture(scope='module')
def ended_early():
    """What each run of `try_to_resume` finds: made once, for it takes a while."""
    return {}


@pytest.fixture
def try_to_resume(run_command, make_server, folder, ended_early):
    """Resumes, with other arguments, a run that ended early; returns result and server."""
    server = make_server(shape='binary')

    def run(command, ids, given):
        options = [name + ('=' + value if value else '') for name, value in given.items()]
        return run_command(command, ['--host=' + server.url] + ids + ['data.csv'] + options)

    def resume(command='batch_scoring', ids=None, **changed):
        given = dict(BASE, **{str('--resume'): ''})
        for name, value in changed.items():
            given['--' + name] = value
            if value is None:
                del given['--' + name]
        server.scored.clear()
        return run(command, ids or IDS, given), server

    if not ended_early:
        folder.write('data.csv', numbered(100))
        server.fail(faults.status(400), when.holds('50'))
        assert run('batch_scoring', IDS, BASE).code == 1
        server.heal()
        ended_early.update(folder.state())
    for name, content in ended_early.items():
        folder.write(name, content)
    return resume


def test_other_credentials_and_another_host_may_resume(try_to_resume, folder):
    result, server = try_to_resume(user='you', api_token=None, password='pass',
                                   create_api_token='', datarobot_key='key')
    assert result.code == 0, result.err
    assert len(folder.lines()) == 101
    assert not any(server.scored['{0}'.format(n)] for n in range(50))


def assert_refused(result, server, folder, before, words):
    assert result.code == 2, result
    assert words in result.err
    assert '--no-resume' in result.err and 'Traceback' not in result.err
    assert not server.scored
    assert folder.state() == before


@pytest.mark.parametrize('name, value, words', [
    ('n_samples', '11', '--n_samples was 10 and is 11'),
    ('n_samples', None, '--n_samples was 10 and is not given'),
    ('auto_sample', '', '--n_samples was 10 and is not given'),
    ('keep_cols', 'x,city', '--keep_cols was city,x and is x,city'),
    ('keep_cols', 'city', '--keep_cols was city,x and is city'),
    ('keep_cols', None, '--keep_cols was city,x and is not given'),
    ('api_version', 'api/v1', '--api_version was predApi/v1.0 and is api/v1'),
    ('max_prediction_explanations', '2', '--max_prediction_explanations'),
    ('pred_name', 'p', '--pred_name was not given and is p'),
    ('pred_threshold', 't', '--pred_threshold was not given and is t'),
    ('pred_decision', 'd', '--pred_decision was not given and is d'),
    ('skip_row_id', '', '--skip_row_id'),
    ('output_delimiter', 'tab', '--output_delimiter'),
    # With it there are no such columns to keep; that is told first.
    ('delimiter', ';', '--keep_cols')])
def test_an_option_that_shapes_the_output_may_not_change(
        try_to_resume, folder, ended_early, name, value, words):
    result, server = try_to_resume(**{str(name): value})
    assert result.code == 2
    assert words in result.err
    assert (folder.state(), sum(server.scored.values())) == (ended_early, 0)


@pytest.mark.parametrize('name, value, hint', [
    ('n_samples', '11', 'Give --n_samples=10 as before'),
    ('n_samples', None, 'Give --n_samples=10 as before'),
    ('keep_cols', 'city', 'Give --keep_cols=city,x as before'),
    ('pred_name', 'p', 'Leave out --pred_name as before'),
    ('output_delimiter', 'tab', 'Rerun with the original settings and data')])
def test_the_option_that_makes_the_run_fit_again_is_named(try_to_resume, name, value, hint):
    result, _ = try_to_resume(**{str(name): value})
    assert result.err.splitlines()[-1] == hint + ', or start over with --no-resume.'


@pytest.mark.parametrize('command, ids, words', [
    ('batch_scoring', ['5f000000000000000000000a', MODEL], 'project_id was ' + PROJECT),
    ('batch_scoring', [PROJECT, '5f000000000000000000000a'], 'model_id was ' + MODEL),
    ('batch_scoring_deployment_aware', [DEPLOYMENT], 'command was batch_scoring and is'),
    ('batch_scoring_sse', [IMPORT], 'command was batch_scoring and is batch_scoring_sse')])
def test_ids_and_command_may_not_change(
        try_to_resume, folder, ended_early, command, ids, words):
    changed = {'user': None, 'api_token': None} if command == 'batch_scoring_sse' else {}
    result, server = try_to_resume(command, ids, **changed)
    assert_refused(result, server, folder, ended_early, words)


@pytest.mark.parametrize('command, ids, others, words', [
    ('batch_scoring_deployment_aware', [DEPLOYMENT], [MODEL], 'deployment_id'),
    ('batch_scoring_sse', [IMPORT], ['others'], 'import_id was flats and is others')])
def test_the_ids_of_other_commands_may_not_change_either(
        run_command, server, folder, command, ids, others, words):
    options = ['--host=' + server.url, 'data.csv'] + ONE_BY_ONE
    if command != 'batch_scoring_sse':
        options.append('--api_token=token')
    folder.write('data.csv', numbered(100))
    server.fail(faults.status(400), when.holds('50'))
    run_command(command, options[:1] + ids + options[1:])
    before = folder.state()
    server.scored.clear()
    result = run_command(command, options[:1] + others + options[1:] + ['--resume'])
    assert_refused(result, server, folder, before, words)


def with_other(old, new):
    return numbered(100).replace(old, new, 1)


@pytest.mark.parametrize('data, words', [
    (with_other(b'\n0,', b'\n1,'), 'rows that were scored'),
    (with_other(b'town 49\n', b'town 4\n'), 'rows that were scored'),
    (with_other(b'town 49\n', b'"town 49"\n'), 'rows that were scored'),
    (with_other(b'\n20,town 20\n', b'\n'), 'rows that were scored'),
    (with_other(b'\n20,', b'\n\n20,'), 'rows that were scored'),
    (with_other(b'\n', b'\r\n'), 'rows that were scored'),
    (numbered(49), 'rows that were scored'),
    (with_other(b'x,city', b'x,city '), 'rows that were scored'),
    (with_other(b'x,city', b'city,x'), 'the header of the dataset differs'),
    (with_other(b'x,city', b'x,city,more'), 'the header of the dataset differs'),
], ids=['first row', 'last row', 'quotes', 'a row less', 'a blank line', 'line end', 'shorter',
        'space in header', 'columns turned', 'a column more'])
def test_a_dataset_that_differs_up_to_the_checkpoint_is_refused(
        try_to_resume, folder, ended_early, data, words):
    folder.write('data.csv', data)
    result, server = try_to_resume()
    assert_refused(result, server, folder, dict(ended_early, **{str('data.csv'): data}), words)


@pytest.mark.parametrize('left', [None, 0, 20, -1])
def test_an_output_that_is_lost_or_shorter_is_refused(try_to_resume, folder, ended_early, left):
    before = dict(ended_early)
    if left is None:
        os.remove(folder('out.csv'))
        del before['out.csv']
    else:
        before['out.csv'] = before['out.csv'][:left]
        folder.write('out.csv', before['out.csv'])
    result, server = try_to_resume()
    assert_refused(result, server, folder, before, 'lost or shorter')


@no_signals
def test_an_output_that_is_lost_after_a_kill_is_refused(
        start_command, score, server, folder):
    server.fail(faults.never(), when.holds('10'))
    folder.write('data.csv', numbered(100))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv'] + ONE_BY_ONE)
    server.wait_for(lambda: any(state['rows'] for state in states(folder)))
    command.send_to_all(signal.SIGKILL)
    command.wait()
    os.remove(folder('out.csv'))
    server.heal()
    before = folder.state()
    server.scored.clear()
    result = score(None, '--resume', *ONE_BY_ONE)
    assert_refused(result, server, folder, before, 'lost or shorter')


# --- the checkpoint is data, and only that ---------------------------------------

def states(folder):
    """The whole states in the checkpoint, the newest first."""
    if not folder.has(CHECKPOINT):
        return []
    descriptor = os.open(folder(CHECKPOINT), os.O_RDONLY)
    try:
        return [checkpoint.Checkpoint(slot).state()
                for slot in checkpoint.read_slots(descriptor)]
    finally:
        os.close(descriptor)


class Bomb(object):
    """Unpickled, it makes a folder named 'harmed'."""

    def __reduce__(self):
        return os.mkdir, ('harmed',)


def slot(payload, length=None):
    """A slot with the right sum over `payload`."""
    head = struct.Struct(str('>8sQII')).pack(
        b'DRBSCKPT', 7, len(payload) if length is None else length,
        zlib.crc32(payload, 7) & 0xffffffff)
    return (head + payload).ljust(8192, b'\0')


BOMB = pickle.dumps(Bomb(), 2)


@pytest.mark.parametrize('content', [
    BOMB, BOMB * 1000, b'\0', b'\0' * 30000, bytes(bytearray(range(256)) * 100),
], ids=['pickle', 'pickles', 'a byte', 'zeros', 'noise'])
def test_a_file_that_is_no_checkpoint_runs_no_code_and_is_left_alone(
        score, server, folder, content):
    folder.write(CHECKPOINT, content)
    result = score(numbered(20), '--resume', *ONE_BY_ONE)
    assert (result.code, server.log) == (2, [])
    assert 'out.csv.shelve is not a checkpoint of this program' in result.err
    assert folder.read_raw(CHECKPOINT) == content
    assert not folder.has('harmed') and not folder.has('out.csv')


def test_a_pickled_shelve_at_its_place_is_not_loaded(score, folder):
    import shelve
    shelf = shelve.open(str(folder('out.csv.shelve')))
    shelf[str('checkpoint')] = Bomb()
    shelf.close()
    names = set(os.listdir(folder.path))
    score(numbered(20), '--resume', *ONE_BY_ONE)
    assert names <= set(os.listdir(folder.path)) and not folder.has('harmed')


# What a valid state may hold; one value of it is made wrong below.
STATE = {'format': 2, 'run': {}, 'labels': ['y'], 'rows': 1, 'nulls': 0, 'digests': [[0, 'a' * 64]],
         'length': 1, 'forced': 0, 'checksum': 1, 'bad': None}


def state_with(**values):
    """A checkpoint with the right sums over a state."""
    items = dict((key, json.dumps(value)) for key, value in dict(STATE, **values).items())
    return slot(json.dumps(items).encode('ascii')) * 3


@pytest.mark.parametrize('content', [
    slot(BOMB) * 3, slot(b'{}', 0xffffffff) * 3, slot(b'[1]') * 3, slot(b'"a"') * 3,
    slot(b'{"run": 5}') * 3, slot(b'\xff') * 3, slot(b'{}') * 3, slot(b'{"format": "2"}') * 3,
    slot(b'{"format": "1"}') * 3, slot(b'{"format": "1", "forced": "0", "length": "[]"}') * 3,
    slot(b'{"format": "__import__(\'os\')"}') * 3, slot(b'[' * 100000) * 3,
    state_with(rows=-1), state_with(rows='1'), state_with(rows=1.5), state_with(rows=10 ** 30),
    state_with(length=-1), state_with(forced=9), state_with(checksum=1 << 32),
    state_with(labels='y'), state_with(labels=[5]), state_with(digests=[]),
    state_with(digests=[[0, 'no sum']]), state_with(digests=[[9, 'a' * 64], [3, 'a' * 64]]),
    state_with(run=[]), state_with(run={'header': [1]}), state_with(run={'keep_cols': {}}),
    state_with(bad={'rows': 1}), state_with(bad=7), state_with(rows=5, length=0),
], ids=lambda content: 'damaged')
def test_a_damaged_checkpoint_is_told_in_a_line_and_kept(score, server, folder, content):
    folder.write(CHECKPOINT, content)
    folder.write('data.csv', numbered(20))
    folder.write('out.csv', b'row_id,y\n')
    before = folder.state()
    for answer in ('--resume', '--no'):
        result = score(None, answer, *ONE_BY_ONE)
        assert result.code == 2
        assert 'Traceback' not in result.err and len(result.err.splitlines()) <= 2
        assert (folder.state(), server.log) == (before, [])
    assert not folder.has('harmed')


@pytest.mark.skipif(WINDOWS, reason='sparse files')
def test_a_huge_checkpoint_is_not_read(score, server, folder):
    with io.open(folder(CHECKPOINT), 'wb') as target:
        target.write(slot(b'{}'))
        target.truncate(200 << 30)
    result = score(numbered(20), '--resume', *ONE_BY_ONE)
    assert (result.code, 'it is damaged' in result.err) == (2, True)
    os.remove(folder(CHECKPOINT))


def test_a_first_state_that_was_never_whole_is_no_run(score, folder):
    """What a kill in the first write leaves: nothing is in the output yet."""
    folder.write(CHECKPOINT, slot(b'{"format": "2"', 100) + b'\0' * 16384)
    score.well(numbered(20), '--resume', *ONE_BY_ONE)
    assert len(folder.lines()) == 21 and not folder.has(CHECKPOINT)


@pytest.mark.parametrize('rows', [49, 51])
def test_a_checkpoint_of_another_number_of_rows_is_refused(
        interrupted, score, server, folder, rows):
    state = dict(states(folder)[0], rows=rows)
    folder.write(CHECKPOINT, state_with(**state))
    before = folder.state()
    server.log[:] = []
    result = score(None, '--resume', *ONE_BY_ONE)
    assert (result.code, server.log) == (2, [])
    assert 'the output is not what was written' in result.err
    assert folder.state() == before


def test_an_output_that_was_edited_in_place_is_not_resumed(interrupted, score, server, folder):
    output = bytearray(folder.read_raw('out.csv'))
    output[len(output) // 2] ^= 1
    folder.write('out.csv', bytes(output))
    before = folder.state()
    server.log[:] = []
    result = score(None, '--resume', *ONE_BY_ONE)
    assert (result.code, server.log) == (2, [])
    assert 'the output is not what was written' in result.err
    assert folder.state() == before


def test_a_checkpoint_that_was_cut_short_is_never_half_believed(interrupted, score, server, folder):
    whole = folder.read_raw(CHECKPOINT)
    for size in (1, 100, 4096, len(whole) // 2, len(whole) - 1):
        folder.write(CHECKPOINT, whole[:size])
        output = folder.read()
        result = score(None, '--resume', '--no', *ONE_BY_ONE)
        assert result.code in (0, 2) and 'Traceback' not in result.err
        if result.code == 2:
            assert folder.read() == output
            folder.write(CHECKPOINT, whole)
        else:
            break
    score(None, '--resume', '--yes', *ONE_BY_ONE)
    assert folder.read() == interrupted


def test_damage_in_the_newest_state_leads_to_the_one_before_or_to_a_refusal(
        interrupted, score, server, folder):
    data = bytearray(folder.read_raw(CHECKPOINT))
    newest = data.rindex(struct.pack(str('>Q'), serial_of_newest(folder)))
    data[newest + 40] ^= 1
    folder.write(CHECKPOINT, bytes(data))
    score.well(None, '--resume', *ONE_BY_ONE)
    assert folder.read() == interrupted


def serial_of_newest(folder):
    descriptor = os.open(folder(CHECKPOINT), os.O_RDONLY)
    try:
        return checkpoint.read_slots(descriptor)[0].serial
    finally:
        os.close(descriptor)


@no_signals
@pytest.mark.parametrize('others', [None, b'of another run'])
def test_a_run_whose_checkpoint_was_removed_is_complete_all_the_same(
        start_command, server, folder, others):
    server.fail(faults.held(server.flag), when.holds('10'))
    folder.write('data.csv', numbered(20))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv'] + ONE_BY_ONE)
    server.wait_for(lambda: folder.has('out.csv') and len(folder.lines()) == 11)
    os.remove(folder(CHECKPOINT))
    if others:
        folder.write(CHECKPOINT, others)
    server.flag.set()
    result = command.wait()
    assert (result.code, result.err) == (0, '')
    assert len(folder.lines()) == 21
    assert folder.has(CHECKPOINT) == bool(others)


def test_a_folder_at_the_checkpoints_place_is_named(score, server, folder):
    os.mkdir(folder(CHECKPOINT))
    result = score(numbered(20))
    assert result.code == 2
    assert CHECKPOINT + ' is not a checkpoint' in result.err and 'Traceback' not in result.err
    assert server.log == []


# --- two runs on one output ------------------------------------------------------

@no_signals
@pytest.mark.parametrize('name', ['out.csv', './out.csv', 'link.csv'])
def test_of_two_runs_on_one_output_the_second_is_refused_while_the_first_lives(
        start_command, score, server, folder, name):
    expected = undisturbed(score, folder, numbered(100), *ONE_BY_ONE)
    os.symlink('out.csv', folder('link.csv'))
    server.fail(faults.never(), when.holds('50'))
    first = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv'] + ONE_BY_ONE)
    server.wait_for(lambda: folder.has('out.csv') and len(folder.lines()) == 51)
    for more in ('--resume', '--no-resume', '--yes'):
        second = score(None, '--out=' + name, more, *ONE_BY_ONE)
        assert second.code == 2
        assert 'Another run is writing' in second.err
    assert first.running()
    assert expected.startswith(folder.read()) and len(folder.lines()) == 51
    first.send_to_all(signal.SIGKILL)
    first.wait()
    server.heal()
    score.well(None, '--out=' + name, '--resume', *ONE_BY_ONE)
    assert folder.read() == expected


@no_signals
def test_an_output_with_two_names_is_one_output(start_command, score, server, folder):
    expected = undisturbed(score, folder, numbered(20), *ONE_BY_ONE)
    folder.write('out.csv', b'old')
    os.link(folder('out.csv'), folder('name.csv'))
    server.fail(faults.held(server.flag), when.holds('10'))
    first = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv', '--yes'] + ONE_BY_ONE)
    server.wait_for(lambda: len(folder.lines()) == 11)
    second = score(None, '--out=name.csv', '--yes', *ONE_BY_ONE)
    assert second.code == 2 and 'Another run is writing' in second.err
    server.flag.set()
    assert first.wait().code == 0
    assert folder.read() == folder.read('name.csv') == expected
    score.well(None, '--out=name.csv', '--yes', *ONE_BY_ONE)
    assert not folder.has(CHECKPOINT) and not folder.has('name.csv.shelve')


@no_signals
@pytest.mark.parametrize('options', [[], ['--resume']])
def test_a_run_that_waits_for_its_token_lets_no_other_overtake_it(
        start_command, interrupted, run_command, make_server, folder, options):
    # The first decided what to do, and waits for its token.
    server = make_server()
    arguments = ['--host=' + server.url, '--user=me', PROJECT, MODEL, 'data.csv'] + ONE_BY_ONE
    os.remove(folder(CHECKPOINT))
    os.remove(folder('out.csv'))
    if options:
        server.fail(faults.status(400), when.holds('30'))
        assert run_command('batch_scoring', arguments + ['--api_token=token']).code == 1
        server.heal()
    server.fail(faults.held(server.flag), when.path_has('api_token'))
    before = folder.state()
    first = start_command('batch_scoring', arguments + ['--password=secret'] + options)
    server.wait_for(lambda: server.in_flight)
    second = run_command('batch_scoring', arguments + ['--api_token=token'] + options)
    assert (second.code, 'Another run is writing out.csv' in second.err) == (2, True)
    assert dict(folder.state(), **{CHECKPOINT: None}) == dict(before, **{CHECKPOINT: None})
    server.heal()
    server.flag.set()
    result = first.wait()
    assert (result.code, result.stray) == (0, False)
    assert folder.read() == interrupted


def test_a_checkpoint_holds_no_secret_and_only_plain_values(interrupted, folder):
    newest = states(folder)[0]
    assert newest['rows'] == 50
    assert json.loads(json.dumps(newest)) == newest
    assert newest['length'] == len(folder.read())


def test_the_log_tells_from_which_row_a_run_goes_on(interrupted, score, folder):
    score.well(None, '--resume', *ONE_BY_ONE)
    assert b'rows from 50 on' in folder.read(LOG)
