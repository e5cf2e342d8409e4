"""Counts rows for a report: classes, what each prediction column holds, and why rows were refused.

They are counted as they are committed, and the checkpoint has what was counted: so it is of the
whole output, however often the run was resumed.
"""

from __future__ import absolute_import, division, unicode_literals

import json
import math
from collections import Counter, OrderedDict, namedtuple

import six

from datarobot_batch_scoring.dataset.json_text import InvalidResponse, parse
from datarobot_batch_scoring.scoring import histogram
from datarobot_batch_scoring.output.columns import label_text
from datarobot_batch_scoring.output.csv_text import JSON_LINES, csv_of

MAX_BINS = 64
# What a server makes up afresh for each row is not a class, and no class has a name this long.
MAX_CLASSES = 1000
MAX_CLASS_LENGTH = 200
OTHERS = '(others)'
# So many columns are counted: the first ones.
MAX_COLUMNS = 20
# A server may give a different reason for each row.
MAX_REASONS = 100
# The most bytes of JSON that `plain` gives; see `output.checkpoint.ROOM_FOR_FIGURES`.
MAX_PLAIN = 30 << 10
# So many texts tell whether they are classes, which occur again.
MIN_TEXTS = 10

# What was predicted for some rows.
Predicted = namedtuple('Predicted', [
    'classes',   # Counter of the classes that the server named beside the values
    'columns',   # OrderedDict: label of a prediction column to its Counted
])

# What is in a column.
Counted = namedtuple('Counted', [
    'count',    # of the finite numbers
    'total',    # their sum
    'least', 'most',
    'bins',     # histogram.Bins; None without a number
    'missing',  # fields that are neither finite numbers nor texts
    'texts',    # Counter of the texts
    'lengths',  # `Counted` of their lengths in characters; None where not all are texts
])
Counted.__new__.__defaults__ = (None,)


def count(answer, delimiter=','):
    """The `Predicted` of an `answers.Answer`, whose fields are those of an output with that delimiter."""
    if delimiter == JSON_LINES:
        answer = answer._replace(values=list(map(_as_csv, answer.values)),
                                 decisions=answer.decisions and _as_csv(answer.decisions))
    columns = OrderedDict(
        (label, _counted(column))
        for label, column in list(zip(answer.labels, answer.values))[:MAX_COLUMNS])
    classes = Counter()
    # With one label, the decision is the value again.
    if answer.decisions and len(answer.labels) > 1:
        for field, times in Counter(answer.decisions.fields).items():
            for label in _labels(_unquoted(field), answer.labels):
                _add(classes, label, times)
    return Predicted(classes, columns)


def _as_csv(column):
    return column._replace(fields=list(map(csv_of, column.fields)))


def classes_of(predicted):
    """The Counter of the classes in a `Predicted`; None if it has none.

    Where the server does not say which of its values decides, they are the texts of the only
    column that has any.
    """
    texts = [column.texts for column in predicted.columns.values()
             if column.texts and not are_written(column)]
    return predicted.classes or (texts[0] if len(texts) == 1 else None)


def are_written(counted):
    """Whether the texts of a `Counted` are such as a model writes, and not the names of classes."""
    different, every = len(counted.texts), sum(counted.texts.values())
    return counted.lengths is not None and (
        OTHERS in counted.texts or every >= MIN_TEXTS and 2 * different > every)


def _add(classes, name, times):
    """Adds to a Counter of classes what it has room for, the rest to the others."""
    known = name in classes or (len(classes) < MAX_CLASSES and len(name) <= MAX_CLASS_LENGTH)
    classes[name if known else OTHERS] += times


def _unquoted(field):
    """The text of a CSV field (bytes)."""
    text = field.decode('utf-8')
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _labels(text, known):
    """The classes in the text of a field: one, or those in the list of a multilabel target."""
    # A class can be called '[0, 10]'.
    if text.startswith('[') and text not in known:
        try:
            return [label_text(label) for label in parse(text)] or ['']
        except InvalidResponse:
            pass
    return [text]


def _counted(column):
    """The `Counted` of an `answers.Column`."""
    if column.texts:
        lengths = [len(_unquoted(field)) for field in column.fields]
        # A null is as short as a text can be.
        lengths = sorted(lengths)[column.nulls:]
        return _numbers((), column.nulls, _texts(column.fields, column.nulls))._replace(
            lengths=_numbers(lengths, 0, Counter()))
    try:
        return _numbers(list(map(float, column.fields)), 0, Counter())
    except ValueError:
        return _of_all_kinds(column.fields)


def _of_all_kinds(fields):
    numbers, others = [], []
    for field in fields:
        try:
            numbers.append(float(field))
        except ValueError:
            others.append(field)
    nulls = others.count(b'')
    return _numbers(numbers, nulls, _texts(others, nulls))


def _texts(fields, nulls):
    """A Counter of the texts in fields, of which so many are null."""
    counts, texts = Counter(fields), Counter()
    counts[b''] -= nulls
    for field, times in sorted(counts.items(), key=_by_times):
        if times:
            _add(texts, _unquoted(field), times)
    return texts


def _by_times(pair):
    return -pair[1], pair[0]


