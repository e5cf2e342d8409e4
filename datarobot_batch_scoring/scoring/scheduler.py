"""Which item an engine sends next and when, and what becomes of it: decisions without threads.

What happens goes in, with the time; instructions come out, which `pool` carries out. It has no
clock, no lock and no connection, so that a test replays what happened.
"""

from __future__ import absolute_import, unicode_literals

import heapq
from collections import namedtuple

from datarobot_batch_scoring.dataset.batch import first_line
from datarobot_batch_scoring.scoring import events, flow, policy
from datarobot_batch_scoring.scoring.item import Search, Verdict, WorkItem, row_warning, used_up

# Instructions besides events: a result; a row to set aside, with its digests, and why: what the
# server said, or None and the `DatasetError` for one that cannot be sent.
Deliver = namedtuple('Deliver', ['scored'])
SetAside = namedtuple('SetAside', ['batch', 'digests', 'reason', 'error'])

# An item on its way to the server.
Started = namedtuple('Started', ['item', 'ticket'])


class Scheduler(object):
    """The items of an engine, from `submit` to their results.

    `plan` is a `pool.PoolPlan`. `accepted` is True once a row of the run has been accepted, in
    whatever engine.
    """

    def __init__(self, plan):
        self._plan = plan
        self._delimiter = plan.shape.dialect.delimiter
        self.flow = flow.Flow(flow.Knobs(
            plan.threads, plan.processes, plan.endpoint.timeout, plan.sized, None, plan.budget))
        self.accepted = False
        self.stopped = False
        self.finished = False
        self._backlog = _Backlog()
        self._answers = []

    # --- what is sent next ---

    def submit(self, batch, before, after):
        """Takes in a `Batch`, with the digests of the input up to its start and its end."""
        self.flow.record(flow.Came(), None)
        self._backlog.add(WorkItem(batch, before, after))

    @property
    def ended(self):
        """Whether nothing will be sent again."""
        return self.stopped or self.finished and self._backlog.empty and not self.flow.in_flight

    def next(self, now):
        """`Started` with what is sent now; otherwise the seconds until then, None: unknown."""
        self._backlog.wake(now)
        self._judge_suspects(now)
        wait = self._until_next(now)
        if not self._backlog.ready or wait != 0:
            return wait
        item = self._backlog.take(self.flow.failing)
        while item.batch.rows > 1 and not item.verdict and not self.flow.fits(len(item.batch.raw)):
            item, rest = item.split(self._delimiter, policy.TOO_MUCH)
            self._backlog.add(rest)
        return Started(item, self.flow.record(flow.Began(item.batch.rows), now))

    def to_ask(self):
        """(how many batches to ask for, [(rows, seconds, size), ...] of the answers since)."""
        missing = 0 if self.finished else self.flow.to_ask(self._backlog.ready)
        answers = []
        if missing:
            answers, self._answers = self._answers, answers
        return missing, answers

    def _until_next(self, now):
        admitted = self.flow.admit(now)
        if admitted is None or self._backlog.ready:
            return admitted
        due = self._backlog.due()
        if due is None and self._backlog.only_suspects and not self.flow.in_flight:
            due = self._backlog.only_suspects[0].verdict.since + self._plan.endpoint.timeout
        return None if due is None else max(due - now, 0.0)

    # --- what has happened ---

    def obey(self, order, now):
        """Takes in what another engine has seen: `SizeLimit`, `Recovered` or `Concurrency`."""
        self.flow.record(order, now)
        if isinstance(order, events.Recovered):
            self._backlog.convict()

    def settle(self, started, outcome, now):
        """The instructions that come of an `attempt.Outcome`."""
        item = started.item
        if outcome.requests != 1:
            self.flow.record(flow.Spent(
                outcome.requests - 1, 0 if outcome.requests else -item.batch.rows), now)
        if outcome.heard:
            self.flow.record(flow.Heard(), now)
        facts = policy.Facts(
            item.batch.rows, self._plan.n_retry, self._plan.sets_aside, self.accepted,
            self._others_succeed(item), item.search is not None)
        action, item.history = policy.decide(outcome.kind, item.history, facts)
        done = self.ACTIONS[action.name](self, started, outcome, action.cause, now)
        search = item.search
        if search is None or action == policy.END:
            return done
        search.requested()
        if not search.over:
            return done
        if search.failure is None:
            return done + [Deliver(scored) for scored in search.results]
        return done + self._end(search.failure)

    def _end(self, error):
        if self.stopped:
            # Another item has ended the run.
            return []
        self.stopped = True
        return [events.Failed(error)]

    # --- actions ---

    def _done(self, started, outcome, cause, now):
        item, figures = started.item, outcome.figures
        size = len(outcome.scored.csv)
        self.flow.record(flow.Answered(figures.rows, figures.seconds, figures.busy, size), now)
        self._answers.append((figures.rows, figures.seconds, size))
        self._backlog.convict()
        scored = outcome.scored._replace(digests=item.digests)
        if item.search is None:
            return [Deliver(scored), figures]
        # Until it is known whether the run goes on.
        item.search.accepted(scored)
        return [events.Tried()]

    def _again(self, started, outcome, cause, now):
        item = started.item
        ended = self._give_up(self._failed(started, outcome, now), outcome, now)
        wait = max(self.flow.backoff(item.history.attempts), outcome.at_least)
        self._backlog.put_off(item, now + wait)
        # None while a request is in flight that tells whether the server works.
        pause = self.flow.admit(now) or 0.0
        due = 0.0 if self._backlog.ready else self._backlog.due() - now
        return [events.Retried(
            first_row=item.batch.start.row, rows=item.batch.rows, reason=outcome.told,
            kind=outcome.word, wait=wait, next_try=max(due, pause))] + ended

    def _warn(self, started, outcome, cause, now):
        batch = started.item.batch
        row, line = batch.start.row, first_line(batch, self._delimiter)
        warned = events.Warned(
            'row {0}'.format(row), row_warning(row, line, outcome.reason))
        return [warned] + self._again(started, outcome, cause, now)

    def _failed(self, started, outcome, now):
        """Records a failure; a probe's counts for all that waits. Returns what that uses up."""
        started.item.last_failure = self.flow.successes
        probe = self.flow.record(flow.Failed(
            started.ticket, outcome.at_least, outcome.kind == policy.OVERLOADED,
            outcome.kind == policy.TIMEOUT), now)
        return self._backlog.count_probe(self._plan.n_retry) if probe else []

    def _give_up(self, items, outcome, now):
        """Ends the run for items whose attempts are used up, or has them wait for a verdict."""
        if items and not self._plan.sets_aside:
            first = min(items)
            return self._end(used_up(first.batch, first.history, outcome.told))
        for item in items:
            error = used_up(item.batch, item.history, outcome.told)
            self._backlog.suspect(item, Verdict(error, outcome.reason, False, now))
        return []

    def _split(self, started, outcome, cause, now):
        item = started.item
        done = _refused(item, outcome, cause)
        self._ended(started, now)
        if cause == policy.TOO_MUCH:
            self.flow.record(events.SizeLimit(len(item.batch.raw)), now)
            done.append(events.SizeLimit(self.flow.size_limit))
        else:
            done.append(events.Split(item.batch.start.row, item.batch.rows))
        if cause == policy.BLAMED and item.blamed_at is None:
            item.blamed_at = self.flow.successes
        if item.search:
            item.search.split()
        for half in item.split(self._delimiter, cause):
            self._backlog.add(half)
        return done

    def _search(self, started, outcome, cause, now):
        item = started.item
        if item.search is None:
            item.search = Search(item.batch, outcome.error, outcome.short)
        if item.batch.rows > 1:
            return self._split(started, outcome, cause, now)
        self._ended(started, now)
        item.search.rejected(item.batch.start.row, first_line(item.batch, self._delimiter))
        return _refused(item, outcome, cause)

    def _set_aside(self, started, outcome, cause, now):
        item = started.item
        self._ended(started, now)
        return _refused(item, outcome, cause) + [
            SetAside(item.batch, item.digests, outcome.reason, None)]

    def _take_out(self, started, outcome, cause, now):
        item, rows, done = started.item, [0], []
        self.flow.record(flow.Ended(started.ticket), now)
        errors = dict(outcome.faults)
        for row in sorted(errors):
            rows += [row] * (row > rows[-1]) + [row + 1] * (row + 1 < item.batch.rows)
        for row, part in zip(rows, item.split(self._delimiter, cause, rows)):
            if row in errors:
                done.append(SetAside(part.batch, part.digests, None, errors[row]))
            else:
                self._backlog.add(part)
        return done

    def _wait(self, started, outcome, cause, now):
        item = started.item
        done = _refused(item, outcome, cause, failing=True)
        if outcome.error:
            self._ended(started, now)
            too_large = outcome.kind == policy.SPLIT
            self._backlog.suspect(item, Verdict(outcome.error, outcome.reason, too_large, now))
        else:
            self._give_up([item] + self._failed(started, outcome, now), outcome, now)
        return done

    def _end_run(self, started, outcome, cause, now):
        item, error = started.item, outcome.error
        if item.search:
            item.search.give_up()
            error = item.search.failure
        if error is None:
            return self._give_up([item] + self._failed(started, outcome, now), outcome, now)
        self._ended(started, now)
        return self._end(error)

    ACTIONS = {
        policy.DONE.name: _done,
        policy.AGAIN.name: _again,
        policy.WARN.name: _warn,
        policy.SPLIT_SMALLER.name: _split,
        policy.SEARCH.name: _search,
        policy.NAME.name: _search,
        policy.SET_ASIDE.name: _set_aside,
        policy.TAKE_OUT.name: _take_out,
        policy.WAIT.name: _wait,
        policy.END.name: _end_run,
    }

    def _ended(self, started, now):
        started.item.last_failure = self.flow.successes
        self.flow.record(flow.Ended(started.ticket), now)

    # --- what fails while others succeed ---

    def _others_succeed(self, item):
        if item.last_failure is not None and self.flow.successes > item.last_failure:
            return True
        # If only what has failed is left, nothing else can succeed.
        return (self.flow.in_flight == 1 and self._backlog.all_tried
                and self._is_probably_guilty(item))

    def _is_probably_guilty(self, item):
        """Whether an item is taken to be guilty if nothing else can tell."""
        if policy.BLAMED in item.history.causes:
            return self.flow.successes > item.blamed_at
        # Splitting a batch once shows whether it is an outage, and does no harm if it is.
        return self.accepted and item.batch.rows > 1

    def _judge_suspects(self, now):
        suspects = self._backlog.only_suspects
        if not suspects or self.flow.in_flight:
            return
        # Another batch, or another engine, may yet show that the server works.
        for item in suspects:
            item.verdict.guilty = (self._is_probably_guilty(item)
                                   or self.accepted and item.verdict.too_large)
        waited = now - suspects[0].verdict.since >= self._plan.endpoint.timeout
        certain = self._plan.processes == 1 or all(item.verdict.guilty for item in suspects)
        if waited or self.finished and certain:
            self._backlog.release()


