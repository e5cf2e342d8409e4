"""When to send a request again: the waits, and the gate that spares a failing server."""

from __future__ import absolute_import, division, unicode_literals

import random

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
JITTER = 0.2

MOST_BAD_ANSWERS = 10
# Where an answer with too few rows is the model's doing.
MOST_LOST_ROWS = 1

# Longest wait while nobody has answered yet: the server may be starting.
LONGEST_FIRST_WAIT = 2.0

# So many failures with no success in between mean that the server fails, not one batch.
FAILURES_TO_CLOSE = 2


def backoff(tries, longest=None):
    """Seconds to wait after so many failed tries: 0.5, doubled up to `longest`, with jitter.

    Without `longest`, up to `LONGEST_WAIT`.
    """
    wait = FIRST_WAIT * 2 ** min(tries - 1, 10)
    return min(wait * random.uniform(1 - JITTER, 1 + JITTER), longest or LONGEST_WAIT)


class Gate(object):
    """Lets requests pass while the server answers, and only a few while it does not.

    After `FAILURES_TO_CLOSE` failures in a row it lets one request pass at a
    time, with growing waits; the first success opens it. Each worker process has
    a gate of its own, so the waits are multiplied by the number of `processes`.
    It has no lock: its owner has one.
    """

    def __init__(self, processes):
        self._processes = processes
        self._failures = 0
        self._rounds = 0
        self._opens = 0.0
        self._probing = False
        # Seconds that it waits at the most.
        self.longest = LONGEST_WAIT

    @property
    def rounds(self):
        """How many waits there have been since the last success."""
        return self._rounds

    def closed(self):
        """True while the server seems to be down."""
        return self._failures >= FAILURES_TO_CLOSE

    def wait(self, now):
        """Seconds until a request may pass; None: not before one in flight has ended."""
        if not self.closed():
            return 0.0
        return None if self._probing else max(self._opens - now, 0.0)

    def enter(self):
        """A request passes; returns a ticket for `failed` and `gave_up`."""
        if self.closed():
            self._probing = True
        return self._rounds

    def succeeded(self):
        """A request was answered well, here or in another process: the gate opens."""
        self._failures = self._rounds = 0
        self._probing = False

    def failed(self, ticket, now, at_least=0.0):
        """A request failed; the server may have asked to wait `at_least` seconds."""
        self._failures += 1
        if ticket != self._rounds:
            return
        # Of requests that fail together, only the first counts as a round.
        self._probing = False
        if self.closed() or not self._rounds:
            self._rounds += 1
            self._opens = now + max(backoff(self._rounds, self.longest) * self._processes, at_least)

    def gave_up(self, ticket):
        """A request ended in a way that says nothing about the server's health."""
        if ticket == self._rounds:
            self._probing = False
