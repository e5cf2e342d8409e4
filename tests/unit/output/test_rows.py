"""Answers become the CSV that the layout asks for, or are refused; two ways to read agree."""

from __future__ import absolute_import, unicode_literals

import csv
import io
import json
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from datarobot_batch_scoring.dataset.json_text import InvalidResponse
from datarobot_batch_scoring.scoring import answers, fast_answers
from datarobot_batch_scoring.output.columns import Layout, check_labels, header, make_rows, prediction_columns
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server.protocols import PROTOCOLS

PLAIN = Layout(protocol=PROTOCOLS['predApi/v1.0'], class_names=(), delimiter=',', linesep='\n',
               row_id=True, pred_cols=(), pred_name=None, threshold=None, decision=None,
               explanations=0, counted=False, details=False, extras=())
OLD = PLAIN._replace(protocol=PROTOCOLS['api/v1'])
BARE = PLAIN._replace(row_id=False)

BINARY_ROW = ('{"rowId": %d, "prediction": 0.0, "predictionThreshold": 0.5, "predictionValues": ['
              '{"label": 1.0, "value": %s}, {"label": 0.0, "value": %s}]}')
REGRESSION_ROW = ('{"rowId": %d, "prediction": %s, "predictionValues":'
                  ' [{"label": "y", "value": %s}]}')


def data(*rows):
    return ('{"data": [%s]}' % ', '.join(rows)).encode('utf-8')


def regression(*values):
    return data(*[REGRESSION_ROW % (i, value, value) for i, value in enumerate(values)])


def render(body, layout, rows, first_row=0, kept=None, labels=None):
    """The labels of an answer and what is made of it."""
    answer = fast_answers.read(body, layout, rows) or answers.read(body, layout, rows)
    if labels is not None:
        check_labels(labels, answer.labels)
    return answer.labels, make_rows(answer, layout, first_row, kept)


def text(body, layout=PLAIN, rows=1, first_row=0, kept=None, labels=None):
    return render(body, layout, rows, first_row, kept, labels)[1].csv.decode('utf-8')


TWO_ROWS = data(BINARY_ROW % (0, '0.10', '0.90'), BINARY_ROW % (1, '0.2', '0.8'))


def test_a_column_for_each_label_sorted_as_text():
    labels, rows = render(TWO_ROWS, PLAIN, 2)
    assert (labels, rows) == (('0.0', '1.0'), (b'0,0.90,0.10\n1,0.8,0.2\n', 0))


def test_row_ids_are_those_of_the_whole_input():
    assert text(TWO_ROWS, rows=2, first_row=41) == '41,0.90,0.10\n42,0.8,0.2\n'


def test_columns_stand_in_the_order_of_the_header():
    layout = PLAIN._replace(
        delimiter=';', linesep='\r\n', threshold='t', decision='d', explanations=1)
    kept = [[b'a', b'b'], [b'"c;c"', b'']]
    assert text(TWO_ROWS, layout, 2, 7, kept) == (
        '7;a;"c;c";0.90;0.10;;;0.5;0.0\r\n8;b;;0.8;0.2;;;0.5;0.0\r\n')
    assert header(layout, ['k', 'l;'], ('0.0', '1.0')) == (
        b'row_id;k;"l;";0.0;1.0;explanation_1_feature;explanation_1_strength;t;d\r\n')


def test_pred_name_gives_a_binary_target_the_last_class_only():
    layout = PLAIN._replace(pred_name='p')
    assert text(TWO_ROWS, layout, 2) == '0,0.10\n1,0.2\n'
    assert prediction_columns(layout, ('0.0', '1.0')) == ['p']


def test_pred_name_names_a_regression():
    layout = PLAIN._replace(pred_name='p')
    assert text(regression('5.0'), layout) == '0,5.0\n'
    assert header(layout, (), ('y',)) == b'row_id,p\n'


def test_pred_name_is_ignored_with_more_than_two_classes():
    assert prediction_columns(PLAIN._replace(pred_name='p'), ('a', 'b', 'c')) == ['a', 'b', 'c']


