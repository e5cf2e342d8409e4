"""From a plan to tasks: those that scan the input, and those for its parts, once they are known."""

from __future__ import absolute_import, division, unicode_literals

import functools

from datarobot_batch_scoring.cluster.planning import is_wanted
from datarobot_batch_scoring.cluster.watching import Task


# Bytes that are scanned in one task: a task costs its processes some milliseconds, and parts
# wait for it. The first ones are not kept waiting.
TOGETHER = 16 << 20


class Scanning(object):
    """The tasks for the `planning.Parts` of an input, of which some or all are known.

    `follow(number, stretch, is_last)` gives the task for a part, or None. It is asked for parts
    with any of `rows`, a pair or None for all. `on_more(parts)` is called whenever more is known.
    """

    def __init__(self, parts, rows, follow, on_more):
        self._parts = parts
        self._rows = rows
        self._follow = follow
        self._on_more = on_more

    def tasks(self):
        """What is to be done first; the rest follows from it."""
        parts = self._parts
        if parts.whole:
            return self._tasks_for(range(len(parts.stretches)))
        return [self._scan(numbers) for numbers in _in_groups(parts.grid)]

    def _scan(self, numbers):
        source, grid = self._parts.plan.source, [self._parts.grid[each] for each in numbers]
        start, end = grid[0][0], grid[-1][1]
        # A row has a byte at least.
        return Task('scan', 'scan bytes {0} to {1}'.format(start, end - 1), numbers[0],
                    lambda: (source, grid), functools.partial(self._add, numbers), end - start)

    def _add(self, numbers, scans):
        return self._tasks_for(self._parts.add(dict(zip(numbers, scans))))

    def _tasks_for(self, numbers):
        parts = self._parts
        self._on_more(parts)
        last = len(parts.stretches) - 1 if parts.whole else None
        found = [self._follow(each, parts.stretches[each], each == last) for each in numbers
                 if is_wanted(parts.stretches[each], self._rows)]
        return [each for each in found if each]


def _in_groups(grid):
    """The numbers of the ranges in groups, of which the first are small."""
    group = []
    for number, (start, end) in enumerate(grid):
        if group and (number < 4 or end - grid[group[0]][0] > TOGETHER):
            yield group
            group = []
        group.append(number)
    yield group
