"""The flow: what is recorded of the traffic, and what may be sent then."""

from __future__ import absolute_import, division, unicode_literals

import pytest

from datarobot_batch_scoring.scoring import flow
from datarobot_batch_scoring.scoring.flow import (
    Answered, Began, Came, CircuitBreaker, Committed, Cut, Ended, Failed, Flow, Heard, Knobs, Learned)
from datarobot_batch_scoring.scoring.events import Concurrency, Recovered, SizeLimit

FIXED = Knobs(concurrency=4, engines=1, timeout=30.0, sized=False, tuned=None)
SIZED = FIXED._replace(sized=True)
GOOD = Answered(100, 0.5, 0.6, 2000)


class Server(object):
    """A flow with requests in flight, in the order in which they began."""

    def __init__(self, knobs=FIXED):
        self.flow = Flow(knobs)
        self.now = 100.0
        self.tickets = []
        self.probes = 0

    def begin(self, count=1):
        for _ in range(count):
            assert self.flow.admit(self.now) == 0
            self.tickets.append(self.flow.record(Began(1), self.now))

    def answer(self, count=1):
        for _ in range(count):
            self.tickets.pop(0)
            self.flow.record(GOOD, self.now)

    def fail(self, count=1, at_least=0.0, full=False, late=False):
        for _ in range(count):
            self.probes += bool(self.flow.record(
                Failed(self.tickets.pop(0), at_least, full, late), self.now))

    def end(self):
        self.flow.record(Ended(self.tickets.pop(0)), self.now)

    def wait(self):
        self.now += self.flow.admit(self.now)


# (name, knobs, what happens, whether the server seems to be down, the wait until the next request
# at least and at most, None: until something happens; requests that were probes).
OUTAGES = [
    ('all may be in flight', FIXED, [], False, 0, 0, 0),
    ('but not more', FIXED, [('begin', 4)], False, None, None, 0),
    ('a failure is no outage', FIXED, [('begin', 4), ('fail', 1)], False, 0, 0, 0),
    ('nor are two with a success between', FIXED,
     [('begin', 4), ('fail', 1), ('answer', 1), ('fail', 1)], False, 0, 0, 0),
    ('two failures in a row are', FIXED, [('begin', 4), ('fail', 2)], True, 0.4, 0.6, 0),
    ('four at once are no more', FIXED, [('begin', 4), ('fail', 4)], True, 0.4, 0.6, 0),
    ('each engine waits for all of them', FIXED._replace(engines=3),
     [('begin', 4), ('fail', 4)], True, 1.2, 1.8, 0),
    ('then one may probe', FIXED, [('begin', 2), ('fail', 2), ('wait',)], True, 0, 0, 0),
    ('and no other', FIXED, [('begin', 2), ('fail', 2), ('wait',), ('begin', 1)], True, None, None, 0),
    ('a probe that fails doubles the wait', FIXED,
     [('begin', 2), ('fail', 2), ('wait',), ('begin', 1), ('fail', 1)], True, 0.8, 1.2, 1),
    ('what was in flight is no probe', FIXED,
     [('begin', 3), ('fail', 2), ('wait',), ('begin', 1), ('fail', 1)], True, None, None, 0),
    ('a probe that tells nothing lets another go', FIXED,
     [('begin', 2), ('fail', 2), ('wait',), ('begin', 1), ('end',)], True, 0, 0, 0),
    ('a probe that succeeds ends it', FIXED,
     [('begin', 2), ('fail', 2), ('wait',), ('begin', 1), ('answer', 1)], False, 0, 0, 0),
    ('the server may ask for more time', FIXED, [('begin', 2), ('fail', 2, 7.0)], True, 7, 7, 0),
    ('a full server is no outage', FIXED, [('begin', 4), ('fail', 3, 0.0, True)], False, None, None, 0),
    ('unless nothing else is in flight', FIXED, [
        ('begin', 1), ('fail', 1, 0.0, True), ('begin', 1), ('fail', 1, 0.0, True)],
     True, 0.8, 1.2, 0),
]


@pytest.mark.parametrize('knobs, script, failing, least, most, probes',
                         [outage[1:] for outage in OUTAGES], ids=[outage[0] for outage in OUTAGES])
def test_an_outage_of_this_history_is_met_like_this(knobs, script, failing, least, most, probes):
    server = Server(knobs)
    for step in script:
        getattr(server, step[0])(*step[1:])
    wait = server.flow.admit(server.now)
    assert server.flow.failing == failing and server.probes == probes
    assert (wait is None) if least is None else least <= wait <= most


def test_waits_are_short_until_the_server_has_answered_anything():
    breaker = CircuitBreaker(1)
    for _ in range(20):
        breaker.failed(breaker.begin(), 0.0)
    assert breaker.wait(0.0) <= 2.0
    breaker.answered()
    breaker.failed(breaker.begin(), 0.0)
    assert 24.0 <= breaker.wait(0.0) <= 30.0


def test_a_batch_waits_longer_once_the_server_has_answered():
    traffic = Flow(FIXED)
    assert traffic.backoff(9) <= 2.0
    traffic.record(Heard(), 0.0)
    assert traffic.backoff(9) >= 24.0


def test_another_engine_that_succeeds_ends_the_outage_here():
    server = Server()
    server.begin(2)
    server.fail(2)
    server.flow.record(Recovered(), server.now)
    assert not server.flow.failing and server.flow.successes == 1


