"""Ranges of an input, scanned one by one and composed, are what `csv` says of the whole."""

from __future__ import absolute_import, unicode_literals

import csv
import io
import random

import pytest

from datarobot_batch_scoring.cluster import ranges
from datarobot_batch_scoring.compat import PY2
from datarobot_batch_scoring.dataset.csv_bytes import lift_field_size_limit
from datarobot_batch_scoring.dataset.grammar import count_lines

# Quotes in text, doubled and left open, blank lines, and all line ends meet often in these.
SIGNS = ['"', '"', '\n', '\r\n', '\r', 'a', ' ', '\t', ';', 'x1', '""', '"a"', '\n\n', '5" ',
         '"q\n"', ',"']
FILES = 2000


@pytest.fixture(autouse=True)
def any_field_size():
    lift_field_size_limit()


def random_csv(source):
    delimiter = source.choice([',', ';', '\t', ' ', ''])
    signs = SIGNS + [delimiter] * 4
    signs = source.sample(signs, source.randint(4, len(signs)))
    return ''.join(source.choice(signs) for _ in range(source.randint(0, 150))).encode(
        'ascii'), delimiter.encode('ascii')


def scans_of(data, size, delimiter):
    """The `Scan`s of ranges that begin behind the line ends next to each multiple of a size."""
    starts = set(ranges.first_line_start(data, at) for at in range(0, len(data), size))
    starts = sorted(starts - set([None])) + [len(data)]
    return [ranges.Scan(start, end - start, *ranges.scan(data[start:end], delimiter))
            for start, end in zip(starts, starts[1:])]


def records(data, delimiter):
    """The records of `data`, blank lines left out, as `csv` reads them."""
    taken, found, done = [], [], 0

    def lines():
        for line in io.StringIO(data.decode('ascii'), newline=''):
            taken.append(line)
            yield line.encode('ascii') if PY2 else line
    nothing = b'\xff' if PY2 else '\udcff'
    blank = ' \t'.replace(delimiter.decode('ascii') or '-', '')
    for record in csv.reader(lines(), delimiter=str(delimiter.decode('ascii')) or nothing):
        if ''.join(taken[done:]).strip('\r\n').strip(blank).strip('\r\n'):
            found.append(record)
        done = len(taken)
    return found


def check(data, size, delimiter):
    composing = ranges.Composing(line=1)
    stretches = [composing.add(each) for each in scans_of(data, size, delimiter)]
    stretches = [each for each in stretches + [composing.end()] if each]
    found = []
    for each in stretches:
        assert each.row == len(found)
        assert each.line == 1 + count_lines(data[:each.start])
        here = records(data[each.start:each.end], delimiter)
        assert len(here) == each.rows
        found += here
    assert found == records(data, delimiter)
    assert [each.start for each in stretches[1:]] == [each.end for each in stretches[:-1]]
    assert [each.end for each in stretches[-1:]] in ([], [len(data)])


@pytest.mark.parametrize('first_look', [2, 16, 1 << 16])
def test_ranges_of_random_files_compose_to_what_csv_reads(first_look, monkeypatch):
    monkeypatch.setattr(ranges, '_FIRST_LOOK', first_look)
    for seed in range(FILES):
        source = random.Random(seed)
        data, delimiter = random_csv(source)
        size = source.randint(1, 200)
        try:
            check(data, size, delimiter)
        except AssertionError:
            raise AssertionError('{0!r} at {1}, {2!r}'.format(data, size, delimiter))


def test_a_range_in_a_quoted_field_says_where_the_first_record_begins():
    lines, outside, inside = ranges.scan(b'b",1\nc,2\n', b',')
    assert lines == 2
    assert outside == ranges.Entry(rows=2, first=0, lines=0, inside=False)
    assert inside == ranges.Entry(rows=1, first=5, lines=1, inside=False)


def test_a_range_without_quotes_stays_where_it_was_entered():
    lines, outside, inside = ranges.scan(b'b,1\nc,2\n', b',')
    assert (outside.rows, outside.inside) == (2, False)
    assert inside == ranges.Entry(rows=0, first=None, lines=2, inside=True)


def test_with_fast_quotes_are_not_followed():
    assert ranges.scan(b'a"\n"b\n', b',', follow_quotes=False)[1].rows == 2


def test_half_of_a_line_end_begins_no_line():
    assert ranges.first_line_start(b'ab\r', 1) is None
    assert ranges.first_line_start(b'ab\r\nc', 3) == 4
    assert ranges.first_line_start(b'ab\rc', 3) == 3
