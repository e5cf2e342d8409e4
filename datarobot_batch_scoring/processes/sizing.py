"""How many rows the next batch should have: learned from the answers of the server."""

from __future__ import absolute_import, division, unicode_literals

from collections import deque, namedtuple

# A row may take seconds, so a run begins with few, and with fewer where there are not enough
# for all requests in flight.
FIRST_ROWS = 4
# What nobody has tried yet is tried in steps.
GROWTH = 16

# Seconds that a request should take, and as many times its own cost where that is more: so
# little of the server's time goes there.
AIM = 2.0
COSTS = 15
# Of the timeout, at most: the server may slow down.
SHARE_OF_TIMEOUT = 4

# Near the end a batch is a part of what is left, so that all requests in flight end together,
# but nothing that takes less than these seconds, or so many times the cost of a request. What
# is then left is cut into equal batches, so many for each request in flight.
SHARES = 2
LEAST = 0.1
LEAST_COSTS = 12
LAST_ROUNDS = 2

# Answers that tell what a request costs.
MEMORY = 24
# Only requests so many times larger than others tell it.
SPREAD = 2
# Answers that tell what a row costs, at least.
RECENT = 4

Answer = namedtuple('Answer', 'rows seconds')


class Sizing(object):
    """The policy: answers in, rows out.

    `in_flight` requests are with the server at once; each should be far from taking `timeout`
    seconds. A request of n rows is taken to need a + b * n seconds.
    """

    def __init__(self, in_flight, timeout):
        self._in_flight = in_flight
        self._longest = timeout / SHARE_OF_TIMEOUT
        self._answers = deque(maxlen=MEMORY)
        self._recent = deque(maxlen=max(RECENT, in_flight))
        self._request_cost = 0.0
        self._quickest = float('inf')
        # Rows of the first batches, which are equal, and of the last, once it is their turn.
        self._first = self._last = None

    def heard(self, rows, seconds):
        """A request of so many rows was answered in so many seconds."""
        answer = Answer(rows, max(seconds, 1e-6))
        self._quickest = min(self._quickest, answer.seconds)
        self._answers.append(answer)
        self._recent.append(answer)
        self._learn_request_cost()

    def rows(self, left):
        """Rows of the next batch, where about `left` are left: at least one."""
        if not self._recent:
            self._first = self._first or first_rows(left, self._in_flight)
            return self._first
        share = left / (SHARES * self._in_flight)
        cost = self._row_cost()
        least = max(LEAST, LEAST_COSTS * self._request_cost) / cost
        if left < LAST_ROUNDS * least * self._in_flight:
            self._last = self._last or -(-left // (LAST_ROUNDS * self._in_flight))
            least = min(least, self._last)
        aim = min(max(AIM, COSTS * self._request_cost), self._longest)
        rows = min((aim - self._request_cost) / cost, self._most_rows(), max(share, least))
        return max(int(rows), 1)

    def _most_rows(self):
        largest = max(self._recent)
        return largest.rows * min(GROWTH, max(self._longest / largest.seconds, 1))

    def _row_cost(self):
        seconds = sum(each.seconds - self._request_cost for each in self._recent)
        return max(seconds, 1e-6) / sum(each.rows for each in self._recent)

    def _learn_request_cost(self):
        if max(self._answers).rows >= SPREAD * min(self._answers).rows:
            self._request_cost = min(max(_intercept(self._answers), 0.0), self._quickest)


def first_rows(left, in_flight):
    """Rows of each batch until there is an answer."""
    return max(min(FIRST_ROWS, -(-left // in_flight)), 1)


def _intercept(answers):
    """Where a line through the answers begins; what is small counts as much as what is large."""
    weights = [each.seconds ** -2 for each in answers]
    total = sum(weights)
    rows = sum(weight * each.rows for weight, each in zip(weights, answers)) / total
    seconds = sum(weight * each.seconds for weight, each in zip(weights, answers)) / total
    slope = (
        sum(weight * (each.rows - rows) * (each.seconds - seconds)
            for weight, each in zip(weights, answers))
        / sum(weight * (each.rows - rows) ** 2 for weight, each in zip(weights, answers)))
    return seconds - slope * rows
