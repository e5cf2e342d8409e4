"""Counts the requests of a run, and knows how the server is."""

from __future__ import absolute_import, division, unicode_literals

from collections import Counter, namedtuple

from datarobot_batch_scoring.dataset.cutter import MAX_BATCH_ROWS, MAX_BATCH_BYTES
from datarobot_batch_scoring.report.course import Timeline
from datarobot_batch_scoring.report.figures import Figures
from datarobot_batch_scoring.scoring import events, flow
from datarobot_batch_scoring.server.protocols.shape import OVERLOAD_STATUSES

# What a server answers that is full, as `events.Retried` has it.
FULL = frozenset('{0}'.format(status) for status in OVERLOAD_STATUSES)

# Values of --n_concurrent and --n_samples for the server that was scored with.
Recommended = namedtuple('Recommended', 'n_concurrent n_samples')
# Rows left, when it is asked how many a batch should have.
PLENTY = 1 << 40


class Traffic(object):
    """What the engines say of their requests, added up.

    `failing` is True from a failure to the next success; `success_at` is when there was one last,
    and `next_try` when there is the next attempt.
    """

    def __init__(self, settings, now, tuned=False):
        self._n_concurrent = int(settings.n_concurrent)
        self.figures = Figures() if settings.report else None
        self.began = self.success_at = self.next_try = now
        self.flow = flow.Flow(flow.Knobs(
            self._n_concurrent, 1, settings.timeout, True, self._n_concurrent if tuned else None))
        self.tuned = tuned
        self.course = Timeline()
        self.requests = self.answers = self.splits = 0
        self.rows_sent = self.sent_bytes = self.received_bytes = 0
        self.retries = Counter()
        self.failing = False
        self.last_failure = None

    def hear(self, event, now, reason):
        """Counts an event; `reason` is that of a failure, masked."""
        self.course.passed(now - self.began, self.flow.in_flight)
        handler = self.HANDLERS.get(type(event))
        if handler:
            handler(self, event, now, reason)

    @property
    def in_flight(self):
        """How many requests are in flight."""
        return self.flow.in_flight

    @property
    def batch_rows(self):
        """Rows of the last batches; None before the first answer."""
        rows = self.course.batch_rows()
        return rows[-1][1] if rows else None

    def recommended(self, now):
        """The `Recommended` for the server; None before the first answer."""
        if not self.answers:
            return None
        number = self._n_concurrent
        if self.tuned:
            number = self.flow.concurrency
        elif any(self.retries[kind] for kind in FULL):
            number = min(max(int(round(self.course.usual_concurrency)), 1), number)
        # As if concurrency were not being tuned: that takes smaller batches.
        self.flow.record(events.Concurrency(self._n_concurrent, trying=False), now)
        rows = min(self.flow.rows(PLENTY, now), MAX_BATCH_ROWS,
                   MAX_BATCH_BYTES * self.rows_sent // max(self.sent_bytes, 1))
        return Recommended(number, max(int(float('{0:.2g}'.format(rows))), 1))

    def _sent(self, event, now, reason):
        self.flow.record(flow.Began(event.rows), now)
        self.requests += 1
        self.rows_sent += event.rows
        self.sent_bytes += event.sent_bytes

    def _answered(self, event, now, reason):
        self.course.answered(event.rows)
        self.flow.record(flow.Answered(event.rows, event.seconds, event.busy, 0), now)
        self.answers += 1
        self.received_bytes += event.received_bytes
        if self.figures:
            self.figures.answered(event, now - self.began)
        self.success_at = now
        self.failing = False

    def _retried(self, event, now, reason):
        self.flow.record(flow.Failed(
            0, 0.0, event.kind in FULL, event.kind == 'timeout'), now)
        self.retries[event.kind] += 1
        self.next_try = now + event.next_try
        self.failing, self.last_failure = True, reason

    def _refused(self, event, now, reason):
        self._tried(event, now, reason)
        if event.failing:
            self.failing, self.last_failure = True, reason

    def _tried(self, event, now, reason):
        self.flow.record(flow.Ended(0), now)

    def _halved(self, event, now, reason):
        self.splits += 1

    def _too_large(self, event, now, reason):
        self._tried(event, now, reason)
        self.splits += 1

    HANDLERS = {
        events.Sent: _sent,
        events.Answered: _answered,
        events.Retried: _retried,
        events.Refused: _refused,
        events.Tried: _tried,
        events.Halved: _halved,
        events.SizeLimit: _too_large,
    }
