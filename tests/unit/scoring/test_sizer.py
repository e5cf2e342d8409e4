"""The rows of the next batch: scripted histories, and runs against simulated servers."""

from __future__ import absolute_import, division, unicode_literals

import heapq
import random

import pytest

from datarobot_batch_scoring.dataset.cutter import MAX_BATCH_ROWS
from datarobot_batch_scoring.scoring.pace import BatchSizer

PLENTY = 10 ** 9

# A name; requests in flight and timeout; the answers so far as (rows, seconds); rows left;
# the least and the most rows that the next batch may have.
HISTORIES = [
    ('the first batch is small', 4, 30, [], PLENTY, 1, 4),
    ('few rows are shared from the start', 4, 30, [], 10, 3, 3),
    ('one row is one batch', 4, 30, [], 1, 1, 1),
    ('where the input ends sooner than it seemed, there is still a batch', 4, 30, [], 0, 1, 1),
    ('a quick answer lets sizes grow by sixty-four', 4, 30, [(4, 0.002)], PLENTY, 256, 256),
    ('and again', 4, 30, [(4, 0.002), (64, 0.003)], PLENTY, 4096, 4096),
    ('a row that takes seconds is a batch', 4, 30, [(4, 8.0)], PLENTY, 1, 1),
    ('a batch takes about two seconds', 4, 30, [(4, 0.045), (64, 0.645)], PLENTY, 150, 220),
    ('or longer, where a request itself takes long', 4, 30,
     [(4, 0.204), (64, 0.264), (1000, 1.2)], PLENTY, 3000, 4500),
    ('but never long beside the timeout', 4, 4,
     [(4, 0.204), (64, 0.264), (1000, 1.2)], PLENTY, 700, 1000),
    ('a server that has become slower gets smaller batches', 4, 30,
     [(4, 0.009), (64, 0.069), (1024, 1.03)] + 6 * [(2000, 2.0)] + 4 * [(2000, 20.0)], PLENTY,
     100, 250),
    ('one that has become quicker gets larger ones', 4, 30,
     [(4, 0.045), (64, 0.645)] + 4 * [(200, 0.1)], PLENTY, 2000, 12800),
    ('near the end what is left is shared', 4, 30, [(4, 0.045), (64, 0.645)], 80, 8, 8),
    ('and the very last is shared equally', 4, 30, [(4, 0.045), (64, 0.645)], 20, 5, 5),
    ('but nothing so small that it costs more to ask', 4, 30,
     [(4, 0.002), (64, 0.003), (1024, 0.01), (16384, 0.1)], 20000, 2500, 20000),
    ('answers that came at once are no reason to fail', 4, 30, [(4, 0.0), (4, 0.0)], PLENTY,
     256, 256),
]


@pytest.mark.parametrize('in_flight, timeout, answers, left, least, most', [
    history[1:] for history in HISTORIES], ids=[history[0] for history in HISTORIES])
def test_history(in_flight, timeout, answers, left, least, most):
    sizing = BatchSizer(in_flight, timeout)
    for rows, seconds in answers:
        sizing.heard(rows, seconds)
    assert least <= sizing.rows(left, now=0.0) <= most


class Simulation(object):
    """A run against a server of so many cores; `a` seconds a request and `b` a row.

    `change(core, done)` is how many times longer a request takes on a core when so many rows
    are done. `seconds` is when the last answer came, `longest` what one took.
    """

    START = 0.3
    CLIENT = 0.01

    def __init__(self, rows, a, b, cores, timeout=30.0, jitter=0.05, change=lambda core, done: 1,
                 in_flight=None):
        self.seconds = self.longest = 0.0
        self.requests = 0
        chance = random.Random(1)
        sizing = BatchSizer(in_flight or cores, timeout)
        free = [(0.0, core) for core in range(cores)]
        threads = [(self.START, each, None) for each in range(in_flight or cores)]
        done = 0
        while threads:
            now, thread, answer = heapq.heappop(threads)
            self.seconds = now
            if answer:
                sizing.heard(*answer)
            if done == rows:
                continue
            size = min(sizing.rows(rows - done, now), rows - done, MAX_BATCH_ROWS)
            sizing.gave(size, now)
            since, core = heapq.heappop(free)
            cost = (a + b * size) * chance.uniform(1 - jitter, 1 + jitter) * change(core, done)
            end = max(since, now + self.CLIENT) + cost
            heapq.heappush(free, (end, core))
            heapq.heappush(threads, (end, thread, (size, end - now)))
            done += size
            self.requests += 1
            self.longest = max(self.longest, end - now)


