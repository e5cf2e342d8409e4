"""The circuit breaker, which spares a failing server."""

from __future__ import absolute_import, division, unicode_literals

from datarobot_batch_scoring.server.request_error import MAX_BACKOFF, backoff

# Max backoff before the server has answered anything: it may be starting.
MAX_FIRST_BACKOFF = 2.0

# So many failures with no success in between mean that the server fails, not one batch.
FAILURES_TO_OPEN = 2


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

    @property
    def rounds(self):
        """How many waits there have been since the last success."""
        return self._rounds

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
