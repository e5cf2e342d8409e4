"""Cutting is exact: the batches, parsed by `csv`, are the file, parsed by `csv`."""

from __future__ import absolute_import, unicode_literals

import io
from collections import namedtuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datarobot_batch_scoring.dataset import grammar
from datarobot_batch_scoring.dataset.batch import Position, split
from datarobot_batch_scoring.dataset.checks import Unsendable
from datarobot_batch_scoring.dataset.csv_bytes import read_records, write_record
from datarobot_batch_scoring.dataset.cutter import MIB, NO_LIMIT, Cutter, Limits, limits as limits_of
from datarobot_batch_scoring.dataset.dialect import Dialect
from datarobot_batch_scoring.errors import DatasetError
from datarobot_batch_scoring.scoring.request import Shape, make_body
from scoring import as_csv

DELIMITERS = [',', ';', '\t', '|', '!', ' ', '']

quickly = settings(max_examples=300, deadline=None,
                   suppress_health_check=[HealthCheck.too_slow])


@st.composite
def files(draw, delimiters=tuple(DELIMITERS)):
    """(text, delimiter): anything that looks a bit like CSV."""
    delimiter = draw(st.sampled_from(delimiters))
    pieces = ['a', 'b c', '"', '""', '\n', '\r\n', '\r', ' ', '\t', ',', ';', '\xe9', '\u6771',
              '\U0001f600', '"q\n"', '"a""b"', '\n"', '",', '1'] + [delimiter] * 4
    return ''.join(draw(st.lists(st.sampled_from(pieces), max_size=40))), delimiter


@st.composite
def tables(draw):
    """(rows, delimiter): rows of two to four fields that any dialect can hold."""
    delimiter = draw(st.sampled_from(DELIMITERS[:-1]))
    field = st.one_of(
        st.sampled_from(['', 'a', '"', 'a"b', '1.50', ' ', ', ', ';', '\t', '|x', 'a\r\nb', '\n',
                         '\r', '\xe9', '\u6771\u4eac', '\U0001f600']),
        st.text(alphabet='a" ,;|!\t\r\n\xe9', max_size=6))
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(field, min_size=width, max_size=width), max_size=12))
    return rows, delimiter


limits = st.one_of(
    st.builds(Limits, st.integers(1, 6), st.just(NO_LIMIT)),
    st.builds(Limits, st.integers(1, 6), st.integers(1, 40)))


def parsed(data, delimiter):
    """The records of `data` as `csv` sees them, without blank lines and one that is left open."""
    records = read_records(data, delimiter.encode('ascii'))
    return [record for record in records[:len(records) - is_open(data, delimiter)]
            if record and not is_blank(record, delimiter)]


def is_open(data, delimiter):
    """Whether a quote is open at the end of `data`: what follows is then a part of its record."""
    data = data.decode('utf-8', 'replace').encode('utf-8')
    return read_records(data + b'\nbehind', delimiter.encode('ascii'))[-1] != ['behind']


def is_blank(record, delimiter):
    return len(record) == 1 and not record[0].strip(' \t'.replace(delimiter or '-', ''))


def read_in(sizes, data):
    """A `read` for a `Cutter` that gives pieces of these sizes, over and over."""
    source = io.BytesIO(data)
    turn = [0]

    def read(_):
        turn[0] += 1
        return source.read(sizes[turn[0] % len(sizes)])
    return read


piece_sizes = st.lists(st.integers(1, 25), min_size=1, max_size=4)


# How many fields the header has.
widths = st.integers(1, 4)


START = Position(0, 0, 1)


def dialect(delimiter, columns):
    return Dialect(delimiter=delimiter.encode('ascii'), encoding='utf-8',
                   columns=['c{0}'.format(n) for n in range(columns)], fast=False,
                   field_size_limit=NO_LIMIT)


def cut(data, delimiter, limit, sizes, columns=1):
    """The batches of a file, up to a record whose quote is never closed."""
    cuts = []
    try:
        for each in Cutter(read_in(sizes, data), dialect(delimiter, columns), limit, START):
            cuts.append(each)
    except DatasetError as error:
        assert 'never closed' in error.message and is_open(data, delimiter)
    else:
        assert not is_open(data, delimiter)
    return cuts


@quickly
@given(files(), limits, piece_sizes, widths)
def test_the_batches_are_the_file_at_every_batch_size(file, limit, sizes, columns):
    text, delimiter = file
    data = text.encode('utf-8')
    cuts = cut(data, delimiter, limit, sizes, columns)
    records = [parsed(each.raw, delimiter) for each in cuts]
    # What `csv` quotes without need to, `is_blank` cannot tell from a blank line.
    if '"' not in text:
        assert [len(each) for each in records] == [each.rows for each in cuts]
    assert sum(records, []) == parsed(data, delimiter)
    assert all(0 < each.rows <= limit.rows for each in cuts)
    assert data.startswith(b''.join(each.raw for each in cuts))


@quickly
@given(files(), limits, piece_sizes, widths)
def test_regular_batches_have_records_of_that_many_fields_and_no_blank_lines(
        file, limit, sizes, columns):
    text, delimiter = file
    for each in cut(text.encode('utf-8'), delimiter, limit, sizes, columns):
        records = list(read_records(each.raw, delimiter.encode('ascii')))
        assert not each.regular or [len(record) for record in records] == [columns] * each.rows


