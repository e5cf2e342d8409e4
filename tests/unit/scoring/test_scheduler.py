"""The scheduler: what is sent next, and what becomes of it, as histories without threads."""

from __future__ import absolute_import, division, unicode_literals

import pytest

from datarobot_batch_scoring.dataset.checks import Fault
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.scoring import events, policy, scheduler
from datarobot_batch_scoring.scoring.policy import Outcome
from stand_ins import ASIDE, PLAN, batch, scored


def bad(outcome, **more):
    """The `Outcome` of a request that failed, for reasons of a server."""
    error = ScoringError('bug', role='x', error='It said no')
    return Outcome(outcome, 'it says no', outcome, **dict(
        dict(error=error if outcome in (policy.REJECTED, policy.FATAL, policy.ROW_ERROR) else None), **more))


class Engine(object):
    """A scheduler and its server; `serve(batch)` gives an outcome, None for a good one.

    `sent` has (first row, rows) of each request, `results` (first row, rows) of what is delivered,
    `aside` rows, `failure` the error that ended the run.
    """

    def __init__(self, plan=PLAN, serve=lambda sent: None, accepted=True):
        self.scheduler = scheduler.Scheduler(plan)
        self.scheduler.accepted = accepted
        self.now = 0.0
        self.serve = serve
        self.sent, self.results, self.aside, self.told = [], [], [], []
        self.failure = None

    def submit(self, *sizes):
        row = 0
        for rows in sizes:
            self.scheduler.submit(batch(row, rows), ((6 * row, 'before'),), ((6 * (row + rows), 'after'),))
            row += rows

    def run(self, seconds=1e9):
        """Sends, as many at once as may be, until the end or for so many seconds."""
        in_flight, end = [], self.now + seconds
        while not self.scheduler.ended and self.now < end:
            following = self.scheduler.next(self.now)
            if isinstance(following, scheduler.Started):
                in_flight.append(following)
            elif in_flight:
                self.settle(in_flight.pop(0))
            elif following is None:
                return self
            else:
                self.now += following
        return self

    def settle(self, started):
        item = started.item
        outcome = item.verdict.outcome if item.verdict else self.outcome(item.batch)
        for done in self.scheduler.settle(started, outcome, self.now):
            if isinstance(done, scheduler.Deliver):
                assert done.scored.digests
                self.results.append((done.scored.first_row, done.scored.rows))
            elif isinstance(done, scheduler.SetAside):
                self.aside.append(done.batch.start.row)
            elif isinstance(done, events.Failed):
                self.failure = done.error
            else:
                self.told.append(done)

    def outcome(self, sent):
        self.sent.append((sent.start.row, sent.rows))
        return self.serve(sent) or Outcome(policy.GOOD, scored=scored(sent), figures=events.Answered(
            sent.rows, 0.1, 0.1, 50))

    @property
    def rows(self):
        """The rows that are delivered or set aside, in order."""
        return sorted([row for first, count in self.results for row in range(first, first + count)]
                      + self.aside)


def rejects(*rows):
    return lambda sent: bad(policy.REJECTED) if holds(sent, *rows) else None


def holds(sent, *rows):
    return any(sent.start.row <= row < sent.end_row for row in rows)


def finish(engine, *sizes):
    engine.submit(*sizes)
    engine.scheduler.finished = True
    return engine.run()


# (name, plan, rows of the batches, what the server does, rows that are set aside; the run goes on).
GOES_ON = [
    ('all is well', PLAN, [5, 5, 5], lambda sent: None, []),
    ('too large batches are split', PLAN, [16, 16],
     lambda sent: bad(policy.SPLIT) if sent.rows > 3 else None, []),
    ('two rejected rows are set aside', ASIDE, [8, 8], rejects(3, 12), [3, 12]),
    ('all of a batch', ASIDE, [4, 4], rejects(0, 1, 2, 3), [0, 1, 2, 3]),
    ('a row that fails while others succeed', ASIDE, [4, 4, 4, 4, 4, 4, 4, 4],
     lambda sent: bad(policy.MAY_BE_ROWS) if holds(sent, 5) else None, [5]),
    ('a row that fails though it is the last', ASIDE, [4, 4],
     lambda sent: bad(policy.MAY_BE_ROWS) if holds(sent, 7) else None, [7]),
    ('a row that is too large', ASIDE, [4, 4],
     lambda sent: bad(policy.SPLIT, error=ScoringError('bug')) if holds(sent, 6) else None, [6]),
    ('a row whose attempts are used up', ASIDE._replace(n_retry=1), [4, 4, 4],
     lambda sent: bad(policy.RETRY) if holds(sent, 6) else None, [6]),
    ('a rejection that no half repeats', PLAN, [8],
     lambda sent: bad(policy.REJECTED) if sent.rows == 8 else None, []),
]