def test_a_regression_of_the_old_api_has_an_empty_name():
    body = b'{"code": 200, "status": "", "predictions": [{"row_id": 0, "prediction": 1.50}]}'
    assert render(body, OLD, 1, 0) == (('',), (b'0,1.50\n', 0))
    assert header(OLD, (), ('',)) == b'row_id,\n'
    assert header(OLD._replace(row_id=False), (), ('',)) == b'""\n'
    assert header(OLD._replace(pred_name='p'), (), ('',)) == b'row_id,p\n'


def test_classes_of_the_old_api():
    body = (b'{"predictions": [{"row_id": 0, "prediction": 1.0,'
            b' "class_probabilities": {"1.0": 0.6, "0.0": 0.40}}]}')
    assert render(body, OLD, 1, 0) == (('0.0', '1.0'), (b'0,0.40,0.6\n', 0))


@pytest.mark.parametrize('number', [
    '0.10', '1E-5', '1e+05', '-0', '-0.0', 'NaN', 'Infinity', '-Infinity', '12',
    '9' * 5000, '1E999', 'true', 'false'])
def test_numbers_keep_their_text(number):
    assert text(regression(number), BARE) == number + '\n'


@pytest.mark.parametrize('number', ['01', '1.', '.5', '+1', '1e', '0x1', '1 2', 'nan', '--1', ''])
def test_what_is_no_json_number_is_refused(number):
    with pytest.raises(InvalidResponse):
        text(regression('1', number), BARE, rows=2)


def test_nulls_are_empty_fields_and_counted():
    body = regression('null', '1', 'null')
    assert render(body, PLAIN, 3, 0) == (('y',), (b'0,\n1,1\n2,\n', 2))


def test_a_row_with_nothing_but_a_null_is_no_empty_line():
    assert text(regression('null'), BARE) == '""\n'


def test_a_null_that_is_not_written_is_not_counted():
    body = data(BINARY_ROW % (0, '1', 'null'))
    assert render(body, PLAIN._replace(pred_name='p'), 1)[1].nulls == 0
    assert render(body, PLAIN, 1)[1].nulls == 1


@pytest.mark.parametrize('label, name', [
    ('1.0', '1.0'), ('1.50', '1.50'), ('true', 'true'), ('"caf\\u00e9"', 'caf\xe9'),
    ('"\\ud83d\\ude00"', '\U0001f600'), ('"\xe9"', '\xe9'), ('"a,b"', 'a,b')])
def test_labels_are_opaque_text(label, name):
    body = data('{"rowId": 0, "predictionValues": [{"label": %s, "value": 1}]}' % label)
    assert render(body, PLAIN, 1)[0] == (name,)


@pytest.mark.parametrize('decision, written', [
    ('1.0', '1.0'), ('"Yes"', 'Yes'), ('"a, b"', '"a, b"'), ('null', ''),
    ('"\\u00e9\\n"', '"\xe9\n"'), ('[]', '[]'), ('["a", 1.50, null]', '"[""a"",1.50,null]"'),
    ('[1, [2.0]]', '"[1,[2.0]]"')])
def test_the_decision_is_the_prediction_as_sent(decision, written):
    body = data(REGRESSION_ROW % (0, decision, '1'))
    assert text(body, BARE._replace(decision='d')) == '1,%s\n' % written


def test_explanations_are_padded_and_cut():
    row = '{"rowId": %d, "predictionValues": [{"label": "y", "value": 1}], "%s": %s}'
    two = '[{"feature": "a,b", "strength": -0.50}, {"feature": "c", "strength": null, "x": [1]}]'
    body = data(row % (0, 'predictionExplanations', two), row % (1, 'reasonCodes', two),
                row % (2, 'reasonCodes', '[]'), row % (3, 'other', 'null'))
    one = BARE._replace(explanations=1)
    assert text(body, one, 4) == '1,"a,b",-0.50\n' * 2 + '1,,\n' * 2
    _, rows = render(body, BARE._replace(explanations=3), 4)
    assert rows.csv.decode('utf-8') == '1,"a,b",-0.50,c,,,\n' * 2 + '1,,,,,,\n' * 2
    assert rows.nulls == 2