def _numbers(numbers, missing, texts):
    """The `Counted` of some numbers and texts."""
    total, every = sum(numbers), len(numbers)
    if not _is_finite(total):
        # It may just be too large.
        numbers = [number for number in numbers if _is_finite(number)]
        total = sum(numbers)
    missing += every - len(numbers)
    if not numbers:
        return Counted(0, 0.0, None, None, None, missing, texts)
    return Counted(len(numbers), total, min(numbers), max(numbers),
                   histogram.bins_of_numbers(numbers, MAX_BINS), missing, texts)


def _is_finite(number):
    return not (math.isnan(number) or math.isinf(number))


def added(before, more):
    """The sum of two `Predicted`; `before`, which may be None, is changed."""
    if before is None:
        return more
    _add_all(before.classes, more.classes)
    for label, counted in more.columns.items():
        known = before.columns.get(label)
        before.columns[label] = _sum(known, counted) if known else counted
    return before


def _add_all(classes, more):
    for name, times in more.items():
        _add(classes, name, times)


def _sum(first, second):
    """The sum of two `Counted`; the texts of the first are changed."""
    _add_all(first.texts, second.texts)
    both = {'missing': first.missing + second.missing, 'texts': first.texts, 'lengths': None}
    if first.lengths and second.lengths:
        both['lengths'] = _sum(first.lengths, second.lengths)
    if not first.count or not second.count:
        return (first if first.count else second)._replace(**both)
    return Counted(
        first.count + second.count, first.total + second.total, min(first.least, second.least),
        max(first.most, second.most), histogram.added(first.bins, second.bins, MAX_BINS), **both)


def most_frequent(counts, most):
    """{name: times} of the most frequent names of a Counter, the others summed up as one."""
    pairs = sorted(counts.items(), key=_by_times)
    kept = Counter(dict(pairs[:most]))
    if pairs[most:]:
        kept[OTHERS] += sum(times for _, times in pairs[most:])
    return dict(kept)


def _plain(predicted, most):
    """A `Predicted` with at most so many classes, as values that JSON has."""
    return {'classes': most_frequent(predicted.classes, most),
            'columns': [[label, _plain_counted(column, most)]
                        for label, column in predicted.columns.items()],
            'lengths': [[label, _plain_counted(column.lengths, most)]
                        for label, column in predicted.columns.items() if column.lengths]}


def _plain_counted(counted, most):
    return list(counted[:4]) + [
        counted.missing, most_frequent(counted.texts, most)] + _plain_bins(counted.bins)


def _plain_bins(bins):
    return [bins.exponent, sorted(bins.counts.items())] if bins else []


def _restored(plain):
    """The `Predicted` that `_plain` gave; raises `ValueError`, say, for anything else."""
    lengths = dict((_text(label), _checked(*values)) for label, values in plain.get('lengths', ()))
    return Predicted(
        _checked_counts(plain['classes']),
        OrderedDict((_text(label), _checked(*values)._replace(lengths=lengths.get(label)))
                    for label, values in plain['columns'][:MAX_COLUMNS]))


def _checked_counts(counts):
    """A Counter of {text: whole number}."""
    return Counter({_text(name): _whole(times) for name, times in counts.items()})


def _checked(count, total, least, most, missing, texts, exponent=None, pairs=()):
    bins = None
    if exponent is not None:
        bins = histogram.checked(exponent, pairs, MAX_BINS)
        least, most = float(least), float(most)
    if _whole(count) != (sum(bins.counts.values()) if bins else 0):
        raise ValueError('the bins hold other numbers')
    return Counted(
        count, float(total), least, most, bins, _whole(missing), _checked_counts(texts))


def _whole(number):
    if type(number) not in six.integer_types or number < 0:
        raise ValueError('not a number of rows')
    return number


def _text(name):
    if not isinstance(name, six.text_type):
        raise ValueError('not a name')
    return name


class RowStatistics(object):
    """`predicted` is None or a `Predicted`, `reasons` counts rows by reason."""

    def __init__(self, predicted=None, reasons=()):
        self.predicted = predicted
        self.reasons = Counter(reasons)

    def add(self, predicted):
        """Adds what `count` gave for a batch, or None."""
        if predicted is not None:
            self.predicted = added(self.predicted, predicted)

    def refuse(self, reason):
        """Adds a row that was refused."""
        known = reason in self.reasons or len(self.reasons) < MAX_REASONS
        self.reasons[reason if known else OTHERS] += 1

    def plain(self):
        """It as plain values of bounded size, for the checkpoint; None if names are too long."""
        for most in (MAX_CLASSES, MAX_REASONS, 10):
            values = {'predicted': self.predicted and _plain(self.predicted, most),
                      'reasons': most_frequent(self.reasons, most)}
            if len(json.dumps(values)) <= MAX_PLAIN:
                return values
        return None


def restored(plain):
    """The `RowStatistics` that `RowStatistics.plain` made plain; None if it is not that."""
    try:
        reasons = _checked_counts(plain['reasons'])
        predicted = plain['predicted'] and _restored(plain['predicted'])
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None
    return RowStatistics(predicted, reasons)
