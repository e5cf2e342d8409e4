"""The figures that only a report has: latencies, throughput over time, predictions."""

from __future__ import absolute_import, division, unicode_literals

from collections import Counter

from datarobot_batch_scoring.report import histogram, predictions

MOST_BINS = 120
FINEST = -2  # a quarter of a second

PERCENTILES = (50, 90, 95, 99)


class Figures(object):
    """What takes memory to count, and never more of it the longer a run is."""

    def __init__(self):
        # Rounded to three digits, so that there are some thousands at most.
        self.latencies = Counter()
        self.longest = None
        self.throughput = None
        self.predicted = None

    def answered(self, event, seconds):
        """Takes a `messages.Answered` that came `seconds` after the run began."""
        self.latencies[float('{0:.2e}'.format(event.seconds))] += 1
        self.longest = max(self.longest or 0.0, event.seconds)
        part = histogram.Bins(FINEST, Counter({int(seconds / 2.0 ** FINEST): event.rows}))
        self.throughput = histogram.added(self.throughput, part, MOST_BINS)
        self.predicted = predictions.added(self.predicted, event.predicted)

    def percentiles(self):
        """{percent: seconds to three digits} of the requests; empty without one."""
        found, seen, count = {}, 0, sum(self.latencies.values())
        waiting = list(PERCENTILES)
        for seconds, times in sorted(self.latencies.items()):
            seen += times
            while waiting and seen * 100 >= waiting[0] * count:
                found[waiting.pop(0)] = seconds
        return found