def test_a_threshold_that_the_server_does_not_send_ends_the_run():
    with pytest.raises(ScoringError) as caught:
        text(regression('1'), PLAIN._replace(threshold='t'))
    assert '--pred_threshold' in caught.value.hint


def test_rows_of_a_shuffled_answer_stand_in_order():
    body = data(*[BINARY_ROW % (i, '0.%d' % i, '1') for i in (2, 0, 1)])
    kept = [[b'a', b'b', b'c']]
    assert text(body, PLAIN, 3, 10, kept) == '10,a,1,0.0\n11,b,1,0.1\n12,c,1,0.2\n'


@pytest.mark.parametrize('ids', ['001', '123', '012x', '0a1', '00', '0-'])
def test_row_ids_must_be_those_of_the_rows_sent(ids):
    row = BINARY_ROW % (0, '1', '0')
    rows = [row.replace('"rowId": 0', '"rowId": %s' % each) for each in ids]
    with pytest.raises(InvalidResponse):
        text(data(*rows), rows=len(ids))


@pytest.mark.parametrize('received', [0, 1, 3])
def test_another_number_of_predictions_is_refused_with_both_numbers(received):
    body = data(*[BINARY_ROW % (i, '1', '0') for i in range(received)])
    with pytest.raises(InvalidResponse) as caught:
        text(body, rows=2)
    assert caught.value.args[0] == '2 rows were sent and %d predictions received' % received


def test_other_labels_than_in_the_batches_before_are_refused_with_both():
    with pytest.raises(InvalidResponse) as caught:
        text(TWO_ROWS, rows=2, labels=('no', 'yes'))
    assert 'no, yes before, 0.0, 1.0 now' in caught.value.args[0]


def test_other_labels_than_in_the_row_before_are_refused_with_both():
    body = data(BINARY_ROW % (0, '1', '0'),
                (BINARY_ROW % (1, '1', '0')).replace('"label": 0.0', '"label": 7'))
    with pytest.raises(InvalidResponse) as caught:
        text(body, rows=2)
    assert '0.0, 1.0 before, 1.0, 7 now' in caught.value.args[0]


def test_labels_in_another_order_are_the_same_labels():
    swapped = (BINARY_ROW.replace('1.0', '_').replace('"label": 0.0', '"label": 1.0')
               .replace('_', '0.0') % (1, '0.4', '0.3'))
    body = data(BINARY_ROW % (0, '0.1', '0.2'), swapped)
    assert text(body, BARE, 2) == '0.2,0.1\n0.4,0.3\n'


def values(text):
    return '{"data": [{"rowId": 0, "predictionValues": %s}]}' % text


@pytest.mark.parametrize('body', [
    '', 'null', '[]', '{}', '{"data": null}', '{"data": [1]}', '{"data": [{}]}', '<html>',
    '{"data": [', '{"message": "no"}', values('[]'), values('null'), values('3'), values('[1]'),
    values('[{}]'),
    values('[{"label": 1}]'), values('[{"label": null, "value": 1}]'),
    values('[{"label": 1, "value": 1}, {"label": 1, "value": 2}]'),
    values('[{"label": 1, "value": 1}, {"label": "1", "value": 2}]'),
    values('[{"label": 1, "value": 1, "value": 2}]'), values('[{"label": "\\ud800", "value": 1}]'),
    values('[{"label": 1, "value": "\\udc00"}]'),
    '{"data": [], "data": [{"rowId": 0, "predictionValues": [{"label": 1, "value": 1}]}]}',
    '{"a": {"data": [%s]}, "data": 5}' % (BINARY_ROW % (0, '1', '1')),
    '{"d\\u0061ta": ["@rows@"], "a": {"data": [%s]}}' % (BINARY_ROW % (0, '1', '1')),
    '{"a": {"data": [%s]}}' % (BINARY_ROW % (0, '1', '1')),
    '{"data": [%s' % ('[' * 100000), '[' * 100000, '{"data": ' * 100000,
    values('[{"label": 1, "value": %s1%s}]' % ('[' * 100000, ']' * 100000)),
])
def test_a_malformed_answer_is_refused(body):
    with pytest.raises(InvalidResponse):
        text(body.encode('utf-8'))


