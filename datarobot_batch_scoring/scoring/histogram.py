"""How often numbers occur, in bins of equal width; the range need not be known beforehand.

The width is a power of two, and one bin begins at 0: so each bin lies within one bin of
any greater width, and separate counts can be added.
"""

from __future__ import absolute_import, division, unicode_literals

import math
import operator
import sys
from collections import Counter, namedtuple

Bins = namedtuple('Bins', [
    'exponent',  # a bin is 2 ** exponent wide
    'counts',    # Counter: bin n is from n * width up to, but not including, (n + 1) * width
])

LARGEST = sys.float_info.max

# A double cannot tell finer differences.
PRECISION = 2.0 ** -50
FINEST = -1000


def bins_of(pairs, most):
    """The `Bins`, at most `most`, for (number, times) pairs; the numbers are finite."""
    pairs = list(pairs)
    exponent = _exponent(min(pairs)[0], max(pairs)[0], most)
    width = 2.0 ** exponent
    counts = Counter()
    for number, times in pairs:
        counts[int(number // width)] += times
    return limited(Bins(exponent, counts), most)


def bins_of_numbers(numbers, most):
    """The same for a list of numbers, in no time even for a million."""
    exponent = _exponent(min(numbers), max(numbers), most)
    by_bin = Counter(map((2.0 ** exponent).__rfloordiv__, numbers))
    counts = Counter({int(number): times for number, times in by_bin.items()})
    return limited(Bins(exponent, counts), most)


def _exponent(low, high, most):
    narrowest = max(high / most - low / most, max(abs(low), abs(high)) * PRECISION)
    return max(math.frexp(narrowest)[1], FINEST)


def added(first, second, most):
    """The sum of two `Bins`, in at most `most` bins; `first` may be None."""
    if first is None:
        return limited(second, most)
    exponent = max(first.exponent, second.exponent)
    counts = coarser(first, exponent).counts + coarser(second, exponent).counts
    return limited(Bins(exponent, counts), most)


def limited(bins, most):
    """The bins, widened until at most `most` of them cover the range."""
    while max(bins.counts) - min(bins.counts) >= most:
        bins = coarser(bins, bins.exponent + 1)
    return bins


def coarser(bins, exponent):
    """The bins with the width of that exponent, which is not a smaller one."""
    counts = Counter()
    for number, times in bins.counts.items():
        counts[number >> (exponent - bins.exponent)] += times
    return Bins(exponent, counts)


def checked(exponent, pairs, most):
    """The `Bins` of (number, times) pairs that others may have written; raises `ValueError`."""
    counts = Counter({operator.index(number): operator.index(times) for number, times in pairs})
    if (not FINEST <= operator.index(exponent) < sys.float_info.max_exp or not counts
            or max(counts) - min(counts) >= most or min(counts.values()) < 0
            or max(map(abs, counts)) * PRECISION > 2):
        raise ValueError('not bins')
    return Bins(exponent, counts)


def quantile(bins, share):
    """The number below which a share, 0 to 1, of the numbers lies: exact to within a bin."""
    left = share * sum(bins.counts.values())
    for start, end, times in table(bins):
        if times and left <= times:
            return start + (end - start) * (left / times)
        left -= times
    return table(bins)[-1][1]


def table(bins):
    """A list of (start, end, times) without gaps; all numbers are finite."""
    width = 2.0 ** bins.exponent
    # The bin of the largest doubles ends past them.
    return [(max(number * width, -LARGEST), min((number + 1) * width, LARGEST),
             bins.counts.get(number, 0))
            for number in range(min(bins.counts), max(bins.counts) + 1)]
