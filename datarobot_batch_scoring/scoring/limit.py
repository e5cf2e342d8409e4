"""How many requests a worker process may have in flight while the server says that it is full."""

from __future__ import absolute_import, unicode_literals

# After each refusal, one more is tried a little later: at first with each success, and in the
# end when all requests in flight have succeeded so many times.
MOST_PATIENCE = 4


class Limit(object):
    """The number of requests that may be in flight: at most `most`, and fewer once one is refused.

    It has no lock: its owner has one.
    """

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
            self._patience = min(self._patience + 1, MOST_PATIENCE)
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
