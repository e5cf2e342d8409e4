"""Rates that a run must not exceed: a leaky bucket, spent evenly. Time is handed in."""

from __future__ import absolute_import, division, unicode_literals

# Seconds that a request may be early to make up for one that was late: a thread wakes up late.
SLACK = 0.1
# An automatic batch has the rows of at most so many seconds.
SECONDS_PER_BATCH = 0.25


class Budget(object):
    """Requests and rows per second, of which this process has a share.

    `requests` and `rows` are those of the whole run, each None for no limit. What is spent has to
    be earned before there is more: so what is sent is spread evenly, however much that is.
    """

    def __init__(self, requests, rows, share=1.0, place=0.0):
        self._rates = {'requests': requests, 'rows': rows}
        self._free_at = {}
        # The processes of a run do not begin at the same moment.
        self._place = place
        self.share = share

    @property
    def is_limited(self):
        """Whether there is any limit."""
        return any(self._rates.values())

    def wait(self, now):
        """Seconds until a request may be sent."""
        if self._place:
            self._free_at['start'] = now + self._place * self._cost('requests', 1, SECONDS_PER_BATCH)
            self._place = 0.0
        return max([free_at - now for free_at in self._free_at.values()] + [0.0])

    def spend(self, requests, rows, now):
        """Takes so many from the budget; fewer than none are given back."""
        for kind, number in (('requests', requests), ('rows', rows)):
            if self._rates[kind] and number:
                earned = max(self._free_at.get(kind, now), now - SLACK)
                self._free_at[kind] = earned + self._cost(kind, number)

    def max_rows(self):
        """Max rows of an automatic batch; None: no limit."""
        if not self._rates['rows']:
            return None
        return max(int(self._rates['rows'] * self.share * SECONDS_PER_BATCH), 1)

    def _cost(self, kind, number, otherwise=0.0):
        rate = self._rates[kind]
        return number / (rate * self.share) if rate else otherwise
