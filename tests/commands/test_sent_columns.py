"""Only the columns of --send_cols, or not those of --drop_cols, reach the server."""

from __future__ import absolute_import, unicode_literals

import os
import random

import pytest

import faults
import when
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from scoring import IMPORT, WHOLE, as_csv, killed

# Delimiter, encoding, line end.
DIALECTS = [(',', 'utf-8', '\n'), (';', 'utf-8', '\r\n'), ('\t', 'latin-1', '\n'), ('|', 'utf-16', '\r\n')]
FIELDS = ['', ' ', 'a', '0.50', 'na\xefve', '5" pipe', 'a,b', 'c;d', '"', 'two\nlines', ' spaced ', '\tt', '|', "''"]


def table(rows, seed, quoted=True):
    """A header and so many records of five fields, the first of which is the number of the row."""
    dice = random.Random(seed)
    fields = FIELDS if quoted else ['', 'a', '0.50', 'na\xefve', ' spaced ']
    return [['x', 'a', 'b', 'secret', 'c']] + [
        ['{0}'.format(row)] + [dice.choice(fields) for _ in range(4)] for row in range(rows)]


def sent(server):
    """The records that the server got, in order, and the header first."""
    bodies = sorted(server.batches, key=lambda each: float(each.first))
    records = [list(read_records(each.body, b',')) for each in bodies]
    assert all(each[0] == records[0][0] for each in records)
    return records[0][:1] + [record for each in records for record in each[1:]]


def columns(rows, *places):
    return [[row[place] for place in places] for row in rows]


@pytest.mark.parametrize('quoted', [True, False])
@pytest.mark.parametrize('delimiter, encoding, line_end', DIALECTS)
def test_the_server_gets_what_csv_gives_for_these_columns(score, server, folder, delimiter, encoding, line_end, quoted):
    rows = table(10000, delimiter, quoted)
    data = as_csv(rows, delimiter, line_end).encode(encoding)
    score.well(data, '--drop_cols=secret,b', '--keep_cols=secret,a', '--encoding=' + encoding,
               '--output_delimiter=,')
    assert sent(server) == columns(rows, 0, 1, 4)
    kept = [record[1:3] for record in folder.records()]
    assert kept == columns(rows, 3, 1)


@pytest.mark.skipif(os.name == 'nt', reason='Windows has no such signals')
@pytest.mark.parametrize('delimiter, encoding, line_end', DIALECTS)
def test_kills_leave_no_trace_in_an_output_without_these_columns(
        start_command, score, server, folder, delimiter, encoding, line_end):
    data = as_csv(table(4000, delimiter), delimiter, line_end).encode(encoding)
    options = ['--drop_cols=secret,b', '--keep_cols=secret,a', '--encoding=' + encoding, '--n_samples=40']
    score.well(data, '--out=quiet.csv', *options)
    server.answered.clear()
    # Some rows are left when a kill comes.
    server.delay = 0.02
    result = killed(lambda option: start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv', option] + options), server, 4000, 4)
    assert (result.code, result.err) == (0, '')
    assert folder.read() == folder.read('quiet.csv')
    assert not any(b'secret' in each.body for each in server.batches)


def test_columns_are_sent_in_the_order_given(score, server):
    rows = table(50, 7)
    score.well(as_csv(rows).encode('utf-8'), '--send_cols=x,c,a')
    assert sent(server) == columns(rows, 0, 4, 1)


def test_a_single_column_has_no_blank_line(score, server):
    score.well(b'x,y\n1,a\n,b\n  ,c\n2,d\n', '--send_cols=x', WHOLE)
    assert server.batches[0].body.replace(b'\r', b'') == b'x\n1\n""\n"  "\n2\n'


@pytest.mark.parametrize('options, expected', [
    ('--send_cols=c,x', [['', '1'], ['3', '2']]), ('--drop_cols=b', [['1', 'a'], ['2', 'b', '3']]),
    ('--send_cols=x,c,b', [['1'], ['2', '3', 'b']])])
def test_no_field_of_a_short_record_gets_into_another_column(score, server, options, expected):
    data = b'x,b,c\n1,a\n2,b,3\n' if 'drop' not in options else b'x,y,b,c\n1,a\n2,b,q,3\n'
    if options == '--send_cols=x,c,b':
        data = b'x,b,c\n1\n2,b,3\n'
    assert score(data, options, WHOLE).code == 0
    assert list(read_records(server.batches[0].body, b','))[1:] == expected


@pytest.mark.parametrize('options, words', [
    (['--send_cols=x,town'], ['--send_cols: the column town is not in the dataset.', 'x, city']),
    (['--drop_cols=citi'], ['--drop_cols: the column citi is not in the dataset.', 'Did you mean city?']),
    (['--drop_cols=city,x'], ['--drop_cols: no column is left to send.', '--send_cols']),
    (['--send_cols=x', '--drop_cols=city'], ['exclude each other'])])
def test_what_cannot_be_chosen_is_a_usage_error(score, server, options, words):
    result = score(b'x,city\n1,a\n', *options)
    assert (result.code, server.log) == (2, [])
    assert all(word in result.err for word in words)


def test_checks_and_bad_rows_see_whole_records(score, server, folder):
    server.fail(faults.status(422), when.holds('2'))
    data = b'x,secret,c\n1,s1,a\n2,s2,b\n3,s3,c,d\n4,s4,d\xff\n5,s\xff,e\n6,s6,f\n'
    assert score(data, '--drop_cols=secret', '--bad_rows=bad.csv', '--encoding=utf-8').code == 3
    assert [line.split(',')[-3:] for line in folder.lines('bad.csv')[1:]] == [
        ['2', 's2', 'b'], ['3', 's3', 'c'], ['4', 's4', 'd\ufffd'], ['5', 's\ufffd', 'e']]
    assert not any(b's' in each.body.partition(b'\n')[2] for each in server.batches)
    log = folder.read('datarobot_batch_scoring_main.log').decode('utf-8')
    assert not any(value in log for value in ('s2', 's3', 's4', 's\ufffd', 's6'))


def test_they_must_not_change_before_a_resume(score, server, folder):
    server.fail(faults.status(400), when.holds('15'))
    data = as_csv(table(30, 1)).encode('utf-8')
    assert score(data, '--drop_cols=secret', '--n_samples=5', '--n_concurrent=1').code == 1
    result = score(None, '--resume', '--n_samples=5')
    assert result.code == 2 and 'Give --drop_cols=secret as before' in result.err
    server.heal()
    assert score(None, '--drop_cols=secret', '--resume', '--n_samples=5').code == 0
    assert len(folder.lines()) == 31
