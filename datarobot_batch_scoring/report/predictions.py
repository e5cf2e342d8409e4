"""Counts predictions for a report: classes, or the numbers of a regression."""

from __future__ import absolute_import, division, unicode_literals

import math
from collections import Counter, namedtuple

from datarobot_batch_scoring.report import histogram
from datarobot_batch_scoring.server.answers import label_text, parse
from datarobot_batch_scoring.server.json_text import BadAnswer

MOST_BINS = 64
# What a server makes up afresh for each row is not a class.
MOST_CLASSES = 1000
OTHERS = '(others)'

# The numbers that a regression predicted.
Numbers = namedtuple('Numbers', [
    'count',
    'total',    # their sum
    'least', 'most',
    'bins',     # histogram.Bins; None without a number
    'missing',  # predictions that are not finite numbers
])


def count(answer):
    """A Counter of the classes that an `answers.Answer` predicts, or its `Numbers`."""
    if len(answer.labels) == 1:
        return _numbers(answer.values[0].fields)
    classes = Counter()
    if answer.decisions is None:
        # A server that sends values only leaves it to the user to decide.
        return classes
    for field, times in Counter(answer.decisions.fields).items():
        for label in _labels(field.decode('utf-8'), answer.labels):
            classes[label] += times
    return classes


def _labels(field, known):
    """The classes in a CSV field: one, or those in the list of a multilabel target."""
    if field.startswith('"'):
        field = field[1:-1].replace('""', '"')
    # A class can be called '[0, 10]'.
    if field.startswith('[') and field not in known:
        try:
            return [label_text(each) for each in parse(field)] or ['']
        except BadAnswer:
            pass
    return [field]


def _numbers(fields):
    found = Counter(_number(field) for field in fields)
    missing = found.pop(None, 0)
    if not found:
        return Numbers(0, 0.0, None, None, None, missing)
    return Numbers(
        len(fields) - missing, sum(number * found[number] for number in found),
        min(found), max(found), histogram.bins_of(found.items(), MOST_BINS), missing)


def _number(field):
    try:
        number = float(field)
    except ValueError:
        return None
    return None if math.isnan(number) or math.isinf(number) else number


def added(before, more):
    """The sum of two counts; `before` may be None."""
    if before is None:
        return more
    if isinstance(more, Numbers):
        return _sum_of_numbers(before, more)
    for label, times in more.items():
        known = label in before or len(before) < MOST_CLASSES
        before[label if known else OTHERS] += times
    return before


def _sum_of_numbers(one, other):
    missing = one.missing + other.missing
    if not one.count or not other.count:
        return (one if one.count else other)._replace(missing=missing)
    return Numbers(one.count + other.count, one.total + other.total, min(one.least, other.least),
                   max(one.most, other.most), histogram.added(one.bins, other.bins, MOST_BINS), missing)
