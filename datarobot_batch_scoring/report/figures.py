"""The figures that only a report needs, of one run: latencies, throughput over time."""

from __future__ import absolute_import, division, unicode_literals

from collections import Counter

from datarobot_batch_scoring.scoring import histogram

MAX_BINS = 120
FINEST = -2  # a quarter of a second

PERCENTILES = (50, 90, 95, 99)


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
        part = histogram.Bins(FINEST, Counter({int(seconds / 2.0 ** FINEST): event.rows}))
        self.throughput = histogram.added(self.throughput, part, MAX_BINS)

    def percentiles(self):
        """{percent: seconds to three digits} of the requests; empty if there were none."""
        found, seen, count = {}, 0, sum(self.latencies.values())
        waiting = list(PERCENTILES)
        for seconds, times in sorted(self.latencies.items()):
            seen += times
            while waiting and seen * 100 >= waiting[0] * count:
                found[waiting.pop(0)] = seconds
        return found
