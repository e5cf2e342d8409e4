"""How much is sent, and when: batch sizes, concurrency, circuit breaker, size limit and window.

A `Flow` is all that is known of the traffic with the server: what happens goes into `record`,
and what may happen next comes out. It is pure: time is handed in, and its owner has the lock.
The engine that sends, the batcher that cuts and the conductor that hears of all engines each
have one, and record in it what they know.
"""

from __future__ import absolute_import, division, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.scoring.limits import WINDOW, Budget, CircuitBreaker, ConcurrencyLimit, Window
from datarobot_batch_scoring.scoring.tuning import BatchSizer, ConcurrencyTuner
from datarobot_batch_scoring.server.request_error import backoff

NO_LIMIT = 1 << 62

# Batches of equal numbers of rows differ by a few bytes: one of nearly the size that
# failed would fail as well.
NEARLY = 0.9
# New batches are cut to less than a size that failed.
BELOW_LIMIT = 0.8

# About how many messages the batcher may not have read yet.
MAX_QUESTIONS = 8
# Seconds in which a batch surely comes. Where sizes follow the answers, a batch that waits
# longer was cut without the last of them.
TIME_TO_CUT = 0.05

Knobs = namedtuple('Knobs', [
    'concurrency',  # requests in flight here, at first
    'engines',      # that share the server
    'timeout',      # seconds
    'sized',        # True: batches are sized by the answers
    'tuned',        # max requests in flight where concurrency is tuned here; None: it is not
    'budget',       # limits.Budget, or None: requests may be sent at any rate
])
Knobs.__new__.__defaults__ = (None,)

# What is recorded, besides the orders `Concurrency`, `SizeLimit` and `Recovered` of `events`.
# A request for so many rows begins; `record` returns its ticket.
Began = namedtuple('Began', ['rows'])
# More requests and rows were sent than began, or, below zero, fewer.
Spent = namedtuple('Spent', ['requests', 'rows'])
# This process has that share of what the run may send.
Shared = namedtuple('Shared', ['share'])
# It has a good answer, here or, if only `Learned`, elsewhere.
Answered = namedtuple('Answered', [
    'rows',
    'seconds',   # from the first byte sent to the last received
    'busy',      # seconds that a thread was busy with it
    'size',      # bytes of its result
])
Learned = namedtuple('Learned', ['rows', 'seconds', 'size'])
# It failed and will be sent again; `record` returns True if it was a probe of a failing server.
Failed = namedtuple('Failed', [
    'ticket',
    'at_least',  # seconds that the server asked to wait
    'full',      # True: the server had no room for it
    'late',      # True: it had no answer in time
])
# It ended in a way that says nothing about the server's health.
Ended = namedtuple('Ended', ['ticket'])
# The server has answered something, whatever it was.
Heard = namedtuple('Heard', [])
# A batch that was asked for has come.
Came = namedtuple('Came', [])
# A batch was cut; or cut and handed out, to count until everything before a row is committed.
Given = namedtuple('Given', ['rows'])
Cut = namedtuple('Cut', ['end_row', 'rows', 'size'])
Committed = namedtuple('Committed', ['end_row'])


