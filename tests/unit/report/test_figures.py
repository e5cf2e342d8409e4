"""What is gathered for the report: right, and no more of it the longer the run."""

from __future__ import absolute_import, unicode_literals

import json

import pytest

from datarobot_batch_scoring.report.timeline import MAX_BINS, Figures
from datarobot_batch_scoring.scoring import histogram, predictions
from datarobot_batch_scoring.scoring.answers import Answer, Column
from datarobot_batch_scoring.scoring.events import Answered
from datarobot_batch_scoring.scoring.predictions import MAX_PLAIN, RowStatistics, restored


def answered(seconds, rows=1):
    return Answered(rows, seconds, seconds, 10)


def counted(fields, labels=('y',), classes=()):
    """What is counted of an answer whose columns all have these fields."""
    columns = [Column(fields, 0, False) for _ in labels]
    return predictions.count(Answer(
        [], labels, columns, [], None, Column(list(classes), 0, True), {}, False, False))


def test_what_is_gathered_does_not_grow_with_the_number_of_batches():
    figures, tally = Figures(), RowStatistics()
    for number in range(20000):
        figures.answered(answered(0.1 + number * 0.0017, 3), number * 1.7)
        tally.add(counted([b'%d' % (number * 977)]))
    assert len(figures.latencies) < 5000
    assert len(figures.throughput.counts) <= MAX_BINS
    assert sum(figures.throughput.counts.values()) == 60000
    found = tally.predicted.columns['y']
    assert len(found.bins.counts) <= predictions.MAX_BINS
    assert sum(found.bins.counts.values()) == found.count == 20000


def test_classes_without_end_are_counted_as_others():
    found = None
    for number in range(3000):
        found = predictions.added(found, predictions.count(Answer(
            [], ('a', 'b'), [], [], None, Column([b'class %d' % number], 0, True), {}, False, False)))
    assert len(found.classes) == predictions.MAX_CLASSES + 1
    assert (found.classes['class 0'], found.classes[predictions.OTHERS]) == (1, 2000)


@pytest.mark.parametrize('batch', [1, 3000])
def test_texts_without_end_are_counted_as_others_and_so_are_long_ones(batch):
    fields = [b'text %d' % number for number in range(3000)] + [b'word ' * 100] * 3000
    found = None
    for start in range(0, 6000, batch):
        found = predictions.added(found, counted(fields[start:start + batch]))
    texts = found.columns['y'].texts
    assert len(texts) == predictions.MAX_CLASSES + 1
    assert (texts['text 0'], texts[predictions.OTHERS]) == (1, 5000)
    assert found.columns['y'].missing == found.columns['y'].count == 0


def through_json(tally):
    return restored(json.loads(json.dumps(tally.plain())))


@pytest.mark.parametrize('labels, classes', [(('y',), ()), (('a', 'b \xe9"'), [b'a', b'b', b'a'])])
@pytest.mark.parametrize('fields', [
    [b'1.5', b'', b'-2e300'], [b'', b'NaN'], [b'7'], [b'1.7e308'] * 9, [b'x', b'"a, ""b"""', b'2']])
def test_what_the_checkpoint_has_of_a_tally_makes_it_again(labels, classes, fields):
    tally = RowStatistics()
    tally.add(counted(fields, labels, classes))
    tally.refuse('no')
    again = through_json(tally)
    assert (again.predicted, again.reasons) == (tally.predicted, tally.reasons)
    for each in (tally, again):
        each.add(counted([b'3', b'0.001'], labels, [b'b']))
    assert again.predicted == tally.predicted
    assert through_json(RowStatistics()).predicted is None


def test_what_the_checkpoint_has_of_a_tally_is_bounded():
    tally = RowStatistics()
    labels = tuple('label {0}'.format(n) for n in range(50))
    for number in range(300):
        tally.add(counted([b'%d' % (number * 77777)] * 9, labels, [
            b'class %d %s' % (number * 9 + n, b'c' * 80) for n in range(9)]))
        tally.refuse('reason {0} '.format(number) + 'r' * 300)
    plain = tally.plain()
    assert len(json.dumps(plain)) <= MAX_PLAIN
    found = restored(plain)
    assert sum(found.predicted.classes.values()) == 2700
    assert sum(found.reasons.values()) == 300
    assert len(found.predicted.columns) == predictions.MAX_COLUMNS
    tally.add(counted([b'1'], ('x' * MAX_PLAIN, 'y'), [b'y']))
    assert tally.plain() is None


@pytest.mark.parametrize('change', [
    lambda plain: plain['predicted']['columns'][0][1].__setitem__(0, 5),
    lambda plain: plain['predicted']['columns'][0][1].__setitem__(1, 'much'),
    lambda plain: plain['predicted']['columns'][0][1].__setitem__(4, -1),
    lambda plain: plain['predicted']['columns'][0][1].__setitem__(5, {'a': -1}),
    lambda plain: plain['predicted']['columns'][0][1].__setitem__(6, 5000),
    lambda plain: plain['predicted']['columns'][0][1].__setitem__(7, [[-2 ** 60, 1], [2 ** 60, 2]]),
    lambda plain: plain['predicted']['columns'][0][1].__setitem__(7, [[10 ** 400, 3]]),
    lambda plain: plain['predicted']['columns'][0].pop(),
    lambda plain: plain['predicted'].__setitem__('classes', [1]),
    lambda plain: plain['reasons'].__setitem__('no', 0.5),
    lambda plain: plain.pop('reasons')])
def test_a_tally_that_others_have_changed_is_not_believed(change):
    tally = RowStatistics()
    tally.add(counted([b'1', b'2', b'4']))
    plain = json.loads(json.dumps(tally.plain()))
    assert restored(plain) is not None
    change(plain)
    assert restored(plain) is None


def test_quantiles_are_right_to_within_a_bin():
    found = counted([b'%d' % n for n in range(1000)]).columns['y'].bins
    width = 2.0 ** found.exponent
    for share in (0.0, 0.05, 0.5, 0.95, 1.0):
        assert abs(histogram.quantile(found, share) - 1000 * share) <= width


def test_percentiles_are_right_to_three_digits():
    figures = Figures()
    for number in range(1, 1001):
        figures.answered(answered(number / 1000.0), 1.0)
    assert figures.percentiles() == {50: 0.5, 90: 0.9, 95: 0.95, 99: 0.99}
    assert figures.longest == 1.0


@pytest.mark.parametrize('numbers', [
    [0.0], [5.0] * 3, [-1.5, 1.5], [2001.0, 2020.0, 2010.5], [1e-300, 2e-300], [0.0, 5e-324],
    [-1.7e308, 1.7e308], [1e15, 1e15 + 1], [float(n) for n in range(-100, 1000)]])
def test_bins_hold_every_number_where_it_belongs(numbers):
    found = histogram.bins_of([(each, 1) for each in numbers], 64)
    assert histogram.bins_of_numbers(numbers, 64) == found
    table = histogram.table(found)
    assert len(table) <= 64
    for start, end, times in table:
        assert times == len([each for each in numbers if start <= each < end])


def test_bins_that_are_added_are_those_of_all_numbers():
    numbers = [(n * 7919 % 1000) / 7.0 for n in range(500)]
    parts = None
    for start in range(0, 500, 9):
        part = histogram.bins_of([(each, 1) for each in numbers[start:start + 9]], 64)
        parts = histogram.added(parts, part, 64)
    for start, end, times in histogram.table(parts):
        assert times == len([each for each in numbers if start <= each < end])
