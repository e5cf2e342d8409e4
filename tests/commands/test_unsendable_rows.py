"""Records that cannot be sent are set aside with --bad_rows, and all others are scored."""

from __future__ import absolute_import, unicode_literals

import json
import os

import pytest

import faults
import when
from scoring import IMPORT, killed, numbered, predicted

BAD = '--bad_rows=bad.csv'
BY_TEN = ['--n_samples=10', '--n_concurrent=2']

UTF_8, CP1252, CP932 = '--encoding=utf-8', '--encoding=cp1252', '--encoding=cp932'
# (row as in the file, the encoding, why it cannot be sent, its columns in the bad-rows file).
KINDS = {
    'utf-8': (b'7,t\xffwn', UTF_8, 'cannot be read: byte 0xff does not fit the encoding utf-8.', '7,t\ufffdwn'),
    'cp1252': (b'7,t\x81wn', CP1252, 'cannot be read: byte 0x81 does not fit the encoding cp1252.', '7,t\ufffdwn'),
    'cp932': (b'7,t\x819wn', CP932, 'cannot be read: byte 0x81 does not fit the encoding cp932.', '7,t\ufffd9wn'),
    'half': (b'7,\xed\xa0\xbd', UTF_8, 'cannot be read: byte 0xed does not fit the encoding utf-8.', '7,\ufffd'),
    'nul': (b'7,t\0wn', UTF_8, 'cannot be read: it contains a NUL byte.', '7,t\ufffdwn'),
    'fields': (b'7,town,7,"a,b"', UTF_8,
               'has 4 fields, but the header has 2. Surplus: 7,""a,b""', '7,town'),
    'delimiters': (b'7,town,', UTF_8, 'has 3 fields, but the header has 2. Surplus: """"', '7,town'),
}


def spoilt(count, row, record):
    """`numbered(count)` with another record in place of a row."""
    lines = numbered(count).split(b'\n')
    lines[row + 1] = record
    return b'\n'.join(lines)


def without(count, rows):
    """The output for `numbered(count)` in which these rows have no predictions."""
    lines = predicted(count).splitlines(True)
    for row in rows:
        lines[row + 1] = '{0},{1}'.format(row, os.linesep).encode('ascii')
    return b''.join(lines)


@pytest.mark.parametrize('kind', sorted(KINDS))
@pytest.mark.parametrize('fast', [[], ['--fast']], ids=['', 'fast'])
def test_what_cannot_be_sent_is_set_aside_and_keeps_its_place(score, server, folder, kind, fast):
    record, encoding, reason, columns = KINDS[kind]
    result = score(spoilt(30, 7, record), BAD, encoding, *(BY_TEN + fast))
    assert (result.code, result.err) == (3, '')
    reason = 'Line 9 of the dataset ' + reason
    reason = '"{0}"'.format(reason) if ',' in reason else reason
    assert folder.lines('bad.csv') == ['row_id,line,reason,x,city', '7,9,{0},{1}'.format(reason, columns)]
    assert folder.read() == without(30, [7])
    assert '; 1 row was set aside and is in bad.csv' in result.out
    assert '7' not in server.scored and set(server.answered.values()) == set([1])
    # All others, in one request on each side of it.
    assert sorted(len(batch.rows) for batch in server.batches) == [2, 7, 10, 10]


