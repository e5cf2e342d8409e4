"""Frames of pandas and polars, scored from Python."""

from __future__ import absolute_import, unicode_literals

import datetime
import json
import os
import subprocess
import sys
import tempfile
from decimal import Decimal

import pytest

import faults
import when
from datarobot_batch_scoring import make_settings, score_frame
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from datarobot_batch_scoring.errors import ScoringError, UsageError
from echo import Echo
from places import ROOT
from scoring import IMPORT

LIBRARIES = ['pandas', 'polars']


@pytest.fixture(params=LIBRARIES)
def library(request):
    return pytest.importorskip(str(request.param))


@pytest.fixture
def settings(server, folder, monkeypatch):
    """Makes settings; the working directory and that of temporary files must be empty at the end."""
    monkeypatch.chdir(folder.path)
    os.mkdir(folder('temporary'))
    monkeypatch.setattr(tempfile, 'tempdir', folder('temporary'))

    def made(**options):
        return make_settings('batch_scoring_sse', host=server.url, **dict({'import_id': IMPORT}, **options))
    yield made
    assert os.listdir(folder.path) == ['temporary'] and os.listdir(folder('temporary')) == []


def lists(frame):
    """{name: list of values} of a frame; missing ones are None."""
    values = frame.to_dict('list') if hasattr(frame, 'to_dict') and hasattr(frame, 'iloc') else frame.to_dict(
        as_series=False)
    return {name: [None if value is None or value != value else value for value in column]
            for name, column in values.items()}


def sent(server):
    return [record for batch in sorted(server.batches, key=lambda each: float(each.first))
            for record in read_records(batch.body, b',')[1:]]


def test_the_predictions_come_back_as_a_frame_with_the_kept_columns(library, settings, server):
    server.echo = Echo('binary', shuffle=True)
    frame = library.DataFrame({'x': list(range(50)), 'text': ['a\n"{0}",'.format(n) for n in range(50)]})
    found = score_frame(settings(keep_cols=['text'], n_samples=7), frame)
    assert type(found) is type(frame)
    assert list(found.columns) == ['text', '0.0', '1.0']
    assert lists(found)['text'] == lists(frame)['text'] and lists(found)['1.0'] == list(range(50))
    assert all(isinstance(value, float) for value in lists(found)['0.0'])


def test_pandas_keeps_its_index(settings):
    pandas = pytest.importorskip('pandas')
    frame = pandas.DataFrame({'x': [1, 2, 3]}, index=['c', 'a', 'a'])
    found = score_frame(settings(), frame)
    assert list(found.index) == ['c', 'a', 'a'] and list(found['y']) == [1, 2, 3]


def test_rows_that_are_rejected_raise_or_are_listed_and_missing(library, settings, server):
    server.fail(faults.status(400), when.holds('3'))
    frame = library.DataFrame({'x': list(range(6))})
    with pytest.raises(ScoringError):
        score_frame(settings(), frame)
    bad_rows = []
    found = score_frame(settings(), frame, bad_rows=bad_rows)
    assert [row for row, _ in bad_rows] == [3] and bad_rows[0][1]
    assert lists(found) == {'y': [0, 1, 2, None, 4, 5]}


def test_values_are_sent_as_text_that_reads_back_the_same(library, settings, server):
    moment = datetime.datetime(2020, 1, 2, 3, 4, 5)
    frame = library.DataFrame({
        'x': [1, 2], 'float': [0.1, None], 'bool': [True, False], 'text': ['\xe9,\n', None],
        'moment': [moment, None], 'day': [moment.date(), None], 'decimal': [Decimal('1.50'), None]})
    score_frame(settings(), frame)
    assert sent(server) == [
        ['1', '0.1', 'true', '\xe9,\n', '2020-01-02T03:04:05', '2020-01-02', '1.50'],
        ['2', '', 'false', '', '', '', '']]


def test_floats_of_fewer_bits_are_their_own_shortest_text(settings, server):
    pandas = pytest.importorskip('pandas')
    score_frame(settings(), pandas.DataFrame({'x': pandas.Series([0.1, 2.5], dtype='float32')}))
    assert sent(server) == [['0.1'], ['2.5']]


@pytest.mark.parametrize('value, said', [([1], 'list'), (b'a', 'bytes'), ({'a': 1}, 'dict')])
def test_what_cannot_be_sent_is_named_by_its_column(library, settings, value, said):
    with pytest.raises(UsageError) as raised:
        score_frame(settings(), library.DataFrame({'x': [1], 'odd': [value]}))
    assert 'column odd' in str(raised.value)