@pytest.mark.parametrize('b', [0.00002, 0.00005, 0.001, 0.01, 0.1, 0.5, 1.5, 2.0])
@pytest.mark.parametrize('cores', [1, 4, 8, 16])
@pytest.mark.parametrize('jitter', [0.02, 0.2])
def test_a_server_is_kept_busy_whatever_a_row_costs(cores, b, jitter):
    for seconds in (10, 30):
        rows = max(int(seconds * cores / b), 10 * cores)
        run = Simulation(rows, 0.005, b, cores, jitter=jitter)
        assert rows * b / cores / run.seconds > 0.85 and run.longest < 15


@pytest.mark.parametrize('b', [0.0002, 0.0005, 0.001, 0.01, 0.1, 0.5, 2.0])
@pytest.mark.parametrize('cores', [1, 4, 8, 16])
def test_a_server_on_which_a_request_costs_much_gets_larger_batches(cores, b):
    rows = max(int(20 * cores / b), 10 * cores)
    run = Simulation(rows, 0.2, b, cores)
    assert rows * b / cores / run.seconds > 0.75 and run.longest < 15


@pytest.mark.parametrize('rows, a, b, cores, timeout, least', [
    (2000, 0.005, 0.01, 4, 30, 0.85),
    (400, 0.005, 0.1, 4, 10, 0.85),
    (20000, 0.005, 0.005, 8, 30, 0.85),
    (40000, 0.2, 0.0005, 4, 30, 0.7),
])
def test_servers_of_the_benchmarks(rows, a, b, cores, timeout, least):
    run = Simulation(rows, a, b, cores, timeout)
    assert rows * b / cores / run.seconds > least and run.longest < timeout / 2


@pytest.mark.parametrize('b', [0.001, 0.01, 0.1])
def test_a_server_that_becomes_ten_times_slower_half_way_is_kept_busy(b):
    rows = int(40 / b)
    run = Simulation(rows, 0.005, b, 4, change=lambda core, done: 10 if done > rows / 2 else 1)
    assert (rows / 2 * b + rows / 2 * b * 10) / 4 / run.seconds > 0.85 and run.longest < 30


@pytest.mark.parametrize('b', [0.001, 0.01, 0.1])
def test_one_slow_core_does_not_keep_the_others_waiting(b):
    rows = int(40 / b)
    run = Simulation(rows, 0.005, b, 4, change=lambda core, done: 5 if core == 0 else 1)
    assert rows * b / 3.2 / run.seconds > 0.75


@pytest.mark.parametrize('cores, in_flight', [(1, 4), (2, 32), (4, 8), (4, 16)])
def test_more_requests_in_flight_than_cores_leave_none_of_them_late(cores, in_flight):
    run = Simulation(4000, 0.005, 0.01, cores, in_flight=in_flight)
    assert 4000 * 0.01 / cores / run.seconds > 0.9 and run.longest < 15


def test_a_batch_waits_for_none_of_those_that_were_handed_out_before():
    """Three of four requests are still busy for six seconds: the fourth takes what is left."""
    sizing = BatchSizer(4, 30)
    for rows, seconds in [(4, 0.045), (64, 0.645), (64, 0.645), (64, 0.645)]:
        sizing.heard(rows, seconds)
    for _ in range(3):
        sizing.gave(600, 1.0)
    assert 30 <= sizing.rows(100, 1.0) <= 50
    # Five seconds later they are about to ask for more.
    assert 8 <= sizing.rows(100, 6.9) <= 20


def test_a_fast_server_gets_full_batches_after_a_few_answers():
    run = Simulation(1000000, 0.002, 0.0000005, 4)
    assert run.requests <= 1000000 / MAX_BATCH_ROWS + 16
