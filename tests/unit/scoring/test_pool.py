"""The pool: its threads, with a stand-in for the connections."""

from __future__ import absolute_import, unicode_literals

import threading

import pytest

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.scoring import events, policy
from datarobot_batch_scoring.scoring.policy import Outcome
from datarobot_batch_scoring.scoring.pool import Pool, share_of
from stand_ins import ASIDE, PLAN, Transports, batch


class Run(object):
    """A pool whose batches are submitted when it asks for them."""

    def __init__(self, plan=PLAN, serve=lambda sent: None, rows=100):
        self.transports = Transports(serve)
        self.told, self.asked = [], []
        self.pool = Pool(plan, self.told.append, self._ask)
        self._batches = [batch(row, 5) for row in range(0, rows, 5)]

    def _ask(self, count, limit, answers):
        self.asked.append((count, limit, answers))
        for _ in range(min(count, len(self._batches))):
            self.pool.submit(self._batches.pop(0))
        if not self._batches:
            self.pool.finish()

    def start(self):
        self.pool.start(self.transports)
        return self

    def results(self):
        return sorted(self.pool.results(), key=lambda result: result.first_row)

    def of(self, kind):
        return [event for event in self.told if isinstance(event, kind)]


def test_every_batch_has_one_result_and_the_pool_ends():
    run = Run().start()
    assert [result.first_row for result in run.results()] == list(range(0, 100, 5))
    assert run.pool.ended and not run.pool.stopped
    assert len(run.of(events.Answered)) == 20 and run.of(events.Answered)[0].busy >= 0
    run.pool.join()
    assert run.transports.over and run.transports.opened == run.transports.closed == 2


def test_as_many_requests_are_in_flight_as_are_allowed():
    meeting = threading.Barrier(4, timeout=30) if hasattr(threading, 'Barrier') else None
    run = Run(PLAN._replace(threads=4), lambda sent: meeting and meeting.wait() and None)
    assert len(run.start().results()) == 20
    assert run.transports.most <= 4 and (meeting is None or run.transports.most == 4)


def test_a_row_that_is_set_aside_is_a_result():
    run = Run(ASIDE, lambda sent: Outcome(policy.REJECTED, 'no', '422') if
              sent.start.row <= 7 < sent.end_row else None, rows=10).start()
    results = run.results()
    assert [result.bad for result in results if result.bad] == ['no']
    assert sum(result.rows for result in results) == 10


def test_an_error_ends_it_and_is_told():
    failure = ScoringError('bug', role='x', error='y')
    run = Run(serve=lambda sent: Outcome(policy.FATAL, error=failure)).start()
    assert run.results() == []
    assert run.pool.stopped and [event.error for event in run.of(events.Failed)] == [failure]


@pytest.mark.parametrize('error, kind', [(ScoringError('no_threshold'), 'no_threshold'), (KeyError('x'), 'bug')])
def test_an_exception_ends_it_too(error, kind):
    def serve(sent):
        raise error
    run = Run(PLAN._replace(threads=1), serve).start()
    assert run.results() == []
    assert run.of(events.Failed)[0].error.kind == kind
    assert bool(run.of(events.Logged)) == (kind == 'bug')


def test_closed_it_delivers_what_is_in_flight_and_nothing_else():
    sent, go_on = threading.Event(), threading.Event()

    def serve(batch):
        sent.set()
        assert go_on.wait(30)
    run = Run(PLAN._replace(threads=1), serve).start()
    assert sent.wait(30) and run.pool.requests == 1
    run.pool.close()
    assert run.pool.requests == 1 and not run.pool.ended
    go_on.set()
    assert len(run.results()) == 1
    run.pool.join()
    assert run.pool.requests == 0


def test_nothing_is_sent_until_it_is_allowed():
    run = Run()
    run.pool.allow(0)
    run.start()
    assert run.pool.requests == 0 and not run.pool.ended
    run.pool.obey(events.Concurrency(3, trying=False))
    assert len(run.results()) == 20 and run.transports.opened <= 3


def test_labels_are_those_of_the_first_engine_that_has_some():
    run = Run(serve=lambda sent: run.pool.agree(('b', 'a')) and None)
    asked = threading.Event()
    run.pool._tell = lambda event: asked.set() if isinstance(event, events.Labels) else None
    run.start()
    assert asked.wait(30)
    run.pool.obey(events.Labels(('a', 'b')))
    assert len(run.results()) == 20 and run.pool.labels == ('a', 'b')


def test_labels_of_a_resumed_run_are_known():
    run = Run(PLAN._replace(labels=('a', 'b')))
    assert run.pool.agree(('b', 'a')) == ('a', 'b') and run.told == []


def test_orders_of_all_engines_reach_the_flow():
    run = Run(PLAN._replace(sized=True), rows=20)
    run.pool.obey(events.SizeLimit(20))
    run.start()
    assert all(result.rows <= 3 for result in run.results())
    run.pool.obey(events.Recovered())
    assert run.pool.rows_of_next(3) >= 1


@pytest.mark.parametrize('number, engines', [(16, 1), (16, 3), (2, 4)])
def test_all_requests_are_someones_share(number, engines):
    shares = [share_of(number, engines, place) for place in range(engines)]
    assert sum(shares) == number and max(shares) - min(shares) <= 1