def test_what_is_not_a_frame_or_no_settings_for_one_is_a_usage_error(settings):
    pandas = pytest.importorskip('pandas')
    frame = pandas.DataFrame({'x': [1]})
    for given, other in [({}, [1]), ({'dataset': 'data.csv'}, frame), ({'dry_run': True}, frame), ({}, frame[:0]),
                         ({}, pandas.DataFrame({1: [1]}))]:
        with pytest.raises(UsageError):
            score_frame(settings(**given), other)


def inputs(server):
    """{column: (datatype, data)} of the only request to a v2 server."""
    request, = server.batches
    return dict((each['name'], (each['datatype'], each['data']))
                for each in json.loads(request.body.decode('utf-8'))['inputs'])


FRAME = {
    'x': [1, 2], 'code': ['007', '12'], 'size': [1.0, 2.0], 'new': [True, False], 'id': [2 ** 53 + 1, 1],
    'day': [datetime.date(2020, 1, 2)] * 2, 'amount': [Decimal('1.50'), Decimal(7)], 'lacks': ['1', None]}


def test_columns_of_a_frame_are_sent_with_its_types(library, settings, server):
    score_frame(settings(protocol='v2', n_samples=9), library.DataFrame(FRAME))
    assert inputs(server) == {
        'x': ('INT64', [1, 2]), 'code': ('BYTES', ['007', '12']), 'size': ('FP64', [1.0, 2.0]),
        'new': ('BOOL', [True, False]), 'id': ('BYTES', ['{0}'.format(2 ** 53 + 1), '1']),
        'day': ('BYTES', ['2020-01-02'] * 2), 'amount': ('FP64', [1.5, 7.0]), 'lacks': ('BYTES', ['1', None])}


def test_an_integer_that_is_missing_makes_its_column_one_of_numbers(library, settings, server):
    frame = library.DataFrame({'x': [1, 2], 'size': [3, None], 'nothing': [None, None]})
    if library.__name__ == 'pandas':
        frame = frame.astype({'size': 'Int64'})
    score_frame(settings(protocol='v2', n_samples=9), frame)
    assert inputs(server)['size'] == ('FP64', [3.0, None])
    assert inputs(server)['nothing'] == ('FP64', [None, None])


def test_mlflow_gets_the_types_of_a_frame_but_for_those_that_are_set(library, settings, server, folder):
    types = os.path.join(folder.path, 'types.json')
    with open(types, 'w') as target:
        target.write('{"size": "string"}')
    score_frame(settings(protocol='mlflow', import_id=None, types=types, n_samples=9), library.DataFrame(FRAME))
    os.remove(types)
    request, = server.batches
    assert json.loads(request.body.decode('utf-8'))['dataframe_split']['data'][0] == [
        1, '007', '1.0', True, '{0}'.format(2 ** 53 + 1), '2020-01-02', 1.5, '1']


def test_the_models_own_types_come_before_those_of_a_frame(library, settings, server):
    server.about['/v2/models/flats'] = {'name': 'flats', 'inputs': [
        {'name': 'x', 'datatype': 'FP64', 'shape': [-1, 1]}, {'name': 'n', 'datatype': 'BYTES', 'shape': [-1, 1]}]}
    score_frame(settings(protocol='v2', import_id='flats'), library.DataFrame({'x': [1], 'n': [7], 'other': [1]}))
    assert inputs(server) == {'x': ('FP64', [1.0]), 'n': ('BYTES', ['7'])}


NOTEBOOK = '''
import asyncio, multiprocessing, sys
import {library} as library
from datarobot_batch_scoring import make_settings, score_frame

async def cell():
    settings = make_settings('batch_scoring_sse', host=sys.argv[1], import_id='flats')
    return score_frame(settings, library.DataFrame({{'x': [1, 2]}}))

if __name__ == '__main__':
    multiprocessing.set_start_method('spawn')
    print(asyncio.run(cell())['y'].to_list())
'''


def test_a_frame_is_scored_in_an_event_loop_and_where_processes_are_spawned(library, server, folder):
    folder.write('cell.py', NOTEBOOK.format(library=library.__name__).encode('ascii'))
    output = subprocess.check_output([sys.executable, 'cell.py', server.url], cwd=folder.path,
                                     env=dict(os.environ, PYTHONPATH=str(ROOT)))
    assert output.decode('ascii').split() == ['[1,', '2]']