@quickly
@given(files(), limits, piece_sizes, widths)
def test_the_lines_of_batches_count_every_line_end(file, limit, sizes, columns):
    text, delimiter = file
    data = text.encode('utf-8')
    position = 0
    for each in cut(data, delimiter, limit, sizes, columns):
        before = data[:position].replace(b'\r\n', b'\n').replace(b'\r', b'\n')
        assert each.start.line == 1 + before.count(b'\n')
        position += len(each.raw)


@quickly
@given(files(), st.integers(1, 6), piece_sizes, widths)
def test_a_batch_is_the_same_whatever_pieces_it_was_read_in(file, rows, sizes, columns):
    text, delimiter = file
    data = text.encode('utf-8')
    limit = Limits(rows, NO_LIMIT)
    assert cut(data, delimiter, limit, sizes, columns) == cut(
        data, delimiter, limit, [len(data) + 1], columns)


@quickly
@given(files(), st.integers(1, 40))
def test_a_mask_ends_records_where_csv_does(file, end):
    text, delimiter = file
    data = text.encode('utf-8')
    masked = grammar.mask(data, delimiter.encode('ascii'))
    assert len(masked) == len(data)
    kept = grammar.without_blank_lines(data, masked)
    records = [each for each in read_records(kept, delimiter.encode('ascii')) if each]
    assert grammar.count_rows(masked) == len(records)


@quickly
@given(files(), limits)
def test_halves_are_the_whole(file, limit):
    text, delimiter = file
    for each in cut(text.encode('utf-8'), delimiter, limit, [100]):
        if each.rows > 1:
            left, right = split(each, [0, each.rows // 2], delimiter.encode('ascii'))
            assert left.raw + right.raw == each.raw
            assert (left.start, right.start.byte) == (each.start, left.end)
            assert right.start.line == each.start.line + grammar.count_lines(left.raw)
            assert (left.rows + right.rows, left.rows) == (each.rows, each.rows // 2)
            assert right.start.row == each.start.row + left.rows
            assert parsed(left.raw, delimiter) + parsed(right.raw, delimiter) == parsed(
                each.raw, delimiter)


def shape(columns, delimiter, kept=(), output_delimiter=','):
    found = dialect(delimiter, columns)
    return Shape(dialect=found, header=write_record(found.columns, ',', '\n'), sent=None, kept=kept,
                 output_delimiter=output_delimiter.encode('ascii'))


def bodies(data, delimiter, limit, columns, **more):
    """The cuts of a file and what is made of each."""
    cuts = cut(data, delimiter, limit, [1000], columns)
    return cuts, [make_body(each, shape(columns, delimiter, **more)) for each in cuts]


@quickly
@given(tables(), st.sampled_from(['\n', '\r\n', '\r']), limits)
def test_requests_hold_the_fields_of_the_file_whatever_its_delimiter(table, line_end, limit):
    rows, delimiter = table
    columns = len(rows[0]) if rows else 2
    _, made = bodies(as_csv(rows, delimiter, line_end).encode('utf-8'), delimiter, limit, columns)
    sent = [list(read_records(each.data, b',')) for each in made]
    assert all(len(each) > 1 and each[0][0] == 'c0' for each in sent)
    assert [record for each in sent for record in each[1:]] == rows


@quickly
@given(tables(), st.sampled_from(['\n', '\r\n', '\r']), limits, st.sampled_from(DELIMITERS[:-1]))
def test_kept_columns_are_those_of_the_file(table, line_end, limit, output_delimiter):
    rows, delimiter = table
    columns = len(rows[0]) if rows else 2
    kept = (columns - 1, 0)
    _, made = bodies(as_csv(rows, delimiter, line_end).encode('utf-8'), delimiter, limit, columns, kept=kept,
                     output_delimiter=output_delimiter)
    code = output_delimiter.encode('ascii')
    # An end of its own, so that no record is blank.
    lines = [code.join(fields) + code + b'.\n' for each in made for fields in zip(*each.kept)]
    assert [record[:2] for record in read_records(b''.join(lines), code)] == [
        [row[place] for place in kept] for row in rows]


@quickly
@given(files(), limits)
def test_requests_of_any_text_hold_its_records_or_the_line_of_one_too_long(file, limit):
    text, delimiter = file
    data = text.encode('utf-8')
    records = parsed(data, delimiter)
    columns = 3 if delimiter else 1
    too_long = any(len(record) > columns for record in records)
    try:
        _, made = bodies(data, delimiter, limit, columns)
    except Unsendable as error:
        assert too_long and 'the header has' in error.faults[0].error.message
        return
    assert not too_long
    sent = [list(read_records(each.data, b','))[1:] for each in made]
    assert [record for each in sent for record in each
            if record and not is_blank(record, delimiter)] == records


@pytest.mark.parametrize('delimiter', DELIMITERS)
def test_what_is_not_utf_8_is_no_reason_to_cut_elsewhere(delimiter):
    data = b'a\xff\n\xed\xa0\x80"\n"\xc3\n"\n\xfe\n'
    assert [each.rows for each in cut(data, delimiter, Limits(1, NO_LIMIT), [3])] == [1, 1, 1, 1]


@pytest.mark.parametrize('n_concurrent, size', [(1, 2.5 * MIB), (8, 2.5 * MIB), (16, 1.25 * MIB), (64, MIB)])
def test_automatic_batches_are_smaller_where_many_are_in_flight(n_concurrent, size):
    automatic = namedtuple('Settings', 'auto_sample n_samples')(True, None)
    assert limits_of(automatic, None, n_concurrent).size == size
    assert limits_of(automatic._replace(auto_sample=False, n_samples=10), None, n_concurrent) == Limits(10, NO_LIMIT)
