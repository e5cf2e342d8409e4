# -*- coding: utf-8 -*-
"""The types of columns that are found are those of all values, however these are cut into blocks."""

from __future__ import absolute_import, unicode_literals

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datarobot_batch_scoring.dataset.batch import Batch, Position
from datarobot_batch_scoring.dataset.detection import Detection
from datarobot_batch_scoring.dataset.types import MAX_EXACT

START = Position(0, 0, 1)


def detected(values, known=None, cut=1000, line_end='\n'):
    """The type of a column with these values (text), read in blocks of `cut` records."""
    found = Detection([None, known], b',')
    for at in range(0, len(values), cut):
        lines = ['a,' + value + line_end for value in values[at:at + cut]]
        found.add(Batch(START, len(lines), True, ''.join(lines).encode('utf-8')))
    return found.types[1]


@pytest.mark.parametrize('values, kind', [
    ('0 7 52', 'integer'), ('-3 7', 'number'), ('52.50 7', 'number'), ('.5 -.5 5.', 'number'), ('1e5 1E-7', 'number'),
    ('007', 'string'), ('00', 'string'), ('1_000', 'string'), ('"1,5"', 'string'), ('0x1F', 'string'), ('+5', 'string'),
    ('1e999', 'string'), ('. 1', 'string'), ('1.2.3', 'string'), ('\u0663', 'string'), ('2024-01-31', 'string'),
    ('9007199254740992', 'integer'), ('9007199254740993', 'string'), ('12345678901234567890', 'string'),
    ('0.5 12345678901234567890', 'string'),
    ('true FALSE True', 'boolean'), ('true yes', 'string'), ('true 1', 'string'),
    ('1 NA', 'number'), ('NaN 1.5 null', 'number'), ('nan NULL None 2', 'number'), ('NA true', 'boolean'),
    ('NA x', 'string'), ('NA NA', 'string'), ('N/A 1', 'string'), ('Infinity 1', 'string'), ('"52.5" 1', 'number'),
])
@pytest.mark.parametrize('line_end', ['\n', '\r\n', '\r'])
def test_a_column_has_the_type_that_fits_all_its_values(values, kind, line_end):
    for cut in (1, 2, 9):
        assert detected(values.split(' '), cut=cut, line_end=line_end) == kind
        assert detected(values.split(' ')[::-1], cut=cut, line_end=line_end) == kind


@pytest.mark.parametrize('values, kind', [
    (['', '1', '2'], 'number'), (['1', '', '2'], 'number'), (['', ''], 'number'), (['', 'x'], 'string'),
    (['true', ''], 'boolean'), (['', 'NA'], 'string')])
def test_an_empty_field_is_missing_and_makes_an_integer_a_number(values, kind):
    assert [detected(values, cut=cut) for cut in (1, 2, 3)] == [kind] * 3


@pytest.mark.parametrize('values, known, kind', [
    (['007', ''], 'string', 'string'), (['x', '1'], 'number', 'number'), (['1', '-2'], 'integer', 'integer'),
    (['1', 'x'], 'integer', 'integer'), (['1', 'NA'], 'integer', 'number'), (['', '1'], 'integer', 'number')])
def test_a_type_that_is_known_stays_but_for_an_integer_whose_values_are_missing(values, known, kind):
    assert [detected(values, known, cut) for cut in (1, 2)] == [kind] * 2


values = st.sampled_from(['1', '007', '', 'NA', '1e5', 'true', 'True', 'FALSE', '2024-01-31', 'A1', '-2', '2.50',
                          '9007199254740993'])


def expected(column):
    """The type of a column as the rules say it, value by value."""
    def all_are(pattern):
        return all(re.match('(?:' + pattern + r')\Z', each) for each in known)
    known = [each for each in column if each not in ('', 'NA')]
    if not known:
        return 'string' if 'NA' in column else 'number'
    if all_are('[0-9]|[1-9][0-9]+') and all(int(each) <= MAX_EXACT for each in known):
        return 'integer' if known == column else 'number'
    if all_are(r'-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[0-9]+)?') and '9007199254740993' not in known:
        return 'number'
    return 'boolean' if all_are('[Tt]rue|FALSE') else 'string'


@settings(max_examples=500, deadline=None)
@given(st.lists(values, min_size=1, max_size=12), st.integers(1, 12))
def test_the_type_does_not_depend_on_where_the_blocks_end(column, cut):
    assert detected(column, cut=cut) == detected(column) == expected(column)
