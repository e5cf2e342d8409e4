"""The batches of one worker process: which is sent next, and when."""

from __future__ import absolute_import, unicode_literals

import copy
import heapq
import threading

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset.batch import halve
from datarobot_batch_scoring.dataset.cutter import NO_LIMIT
from datarobot_batch_scoring.dataset.digests import Digest

# Batches of equal rows differ by a few bytes: one of nearly the size that
# failed would fail as well.
NEARLY = 0.9

# Messages to the batcher that it may not have read yet, about.
MOST_QUESTIONS = 8


class Part(object):
    """A batch, or a part of one that was too large for a request, and what was tried."""

    def __init__(self, batch, before, after):
        self.batch = batch
        self.digests = after
        self.halved = False
        self.tries = 0
        self.timeouts = 0
        self.bad_answers = 0
        self._digest = Digest(before, batch.start.byte)

    def __lt__(self, other):
        return self.batch.start < other.batch.start

    def halves(self, delimiter):
        """The part as two parts; it must hold two records at least."""
        left, right = copy.copy(self), copy.copy(self)
        for half, batch in zip((left, right), halve(self.batch, delimiter)):
            half.__dict__.update(batch=batch, halved=True, tries=0, timeouts=0, bad_answers=0)
        right._digest = self._digest.copy()
        left.digests = right._digest.add(left.batch.raw)
        return left, right


class Queue(object):
    """What a worker process still has to score, shared by its threads.

    `ask(count)` asks the batcher for more batches; it is called with the
    lock held.
    """

    def __init__(self, gate, ahead, delimiter, ask):
        self._gate = gate
        self._ahead = ahead
        self._delimiter = delimiter
        self._ask = ask
        self._changed = threading.Condition()
        self._ready = []
        self._waiting = []
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
        return self._no_more and not (self._ready or self._waiting or self._in_flight)

    def _wake_waiting(self):
        now = monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._waiting)[1])

    def _until_due(self):
        return max(self._waiting[0][0] - monotonic(), 0.0) if self._waiting else None

    def _start(self):
        part = self._fitting(heapq.heappop(self._ready))
        self._in_flight += 1
        self._ask_for_more()
        return part, self._gate.enter()

    def _fitting(self, part):
        while part.batch.rows > 1 and len(part.batch.raw) >= self._ceiling * NEARLY:
            part, rest = part.halves(self._delimiter)
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
            self._gate.succeeded()
            self._changed.notify_all()

    def failed(self, part, ticket, wait, asked):
        """A part is to be sent again in `wait` seconds; the server asked for `asked` seconds.

        Returns the gate's rounds.
        """
        with self._changed:
            self._in_flight -= 1
            now = monotonic()
            self._gate.failed(ticket, now, asked)
            heapq.heappush(self._waiting, (now + wait, part))
            self._changed.notify_all()
            return self._gate.rounds

    def split(self, part, ticket):
        """A part is too large: its halves take its place. Returns the new ceiling."""
        with self._changed:
            self._in_flight -= 1
            self._gate.gave_up(ticket)
            self.lower_ceiling(len(part.batch.raw))
            for half in part.halves(self._delimiter):
                heapq.heappush(self._ready, half)
            self._changed.notify_all()
            return self._ceiling

    def lower_ceiling(self, size):
        """Parts of about `size` bytes are too large for a request."""
        self._ceiling = min(self._ceiling, size)

    def recovered(self):
        """Another worker process had a success."""
        with self._changed:
            self._gate.succeeded()
            self._changed.notify_all()