def _refused(item, outcome, cause, failing=False):
    if item.verdict or cause == policy.TOO_MUCH:
        return []
    return [events.Refused(item.batch.start.row, item.batch.rows, outcome.told, failing)]


class _Backlog(object):
    """Items that are ready to be sent, those that wait to be sent again, and suspects.

    Suspects wait for a verdict: whether others succeed. It is pure: time is handed in, and its
    owner has the lock.
    """

    def __init__(self):
        self._ready = []
        self._waiting = []
        self._suspects = []

    @property
    def ready(self):
        """How many items are ready."""
        return len(self._ready)

    @property
    def empty(self):
        """Whether nothing is left."""
        return not (self._ready or self._waiting or self._suspects)

    @property
    def all_tried(self):
        """Whether each ready item has failed before."""
        return all(item.history.attempts for item in self._ready)

    def add(self, item):
        """Takes in an item that is ready."""
        heapq.heappush(self._ready, item)

    def put_off(self, item, due):
        """Takes in an item that is ready at that time."""
        heapq.heappush(self._waiting, (due, item))

    def suspect(self, item, verdict):
        """Takes in an item that waits for its `item.Verdict`."""
        item.verdict = verdict
        self._suspects.append(item)

    def wake(self, now):
        """Makes ready what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            self.add(heapq.heappop(self._waiting)[1])

    def due(self):
        """When the next item that waits is due; None if none does."""
        return self._waiting[0][0] if self._waiting else None

    def take(self, probing):
        """The next item: the first of the rows or, as a probe, the one that failed least."""
        if not probing:
            return heapq.heappop(self._ready)
        # Otherwise one that always fails might be the one that is tried again and again.
        item = min(self._ready, key=lambda ready: (ready.history.attempts, ready.batch.start))
        self._ready.remove(item)
        heapq.heapify(self._ready)
        return item

    def count_probe(self, n_retry):
        """Counts a failed probe of a server that is down for all that waits for it.

        Returns the items whose attempts are used up by that; they are no longer part of it.
        """
        items = self._ready + [item for _, item in self._waiting]
        for item in items:
            item.history = item.history._replace(probes=item.history.probes + 1)
        used_up = [item for item in items if policy.is_used_up(item.history, n_retry)]
        if used_up:
            self._ready = [item for item in self._ready if item not in used_up]
            self._waiting = [entry for entry in self._waiting if entry[1] not in used_up]
            heapq.heapify(self._ready)
            heapq.heapify(self._waiting)
        return used_up

    # --- suspects ---

    @property
    def only_suspects(self):
        """The suspects if nothing else is left, or else none."""
        return [] if self._ready or self._waiting else list(self._suspects)

    def convict(self):
        """Something has succeeded: what fails is to blame itself."""
        for item in self._suspects:
            item.verdict.guilty = True
        self.release()

    def release(self):
        """Makes the suspects ready: each has its verdict."""
        while self._suspects:
            self.add(self._suspects.pop())
