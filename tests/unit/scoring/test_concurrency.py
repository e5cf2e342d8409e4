"""How many requests should be in flight: runs against simulated servers, and scripted events."""

from __future__ import absolute_import, division, unicode_literals

import heapq
import random

import pytest

from datarobot_batch_scoring.dataset.cutter import MAX_BATCH_ROWS
from datarobot_batch_scoring.scoring.flow import ConcurrencyLimit
from datarobot_batch_scoring.scoring.pace import AGAIN, FIRST, BatchSizer, ConcurrencyTuner


class Simulation(object):
    """A run against a server of so many cores; `a` seconds a request and `b` a row.

    It refuses what comes when more than `room` are with it. `seconds` is when the last answer
    came, `numbers` are those that were in flight, `refused` counts requests.
    """

    START = 0.3
    CLIENT = 0.01
    REFUSAL = 0.002

    def __init__(self, rows, a, b, cores, most=64, room=None, jitter=0.05):
        self.policy = ConcurrencyTuner(most)
        self.numbers = [self.policy.number]
        self.requests = self.refused = 0
        self.seconds = self.START
        self._room = room
        self._left = rows
        self._again = []
        self._events = []
        self._chance = random.Random(1)
        self._cost = lambda size: (a + b * size) * self._chance.uniform(1 - jitter, 1 + jitter)
        self._sizing = BatchSizer(FIRST, 30.0, trying=True)
        self._free = cores * [0.0]
        while self._fill() or self._events:
            self._next()

    def _fill(self):
        while len(self._events) < self.policy.number and (self._again or self._left):
            size = self._again.pop() if self._again else self._batch()
            self.requests += 1
            now = self.seconds + self.CLIENT
            if self._room and len(self._events) >= self._room:
                self.refused += 1
                heapq.heappush(self._events, (now + self.REFUSAL, size, None))
                continue
            end = max(heapq.heappop(self._free), now) + self._cost(size)
            heapq.heappush(self._free, end)
            heapq.heappush(self._events, (end, size, self.seconds))

    def _batch(self):
        self._sizing.in_flight = self.policy.number
        self._sizing.trying = not self.policy.settled
        size = min(self._sizing.rows(self._left, self.seconds), self._left, MAX_BATCH_ROWS)
        self._left -= size
        self._sizing.gave(size, self.seconds)
        return size

    def _next(self):
        self.seconds, size, since = heapq.heappop(self._events)
        if since is None:
            self._again.append(size)
            self.policy.refused(self.seconds)
        else:
            self._sizing.heard(size, self.seconds - since - self.CLIENT)
            self.policy.answered(size, self.seconds - since, self.seconds)
        self.numbers.append(self.policy.number)


@pytest.mark.parametrize('b', [0.001, 0.01, 0.1])
@pytest.mark.parametrize('cores', [1, 2, 8, 32])
@pytest.mark.parametrize('jitter', [0.02, 0.2])
def test_servers_of_any_number_of_cores_are_kept_busy(cores, b, jitter):
    rows = int(30 * cores / b)
    run = Simulation(rows, 0.005, b, cores, jitter=jitter)
    assert rows * b / cores / run.seconds > 0.8
    assert max(run.numbers) >= cores


@pytest.mark.parametrize('cores, room', [(2, 10), (8, 16), (8, 12), (32, 40)])
def test_a_server_that_refuses_is_seldom_asked_for_more(cores, room):
    rows = 4000 * cores
    run = Simulation(rows, 0.005, 0.01, cores, room=room)
    assert rows * 0.01 / cores / run.seconds > 0.75
    assert run.refused < 0.05 * run.requests


def test_there_are_never_more_than_the_most():
    run = Simulation(20000, 0.005, 0.01, 32, most=10)
    assert max(run.numbers) == 10 == run.policy.number


def test_the_most_may_be_less_than_the_first():
    assert set(Simulation(1000, 0.005, 0.01, 2, most=1).numbers) == set([1])


def answered(policy, count, now, seconds=0.1):
    """So many answers, one after another; returns when the last one came."""
    for _ in range(count):
        now += seconds
        policy.answered(10, seconds, now)
    return now


def settled():
    """A policy that has settled at `FIRST`, since no more rows came of more requests."""
    policy, now = ConcurrencyTuner(64), 0.0
    while not policy.settled:
        now += 0.1
        policy.answered(10, 0.025 * policy.number, now)
    return policy, now


def test_what_does_not_help_is_tried_again_later():
    policy, now = settled()
    assert policy.number == FIRST
    now = answered(policy, 20, now)
    assert policy.settled
    answered(policy, 20, now + AGAIN)
    assert not policy.settled or policy.number > FIRST


def test_refusals_leave_as_many_as_there_was_room_for():
    policy = ConcurrencyTuner(64)
    answered(policy, 8, 0.0)
    number = policy.number
    policy.refused(1.0)
    policy.refused(1.1)
    assert (policy.number, policy.settled) == (number - 2, True)


def test_an_outage_changes_nothing_in_the_end():
    policy, now = settled()
    for _ in range(20):
        policy.refused(now)
    assert policy.number == FIRST


def test_timeouts_that_come_together_count_once():
    policy, now = settled()
    for _ in range(4):
        policy.timed_out(now)
    assert policy.number == 3
    policy.answered(10, 0.1, now + 1)
    policy.timed_out(now + 2)
    assert policy.number == 2


# --- a full server ---

# A name; the most; what happens: an int is so many successes, a list the requests that were
# in flight besides at each of several refusals; the number in flight afterwards.
LIMITS = [
    ('all are in flight from the start', 16, [], 16),
    ('what is refused is not tried again at once', 16, [[15]], 15),
    ('refused together, they leave as many as there is room for', 16,
     [[15, 14, 13, 12, 11, 10, 9, 8]], 8),
    ('there is always one', 4, [[3, 2, 1, 0]], 1),
    ('with success one more is tried', 16, [[8], 8], 9),
    ('but not at once', 16, [[8], 7], 8),
    ('after another refusal later', 16, [[8], 8, [8], 8], 8),
    ('and in the end', 16, [[8], 8, [8], 16], 9),
    ('patience has an end', 16, [[8]] + 20 * [1, [8]] + [32], 9),
    ('there is never more than the most', 4, [[3], 100], 4),
    ('a server that was down is full no more', 4, [[3, 2, 1, 0], 3], 4),
    ('even after refusals', 4, [[2], 6, [2], 1, [1, 0], 3], 4),
]


@pytest.mark.parametrize('most, history, left', [each[1:] for each in LIMITS],
                         ids=[each[0] for each in LIMITS])
def test_the_limit_has_this_history(most, history, left):
    limit = ConcurrencyLimit(most)
    for step in history:
        if isinstance(step, list):
            for others in step:
                limit.refused(others)
        else:
            for _ in range(step):
                limit.succeeded()
    assert limit.now == left
