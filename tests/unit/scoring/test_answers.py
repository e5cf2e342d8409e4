"""Answers, read column by column: what else rows have, explanations, and fields of JSON Lines."""

from __future__ import absolute_import, unicode_literals

import json

import pytest

from datarobot_batch_scoring.output.columns import ALL, Layout, empty_row, header, make_rows
from datarobot_batch_scoring.output.csv_text import JSON_LINES, csv_of
from datarobot_batch_scoring.scoring import answers
from datarobot_batch_scoring.dataset.json_text import InvalidResponse
from datarobot_batch_scoring.server.protocols import PROTOCOLS

LAYOUT = Layout(protocol=PROTOCOLS['predApi/v1.0'], class_names=(), delimiter=',', linesep='\n',
                row_id=True, pred_cols=(), pred_name=None, threshold=None, decision=None,
                explanations=0, counted=False, details=False, extras=())


def row(number, **more):
    return dict({'rowId': number, 'predictionValues': [{'label': 'y', 'value': 0.5}]}, **more)


def read(rows, layout, beside=None):
    body = dict(beside or {}, data=rows)
    return answers.read(json.dumps(body).encode('utf-8'), layout, len(rows))


def lines(rows, layout, beside=None):
    return make_rows(read(rows, layout, beside), layout, 0, None).csv.decode('utf-8').splitlines()


# (columns asked for, what else the rows have, lines or words of the error).
EXTRAS = [
    (('a',), [{'a': 1}, {'a': 'x,y'}], ['0,0.5,1', '1,0.5,"x,y"']),
    (('a',), [{'a': 1}, {}], ['0,0.5,1', '1,0.5,']),
    (('b', 'a'), [{'a': 1, 'b': [2]}, {'a': None, 'b': {'c': True}}], ['0,0.5,[2],1', '1,0.5,"{""c"":true}",']),
    (('z',), [{'a': 1}, {'a': 1}], 'no row has "z" (--extra_cols); there is: a'),
    (('a',), [{'extraModelOutput': {'a': 1}}, {'extraModelOutput': {'a': 2}}], ['0,0.5,1', '1,0.5,2']),
    (('a',), [{'extraModelOutput': None}, {'extraModelOutput': None}], ['0,0.5,', '1,0.5,']),
    (ALL, [{'b': 1}, {'a': 4}], ['0,0.5,1,', '1,0.5,,4']),
    (ALL, [{}, {}], ['0,0.5', '1,0.5']),
]


@pytest.mark.parametrize('names, more, expected', EXTRAS)
def test_what_else_rows_have_are_columns(names, more, expected):
    rows, layout = [row(number, **values) for number, values in enumerate(more)], LAYOUT._replace(extras=names)
    if isinstance(expected, list):
        assert lines(rows, layout) == expected
    else:
        with pytest.raises(InvalidResponse) as raised:
            lines(rows, layout)
        assert expected in raised.value.args[0]


def test_more_names_than_can_be_columns_are_not_read():
    names = dict(('n%d' % number, 0) for number in range(answers.MAX_KEYS + 1))
    with pytest.raises(InvalidResponse) as raised:
        read([row(0, **names)], LAYOUT._replace(extras=ALL))
    assert '{0}'.format(answers.MAX_KEYS) in raised.value.args[0]


# What stands beside the rows: lines, or None if it is malformed.
BESIDE = [
    ({'columns': ['a', 'b'], 'data': [[1, 2], [3, 4]]}, ['0,0.5,2', '1,0.5,4']),
    ({'columns': ['b'], 'data': [[1]]}, None),
    ({'columns': ['b'], 'data': [[1, 2], [3, 4]]}, None),
    ({'columns': 'b', 'data': []}, None),
    ([], None),
]


@pytest.mark.parametrize('table, expected', BESIDE)
def test_columns_beside_the_rows_are_read_whole_or_not_at_all(table, expected):
    drum = LAYOUT._replace(protocol=PROTOCOLS['drum'], extras=('b',))
    body = json.dumps({'predictions': [0.5, 0.5], 'extraModelOutput': table}).encode('utf-8')
    if expected:
        assert make_rows(answers.read(body, drum, 2), drum, 0, None).csv.decode('utf-8').splitlines() == expected
    else:
        with pytest.raises(InvalidResponse):
            answers.read(body, drum, 2)


