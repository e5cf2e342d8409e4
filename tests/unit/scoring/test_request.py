"""The body of a request, kept columns, and the row that is set aside."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.batch import Batch, Position
from datarobot_batch_scoring.dataset.dialect import Dialect
from datarobot_batch_scoring.errors import DatasetError
from datarobot_batch_scoring.output.csv_text import JSON_LINES
from datarobot_batch_scoring.scoring.request import Shape, as_bad_row, check_batches, make_body


def shape(columns='abc', delimiter=b',', sent=None, kept=(), output=b','):
    dialect = Dialect(delimiter, 'utf-8', list(columns), False, 1000)
    return Shape(dialect, (','.join(columns) + '\n').encode('ascii'), sent, kept, output)


def batch(raw, rows=1):
    return Batch(Position(4, 50, 6), rows, False, raw)


# (records, delimiter of the input, positions of the columns that are sent, the body without its header).
BODIES = [
    (b'1,2,3\n4,5,6\n', b',', None, b'1,2,3\n4,5,6\n'),
    (b'1;2;3\n4;5;6\n', b';', None, b'1,2,3\n4,5,6\n'),
    (b'1;"x;y";3\n4;5;6\n', b';', None, b'1,x;y,3\n4,5,6\n'),
    (b'1,2,3\n4,5,6\n', b',', (2, 0), b'3,1\n6,4\n'),
    (b'1,2,3\n4,5,6\n', b',', (1,), b'2\n5\n'),
    (b'1,,3\n4,5,6\n', b',', (1,), b'""\n5\n'),
    (b'1,"2,",3\n4,5\n', b',', (1, 2), b'"2,",3\r\n5\r\n'),
]


@pytest.mark.parametrize('raw, delimiter, sent, body', BODIES)
def test_the_server_gets_commas_and_the_columns_that_are_sent(raw, delimiter, sent, body):
    made = make_body(batch(raw, 2), shape(delimiter=delimiter, sent=sent))
    expected = b'a,b,c\n' + body
    assert made.data.replace(b'\r\n', b'\n') == expected.replace(b'\r\n', b'\n')


# (records, kept positions, delimiter of the output, what is kept).
KEPT = [
    (b'1,2,3\n4,5,6\n', (0, 2), b',', [[b'1', b'4'], [b'3', b'6']]),
    (b'1,2;,3\n4,5,6\n', (1,), b';', [[b'"2;"', b'5']]),
    (b'1,"2",3\n4,5\n', (1, 2), b',', [[b'2', b'5'], [b'3', b'']]),
    (b'1,"x""",3\n4,5,6\n', (1,), JSON_LINES.encode('ascii'), [[b'"x\\""', b'"5"']]),
]


@pytest.mark.parametrize('raw, kept, output, expected', KEPT)
def test_columns_are_kept_as_the_output_quotes_them(raw, kept, output, expected):
    assert make_body(batch(raw, 2), shape(kept=kept, output=output)).kept == expected


# (record, delimiter, the record and surplus fields of the bad row, whether it has too few fields).
BAD_ROWS = [
    (b'1,2,3\n', b',', b'1,2,3', b'', False),
    (b'1;"2,5";3\n', b';', b'1,"2,5",3', b'', False),
    (b'1,2\n', b',', b'1,2', b'', True),
    (b'1,2,3,4,"x,y"\n', b',', b'1,2,3', b'4,"x,y"', False),
    (b'\n1,\xff,3\r\n', b',', '1,\ufffd,3'.encode('utf-8'), b'', False),
]


@pytest.mark.parametrize('raw, delimiter, record, surplus, is_short', BAD_ROWS)
def test_a_row_that_is_set_aside_has_its_record_with_commas(raw, delimiter, record, surplus, is_short):
    bad, short = as_bad_row(batch(raw), shape(delimiter=delimiter, kept=(0,)), 'no', None)
    assert (bad.record, bad.surplus, short) == (record, surplus, is_short)
    assert (bad.reason, bad.kept, bad.unsendable) == ('no', [b'1'], None)
    assert bad.line == (7 if raw.startswith(b'\n') else 6)


class Cutter(list):
    blank_line, ctrl_z = 9, None


def test_a_dry_run_counts_what_could_be_sent():
    seen = []
    checked = check_batches(Cutter([batch(b'1,2,3\n4,5\n', 2)]), shape(), 0, False, seen.append)
    assert (checked.rows, checked.batches, checked.short.lines, checked.blank, checked.faults) == (2, 1, (7,), 9, [])
    assert seen == [b'1,2,3\n4,5\n']
    assert check_batches(Cutter([batch(b'1,2,3\n')]), shape(), 5, False).rows == 0


def test_what_cannot_be_sent_ends_a_dry_run_or_is_listed():
    surplus = Cutter([batch(b'1,2,3,4\n')])
    with pytest.raises(DatasetError):
        check_batches(surplus, shape(), 0, False)
    fault, = check_batches(surplus, shape(), 0, True).faults
    assert isinstance(fault, checks.Fault) and fault.row == 0