@pytest.mark.parametrize('old', [
    '{}', '{"row_id": 0}', '{"row_id": 0, "class_probabilities": [1]}',
    '{"prediction": 1}', '{"row_id": "0", "prediction": 1}'])
def test_a_malformed_answer_of_the_old_api_is_refused(old):
    with pytest.raises(InvalidResponse):
        text(('{"predictions": [%s]}' % old).encode('utf-8'), OLD)


def test_a_decision_that_is_missing_is_refused():
    body = data('{"rowId": 0, "predictionValues": [{"label": "y", "value": 1}]}')
    with pytest.raises(InvalidResponse):
        text(body, PLAIN._replace(decision='d'))


@pytest.mark.parametrize('depth', [2, 500, 5000, 100000])
def test_a_deeply_nested_decision_is_written_or_refused(depth):
    nested = '[' * depth + ']' * depth
    try:
        written = text(data(REGRESSION_ROW % (0, nested, '1')), BARE._replace(decision='d'))
    except InvalidResponse:
        assert depth > 2
    else:
        assert written == '1,%s\n' % nested


@pytest.mark.parametrize('explanations', [
    '[1]', '1', '"text"', 'true', '{"a": 1}', '[[]]', '["text"]', '[null]'])
def test_explanations_that_are_none_are_refused(explanations):
    body = data('{"rowId": 0, "predictionValues": [{"label": "y", "value": 1}],'
                ' "reasonCodes": %s}' % explanations)
    with pytest.raises(InvalidResponse):
        text(body, PLAIN._replace(explanations=1))


def test_text_that_is_not_utf8_is_refused():
    with pytest.raises(InvalidResponse):
        text(regression('"\xe9"').replace(b'\xc3\xa9', b'\xe9'))


def test_a_byte_order_mark_is_passed_over():
    assert text(b'\xef\xbb\xbf' + regression('1')) == '0,1\n'


def csv_of(field, delimiter):
    """What the `csv` module makes of a record of one field."""
    py2 = sys.version_info[0] == 2
    target = io.BytesIO() if py2 else io.StringIO(newline='')
    writer = csv.writer(target, delimiter=str(delimiter), lineterminator=str('\r\n'))
    writer.writerow([field.encode('utf-8') if py2 else field])
    return target.getvalue() if py2 else target.getvalue().encode('utf-8')


awkward = st.one_of(
    st.sampled_from(',;|!\t "\n\r\\x'),
    st.characters(blacklist_categories=['Cs'], blacklist_characters='\x00'))


@given(st.text(awkward, max_size=5), st.sampled_from(',;|! \t'))
def test_text_is_quoted_as_the_csv_module_does(field, delimiter):
    body = regression(json.dumps(field))
    layout = BARE._replace(delimiter=delimiter, linesep='\r\n')
    assert render(body, layout, 1)[1].csv == csv_of(field, delimiter)


# The two ways to read an answer.

def outcome(read, body, layout, rows):
    try:
        return read(body, layout, rows)
    except (InvalidResponse, ScoringError) as error:
        return type(error)


def check_same(body, layout, rows):
    """The fast way gives what the slow one gives, or leaves it to that; True if it gave it."""
    fast = fast_answers.read(body, layout, rows)
    if fast is not None:
        assert fast == outcome(answers.read, body, layout, rows)
    return fast is not None


@pytest.mark.parametrize('value', ['0.5', '7', '0', '12.5', '1e-7', '-0.5', 'null', '"x"'])
def test_a_row_of_many_values_that_does_not_fit_fails_at_once(value):
    """If a value could match in two ways, this would take some 2 ** 60 attempts."""
    values = ['{"label": "c%02d", "value": %s}' % (n, value) for n in range(60)]
    row = '{"rowId": %d, "prediction": "c00", "predictionValues": [' + ', '.join(values) + ']}'
    body = data(row % 0, (row % 1).replace('"c59"', '"c590"'))
    assert fast_answers.read(body, PLAIN, 2) is None


