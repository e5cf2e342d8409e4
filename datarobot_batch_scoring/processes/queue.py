"""The batches of one worker process: which is sent next, and when."""

from __future__ import absolute_import, unicode_literals

import heapq
import threading

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset.cutter import NO_LIMIT
from datarobot_batch_scoring.processes.part import BLAMED, TOO_MUCH

# Batches of equal rows differ by a few bytes: one of nearly the size that
# failed would fail as well.
NEARLY = 0.9

# Messages to the batcher that it may not have read yet, about.
MOST_QUESTIONS = 8

# A batch is to blame once it has failed so often while others succeeded, and a half of such a
# batch sooner; but not a row by itself.
FAILURES_TO_BLAME = 3
FAILURES_OF_HALF = 2


class Queue(object):
    """What a worker process still has to score, shared by its threads.

    `ask(count)` asks the batcher for more batches; it is called with the
    lock held. `by_itself`: no other process scores rows of the run; if one does, a suspect
    waits for its success for `patience` seconds.
    """

    def __init__(self, gate, ahead, delimiter, ask, patience=0.0, by_itself=True):
        self._gate = gate
        self._ahead = ahead
        self._delimiter = delimiter
        self._ask = ask
        self._patience = patience
        self._by_itself = by_itself
        # True once any row of the run was accepted, in whatever process.
        self.accepted = False
        self._changed = threading.Condition()
        self._ready = []
        self._waiting = []
        # Parts that wait for the success of others to be found guilty.
        self._suspects = []
        self._successes = 0
        self._asked = 0
        self._in_flight = 0
        self._ceiling = NO_LIMIT
        self._no_more = False
        self._stopped = False

    def add(self, part):
        """A batch has come from the batcher."""
        with self._changed:
            self._asked -= 1
            heapq.heappush(self._ready, part)
            self._changed.notify()

    def no_more(self):
        """The batcher has sent its last batch."""
        with self._changed:
            self._no_more = True
            self._changed.notify_all()

    def stop(self):
        """No part is taken any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def stopped(self):
        """True once `stop` was called."""
        return self._stopped

    def take(self):
        """The next part to send and its ticket; waits for one. None: there will be none."""
        with self._changed:
            while not self._ended():
                self._wake_waiting()
                self._judge_what_is_left()
                self._ask_for_more()
                wait = self._gate.wait(monotonic()) if self._ready else self._until_due()
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
        # Or one that fails by itself would be the one that is tried, again and again.
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
        missing = self._ahead - len(self._ready) - self._asked
        # Several at a time where there are many threads: messages that wait for a batcher that
        # itself waits to hand over a batch must not fill the pipe, or both would wait for ever.
        enough = missing >= -(-self._ahead // MOST_QUESTIONS) or not self._asked
        if missing > 0 and enough and not (self._no_more or self._gate.closed()):
            self._asked += missing
            self._ask(missing)

    def succeeded(self):
        """A part has its answer."""
        with self._changed:
            self._in_flight -= 1
            self._succeeded()
            self._changed.notify_all()

    def _succeeded(self):
        self._gate.succeeded()
        self._successes += 1
        for part in self._suspects:
            part.verdict.guilty = True
        self._release_suspects()

    def failed(self, part, ticket, wait, asked):
        """A part is to be sent again in `wait` seconds; the server asked for `asked` seconds.

        Returns the gate's rounds, and the seconds until anything is sent again.
        """
        with self._changed:
            self._in_flight -= 1
            self._note_failure(part)
            now = monotonic()
            self._gate.failed(ticket, now, asked)
            heapq.heappush(self._waiting, (now + wait, part))
            self._changed.notify_all()
            return self._gate.rounds, self._until_next_try(now)

    def _until_next_try(self, now):
        # The gate gives None while a request is in flight.
        due = 0.0 if self._ready else self._waiting[0][0] - now
        return max(due, self._gate.wait(now) or 0.0)

    def _note_failure(self, part):
        part.last_failure = self._successes
        if part.first_failure is None:
            part.first_failure = self._successes

    def split(self, part, ticket, cause):
        """The halves of a part take its place. Returns the ceiling.

        What was `TOO_MUCH` is the new ceiling. Else the cause lies in its rows, and other
        batches are none the smaller for it.
        """
        with self._changed:
            self._end(ticket)
            self._note_failure(part)
            if cause == TOO_MUCH:
                self.lower_ceiling(len(part.batch.raw))
            for half in part.halves(self._delimiter, cause):
                heapq.heappush(self._ready, half)
            return self._ceiling

    def set_aside(self, ticket):
        """A part has gone to the writer without an answer."""
        with self._changed:
            self._end(ticket)

    def _end(self, ticket):
        self._in_flight -= 1
        self._gate.gave_up(ticket)
        self._changed.notify_all()

    # --- what fails while others succeed ---

    def fails_alone(self, part):
        """Counts a failure; returns True where the cause is in the part, as others succeed.

        It is to be called before `failed`.
        """
        with self._changed:
            if not part.failures_alone or self._others_succeed(part):
                part.failures_alone += 1
            half = BLAMED in part.causes and part.batch.rows > 1
            return part.failures_alone >= (FAILURES_OF_HALF if half else FAILURES_TO_BLAME)

    def _others_succeed(self, part):
        if self._successes > part.last_failure:
            return True
        # Where only what has failed is left, nothing else can succeed.
        return (self._in_flight == 1 and all(each.tries for each in self._ready)
                and self._is_probably_guilty(part))

    def _is_probably_guilty(self, part):
        """What is taken for true of a part where nothing else can tell."""
        if self._successes > part.first_failure:
            return True
        # An outage would not do harm by that: to halve a batch once tells more of it.
        return self.accepted and part.batch.rows > 1 and BLAMED not in part.causes

    def suspect(self, part, ticket, verdict):
        """A part is not sent again: it has this `Verdict` if others succeed, else the run ends."""
        with self._changed:
            self._end(ticket)
            self._note_failure(part)
            part.verdict = verdict
            self._suspects.append(part)

    def _judge_what_is_left(self):
        if not self._suspects or self._ready or self._waiting or self._in_flight:
            return
        # Another batch, or another process, may yet show that the server is well.
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
        """Parts of about `size` bytes are too large for a request."""
        self._ceiling = min(self._ceiling, size)

    def recovered(self):
        """Another worker process had a success."""
        with self._changed:
            self._succeeded()
            self._changed.notify_all()
