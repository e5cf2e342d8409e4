"""How much is sent, and when: batch sizes, concurrency, circuit breaker, size limit and window.

A `Flow` is all that is known of the traffic with the server: what happens goes into `record`,
and what may happen next comes out. It is pure: time is handed in, and its owner has the lock.
The engine that sends, the batcher that cuts and the conductor that hears of all engines each
have one, and record in it what they know.
"""

from __future__ import absolute_import, division, unicode_literals

from collections import deque, namedtuple

from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.scoring.pace import BatchSizer, Budget, ConcurrencyTuner
from datarobot_batch_scoring.server.request_error import MAX_BACKOFF, backoff

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

# After each refusal, one more is tried a little later: at first with each success, and in the
# end when all requests in flight have succeeded so many times.
MAX_PATIENCE = 4

# Max backoff before the server has answered anything: it may be starting.
MAX_FIRST_BACKOFF = 2.0

# So many failures with no success in between mean that the server fails, not one batch.
FAILURES_TO_OPEN = 2

# Bytes of requests and results that may be ahead of the last committed row, and what a batch
# takes besides these.
WINDOW = 64 << 20
BATCH_COST = 4 << 10

Knobs = namedtuple('Knobs', [
    'concurrency',  # requests in flight here, at first
    'engines',      # that share the server
    'timeout',      # seconds
    'sized',        # True: batches are sized by the answers
    'tuned',        # max requests in flight where concurrency is tuned here; None: it is not
    'budget',       # pace.Budget, or None: requests may be sent at any rate
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


class ConcurrencyLimit(object):
    """The number of requests that may be in flight: at most `most`, and fewer once one is refused."""

    def __init__(self, most):
        self._most = most
        self._patience = 0
        self._successes = 0
        self._refusing = False
        self.now = most

    def allow(self, most):
        """Sets another most."""
        if self.now in (self._most, most) or most < self.now:
            self.now = most
        self._most = most

    def refused(self, others):
        """The server had no room for a request beside `others` that are in flight."""
        if not others:
            # It is not full: it does not work, and once it does again it may have room for all.
            self._patience = 0
        elif not self._refusing:
            # Of requests that are refused together, only the first counts.
            self._patience = min(self._patience + 1, MAX_PATIENCE)
        self._refusing = True
        self._successes = 0
        self.now = min(self.now, max(others, 1))

    def succeeded(self):
        """A request was answered well."""
        self._refusing = False
        self._successes += 1
        if self.now < self._most and self._successes >= self._patience * self.now:
            self._successes = 0
            self.now += 1


class CircuitBreaker(object):
    """Lets requests pass while the server answers, and only probes while it does not.

    After `FAILURES_TO_OPEN` failures in a row it opens and lets one request pass at a time, after
    growing waits; the first success closes it. Each engine has a breaker of its own, so the waits
    are multiplied by the number of `engines`.
    """

    def __init__(self, engines):
        self._engines = engines
        self._failures = 0
        self._rounds = 0
        self._next_at = 0.0
        self._probing = False
        # Max seconds that it waits.
        self.max_backoff = MAX_FIRST_BACKOFF

    def is_open(self):
        """True while the server seems to be down."""
        return self._failures >= FAILURES_TO_OPEN

    def answered(self):
        """The server has answered, if only to say no."""
        self.max_backoff = MAX_BACKOFF

    def wait(self, now):
        """Seconds until a request may pass; None: not before the one in flight has ended."""
        if not self.is_open():
            return 0.0
        return None if self._probing else max(self._next_at - now, 0.0)

    def begin(self):
        """A request passes; returns its ticket for `failed` and `ended`."""
        if self.is_open():
            self._probing = True
        return self._rounds

    def succeeded(self):
        """A request was answered well, here or in another engine: it closes."""
        self._failures = self._rounds = 0
        self._probing = False

    def failed(self, ticket, now, at_least=0.0):
        """A request failed; the server may have asked to wait `at_least` seconds.

        Returns True if it was a probe: while it was open, no other request passed.
        """
        self._failures += 1
        if ticket != self._rounds:
            return False
        # Of requests that fail together, only the first counts as a round.
        probe, self._probing = self._probing, False
        if self.is_open() or not self._rounds:
            self._rounds += 1
            wait = backoff(self._rounds, self.max_backoff) * self._engines
            self._next_at = now + max(wait, at_least)
        return probe

    def ended(self, ticket):
        """A request ended in a way that says nothing about the server's health."""
        if ticket == self._rounds:
            self._probing = False


class Window(object):
    """The batches that are handed out and not committed, up to `size` bytes.

    Each takes the memory of its request and of its result, as those so far let expect.
    """

    def __init__(self, size):
        self._size = size
        self._ahead = deque()
        self._taken = 0
        self._rows = self._results = 0

    def has_room(self, batches):
        """Whether one more batch may be handed out; so many always may be."""
        return self._taken < self._size or len(self._ahead) < batches

    def learn(self, rows, size):
        """The result for so many rows has so many bytes."""
        self._rows += rows
        self._results += size

    def cut(self, batch):
        """A `Cut` batch is handed out."""
        cost = BATCH_COST + batch.size + batch.rows * self._results // max(self._rows, 1)
        self._ahead.append((batch.end_row, cost))
        self._taken += cost

    def committed(self, end_row):
        """Everything before that row is committed."""
        while self._ahead and self._ahead[0][0] <= end_row:
            self._taken -= self._ahead.popleft()[1]
