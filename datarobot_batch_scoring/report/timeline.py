"""What a report counts of a run: rows per batch, requests in flight and rows per second over time, latencies."""

from __future__ import absolute_import, division, unicode_literals

from collections import Counter

from datarobot_batch_scoring.scoring import histogram

# Seconds of the first intervals; they become longer, so that there are never more than so many.
FINEST = 1.0
MAX_INTERVALS = 120

# Of the histogram of throughput.
MAX_BINS = 120
FINEST_BIN = -2  # a quarter of a second

PERCENTILES = (50, 90, 95, 99)


class Interval(object):
    """What happened in one interval of the run."""

    def __init__(self):
        self.rows = self.answers = 0
        # Seconds that requests were in flight, all taken together.
        self.busy = 0.0

    def add(self, interval):
        """Adds what happened in the interval that follows."""
        self.rows += interval.rows
        self.answers += interval.answers
        self.busy += interval.busy


class Timeline(object):
    """What is known so far; its methods are told `second`, counted from the beginning."""

    def __init__(self):
        self._width = FINEST
        self._intervals = [Interval()]
        self._second = 0.0

    def passed(self, second, in_flight):
        """Until `second`, so many requests were in flight since the last call."""
        while self._second < second:
            number = self._number(self._second)
            until = min((number + 1) * self._width, second)
            self._intervals[number].busy += in_flight * (until - self._second)
            # Two numbers so near each other that their sum is one of them end this, too.
            self._second = until if until > self._second else second

    def answered(self, rows):
        """A request of so many rows was answered, at the second that was told last."""
        number = self._number(self._second)
        self._intervals[number].rows += rows
        self._intervals[number].answers += 1

    def _number(self, second):
        while second >= MAX_INTERVALS * self._width:
            pairs = zip(self._intervals[::2], self._intervals[1::2] + [Interval()])
            self._intervals = [_added(*pair) for pair in pairs]
            self._width *= 2
        number = int(second // self._width)
        self._intervals += [Interval() for _ in range(number + 1 - len(self._intervals))]
        return number

    def batch_rows(self):
        """[second, rows of a batch in the mean] where there were answers."""
        return [[start, _rounded(part.rows / part.answers)]
                for start, _, part in self._timed() if part.answers]

    def concurrency(self):
        """[second, requests in flight in the mean]."""
        return [[start, _rounded(part.busy / seconds)] for start, seconds, part in self._timed()]

    def rows_per_second(self):
        """[second, rows that were answered a second]."""
        return [[start, _rounded(part.rows / seconds)] for start, seconds, part in self._timed()]

    @property
    def usual_batch_rows(self):
        """Rows of a batch, neither at the beginning nor at the end."""
        return _usual(self.batch_rows())

    @property
    def usual_concurrency(self):
        """Requests in flight, neither at the beginning nor at the end."""
        return _usual(self.concurrency())

    def _timed(self):
        """(start, seconds, Interval) for each that has a length."""
        for number, part in enumerate(self._intervals):
            start = number * self._width
            seconds = min(self._second - start, self._width)
            if seconds > 0:
                yield start, seconds, part


def _added(part, following):
    part.add(following)
    return part


def _usual(pairs):
    beginning = len(pairs) // 4
    values = [value for _, value in pairs[beginning:len(pairs) - beginning]]
    return sum(values) / max(len(values), 1)


def _rounded(number):
    return float('{0:.4g}'.format(number))


class Figures(object):
    """Figures that take memory to count, but no more of it in a longer run."""

    def __init__(self):
        # Rounded to three digits, so there are a few thousand at most.
        self.latencies = Counter()
        self.longest = None
        self.throughput = None

    def answered(self, event, seconds):
        """Counts an `events.Answered` that came `seconds` after the run began."""
        self.latencies[float('{0:.2e}'.format(event.seconds))] += 1
        self.longest = max(self.longest or 0.0, event.seconds)
        part = histogram.Bins(FINEST_BIN, Counter({int(seconds / 2.0 ** FINEST_BIN): event.rows}))
        self.throughput = histogram.added(self.throughput, part, MAX_BINS)

    def percentiles(self):
        """{percent: seconds to three digits} of the requests; empty if there were none."""
        percentiles, seen, count = {}, 0, sum(self.latencies.values())
        waiting = list(PERCENTILES)
        for seconds, times in sorted(self.latencies.items()):
            seen += times
            while waiting and seen * 100 >= waiting[0] * count:
                percentiles[waiting.pop(0)] = seconds
        return percentiles
