"""How a run went over time."""

from __future__ import absolute_import, division, unicode_literals

import pytest

from datarobot_batch_scoring.report.timeline import MAX_INTERVALS, Timeline


def test_each_second_has_its_batches_its_requests_and_its_rows():
    timeline = Timeline()
    timeline.passed(0.5, 0)
    timeline.passed(1.5, 2)
    timeline.answered(10)
    timeline.answered(20)
    timeline.passed(2.5, 1)
    timeline.answered(60)
    assert timeline.batch_rows() == [[1.0, 15.0], [2.0, 60.0]]
    assert timeline.concurrency() == [[0.0, 1.0], [1.0, 1.5], [2.0, 1.0]]
    assert timeline.rows_per_second() == [[0.0, 0.0], [1.0, 30.0], [2.0, 120.0]]


def test_a_longer_run_has_longer_parts_and_no_more_of_them():
    timeline = Timeline()
    for second in range(1, 1001):
        timeline.passed(second, 3)
        timeline.answered(7)
    rates = timeline.rows_per_second()
    assert MAX_INTERVALS // 2 <= len(rates) <= MAX_INTERVALS
    assert [start for start, _ in rates] == [16.0 * number for number in range(len(rates))]
    assert set(value for _, value in timeline.concurrency()) == set([3.0])
    assert [value for _, value in rates[1:-1]] == (len(rates) - 2) * [7.0]


def test_nothing_is_known_of_a_run_that_has_not_begun():
    timeline = Timeline()
    assert timeline.batch_rows() == timeline.concurrency() == timeline.rows_per_second() == []


def test_what_is_usual_is_what_was_in_the_middle():
    timeline = Timeline()
    for second in range(8):
        timeline.passed(second + 0.5, 9 if second in (0, 7) else 4)
        timeline.answered(1 if second < 2 else 100)
        timeline.passed(second + 1, 9 if second in (0, 7) else 4)
    assert (timeline.usual_batch_rows, timeline.usual_concurrency) == (100, 4)


@pytest.mark.parametrize('seconds', [1e-9, 1e6])
def test_time_may_stand_still_or_jump(seconds):
    timeline = Timeline()
    for _ in range(3):
        timeline.passed(seconds, 1)
        timeline.answered(5)
    assert len(timeline.batch_rows()) == 1