def test_a_later_batch_has_the_extra_columns_of_the_first():
    layout = LAYOUT._replace(extras=ALL)
    first, later = read([row(0, a=1, b=2)], layout), read([row(0, b=3)], layout)
    fitted = answers.fitted(later._replace(may_lack=False), ['a', 'b'], ',')
    assert make_rows(fitted, layout, 0, None, first.names(layout)).csv == b'0,0.5,,3\n'
    with pytest.raises(InvalidResponse):
        answers.fitted(later, ['a'], ',')


EXPLAINED = [{'feature': 'f', 'strength': 0.1, 'featureValue': 'v', 'qualitativeStrength': '++', 'label': 'y'},
             {'feature': 'g', 'strength': -0.1}, {'feature': 'h', 'strength': 0.01}]


def test_rows_have_as_many_explanations_as_were_asked_for():
    layout = LAYOUT._replace(explanations=2)
    answer = read([row(0, predictionExplanations=EXPLAINED), row(1)], layout)
    assert answer.dropped
    assert make_rows(answer, layout, 0, None).csv == b'0,0.5,f,0.1,g,-0.1\n1,0.5,,,,\n'


def test_details_of_explanations_are_written_on_request():
    layout = LAYOUT._replace(explanations=1, details=True)
    assert lines([row(0, predictionExplanations=EXPLAINED[:1])], layout) == ['0,0.5,f,0.1,v,++']


@pytest.mark.parametrize('explanations', [[1], {'a': 1}, 7])
def test_explanations_of_another_form_are_not_read(explanations):
    with pytest.raises(InvalidResponse):
        read([row(0, predictionExplanations=explanations)], LAYOUT._replace(explanations=1))


@pytest.mark.parametrize('rows, words', [
    ([row(0), row(1, predictionValues=[{'label': 'z', 'value': 1}])], 'labels differ'),
    ([row(0, predictionValues=[{'label': 'y', 'value': 1}, {'label': 'y', 'value': 2}])], 'same label twice'),
    ([row('0')], 'no row id'),
])
def test_rows_that_contradict_each_other_are_no_answer(rows, words):
    with pytest.raises(InvalidResponse) as raised:
        read(rows, LAYOUT)
    assert words in raised.value.args[0]


# A value of an answer, and what it is in JSON Lines.
VALUES = [('0.50', '0.50'), ('NaN', '"NaN"'), ('-Infinity', '"-Infinity"'), ('null', 'null'), ('"\u00e9"', '"\u00e9"'),
          ('[1.0, NaN]', '[1.0,"NaN"]'), ('{"a": [Infinity, "x"]}', '{"a":["Infinity","x"]}'), ('true', 'true')]


@pytest.mark.parametrize('value, written', VALUES)
def test_every_value_is_json_in_an_output_of_json_lines(value, written):
    layout = LAYOUT._replace(delimiter=JSON_LINES, extras=('a',))
    body = '{"data": [{"rowId": 0, "predictionValues": [{"label": "y%%", "value": 1.50}], "a": %s}]}' % value
    layout = layout._replace(kept_names=('k',))
    line = make_rows(answers.read(body.encode('utf-8'), layout, 1), layout, 0, [[b'"k"']]).csv.decode('utf-8')
    assert line == '{"row_id":0,"k":"k","y%%":1.50,"a":%s}\n' % written
    assert json.loads(line)['a'] == json.loads(written)


def test_an_output_of_json_lines_has_no_header_and_null_where_nothing_is_known():
    layout = LAYOUT._replace(delimiter=JSON_LINES, kept_names=('k',))
    assert header(layout, ['k'], ('y',)) == b''
    assert empty_row(layout, 7, [b'"v"'], ('y',)) == b'{"row_id":7,"k":"v","y":null}\n'


@pytest.mark.parametrize('json_field, csv_field', [
    (b'0.5', b'0.5'), (b'null', b''), (b'"a,b"', b'"a,b"'), (b'"NaN"', b'NaN')])
def test_a_field_of_json_lines_is_one_of_csv_again(json_field, csv_field):
    assert csv_of(json_field) == csv_field