# BATCH_SCORING_TEST_ROWS=200000 BATCH_SCORING_TEST_KILLS=20 are for once.
ROWS = int(os.environ.get('BATCH_SCORING_TEST_ROWS', 8000))
KILLS = int(os.environ.get('BATCH_SCORING_TEST_KILLS', 3))
UNREADABLE = list(range(7, ROWS, ROWS // 40))


def unreadable():
    """`numbered(ROWS)` with 40 records, of all kinds, that cannot be sent: the rows of `UNREADABLE`."""
    lines = numbered(ROWS).split(b'\n')
    for number, row in enumerate(UNREADABLE):
        lines[row + 1] = b'%d,' % row + [b'\xff', b'\xed\xa0\xbd', b'\0', b'a,b', b','][number % 5]
    return b'\n'.join(lines)


def assert_set_aside(folder):
    """The output has all rows of `unreadable()`, and the file of bad rows those that are."""
    assert folder.read() == without(ROWS, UNREADABLE)
    assert [int(line.split(',')[0]) for line in folder.lines('bad.csv')[1:]] == UNREADABLE


@pytest.mark.skipif(os.name == 'nt', reason='Windows has no such signals')
def test_forty_such_rows_are_set_aside_however_often_the_run_is_killed(start_command, server, folder):
    folder.write('data.csv', unreadable())
    server.delay = 0.02
    result = killed(lambda option: start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv', BAD, UTF_8, '--n_samples=%d' % (ROWS // 200), option]),
        server, ROWS, KILLS)
    assert (result.code, result.err) == (3, ''), result
    assert_set_aside(folder)


@pytest.mark.parametrize('kind', sorted(KINDS))
def test_without_the_option_it_ends_the_run_and_the_option_is_named(score, server, folder, kind):
    record, encoding, reason, _ = KINDS[kind]
    result = score(spoilt(30, 17, record), encoding, '--n_samples=10', '--n_concurrent=1')
    assert result.code == 1 and '--bad_rows=<file>' in result.err
    assert 'Line 19 of the dataset ' + reason.partition(' Surplus')[0] in result.err
    assert folder.read() == predicted(10)
    assert score(None, '--resume', BAD, encoding, '--n_samples=10').code == 3
    assert folder.read() == without(30, [17])


@pytest.mark.parametrize('rows', [[0], [29], [0, 1, 2], list(range(10, 20)), list(range(0, 30, 2))])
def test_wherever_such_rows_are_the_others_are_scored_once(score, server, folder, rows):
    lines = numbered(30).split(b'\n')
    for row in rows:
        lines[row + 1] = [b'%d,\xff', b'%d,\0', b'%d,a,b,c'][row % 3] % row
    assert score(b'\n'.join(lines), BAD, UTF_8, *BY_TEN).code == 3
    assert folder.read() == without(30, rows)
    assert [line.split(',')[0] for line in folder.lines('bad.csv')[1:]] == ['%d' % row for row in rows]
    assert set(server.answered.values()) == set([1]) and len(server.scored) == 30 - len(rows)


def test_both_kinds_of_bad_rows_count_for_max_bad_rows(score, server, folder):
    server.fail(faults.status(422), when.holds('3'))
    data = spoilt(30, 12, b'12,a,b').replace(b'20,town', b'20,\0')
    result = score(data, BAD, '--max_bad_rows=2', *BY_TEN)
    assert result.code == 1
    assert 'Bad-row limit (2) exceeded at row 20 (dataset line 22).' in result.err
    assert 'Line 22 of the dataset cannot be read: it contains a NUL byte.' in result.err
    assert 'Server message' not in result.err
    assert score(None, BAD, '--max_bad_rows=3', '--resume', *BY_TEN).code == 3
    assert folder.read() == without(30, [3, 12, 20])


def test_many_rows_that_cannot_be_sent_are_no_sign_that_the_server_accepts_none(score, folder):
    lines = numbered(40).split(b'\n')
    lines[1:31] = [b'%d,a,b' % row for row in range(30)]
    assert score(b'\n'.join(lines), BAD, '--n_samples=5').code == 3
    assert folder.read() == without(40, range(30))


def test_a_dataset_of_which_no_row_can_be_sent_is_an_error(score, server, folder):
    result = score(b'x,y\n' + b'1,2,3\n' * 9, BAD)
    assert result.code == 1 and server.log == []
    assert 'None of the 9 rows can be sent. The first is row 0 (dataset line 2' in result.err
    assert 'has 3 fields, but the header has 2.' in result.err
    assert not folder.has('out.csv')


@pytest.mark.parametrize('data, reason', [
    (numbered(9) + b'9,"never closed\n', 'never closed'),
    (numbered(9) + b'9,' + b'x' * 300 + b'\n', 'longer than 100 characters')])
def test_where_it_is_unknown_what_a_row_is_the_run_ends_all_the_same(score, data, reason):
    result = score(data, BAD, '--field_size_limit=100')
    assert result.code == 1 and reason in result.err and '--bad_rows' not in result.err


def test_a_dry_run_tells_how_many_rows_cannot_be_sent(score, server, folder):
    data = spoilt(30, 12, b'12,a,b').replace(b'20,town', b'20,\0')
    result = score(data, BAD, '--dry_run', *BY_TEN)
    assert (result.code, server.log) == (0, [])
    assert ('2 rows of the dataset cannot be sent and would be set aside. The first: Line 14 of the dataset '
            'has 3 fields, but the header has 2.') in result.err
    assert score(None, '--dry_run').code == 1
    assert not folder.has('bad.csv')


def test_the_log_has_no_surplus_fields(score, folder):
    assert score(spoilt(9, 7, b'7,town,surplus'), BAD).code == 3
    assert 'surplus' in folder.lines('bad.csv')[1]
    log = folder.read('datarobot_batch_scoring_main.log').decode('utf-8')
    assert 'row 7 (dataset line 9) is set aside: Line 9 of the dataset has 3 fields' in log
    assert 'surplus' not in log


def test_the_report_counts_such_rows_by_what_is_wrong(score, folder):
    data = spoilt(30, 12, b'12,a,b').replace(b'20,town 20', b'20,a,b').replace(b'25,town', b'25,\0')
    assert score(data, BAD, '--report=r.json').code == 3
    assert json.loads(folder.read('r.json').decode('utf-8'))['bad_rows_by_reason'] == {
        'Line <line> of the dataset has 3 fields, but the header has 2.': 2,
        'Line <line> of the dataset cannot be read: it contains a NUL byte.': 1}


def test_kept_columns_have_what_can_be_read(score, folder):
    data = b'x;note\n1;a\n2;b\xff"c\n3;"d;\0"\n4\n5;e;f\n'
    assert score(data, BAD, '--keep_cols=note', '--delimiter=;', UTF_8).code == 3
    assert [line.split(';')[1] for line in folder.lines()[1:3]] == ['a', '"b\ufffd""c"']
    assert folder.lines()[3:] == ['2;"d;\ufffd";', '3;;4', '4;e;']