@pytest.mark.parametrize('plan, sizes, serve, aside', [history[1:] for history in GOES_ON],
                         ids=[history[0] for history in GOES_ON])
def test_a_run_goes_on_and_every_row_is_delivered_once(plan, sizes, serve, aside):
    engine = finish(Engine(plan, serve), *sizes)
    assert engine.failure is None and engine.rows == list(range(sum(sizes)))
    assert sorted(engine.aside) == aside and engine.scheduler.flow.in_flight == 0


# (name, plan, rows of the batches, what the server does, the kind and some facts of the error).
ENDS = [
    ('one row is named', PLAN, [8, 8], rejects(11), 'row_to_blame', {'row': 11, 'line': 13}),
    ('by itself, too', PLAN, [1], rejects(0), 'row_to_blame', {'row': 0, 'line': 2}),
    ('of two rows none is', PLAN, [8, 8], rejects(11, 13), 'bug', {}),
    ('nor of all', PLAN, [8, 8], rejects(*range(8)), 'bug', {}),
    ('what no attempt changes', ASIDE, [8], lambda sent: bad(policy.FATAL), 'bug', {}),
    ('a batch whose attempts are used up', PLAN._replace(n_retry=2), [4, 4, 4, 4, 4],
     lambda sent: bad(policy.RETRY) if holds(sent, 6) else None,
     'retries', {'row': 4, 'last': 7, 'tries': '3 attempts'}),
    ('an outage', PLAN._replace(n_retry=2), 50 * [4], lambda sent: bad(policy.RETRY),
     'retries', {'row': 0, 'tries': '3 attempts'}),
    ('an outage, where rows could be set aside', ASIDE._replace(n_retry=2), 50 * [4],
     lambda sent: bad(policy.RETRY), 'retries', {'tries': '3 attempts'}),
]


@pytest.mark.parametrize('plan, sizes, serve, kind, facts', [history[1:] for history in ENDS],
                         ids=[history[0] for history in ENDS])
def test_a_run_ends_for_this_reason(plan, sizes, serve, kind, facts):
    engine = finish(Engine(plan, serve), *sizes)
    assert engine.failure.kind == kind
    assert dict((name, engine.failure.facts[name]) for name in facts) == facts


def test_an_outage_ends_a_run_with_few_retries_in_seconds():
    """A probe that fails counts for all that waits, not only for its own batch."""
    engine = Engine(PLAN._replace(n_retry=2, threads=4), lambda sent: bad(policy.RETRY))
    engine.submit(*(100 * [10]))
    engine.run(1e6)
    assert engine.failure.kind == 'retries' and engine.now < 10 and len(engine.sent) <= 8


def test_what_is_in_flight_during_an_outage_counts_for_itself_only():
    engine = Engine(PLAN._replace(n_retry=1, threads=4))
    engine.submit(*(8 * [10]))
    started = [engine.scheduler.next(0.0) for _ in range(4)]
    engine.serve = lambda sent: bad(policy.RETRY)
    for each in started:
        engine.settle(each)
    assert engine.failure is None
    probe_at = engine.scheduler.next(0.0)
    engine.settle(engine.scheduler.next(probe_at))
    assert engine.failure.facts['row'] == 0


def test_an_outage_without_a_limit_of_retries_goes_on_and_ends_well():
    engine = Engine(PLAN, lambda sent: bad(policy.RETRY) if engine.now < 600 else None)
    finish(engine, *(20 * [4]))
    assert engine.rows == list(range(80)) and engine.now < 700
    # A server that is down is asked every half minute at the most.
    assert len(engine.sent) < 60


