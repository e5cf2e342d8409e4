"""What is gathered for the report: right, and no more of it the longer the run."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.processes.messages import Answered
from datarobot_batch_scoring.report import histogram, predictions
from datarobot_batch_scoring.report.figures import MOST_BINS, Figures
from datarobot_batch_scoring.server.answers import Answer, Column


def answered(seconds, rows=1, predictions=None):
    return Answered(rows, seconds, 10, predictions)


def test_what_is_gathered_does_not_grow_with_the_number_of_batches():
    figures = Figures()
    for number in range(20000):
        figures.answered(answered(0.1 + number * 0.0017, 3, predictions.count(Answer(
            [], ('y',), [Column([b'%d' % (number * 977)], 0)], [], None, None))), number * 1.7)
    assert len(figures.latencies) < 5000
    assert len(figures.throughput.counts) <= MOST_BINS
    assert sum(figures.throughput.counts.values()) == 60000
    assert len(figures.predicted.bins.counts) <= predictions.MOST_BINS
    assert sum(figures.predicted.bins.counts.values()) == figures.predicted.count == 20000


def test_classes_without_end_are_counted_as_others():
    found = None
    for number in range(3000):
        found = predictions.added(found, predictions.count(Answer(
            [], ('a', 'b'), [], [], None, Column([b'class %d' % number], 0))))
    assert len(found) == predictions.MOST_CLASSES + 1
    assert (found['class 0'], found[predictions.OTHERS]) == (1, 2000)


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