numbers = st.one_of(
    st.integers(-10 ** 20, 10 ** 20).map(str), st.floats(allow_nan=False).map(json.dumps),
    st.sampled_from(['0', '-0', '0.10', '1E-5', '1e+7', '-1.50E7', 'NaN', 'Infinity', '-Infinity',
                     'null', 'true', 'false']))
strings = st.one_of(
    st.sampled_from(['"Yes"', '"No"', '"a,b"', '"a: 1}"', '"\\\\"', '"\\""', '"\xe9"', '""']),
    st.text(max_size=4).map(json.dumps))
scalars = st.one_of(numbers, strings)


@st.composite
def ordinary(draw):
    """An answer whose rows have one shape: (layout, text before, rows, separator, text after)."""
    old = draw(st.booleans())
    labels = draw(st.lists(strings if old else scalars.filter(lambda text: text != 'null'),
                           min_size=1, max_size=3, unique_by=json.loads))
    kind = draw(st.sampled_from([numbers, strings]))
    extra = draw(st.lists(st.sampled_from(['extra', 'x y', 'e\xe9']), unique=True, max_size=2))
    space = draw(st.sampled_from(['', ' ', '\n  ']))
    has_threshold, order = draw(st.booleans()), draw(st.randoms())
    same_extra = draw(scalars)
    varying = draw(st.booleans())
    keys = list(range(3 + len(extra)))
    order.shuffle(keys)
    rows = []
    for i in range(draw(st.integers(1, 5))):
        values = [draw(numbers) for _ in labels]
        if old:
            scores = '"class_probabilities":%s{%s}' % (space, (',' + space).join(
                '%s:%s%s' % pair for pair in zip(labels, [space] * 9, values)))
        else:
            scores = '"predictionValues":%s[%s]' % (space, (',' + space).join(
                '{"label":%s%s,%s"value":%s%s}' % (space, label, space, space, value)
                for label, value in zip(labels, values)))
        members = ['"%s":%s%d' % ('row_id' if old else 'rowId', space, i),
                   '"prediction":%s%s' % (space, draw(kind)), scores]
        members += ['"%s":%s%s' % (name, space, draw(scalars) if varying else same_extra)
                    for name in extra]
        members = [members[key] for key in keys]
        if has_threshold:
            members.append('"predictionThreshold":%s0.5' % space)
        rows.append('{%s}' % (',' + space).join(members))
    before = draw(st.sampled_from(['', '"code": 200, ', '"x": [], "y": {"z": 1}, ']))
    head = '{%s"%s":%s[' % (before, 'predictions' if old else 'data', space)
    tail = ']%s}' % draw(st.sampled_from(['', ', "n": 1', '\n', ', "s": "\\u00e9"']))
    layout = PLAIN._replace(
        protocol=PROTOCOLS['api/v1' if old else 'predApi/v1.0'],
        decision=draw(st.sampled_from([None, 'd'])),
        threshold=draw(st.sampled_from([None, 't'])) if has_threshold else None,
        explanations=0 if old else draw(st.integers(0, 2)))
    return layout, head, rows, ',' + space, tail


@st.composite
def without_ids(draw):
    """An answer of DRUM or MLflow, as `ordinary` gives it."""
    labels = draw(st.lists(strings, min_size=1, max_size=3, unique_by=json.loads))
    form = draw(st.sampled_from(['%s', '[%s]', '{%s}']))
    comma = draw(st.sampled_from([',', ', ', ',\n ']))
    kind = draw(st.sampled_from([numbers, strings, scalars]))
    rows = []
    for _ in range(draw(st.integers(1, 5))):
        values = [draw(kind) for _ in (labels if form != '%s' else labels[:1])]
        if form == '{%s}':
            values = ['%s:%s' % pair for pair in zip(labels, values)]
        rows.append(form % comma.join(values))
    head = '{%s"predictions":%s[' % draw(st.sampled_from(
        [('', ''), ('"x": 1, ', ' '), ('"y": [], ', '')]))
    layout = PLAIN._replace(
        protocol=PROTOCOLS[draw(st.sampled_from(['drum', 'mlflow']))],
        decision=draw(st.sampled_from([None, 'd'])) if form == '%s' else None,
        counted=draw(st.booleans()),
        class_names=draw(st.sampled_from([(), ('b', 'a')])) if form == '[%s]' else ())
    return layout, head, rows, comma, draw(st.sampled_from([']}', '], "n": 1}']))


