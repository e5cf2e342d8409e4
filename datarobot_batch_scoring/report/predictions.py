"""Counts predictions for a report: classes, and the numbers in each prediction column."""

from __future__ import absolute_import, division, unicode_literals

import math
from collections import Counter, OrderedDict, namedtuple

import six

from datarobot_batch_scoring.report import histogram
from datarobot_batch_scoring.server.answers import label_text, parse
from datarobot_batch_scoring.server.json_text import BadAnswer

MOST_BINS = 64
# What a server makes up afresh for each row is not a class.
MOST_CLASSES = 1000
OTHERS = '(others)'
# So many columns have their numbers counted: the first ones.
MOST_COLUMNS = 20

# What was predicted for some rows.
Predicted = namedtuple('Predicted', [
    'classes',   # Counter of the classes; None: the target is a number
    'columns',   # OrderedDict: label of a prediction column to its Numbers
])

# The numbers in a column.
Numbers = namedtuple('Numbers', [
    'count',
    'total',    # their sum
    'least', 'most',
    'bins',     # histogram.Bins; None without a number
    'missing',  # fields that are not finite numbers
])


def count(answer):
    """The `Predicted` of an `answers.Answer`."""
    columns = OrderedDict(
        (label, _numbers(column.fields))
        for label, column in list(zip(answer.labels, answer.values))[:MOST_COLUMNS])
    if len(answer.labels) == 1:
        return Predicted(None, columns)
    classes = Counter()
    if answer.decisions is None:
        # A server that sends values only leaves it to the user to decide.
        return classes
    for field, times in Counter(answer.decisions.fields).items():
        for label in _labels(field.decode('utf-8'), answer.labels):
            classes[label] += times
    return Predicted(classes, columns)


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
    try:
        numbers = list(map(float, fields))
    except ValueError:
        numbers = [each for each in map(_number, fields) if each is not None]
    total = sum(numbers)
    if not _is_finite(total):
        # It may just be too large.
        numbers = [each for each in numbers if _is_finite(each)]
        total = sum(numbers)
    missing = len(fields) - len(numbers)
    if not numbers:
        return Numbers(0, 0.0, None, None, None, missing)
    return Numbers(len(numbers), total, min(numbers), max(numbers),
                   histogram.bins_of_numbers(numbers, MOST_BINS), missing)


def _number(field):
    try:
        return float(field)
    except ValueError:
        return None


def _is_finite(number):
    return not (math.isnan(number) or math.isinf(number))


def added(before, more):
    """The sum of two `Predicted`; `before`, which may be None, is changed."""
    if before is None:
        return more
    for label, times in (more.classes or {}).items():
        known = label in before.classes or len(before.classes) < MOST_CLASSES
        before.classes[label if known else OTHERS] += times
    for label, numbers in more.columns.items():
        known = before.columns.get(label)
        before.columns[label] = _sum_of_numbers(known, numbers) if known else numbers
    return before


def _sum_of_numbers(one, other):
    missing = one.missing + other.missing
    if not one.count or not other.count:
        return (one if one.count else other)._replace(missing=missing)
    return Numbers(one.count + other.count, one.total + other.total, min(one.least, other.least),
                   max(one.most, other.most), histogram.added(one.bins, other.bins, MOST_BINS), missing)


def most_frequent(counts, most):
    """{name: times} of the most frequent names of a Counter, the others summed up as one."""
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    found = Counter(dict(pairs[:most]))
    if pairs[most:]:
        found[OTHERS] += sum(times for _, times in pairs[most:])
    return dict(found)


def plain(predicted, most):
    """A `Predicted` with at most so many classes, as values that JSON has."""
    return {'classes': None if predicted.classes is None else most_frequent(
        predicted.classes, most),
        'columns': [[label, list(numbers[:4]) + [numbers.missing] + _plain_bins(numbers.bins)]
                    for label, numbers in predicted.columns.items()]}


def _plain_bins(bins):
    return [bins.exponent, sorted(bins.counts.items())] if bins else []


def restored(plain):
    """The `Predicted` that `plain` gave; raises `ValueError`, say, for anything else."""
    classes = plain['classes']
    return Predicted(
        None if classes is None else checked_counts(classes),
        OrderedDict((_text(label), _checked_numbers(*values))
                    for label, values in plain['columns'][:MOST_COLUMNS]))


def checked_counts(counts):
    """A Counter of {text: whole number}."""
    return Counter({_text(name): _whole(times) for name, times in counts.items()})


def _checked_numbers(count, total, least, most, missing, exponent=None, pairs=()):
    bins = None
    if exponent is not None:
        bins = histogram.checked(exponent, pairs, MOST_BINS)
        least, most = float(least), float(most)
    if _whole(count) != (sum(bins.counts.values()) if bins else 0):
        raise ValueError('the bins hold other numbers')
    return Numbers(count, float(total), least, most, bins, _whole(missing))


def _whole(number):
    if type(number) not in six.integer_types or number < 0:
        raise ValueError('not a number of rows')
    return number


def _text(name):
    if not isinstance(name, six.text_type):
        raise ValueError('not a name')
    return name
