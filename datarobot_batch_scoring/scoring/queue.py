"""The batches of one worker process: which is sent next, and when."""

from __future__ import absolute_import, unicode_literals

import heapq
import threading

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset.cutter import NO_LIMIT
from datarobot_batch_scoring.scoring.limit import Limit
from datarobot_batch_scoring.scoring.part import BLAMED, TOO_MUCH
from datarobot_batch_scoring.server.retry import LONGEST_WAIT, backoff

# Batches of equal numbers of rows differ by a few bytes: one of nearly the size that
# failed would fail as well.
NEARLY = 0.9

# About how many messages the batcher may not have read yet.
MOST_QUESTIONS = 8

# Seconds in which a batch surely comes. Where sizes follow the answers, a batch that waits
# longer was cut without the last of them.
TIME_TO_CUT = 0.05

# A batch is to blame once it has failed this often while others succeeded; half of such a
# batch is to blame sooner, unless it is a single row.
FAILURES_TO_BLAME = 3
FAILURES_OF_HALF = 2


class Queue(object):
    """What a worker process still has to score, shared by its threads.

    `ask(count, answers, limit)` asks the batcher for more batches and tells it of `answers`, a
    list of (rows, seconds), and how many requests may be in flight; it is called with the lock
    held. `threads` take from the queue.
    `sized`: the batcher sizes batches by the answers. `by_itself`: no other process scores
    rows of this run. If others do, a suspect waits `patience` seconds for one of them to
    succeed.
    """

    def __init__(self, gate, threads, delimiter, ask, patience=0.0, by_itself=True,
                 sized=False):
        self._gate = gate
        self._threads = threads
        self._limit = Limit(threads)
        self._sized = sized
        self._seconds = None
        self._answers = []
        self._delimiter = delimiter
        self._ask = ask
        self._patience = patience
        self._by_itself = by_itself
        # True once any row of the run has been accepted, in whatever process.
        self.accepted = False
        self._changed = threading.Condition()
        self._ready = []
        self._waiting = []
        # Parts that are found guilty once others succeed.
        self._suspects = []
        self._successes = 0
        self._asked = 0
        self._in_flight = 0
        self._ceiling = NO_LIMIT
        self._no_more = False
        self._stopped = False

    def add(self, part):
        """Takes in a batch that has come from the batcher."""
        with self._changed:
            self._asked -= 1
            heapq.heappush(self._ready, part)
            self._changed.notify()

    def allow(self, threads):
        """Sets how many threads take from the queue, and so how many requests may be in flight."""
        with self._changed:
            self._threads = threads
            self._limit.allow(threads)
            self._changed.notify_all()

    def no_more(self):
        """Notes that the batcher has sent its last batch."""
        with self._changed:
            self._no_more = True
            self._changed.notify_all()

    def stop(self):
        """Lets no more parts be taken."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def stopped(self):
        """True once `stop` has been called."""
        return self._stopped

    @property
    def in_flight(self):
        """How many parts are under way."""
        return self._in_flight

    def take(self):
        """Waits for the next part to send; returns it and its ticket, or None if none will come."""
        with self._changed:
            while not self._ended():
                self._wake_waiting()
                self._judge_what_is_left()
                self._ask_for_more()
                wait = self._until_next()
                if self._ready and wait == 0:
                    return self._start()
                self._changed.wait(wait)
            self._changed.notify_all()
            return None

    def _ended(self):
        if self._stopped:
            return True
        return self._no_more and not (
            self._ready or self._waiting or self._in_flight or self._suspects)

    def _wake_waiting(self):
        now = monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._waiting)[1])

    def _until_next(self):
        if self._in_flight >= self._limit.now:
            return None
        return self._gate.wait(monotonic()) if self._ready else self._until_due()

    def _until_due(self):
        if self._waiting:
            return max(self._waiting[0][0] - monotonic(), 0.0)
        if self._suspects and not self._in_flight:
            return max(self._suspects[0].verdict.since + self._patience - monotonic(), 0.0)
        return None

    def _start(self):
        part = self._fitting(self._next())
        self._in_flight += 1
        self._ask_for_more()
        return part, self._gate.enter()

    def _next(self):
        if not self._gate.closed():
            return heapq.heappop(self._ready)
        # Otherwise one that always fails might be the one that is tried again and again.
        part = min(self._ready, key=lambda each: (each.tries, each.batch.start))
        self._ready.remove(part)
        heapq.heapify(self._ready)
        return part

    def _fitting(self, part):
        while (part.batch.rows > 1 and not part.verdict
               and len(part.batch.raw) >= self._ceiling * NEARLY):
            part, rest = part.halves(self._delimiter, TOO_MUCH)
            heapq.heappush(self._ready, rest)
        return part

    def _ask_for_more(self):
        missing = self._room() - len(self._ready) - self._asked
        # Several at a time if there are many threads: messages to a batcher that is itself waiting
        # to hand over a batch must not fill the pipe, or both would wait forever.
        enough = missing >= -(-self._threads // MOST_QUESTIONS) or not self._asked
        if missing > 0 and enough and not (self._no_more or self._gate.closed()):
            self._asked += missing
            answers, self._answers = self._answers, []
            self._ask(missing, answers, self._limit.now)

    def heard(self):
        """Notes that a server has answered, whatever it said."""
        self._gate.longest = LONGEST_WAIT

    def backoff(self, tries):
        """Seconds until a part that failed so many times is sent again."""
        return backoff(tries, self._gate.longest)

    def _room(self):
        if not self._sized:
            return self._threads
        idle = max(self._limit.now - self._in_flight, 0)
        if self._seconds is None:
            return idle
        return idle + int(self._limit.now * min(TIME_TO_CUT / self._seconds, 1))

    def succeeded(self, rows, seconds):
        """Notes that a part of so many rows has its answer, after so many seconds."""
        with self._changed:
            self._in_flight -= 1
            self._limit.succeeded()
            self._seconds = max(seconds, 1e-6)
            if self._sized:
                self._answers.append((rows, seconds))
            self._succeeded()
            self._changed.notify_all()

    def _succeeded(self):
        self._gate.succeeded()
        self._successes += 1
        for part in self._suspects:
            part.verdict.guilty = True
        self._release_suspects()

    def failed(self, part, ticket, wait, asked, full=False):
        """Has a part sent again in `wait` seconds; the server asked for `asked` seconds.

        `full`: the server had no room for it. Returns the seconds until anything is sent again.
        """
        with self._changed:
            self._in_flight -= 1
            part.last_failure = self._successes
            now = monotonic()
            if full:
                self._limit.refused(self._in_flight)
            if full and self._in_flight:
                self._gate.gave_up(ticket)
            else:
                self._gate.failed(ticket, now, asked)
            heapq.heappush(self._waiting, (now + wait, part))
            self._changed.notify_all()
            return self._until_next_try(now)

    def _until_next_try(self, now):
        # The gate gives None while a request is in flight.
        due = 0.0 if self._ready else self._waiting[0][0] - now
        return max(due, self._gate.wait(now) or 0.0)

    def split(self, part, ticket, cause):
        """Replaces a part by its halves. Returns the ceiling.

        What was `TOO_MUCH` is the new ceiling. Otherwise the cause is in its rows, and
        other batches do not get smaller.
        """
        with self._changed:
            self._end(ticket)
            part.last_failure = self._successes
            if cause == TOO_MUCH:
                self.lower_ceiling(len(part.batch.raw))
            if cause == BLAMED and part.blamed_at is None:
                part.blamed_at = self._successes
            for half in part.halves(self._delimiter, cause):
                heapq.heappush(self._ready, half)
            return self._ceiling

    def set_aside(self, ticket):
        """Notes that a part has gone to the writer without an answer."""
        with self._changed:
            self._end(ticket)

    def _end(self, ticket):
        self._in_flight -= 1
        self._gate.gave_up(ticket)
        self._changed.notify_all()

    # --- what fails while others succeed ---

    def fails_alone(self, part):
        """Counts a failure; returns True if the part is the cause, since others succeed.

        To be called before `failed`.
        """
        with self._changed:
            if not part.failures_alone or self._others_succeed(part):
                part.failures_alone += 1
            half = BLAMED in part.causes and part.batch.rows > 1
            return part.failures_alone >= (FAILURES_OF_HALF if half else FAILURES_TO_BLAME)

    def _others_succeed(self, part):
        if self._successes > part.last_failure:
            return True
        # If only what has failed is left, nothing else can succeed.
        return (self._in_flight == 1 and all(each.tries for each in self._ready)
                and self._is_probably_guilty(part))

    def _is_probably_guilty(self, part):
        """Whether a part is taken to be guilty if nothing else can tell."""
        if BLAMED in part.causes:
            return self._successes > part.blamed_at
        # Halving a batch once shows whether it is an outage, and does no harm if it is.
        return self.accepted and part.batch.rows > 1

    def suspect(self, part, ticket, verdict):
        """Keeps a part from being sent again: `verdict` sets it aside if others succeed.

        If none does, it ends the run.
        """
        with self._changed:
            self._end(ticket)
            part.last_failure = self._successes
            part.verdict = verdict
            self._suspects.append(part)

    def _judge_what_is_left(self):
        if not self._suspects or self._ready or self._waiting or self._in_flight:
            return
        # Another batch, or another process, may yet show that the server works.
        for part in self._suspects:
            part.verdict.guilty = (self._is_probably_guilty(part)
                                   or self.accepted and part.verdict.too_large)
        waited = monotonic() - self._suspects[0].verdict.since >= self._patience
        certain = self._by_itself or all(part.verdict.guilty for part in self._suspects)
        if waited or self._no_more and certain:
            self._release_suspects()

    def _release_suspects(self):
        while self._suspects:
            heapq.heappush(self._ready, self._suspects.pop())

    def lower_ceiling(self, size):
        """Notes that parts of about `size` bytes are too large for a request."""
        self._ceiling = min(self._ceiling, size)

    def recovered(self):
        """Notes that another worker process has succeeded."""
        with self._changed:
            self._succeeded()
            self._changed.notify_all()