pieces = st.one_of(st.binary(max_size=2), st.sampled_from(
    [b',', b'}', b']', b'"', b' ', b'0', b'-', b'\\', b'null', b'{}', b'[', b'e', b'1.', b', ']))


def body_of(head, rows, separator, tail):
    return (head + separator.join(rows) + tail).encode('utf-8')


checked = settings(deadline=None, suppress_health_check=[
    HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])


@checked
@given(st.one_of(ordinary(), without_ids()))
def test_the_fast_way_reads_every_ordinary_answer_as_the_slow_one(answer):
    layout, head, rows, separator, tail = answer
    body = body_of(head, rows, separator, tail)
    slow = outcome(answers.read, body, layout, len(rows))
    assume(isinstance(slow, answers.Answer))
    assert fast_answers.read(body, layout, len(rows)) == slow


@checked
@given(st.one_of(ordinary(), without_ids()), st.data())
def test_the_fast_way_never_differs_on_a_damaged_answer(answer, draws):
    layout, head, rows, separator, tail = answer
    sent = len(rows)
    for _ in range(draws.draw(st.integers(0, 2))):
        at = draws.draw(st.integers(0, len(rows) - 1))
        other = draws.draw(st.integers(0, len(rows) - 1))
        rows[at:at + draws.draw(st.integers(0, 1))] = [rows[other]]
    body = body_of(head, rows, separator, tail)
    for _ in range(draws.draw(st.integers(0, 2))):
        start = draws.draw(st.integers(0, len(body)))
        stop = start + draws.draw(st.integers(0, 3))
        piece = draws.draw(pieces)
        body = body[:start] + piece + body[stop:]
    for count in {sent, len(rows)}:
        check_same(body, layout, count)


@pytest.mark.parametrize('count', [1, 2, 700, 5000])
def test_the_fast_way_reads_answers_of_any_length(count):
    body = data(*[BINARY_ROW % (i, i / 7.0, '1E-%d' % i) for i in range(count)])
    assert check_same(body, PLAIN._replace(threshold='t', decision='d'), count)


@pytest.mark.parametrize('count', [1, 2, 700, 20000])
@pytest.mark.parametrize('row', ['%r', '[%r, 1e-5]', '{"b": %r, "a": 0.25}', '"%r"'])
def test_the_fast_way_reads_rows_without_ids(count, row):
    body = ('{"predictions": [%s]}' % ', '.join(
        row % (i / 7.0) for i in range(count))).encode('ascii')
    assert check_same(body, PLAIN._replace(protocol=PROTOCOLS['mlflow']), count)


def test_another_label_in_any_row_is_left_to_the_slow_way():
    rows = [BINARY_ROW % (i, '1', '0') for i in range(2000)]
    rows[1500] = rows[1500].replace('"label": 0.0', '"label": 0.1')
    assert not check_same(data(*rows), PLAIN, 2000)


def test_a_number_of_the_wrong_shape_anywhere_is_left_to_the_slow_way():
    for number in ('01', '1.', '.5', '+1', '1e', ' 1', '1 ', '"1', '[1]'):
        body = data(*[BINARY_ROW % (i, number if i == 1500 else '1', '0') for i in range(2000)])
        assert not check_same(body, PLAIN, 2000)


def test_rows_without_commas_are_refused():
    body = data(BINARY_ROW % (0, '1', '0'), BINARY_ROW % (1, '1', '0'))
    with pytest.raises(InvalidResponse):
        text(body.replace(b'}, {"rowId"', b'}{"rowId"'), rows=2)
