"""The pace of a run: rates not to exceed, and what responses teach about batch sizes and concurrency."""

from __future__ import absolute_import, division, unicode_literals

from collections import deque, namedtuple

# --- rates ---

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
        rate = self._rates['rows']
        return max(int(rate * self.share * SECONDS_PER_BATCH), 1) if rate else None

    def take_share(self, share):
        """Takes another share of what the run may send; none for the moment does not count."""
        self.share = share or self.share

    def _cost(self, kind, number, otherwise=0.0):
        rate = self._rates[kind]
        return number / (rate * self.share) if rate else otherwise


# --- batch sizes ---

# A row may take seconds, so a run begins with few, and with fewer where there are not enough
# for all requests in flight.
FIRST_ROWS = 4
# Untried sizes are approached in steps.
GROWTH = 64

# Seconds that a request should take, and as many times its own cost where that is more: so
# little of the server's time goes there.
AIM = 2.0
COSTS = 20
# The same while it is tried how many requests should be in flight: answers must come soon.
AIM_OF_TRIES = 0.5
COSTS_OF_TRIES = 5
# Of the timeout, at most: the server may slow down.
SHARE_OF_TIMEOUT = 4

# Near the end a batch takes so small a part of the time until the end that what goes faster or
# slower than expected can be made up for, until that time is less than these seconds, or so
# many times the cost of a request. Then all requests get their last, and end together.
SHARES = 2.5
MIN_SECONDS = 0.1
MIN_COSTS = 16

# Answers that tell what a request costs.
MEMORY = 24
# Only requests so many times larger than others tell it.
SPREAD = 2
# Answers that tell what a row costs, at least.
RECENT = 4

Timing = namedtuple('Timing', 'rows seconds')


class BatchSizer(object):
    """Sizes batches: answers in, rows out.

    `in_flight` requests are with the server at once; it may change, and `trying` is True while
    it is tried how many that should be. Each should be far from
    taking `timeout` seconds. A request of n rows is taken to need a + b * n seconds.
    """

    def __init__(self, in_flight, timeout, trying=False):
        self.in_flight = in_flight
        self.trying = trying
        self._longest = timeout / SHARE_OF_TIMEOUT
        self._answers = deque(maxlen=MEMORY)
        self._request_cost = 0.0
        self._quickest = float('inf')
        # (rows, when) of the batches that were handed out last.
        self._given = deque()

    def gave(self, rows, now):
        """A batch of so many rows was handed out."""
        self._given.append((rows, now))
        while len(self._given) >= self.in_flight:
            self._given.popleft()

    def heard(self, rows, seconds):
        """A request of so many rows was answered in so many seconds."""
        answer = Timing(rows, max(seconds, 1e-6))
        self._quickest = min(self._quickest, answer.seconds)
        self._answers.append(answer)
        self._learn_request_cost()

    def rows(self, left, now):
        """Rows of the next batch, where about `left` are left: at least one."""
        if not self._answers:
            return max(min(FIRST_ROWS, -(-left // self.in_flight)), 1)
        row_cost = self._row_cost()
        until_end = self._until_end(left, row_cost, now)
        if until_end >= max(MIN_SECONDS, MIN_COSTS * self._request_cost):
            until_end /= SHARES
        rows = min(min(self._aim(), until_end) / row_cost, self._most_rows())
        return max(int(rows + 0.5), 1)

    def _aim(self):
        seconds, costs = (AIM_OF_TRIES, COSTS_OF_TRIES) if self.trying else (AIM, COSTS)
        aim = max(seconds, costs * self._request_cost)
        return min(aim, self._longest) - self._request_cost

    def _until_end(self, left, row_cost, now):
        """Seconds until everything is scored, if all requests in flight end together."""
        busy = [max(self._request_cost + row_cost * rows - (now - since), 0)
                for rows, since in self._given]
        total = row_cost * left + sum(busy)
        threads = self.in_flight
        for seconds in sorted(busy, reverse=True):
            # One that takes longer than that is no help for what is left.
            if seconds * threads > total:
                total -= seconds
                threads -= 1
        return total / threads

    def _recent(self):
        return list(self._answers)[-max(RECENT, self.in_flight):]

    def _most_rows(self):
        largest = max(self._recent())
        return largest.rows * min(GROWTH, max(self._longest / largest.seconds, 1))

    def _row_cost(self):
        recent = self._recent()
        seconds = sum(answer.seconds - self._request_cost for answer in recent)
        return max(seconds, 1e-6) / sum(answer.rows for answer in recent)

    def _learn_request_cost(self):
        if max(self._answers).rows >= SPREAD * min(self._answers).rows:
            self._request_cost = min(max(_intercept(self._answers), 0.0), self._quickest)


def _intercept(answers):
    """Where a line through the answers begins; what is small counts as much as what is large."""
    weights = [answer.seconds ** -2 for answer in answers]
    total = sum(weights)
    rows = sum(weight * answer.rows for weight, answer in zip(weights, answers)) / total
    seconds = sum(weight * answer.seconds for weight, answer in zip(weights, answers)) / total
    slope = (
        sum(weight * (answer.rows - rows) * (answer.seconds - seconds)
            for weight, answer in zip(weights, answers))
        / sum(weight * (answer.rows - rows) ** 2 for weight, answer in zip(weights, answers)))
    return seconds - slope * rows


# --- concurrency ---

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
        finished, self._round = self._round, Round(now)
        steady = finished.rows <= STEADY * self._rows
        self._rows = finished.rows
        self.rate = self.number * finished.rows / finished.seconds
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
