# -*- coding: utf-8 -*-
"""Extra columns and texts of the real DRUM and FastRAG are those of the model itself."""

from __future__ import absolute_import, division, unicode_literals

import io

import pytest

from datarobot_batch_scoring.dataset.csv_bytes import read_records

pytestmark = pytest.mark.real_servers

TARGETS = ('regression', 'binary', 'multiclass')
KINDS = ('drum', 'fastrag')
# DRUM rounds to ten decimals.
PRECISION = {'drum': 1e-9, 'fastrag': 0.0}


def records(data):
    return list(read_records(data, b','))


def sent_in(path):
    """The records of the dataset, without its header."""
    with io.open(path, 'rb') as source:
        return records(source.read())[1:]


@pytest.mark.parametrize('names', ['*', 'doppelt'])
@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('kind', KINDS)
def test_extra_columns_and_predictions_are_the_models_own(
        kind, target, names, shared, models, run_command, data, folder):
    server = shared(kind, target, variant='-extra')
    result = run_command('batch_scoring_sse', [
        '--protocol=drum', '--host=' + server.host, data, '--n_samples=977', '--extra_cols=' + names], timeout=180)
    assert (result.code, result.err) == (0, ''), (result, server.said())
    header, rows = records(folder.read())[0], records(folder.read())[1:]
    labels, expected = models(kind).says(target + '-extra', data)
    labels = labels or ['prediction']
    assert header == ['row_id'] + labels + (['ort, laut', 'doppelt'] if names == '*' else ['doppelt'])
    for row, values, sent in zip(rows, expected, sent_in(data)):
        assert [abs(float(text) - value) <= PRECISION[kind] for text, value in zip(row[1:], values)] == [
            True] * len(labels), (row, values)
        assert abs(float(row[-1]) - 2 * float(sent[2])) < 1e-12
        if names == '*':
            assert row[-2] == ('' if sent[3] == 'Paris' else sent[3].upper())
    assert len(rows) == len(expected)


@pytest.mark.parametrize('kind', KINDS)
def test_texts_are_the_models_own(kind, shared, run_command, data, folder):
    server = shared(kind, 'writer', env={'TARGET_NAME': 'resultText'})
    result = run_command('batch_scoring_sse', [
        '--protocol=drum', '--host=' + server.host, data, '--n_samples=500', '--extra_cols=characters'], timeout=180)
    assert (result.code, result.err) == (0, ''), (result, server.said())
    found = records(folder.read())
    assert found[0] == ['row_id', 'prediction', 'characters']
    names = [sent[0] for sent in sent_in(data)]
    # pandas reads line breaks in quotes as they are.
    expected = ['"{0}",\n{1}'.format(name, name * 40) for name in names]
    assert [row[1] for row in found[1:]] == expected
    assert [row[2] for row in found[1:]] == ['{0}'.format(len(text)) for text in expected]
