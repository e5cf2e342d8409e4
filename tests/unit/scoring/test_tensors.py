"""An answer whose values are in columns is read as its JSON, and checked."""

from __future__ import absolute_import, unicode_literals

import json
from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datarobot_batch_scoring.dataset.json_text import InvalidResponse
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.scoring import tensors

Layout = namedtuple('Layout', 'delimiter class_names')


def read(outputs, rows, class_names=(), **more):
    whole = outputs if isinstance(outputs, type('')) else json.dumps(dict(more, outputs=outputs))
    return tensors.read(whole.encode('utf-8'), Layout(',', class_names), rows, 'b1')


def output(name, shape, data):
    return {'name': name, 'shape': shape, 'data': data}


def test_numbers_keep_their_text_and_null_is_empty():
    found = read('{"outputs": [{"name": "y", "shape": [4, 1], "data": [0.10, 1e-7,\n null, NaN]}], "id": "b1"}', 4)
    assert found.labels == ('y',)
    assert found.values == [tensors.Column([b'0.10', b'1e-7', b'', b'NaN'], 1, False)]


def test_texts_are_quoted_where_csv_needs_it():
    found = read([output('y', [3], ['a', 'b,"]', None])], 3)
    assert found.values == [tensors.Column([b'a', b'"b,""]"', b''], 1, True)]


@pytest.mark.parametrize('data', [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
def test_an_output_with_several_values_per_row_is_several_columns(data):
    found = read([output('p', [2, 3], data), output('q', [2], [7, 8])], 2)
    assert found.labels == ('p_0', 'p_1', 'p_2', 'q')
    assert [each.fields for each in found.values] == [[b'1', b'4'], [b'2', b'5'], [b'3', b'6'], [b'7', b'8']]
    assert read([output('p', [2, 3], data)], 2, ('a', 'b', 'c')).labels == ('a', 'b', 'c')


def test_class_names_that_fit_several_outputs_follow_their_names():
    found = read([output('p', [1, 2], [1, 2]), output('q', [1, 2], [3, 4])], 1, ('a', 'b'))
    assert found.labels == ('p_a', 'p_b', 'q_a', 'q_b')


def test_class_names_that_fit_no_output_are_an_error():
    with pytest.raises(ScoringError):
        read([output('p', [1, 3], [1, 2, 3])], 1, ('a', 'b'))


@pytest.mark.parametrize('outputs', [
    [], None, [5], [{}], [output('y', [], [])], [output('y', [2], [1])], [output('y', [1], [1, 2])],
    [output('y', [2, 2], [1, 2])], [output('y', [2, 0], [])], [output('y', ['x'], [1, 2])], [output(5, [2], [1, 2])],
    [output('y', [2], {'a': 1})], [output('y', [2], [1, 2]), output('y', [2], [1, 2])],
    '{"outputs": [{"name": "y", "shape": [2], "data": [1, 02]}]}',
    '{"outputs": [{"name": "y", "shape": [2], "data": [1,,2]}]}',
    '[1, 2]', 'null', '{"outputs": [{"name": "y", "shape": [2], "data": [1, 2]}]', '{"data": [1, 2]}',
    '{"outputs": [{"name": "y", "shape": [2], "data": [1 2, 3]}]}'])
def test_what_is_no_answer_for_two_rows_is_invalid(outputs):
    with pytest.raises(InvalidResponse):
        read(outputs, 2)


def test_the_id_is_that_of_the_request_or_none():
    good = [output('y', [1], [1])]
    assert read(good, 1, id='b1').labels == read(good, 1, id=None).labels == read(good, 1).labels
    with pytest.raises(InvalidResponse):
        read(good, 1, id='b2')


numbers = st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-10 ** 6, 10 ** 6))


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=9), st.lists(st.text(alphabet='a"\\,:[]{}data', max_size=9), min_size=1))
def test_numbers_beside_texts_that_look_like_json_are_read(values, texts):
    count = min(len(values), len(texts))
    values, texts = values[:count], texts[:count]
    found = read([output('t', [count], texts), output('y', [count, 1], values)], count)
    assert found.values[1].fields == [b'' if each is None else json.dumps(each).encode('ascii') for each in values]