def test_a_full_server_gets_fewer_requests_until_they_succeed():
    server = Server()
    server.begin(4)
    server.fail(2, full=True)
    assert server.flow.concurrency == 2
    server.answer(2)
    server.begin(3)
    assert server.flow.admit(server.now) is None


def test_concurrency_is_tuned_where_all_answers_are_heard():
    server = Server(SIZED._replace(tuned=64))
    assert server.flow.concurrency == 4 and not server.flow.settled
    server.begin(4)
    for _ in range(60):
        server.now += 0.5
        server.answer()
        server.begin()
    assert server.flow.concurrency > 8
    number = server.flow.concurrency
    server.fail(late=True)
    assert server.flow.concurrency == number * 3 // 4 and server.flow.settled
    server.fail(full=True)
    assert server.flow.concurrency < number


def test_the_smallest_size_that_failed_is_the_limit():
    traffic = Flow(FIXED)
    assert traffic.fits(1 << 40)
    traffic.record(SizeLimit(1000), 0.0)
    traffic.record(SizeLimit(4000), 0.0)
    assert traffic.fits(899) and not traffic.fits(901)
    assert traffic.cut_limit == 800


# (name, knobs, what happens as (events, batches that wait), how many batches are asked for).
QUESTIONS = [
    ('a batch for each thread', FIXED, [], 0, 4),
    ('but those that wait', FIXED, [], 3, 1),
    ('and one more for each in flight', FIXED, 4 * [Began(1)], 0, 4),
    ('where sizes follow answers, none before the first', SIZED, 4 * [Began(1)], 0, 0),
    ('but for those that are idle', SIZED, 3 * [Began(1)], 0, 1),
    ('none ahead of slow answers', SIZED, 4 * [Began(1)] + [Answered(1, 60.0, 60.0, 1), Began(1)], 0, 0),
    ('one for each thread ahead of quick ones', SIZED,
     4 * [Began(1)] + [Answered(1, 0.001, 0.001, 1), Began(1)], 0, 4),
    ('none in an outage', FIXED, 2 * [Began(1)] + 2 * [Failed(0, 0.0, False, False)], 0, 0),
]


@pytest.mark.parametrize('knobs, script, ready, asked', [question[1:] for question in QUESTIONS],
                         ids=[question[0] for question in QUESTIONS])
def test_so_many_batches_are_asked_for(knobs, script, ready, asked):
    traffic = Flow(knobs)
    for event in script:
        traffic.record(event, 0.0)
    assert traffic.to_ask(ready) == asked
    # Until they have come, they are not asked for again.
    assert traffic.to_ask(ready) == 0
    for _ in range(asked):
        traffic.record(Came(), 0.0)
    assert traffic.to_ask(ready) == asked


@pytest.mark.parametrize('threads', [1, 4, 600])
def test_few_questions_wait_for_a_batcher_that_reads_none(threads):
    """A pipe that is full of them would hold up the thread that receives batches."""
    traffic = Flow(FIXED._replace(concurrency=threads))
    questions = sum(bool(traffic.to_ask(threads - taken)) for taken in range(threads + 1))
    assert 1 <= questions <= 10


def test_sizes_follow_the_answers_here_and_elsewhere():
    traffic = Flow(SIZED)
    assert traffic.rows(1 << 40, 0.0) == 4
    traffic.record(Learned(4, 0.001, 100), 0.0)
    assert traffic.rows(1 << 40, 0.0) == 256
    traffic.record(Concurrency(2, trying=True), 0.0)
    assert traffic.concurrency == 2


# (name, batches as (rows, bytes), what is known of results as (rows, bytes), rows committed,
# whether one more may be cut).
MIB = 1 << 20
WINDOWS = [
    ('at first', [], None, 0, True),
    ('sixty-four MiB', 63 * [(9, MIB)], None, 0, True),
    ('and no more', 64 * [(9, MIB)], None, 0, False),
    ('but what is in flight always', 10 * [(9, 100 * MIB)], None, 0, False),
    ('so many of any size', 9 * [(9, 100 * MIB)], None, 0, True),
    ('results count', 32 * [(9, MIB)], (9, MIB), 0, False),
    ('for their rows', 32 * [(9, MIB)], (90, MIB), 0, True),
    ('small batches are many', 10000 * [(1, 100)], None, 0, True),
    ('but not without end', 20000 * [(1, 100)], None, 0, False),
    ('what is committed makes room', 64 * [(9, MIB)], None, 9, True),
    ('what lies behind a batch that waits does not', 64 * [(9, MIB)], None, 8, False),
]


@pytest.mark.parametrize('batches, results, committed, room', [case[1:] for case in WINDOWS],
                         ids=[case[0] for case in WINDOWS])
def test_the_window_is_bounded_by_memory(batches, results, committed, room):
    traffic = Flow(FIXED)
    if results:
        traffic.record(Learned(results[0], 1.0, results[1]), 0.0)
    end_row = 0
    for rows, size in batches:
        end_row += rows
        traffic.record(Cut(end_row, rows, size), 0.0)
    traffic.record(Committed(committed), 0.0)
    assert traffic.admit_batch() == room


def test_the_window_has_two_batches_for_each_request_in_flight_whatever_their_size():
    traffic = Flow(FIXED)
    for end_row in range(1, 11):
        assert traffic.admit_batch()
        traffic.record(Cut(end_row, 1, flow.WINDOW), 0.0)
    assert not traffic.admit_batch()
    traffic.record(Concurrency(8, trying=False), 0.0)
    assert traffic.admit_batch()