class Flow(object):
    """What is known of the traffic, and what may be sent."""

    def __init__(self, knobs):
        self._knobs = knobs
        self.in_flight = 0
        self.successes = 0
        # Bytes of input that are too much for one request.
        self.size_limit = NO_LIMIT
        self._concurrency = knobs.concurrency
        self._breaker = CircuitBreaker(knobs.engines)
        self._limit = ConcurrencyLimit(knobs.concurrency)
        self._sizer = BatchSizer(max(knobs.concurrency, 1), knobs.timeout, bool(knobs.tuned))
        self._tuner = ConcurrencyTuner(knobs.tuned) if knobs.tuned else None
        self._budget = knobs.budget or Budget(None, None)
        self._window = Window(WINDOW)
        self._seconds = None
        self._asked = 0

    # --- what may happen next ---

    def admit(self, now):
        """Seconds until a request may be sent; None: not before something is recorded."""
        if self.in_flight >= self._limit.now:
            return None
        wait = self._breaker.wait(now)
        return None if wait is None else max(wait, self._budget.wait(now))

    def admit_batch(self):
        """Whether another batch may be cut, or the window is full."""
        return self._window.has_room(2 * self._limit.now + 2)

    def rows(self, left, now):
        """Rows of the next batch, where about `left` are left: at least one."""
        self._sizer.in_flight = max(self.concurrency, 1)
        return min(self._sizer.rows(left, now), self._budget.max_rows() or NO_LIMIT)

    def to_ask(self, ready):
        """How many batches to ask for, where so many wait to be sent; they count as asked for."""
        room = self._concurrency
        if self._knobs.sized:
            room = max(self._limit.now - self.in_flight, 0)
            if self._seconds is not None:
                room += int(self._limit.now * min(TIME_TO_CUT / self._seconds, 1))
        missing = room - ready - self._asked
        # Several at a time if there are many threads: messages to a batcher that is itself waiting
        # to hand over a batch must not fill the pipe, or both would wait forever.
        enough = missing >= -(-self._concurrency // MAX_QUESTIONS) or not self._asked
        if missing <= 0 or not enough or self.failing:
            return 0
        self._asked += missing
        return missing

    def fits(self, size):
        """Whether a request with so many bytes of input may be small enough."""
        return size < self.size_limit * NEARLY

    @property
    def cut_limit(self):
        """Max bytes of input of a new batch."""
        return max(int(self.size_limit * BELOW_LIMIT), 1)

    @property
    def failing(self):
        """True while the server seems to be down."""
        return self._breaker.is_open()

    @property
    def concurrency(self):
        """How many requests may be in flight."""
        return self._tuner.number if self._tuner else self._limit.now

    @property
    def settled(self):
        """Whether concurrency is not being tuned at the moment."""
        return not self._tuner or self._tuner.settled

    def backoff(self, attempts):
        """Seconds until a batch that failed so many times is sent again."""
        return backoff(attempts, self._breaker.max_backoff)

    # --- what has happened ---

    def record(self, event, now):
        """Takes in an event, one of the types above."""
        return self.HANDLERS[type(event)](self, event, now)

    def _began(self, event, now):
        self.in_flight += 1
        self._budget.spend(1, event.rows, now)
        return self._breaker.begin()

    def _answered(self, event, now):
        self.in_flight -= 1
        self._limit.succeeded()
        self._seconds = max(event.seconds, 1e-6)
        self._learned(event, now)
        if self._tuner:
            self._tuner.answered(event.rows, event.busy, now)
            self._sizer.trying = not self._tuner.settled
        self._recovered(event, now)

    def _learned(self, event, now):
        self._window.learn(event.rows, event.size)
        if self._knobs.sized:
            self._sizer.heard(event.rows, event.seconds)

    def _failed(self, event, now):
        self.in_flight -= 1
        if event.full:
            self._limit.refused(self.in_flight)
        if self._tuner and event.full:
            self._tuner.refused(now)
        elif self._tuner and event.late:
            self._tuner.timed_out(now)
        if event.full and self.in_flight:
            self._breaker.ended(event.ticket)
            return False
        return self._breaker.failed(event.ticket, now, event.at_least)

    def _ended(self, event, now):
        self.in_flight -= 1
        self._breaker.ended(event.ticket)

    def _came(self, event, now):
        self._asked -= 1

    def _cut(self, event, now):
        self._sizer.gave(event.rows, now)
        self._window.cut(event)

    def _recovered(self, event, now):
        self._breaker.succeeded()
        self.successes += 1

    def _limited(self, event, now):
        self.size_limit = min(self.size_limit, event.size)

    def _allowed(self, event, now):
        self._concurrency = event.number
        self._limit.allow(event.number)
        self._sizer.trying = event.trying

    HANDLERS = {
        Began: _began,
        Spent: lambda self, event, now: self._budget.spend(event.requests, event.rows, now),
        Shared: lambda self, event, now: self._budget.take_share(event.share),
        Answered: _answered,
        Learned: _learned,
        Failed: _failed,
        Ended: _ended,
        Heard: lambda self, event, now: self._breaker.answered(),
        Came: _came,
        Given: lambda self, event, now: self._sizer.gave(event.rows, now),
        Cut: _cut,
        Committed: lambda self, event, now: self._window.committed(event.end_row),
        events.Recovered: _recovered,
        events.SizeLimit: _limited,
        events.Concurrency: _allowed,
    }
