"""The delimiter that `csv` wrote is the one that is found."""

from __future__ import absolute_import, unicode_literals

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datarobot_batch_scoring.dataset.dialect import DETECTED_DELIMITERS, detect_delimiter, sep_line
from scoring import as_csv

quickly = settings(max_examples=300, deadline=None,
                   suppress_health_check=[HealthCheck.too_slow])

fields = st.one_of(
    st.sampled_from(['1', '2,5', 'Rome', 'a b', 'say "hi"', 'Doe, Jane', 'x;y', 'a|b', 'wow!', '',
                     'two\nlines', '5" pipe', '1.234,5', 'a\tb']),
    st.text(alphabet='a" ,;|!\t\n\xe9', max_size=6))


@st.composite
def tables(draw):
    """(rows, delimiter): a header without other delimiters, and 1 to 12 records."""
    width = draw(st.integers(2, 5))
    header = ['name {0}'.format(n) for n in range(width)]
    rows = draw(st.lists(st.lists(fields, min_size=width, max_size=width), min_size=1, max_size=12))
    return [header] + rows, draw(st.sampled_from(DETECTED_DELIMITERS))


@quickly
@given(tables(), st.sampled_from(['\n', '\r\n', '\r']), st.booleans())
def test_the_delimiter_of_a_table_is_found(table, line_end, whole):
    rows, delimiter = table
    data = as_csv(rows, delimiter, line_end).encode('utf-8')
    assert detect_delimiter(data, whole) == delimiter.encode('ascii')


@quickly
@given(tables(), st.sampled_from(['more', 'fewer']), st.data())
def test_it_is_found_where_one_record_of_three_or_more_does_not_fit(table, what, data):
    rows, delimiter = table
    rows = rows + [rows[0]] * 2
    place = data.draw(st.integers(1, len(rows) - 1))
    rows[place] = rows[place] + ['a'] if what == 'more' else rows[place][1:] or ['a']
    text = as_csv(rows, delimiter, '\n').encode('utf-8')
    assert detect_delimiter(text, True) == delimiter.encode('ascii')


@quickly
@given(st.lists(st.text(alphabet='ab! ', min_size=1, max_size=9), min_size=2, max_size=9))
def test_words_in_one_column_are_one_column(lines):
    assert detect_delimiter('\n'.join(lines).encode('ascii') + b'\n', True) == b''


@pytest.mark.parametrize('text, found', [
    (b'sep=;\nx', (b';', 6)), (b'"sep=\\t"\r\nx', (b'\t', 10)), (b'sep=;', (None, 0)),
    (b'sep=;;\n', (None, 0)), (b'sep=x\n', (None, 0)), (b'sep="\n', (None, 0)),
    (b'"sep=;\n', (None, 0)), (b'sep=\xc3\n', (None, 0)), (b'sep=\n', (None, 0))])
def test_a_line_names_a_delimiter_if_it_holds_nothing_else(text, found):
    assert sep_line(text) == found
