"""What limits the traffic: concurrency, circuit breaker, rates and window. Time is handed in."""

from __future__ import absolute_import, division, unicode_literals

from collections import deque

from datarobot_batch_scoring.server.request_error import MAX_BACKOFF, backoff

# After each refusal, one more is tried a little later: at first with each success, and in the
# end when all requests in flight have succeeded so many times.
MAX_PATIENCE = 4

# Max backoff before the server has answered anything: it may be starting.
MAX_FIRST_BACKOFF = 2.0

# So many failures with no success in between mean that the server fails, not one batch.
FAILURES_TO_OPEN = 2

# Seconds that a request may be early to make up for one that was late: a thread wakes up late.
SLACK = 0.1
# An automatic batch has the rows of at most so many seconds.
SECONDS_PER_BATCH = 0.25

# Bytes of requests and results that may be ahead of the last committed row, and what a batch
# takes besides these.
WINDOW = 64 << 20
BATCH_COST = 4 << 10


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
        rate = self._rates['rows']
        return max(int(rate * self.share * SECONDS_PER_BATCH), 1) if rate else None

    def take_share(self, share):
        """Takes another share of what the run may send; none for the moment does not count."""
        self.share = share or self.share

    def _cost(self, kind, number, otherwise=0.0):
        rate = self._rates[kind]
        return number / (rate * self.share) if rate else otherwise


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