def test_what_is_accepted_in_a_search_is_held_back():
    engine = finish(Engine(PLAN, rejects(7)), 8)
    assert engine.results == [] and events.Tried() in engine.told


def test_a_search_takes_two_requests_for_each_split():
    engine = finish(Engine(PLAN, rejects(999)), 1000)
    assert engine.failure.facts['row'] == 999 and len(engine.sent) <= 21
    engine = finish(Engine(PLAN, rejects(0, 700)), 1000)
    assert engine.failure.kind == 'bug' and len(engine.sent) <= 21


def test_nothing_is_searched_before_a_row_was_accepted():
    engine = finish(Engine(PLAN, rejects(7), accepted=False), 8)
    assert engine.sent == [(0, 8)] and engine.failure.kind == 'bug'


def test_the_size_that_failed_holds_for_all_that_is_sent_later():
    engine = finish(Engine(
        PLAN._replace(threads=1), lambda sent: bad(policy.SPLIT) if sent.rows > 4 else None), 16, 16, 16)
    assert engine.rows == list(range(48))
    assert [rows for _, rows in engine.sent if rows > 4] == [16, 8]


def test_suspects_of_several_engines_wait_for_the_others():
    engine = Engine(ASIDE._replace(processes=2, n_retry=0), lambda sent: bad(policy.RETRY),
                    accepted=False)
    engine.submit(4)
    engine.run(1.0)
    assert engine.failure is None and engine.aside == []
    engine.serve = rejects()
    engine.scheduler.obey(events.Recovered(), engine.now)
    engine.scheduler.finished = True
    engine.run()
    assert engine.rows == [0, 1, 2, 3] and engine.failure is None


def test_what_nobody_can_acquit_ends_the_run_after_the_timeout():
    engine = Engine(ASIDE._replace(processes=2, n_retry=0), lambda sent: bad(policy.RETRY),
                    accepted=False)
    engine.submit(4)
    engine.run()
    assert engine.failure.kind == 'retries' and engine.now == pytest.approx(30.0)


def test_a_probe_is_the_batch_that_failed_least():
    """Otherwise one that always fails might be the one that is sent again and again."""
    engine = Engine(PLAN, lambda sent: bad(policy.RETRY) if engine.now < 5 or holds(sent, 0) else None)
    engine.submit(*(10 * [4]))
    engine.run(60)
    assert engine.rows == list(range(4, 40))


def test_batches_are_asked_for_with_what_the_answers_were():
    engine = Engine(PLAN)
    assert engine.scheduler.to_ask() == (2, [])
    engine.submit(5, 5)
    engine.run(1.0)
    assert engine.scheduler.to_ask() == (2, [(5, 0.1, 5), (5, 0.1, 5)])
    engine.scheduler.finished = True
    assert engine.scheduler.to_ask() == (0, [])


def test_once_the_run_has_ended_another_error_is_none():
    engine = Engine(PLAN, lambda sent: bad(policy.FATAL))
    engine.submit(5, 5)
    first, second = engine.scheduler.next(0.0), engine.scheduler.next(0.0)
    engine.settle(first)
    failure, engine.failure = engine.failure, None
    engine.settle(second)
    assert failure is not None and engine.failure is None


@pytest.mark.parametrize('rows, sent', [
    ([3], [(0, 8), (0, 3), (4, 4)]), ([0], [(0, 8), (1, 7)]), ([7], [(0, 8), (0, 7)]),
    ([2, 3, 5], [(0, 8), (0, 2), (4, 1), (6, 2)]), (list(range(8)), [(0, 8)])])
def test_rows_that_cannot_be_sent_are_taken_out_in_one_go(rows, sent):
    def serve(batch):
        found = [Fault(row - batch.start.row, ScoringError('nul', line=row)) for row in rows if holds(batch, row)]
        return Outcome(policy.UNSENDABLE, error=found[0].error, faults=found, heard=False) if found else None
    engine = finish(Engine(ASIDE, serve), 8)
    assert (engine.aside, engine.sent, engine.rows) == (rows, sent, list(range(8)))
    assert finish(Engine(PLAN, serve), 8).failure.facts['line'] == rows[0]
