# -*- coding: utf-8 -*-
"""A column as JSON has the values of the CSV, whatever is in it."""

from __future__ import absolute_import, unicode_literals

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datarobot_batch_scoring.dataset.batch import Batch, Position
from datarobot_batch_scoring.dataset.checks import Unsendable
from datarobot_batch_scoring.dataset.dialect import Dialect
from datarobot_batch_scoring.dataset.types import BOOLEAN, INTEGER, NUMBER, STRING, Column
from datarobot_batch_scoring.scoring.request import Shape, Unfit, as_json, make_body
from datarobot_batch_scoring.server.protocols.mlflow import Split
from scoring import as_csv


def column(kind, missing=b'NaN'):
    return Column('c', 0, kind, missing, None)


def in_json(kind, *values):
    return [each.decode('utf-8') for each in as_json([each.encode('utf-8') for each in values], column(kind))]


@pytest.mark.parametrize('value, sent', [
    ('52', '52.0'), ('52.50', '52.50'), ('.5', '0.5'), ('-.5', '-0.5'), ('5.', '5.0'), ('1e5', '1e5'),
    ('1.E+5', '1.0E+5'),
    ('-0', '-0.0'), ('', 'NaN'), ('NA', 'NaN'), ('None', 'NaN')])
def test_a_number_has_a_point_or_an_exponent_and_keeps_its_digits(value, sent):
    assert in_json(NUMBER, value) == [sent]
    assert in_json(NUMBER, '1.5', value) == ['1.5', sent]


def test_integers_and_booleans_are_those_of_json():
    assert in_json(INTEGER, '0', '-7', '12') == ['0', '-7', '12']
    assert in_json(BOOLEAN, 'TRUE', 'false', '', 'True') == ['true', 'false', 'NaN', 'true']


@pytest.mark.parametrize('kind, value', [
    (INTEGER, '1.0'), (INTEGER, '007'), (NUMBER, '1,5'), (NUMBER, 'x'), (NUMBER, '007'),
    (BOOLEAN, 'yes'), (BOOLEAN, '1')])
def test_a_value_that_does_not_fit_is_told_with_its_place(kind, value):
    good = 'true' if kind == BOOLEAN else '7'
    with pytest.raises(Unfit) as raised:
        in_json(kind, good, good, value, value)
    assert raised.value.args[1:] == (2, value.encode('ascii'))


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text(alphabet='a"\\\n\r\t\x01\x1f, \u20ac\U0001f600/', max_size=5), min_size=1, max_size=6))
def test_texts_are_what_they_were(values):
    sent = as_json([each.encode('utf-8') for each in values], column(STRING, b'null'))
    found = json.loads((b'[' + b','.join(sent) + b']').decode('utf-8'))
    assert found == [each or None for each in values]


def body(data, rows, columns, delimiter=b',', regular=False, line=1):
    dialect = Dialect(delimiter, 'utf-8', tuple(each.name for each in columns), False, 1000)
    return make_body(Batch(Position(10, 0, line), rows, regular, data.encode('utf-8')), Shape(
        dialect, b'', None, (), b',', Split(columns)))


COLUMNS = [Column('a', 0, STRING, b'NaN', None), Column('b', 1, NUMBER, b'NaN', None)]


@pytest.mark.parametrize('delimiter', [',', ';', '\t'])
@pytest.mark.parametrize('line_end', ['\n', '\r\n', '\r'])
def test_a_batch_is_rows_whatever_its_dialect(delimiter, line_end):
    rows = [['x', '1'], ['two\r\nlines; "', '2.5'], ['', ''], ['5, 6', 'NA']]
    made = body(as_csv(rows, delimiter, line_end), 4, COLUMNS, delimiter.encode('ascii'))
    assert made.data.decode('utf-8') == (
        '{"dataframe_split":{"columns":["a", "b"],"data":'
        '[["x",1.0],["two\\r\\nlines; \\"",2.5],[NaN,NaN],["5, 6",NaN]]}}')


def test_a_record_with_too_few_fields_lacks_the_others():
    made = body('x,1\ny\n', 2, COLUMNS)
    assert made.data.endswith(b'[["x",1.0],["y",NaN]]}}') and made.short == (1, (2,))


def test_the_error_for_a_value_names_row_line_column_and_option():
    with pytest.raises(Unsendable) as raised:
        body('"two\nlines",1\n\nx,y\n', 2, COLUMNS, line=5)
    assert raised.value.faults[0].error.lines() == [
        'Row 11 (dataset line 8): y in column b does not fit its type, number.',
        'Repair it, then rerun with --resume; or set another type for the column with --types, and start over.']
