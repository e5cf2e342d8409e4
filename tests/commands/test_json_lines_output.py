"""An output of JSON Lines: what a CSV one says, as objects."""

from __future__ import absolute_import, unicode_literals

import json

import pytest

import faults
import when
from echo import Echo
from scoring import PROJECT, MODEL, numbered, unpacked

DATA = ('x,"a ""name""%",text\r\n'
        '0.10,1,"p,q\r\n"\r\nNaN,2,\xe9\r\nInfinity,3,\r\nnull,4,7\r\n-1e5,5,"{"\r\n').encode('utf-8')


def objects(folder, name='out.jsonl'):
    """The objects in an output as lists of pairs; numbers are texts with a # in front."""
    data = folder.read_raw(name)
    data = unpacked(data) if name.endswith('.gz') else data
    numbers = '#{0}'.format
    return [json.loads(line, object_pairs_hook=list, parse_int=numbers, parse_float=numbers,
                       parse_constant=pytest.fail) for line in data.decode('utf-8').splitlines()]


@pytest.mark.parametrize('name', ['out.jsonl', 'out.jsonl.gz'])
def test_an_object_has_numbers_texts_and_nulls_in_the_order_of_the_columns(score, folder, name):
    score.well(DATA, '--out=' + name, '--keep_cols=text,"a ""name""%"', '--n_samples=2')
    assert objects(folder, name) == [
        [('row_id', '#{0}'.format(row)), ('text', text), ('a "name"%', '{0}'.format(row + 1)), ('y', y)]
        for row, (text, y) in enumerate([
            ('p,q\r\n', '#0.10'), ('\xe9', 'NaN'), ('', 'Infinity'), ('7', None), ('{', '#-1e5')])]


@pytest.mark.parametrize('shape', ['binary', 'multiclass', 'multilabel'])
def test_it_has_what_a_csv_output_has(score, server, folder, shape, tmpdir):
    server.echo = Echo(shape, shuffle=True)
    options = ['--pred_decision=decided', '--max_prediction_explanations=2', '--n_samples=3', '--keep_cols=x']
    for name in ('out.csv', 'out.jsonl'):
        score.well(numbered(20), '--out=' + name, command='batch_scoring', ids=[PROJECT, MODEL], *(
            options + ['--user=u', '--api_token=t', '--report={0}.json'.format(name)]))
    records = folder.records()
    for record, pairs in zip(records[1:], objects(folder)):
        assert [name for name, _ in pairs] == records[0]
        texts = ['' if value is None else json.dumps(value, separators=(',', ':')) if isinstance(value, list)
                 else value.lstrip('#') for _, value in pairs]
        assert texts == record
    reports = [json.loads(folder.read_raw(name + '.json').decode('utf-8')) for name in ('out.csv', 'out.jsonl')]
    assert reports[0].get('predictions') == reports[1].get('predictions')


def test_bad_rows_are_nulls_and_their_file_stays_csv(score, server, folder):
    server.fail(faults.status(400), when.holds('3'))
    result = score(numbered(6), '--out=out.jsonl', '--bad_rows=bad.csv', '--keep_cols=x')
    assert result.code == 3
    assert objects(folder)[3] == [('row_id', '#3'), ('x', '3'), ('y', None)]
    assert folder.records('bad.csv')[0][:3] == ['row_id', 'line', 'reason']


def test_two_columns_of_one_name_end_the_run_before_anything_is_written(score, folder):
    result = score(b'x,y\n1,2\n', '--out=out.jsonl', '--keep_cols=y')
    assert result.code == 1 and 'same name' in result.err and 'Traceback' not in result.err
    assert not folder.has('out.jsonl')


@pytest.mark.parametrize('name', ['out.jsonl', 'out.jsonl.gz'])
def test_it_is_resumed_as_csv_is(score, server, folder, name):
    options = ['--n_samples=1', '--n_concurrent=2', '--out=' + name]
    score.well(numbered(60), *options)
    expected = objects(folder, name)
    server.fail(faults.status(400), when.holds('30'))
    assert score(None, '--yes', *options).code == 1
    assert 0 < len(objects(folder, name)) < 31
    server.heal()
    server.scored.clear()
    score.well(None, '--resume', *options)
    assert objects(folder, name) == expected and not server.scored['3']
