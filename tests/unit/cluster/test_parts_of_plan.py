"""Parts become known while ranges are scanned, and are the same in whatever order they are."""

from __future__ import absolute_import, division, unicode_literals

import random

import pytest

from datarobot_batch_scoring.cluster import parts as planning
from datarobot_batch_scoring.cluster import ranges

DATA = b'x,y\n' + b''.join(b'%d,"a\nb"\n' % n if n % 7 == 0 else b'%d,abc\n\n' % n
                           for n in range(40000))


def plan_of(data, step):
    return planning.Plan(
        name='plan', matching={}, dataset='d', version='v', step=step,
        stretches=[], source=planning.Source('d', len(data), 'v', 'utf-8', 4))


def scan(data, start, end):
    """What `tasks.scan` gives of the lines that begin from `start` to before `end`."""
    first, behind = [ranges.first_line_start(data, at) if at < len(data) else len(data)
                     for at in (start, end)]
    if first >= min(end, len(data)):
        return None
    return ranges.Scan(first, behind - first, *ranges.scan(data[first:behind], b','))


def scanned(plan, data, order=list, n_samples=0):
    """(the `Parts` of a plan once all is scanned, the numbers of parts in the order they came)."""
    parts, numbers = planning.Parts(plan, 2, n_samples), []
    for number in order(list(enumerate(parts.grid))):
        assert not parts.whole
        numbers += parts.add({number[0]: scan(data, *number[1])})
    assert parts.whole
    return parts, numbers


@pytest.mark.parametrize('n_samples', [0, 175])
def test_parts_are_the_same_in_whatever_order_ranges_are_scanned(n_samples):
    plan = plan_of(DATA, 5000)
    in_order, _ = scanned(plan, DATA, list, n_samples)
    for seed in range(5):
        parts, numbers = scanned(
            plan, DATA, lambda grid: random.Random(seed).sample(grid, len(grid)), n_samples)
        assert parts.plan == in_order.plan
        assert numbers == list(range(len(parts.stretches)))


def test_parts_follow_each_other_and_have_all_rows():
    stretches = scanned(plan_of(DATA, 5000), DATA)[0].stretches
    assert len(stretches) > 16
    for before, after in zip(stretches, stretches[1:]):
        assert (after.start, after.row) == (before.end, before.row + before.rows)
        assert after.line == 1 + DATA[:after.start].count(b'\n')
    assert (stretches[0].start, stretches[0].line) == (4, 2)
    assert stretches[-1].end == len(DATA)
    assert sum(each.rows for each in stretches) == 40000


def test_all_parts_but_the_first_and_the_last_have_four_batches():
    small = scanned(plan_of(DATA, 5000), DATA)[0].stretches
    parts, _ = scanned(plan_of(DATA, 5000), DATA, n_samples=175)
    assert max(each.rows for each in small[1:]) < 700
    assert parts.stretches[0] == small[0]
    assert min(each.rows for each in parts.stretches[1:-1]) >= 700
    assert parts.stretches[-1].end == len(DATA)


def test_there_are_enough_parts_for_many_however_large_a_batch_is():
    parts, _ = scanned(plan_of(DATA, 5000), DATA, n_samples=10 ** 9)
    assert planning.FEWEST_PARTS // 2 <= len(parts.stretches) <= planning.FEWEST_PARTS + 1


def test_a_part_is_known_as_soon_as_the_next_begins():
    parts = planning.Parts(plan_of(DATA, 5000), 2, 0)
    grid = list(enumerate(parts.grid))
    assert list(parts.add({0: scan(DATA, *grid[0][1])})) == []
    assert list(parts.add({2: scan(DATA, *grid[2][1])})) == []
    assert parts.rows == 0
    assert list(parts.add({1: scan(DATA, *grid[1][1])})) == [0, 1]
    assert parts.rows == sum(each.rows for each in parts.stretches) > 0
    assert 0 < parts.share < 1 and not parts.whole


def test_a_whole_plan_has_its_parts_at_once():
    parts, _ = scanned(plan_of(DATA, 5000), DATA)
    again = planning.Parts(parts.plan, 2, 0)
    assert again.whole and again.share == 1
    assert again.stretches == parts.stretches and again.plan == parts.plan


def test_without_rows_there_are_no_parts():
    data = b'x,y\n\n \n\n'
    parts, numbers = scanned(plan_of(data, 5000), data)
    assert parts.whole and not numbers and not parts.stretches
