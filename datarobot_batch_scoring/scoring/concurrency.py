"""How many requests are in flight: fewer while a server is full, and tuned for --n_concurrent=auto."""

from __future__ import absolute_import, division, unicode_literals

FIRST = 4
# What is tried next, as a multiple, and how many times more rows per second must come of it.
STEP = 2
GAIN = 1.15
# Answers are compared once batches grow no more than this from one round to the next.
STEADY = 1.5
# Seconds until more are tried again: at first, and after tries in vain; these double it.
AGAIN = 15.0
AGAIN_LATEST = 600.0
# What is left after a timeout.
LESS = 3 / 4

# After each refusal, one more is tried a little later: at first with each success, and in the
# end when all requests in flight have succeeded so many times.
MAX_PATIENCE = 4


class ConcurrencyTuner(object):
    """Tunes concurrency: what becomes of requests in, their `number` out, at most `most`.

    It grows by one with each answer up to the next step; then a round of answers tells whether
    more rows per second come of it. If not, it goes back. It is `settled` until it tries again.
    """

    def __init__(self, most):
        self.number = min(FIRST, most)
        self.settled = False
        self.rate = None  # rows per second, in the last round
        self._most = most
        # The number to go back to, its rows per second, and the number to try.
        self._base, self._base_rate, self._goal = self.number, None, self.number
        self._round = Round(0.0)
        self._rows = 0.0
        self._again_at = None
        self._again = AGAIN
        # Failures since the last success, and the number at that time.
        self._failures = 0
        self._at_success = self.number

    def answered(self, rows, seconds, now):
        """A request of so many rows was answered; it took a thread so many seconds."""
        self._failures = 0
        if self.number < self._goal:
            self.number += 1
            self._round = Round(now)
        else:
            self._round.count(rows, seconds, now)
            if self._round.answers >= self.number:
                self._end_round(now)
        self._at_success = self.number

    def refused(self, now):
        """A server that was full refused a request."""
        self._failures += 1
        if self._failures < self._at_success:
            self._settle(self._at_success - self._failures, now)
        else:
            # It is not full: it does not work.
            self._settle(self._at_success, now)

    def timed_out(self, now):
        """A request had no answer in time."""
        self._failures += 1
        if self._failures == 1:
            self._settle(max(int(self.number * LESS), 1), now)

    def _end_round(self, now):
        found, self._round = self._round, Round(now)
        steady = found.rows <= STEADY * self._rows
        self._rows = found.rows
        self.rate = self.number * found.rows / found.seconds
        if self.settled:
            if now >= self._again_at and self.number < self._most:
                self.settled = False
                self._climb()
        elif not steady:
            pass
        elif self._base_rate is not None and self.rate < GAIN * self._base_rate:
            self._settle(self._base, now)
        elif self.number >= self._most:
            self._settle(self.number, now)
        else:
            self._climb()

    def _climb(self):
        self._base, self._base_rate = self.number, self.rate
        self._goal = min(STEP * self.number, self._most)

    def _settle(self, number, now):
        if not self.settled:
            self._again_at = now + self._again
            self._again = min(2 * self._again, AGAIN_LATEST)
        self.settled = True
        self.number = self._goal = number
        self._round = Round(now)


class Round(object):
    """The answers to requests that began after a time."""

    def __init__(self, since):
        self._since = since
        self.answers = self.rows = 0
        self.seconds = 1e-6

    def count(self, rows, seconds, now):
        """Counts an answer that came `now`, after so many seconds."""
        if now - seconds >= self._since:
            self.answers += 1
            self.rows += rows
            self.seconds += seconds


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
