"""A budget is spent evenly, and never more of it than there is."""

from __future__ import absolute_import, division, unicode_literals

import random

import pytest

from datarobot_batch_scoring.scoring.pace import SLACK, Budget


def sent(budget, seconds, rows, lateness=lambda: 0.0, start=100.0):
    """[(when, rows)] of requests sent as soon as may be, each by a thread that wakes up late."""
    now, found = start, []
    while True:
        now += budget.wait(now) + lateness()
        if now >= start + seconds:
            return found
        budget.spend(1, rows, now)
        found.append((now, rows))


def most_in_a_second(found):
    return max(sum(rows for when, rows in found if start <= when < start + 1) for start, _ in found)


@pytest.mark.parametrize('rows', [1, 10, 75])
@pytest.mark.parametrize('late', [0.0, 0.01, 0.05])
def test_rows_are_spent_evenly_however_late_threads_are(rows, late):
    dice = random.Random(7)
    found = sent(Budget(None, 300), 20, rows, lambda: dice.random() * late * rows / 75)
    total = sum(number for _, number in found)
    assert abs(total - 6000) <= 0.03 * 6000
    assert most_in_a_second(found) <= 1.5 * 300


def test_requests_are_spent_evenly_too_and_the_lower_limit_counts():
    assert len(sent(Budget(10, None), 20, 1000)) in (200, 201)
    assert len(sent(Budget(10, 300), 20, 100)) in (60, 61)
    assert len(sent(Budget(2, 300), 20, 10)) in (40, 41)


def test_a_large_batch_waits_its_share():
    assert [when for when, _ in sent(Budget(None, 300), 19, 1500)] == pytest.approx([100, 105, 110, 115])


def test_what_was_not_spent_is_lost_but_for_a_moment():
    budget = Budget(None, 100)
    assert len(sent(budget, 1, 10)) in (10, 11)
    found = sent(budget, 1, 10, start=1000.0)
    assert len(found) <= 10 + SLACK * 10 + 1


def test_what_was_not_sent_is_given_back():
    budget = Budget(1, 10)
    budget.spend(1, 10, 5.0)
    assert budget.wait(5.0) > 0.5
    budget.spend(-1, -10, 5.0)
    assert budget.wait(5.0) == 0.0


def test_processes_have_shares_and_begin_one_after_another():
    shares = [Budget(10, None, 0.5, number / 2) for number in range(2)]
    both = sorted(when for budget in shares for when, _ in sent(budget, 10, 1))
    assert len(both) in (99, 100, 101)
    assert min(later - earlier for earlier, later in zip(both, both[1:])) > 0.04


def test_an_automatic_batch_has_the_rows_of_a_quarter_of_a_second():
    assert Budget(None, 300).max_rows() == 75
    assert Budget(None, 300, 0.5).max_rows() == 37
    assert Budget(None, 0.5).max_rows() == 1
    assert Budget(5, None).max_rows() is None
