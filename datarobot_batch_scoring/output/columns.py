"""The columns of the output: which there are, and what they are called."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple
from operator import attrgetter

from datarobot_batch_scoring.compat import text as TEXT
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.csv_text import JSON_LINES, as_bytes, json_text
from datarobot_batch_scoring.server.json_text import InvalidResponse

Layout = namedtuple('Layout', (
    'protocol',      # `base.Protocol` of the answers
    'class_names',   # names for the values of a row that is a list; empty: they get numbers
    'delimiter',     # of the output: one character, or `csv_text.JSON_LINES`
    'linesep',       # of the output
    'row_id',        # is the row_id column written?
    'pred_name',     # name of the prediction column, or None
    'pred_cols',     # labels whose columns are written, in order; empty: all
    'threshold',     # name of the threshold column, or None
    'decision',      # name of the decision column, or None
    'explanations',  # explanations to write per row
    'counted',       # are the predictions counted, for a report?
    'details',       # are value, qualitative strength and label of each explanation written?
    'extras',        # names of what else of a response is written, in order; ALL: what is there
    'kept_names',    # names of the kept columns
))
Layout.__new__.__defaults__ = ((),)

# For `extras`: all that the first batch has.
ALL = ('*',)
# The names that all batches agree on are labels and, with ALL, behind this the names of the extra
# columns. No label holds it.
_THEN_EXTRAS = '\0'

# What an explanation has; with more than two classes also the label.
EXPLANATION = ('feature', 'strength')
DETAILS = EXPLANATION + ('value', 'qualitative_strength', 'label')

# A message shows labels of up to so many characters; of longer lists, so many labels.
ROOM_FOR_LABELS = 200
SHOWN_LABELS = 5


def names_of(labels, extras, layout):
    """What all batches must agree on: the labels and, with ALL, the names of the extra columns."""
    return labels + (_THEN_EXTRAS,) + tuple(extras) if layout.extras == ALL else labels


def split_names(names):
    """(labels, names of the extra columns) of what batches agree on."""
    names = tuple(names)
    if _THEN_EXTRAS not in names:
        return names, ()
    at = names.index(_THEN_EXTRAS)
    return names[:at], names[at + 1:]


def column_names(layout, kept_names, names):
    """The names in the header, a list of text."""
    first = ['row_id'] if layout.row_id else []
    return first + list(kept_names or ()) + [name for name, _ in answered(layout, names)]


def check_names(layout, labels):
    """Raises `ScoringError` if the objects of an output of JSON Lines would have a key twice."""
    if layout.delimiter == JSON_LINES:
        names = column_names(layout, layout.kept_names, labels)
        same = sorted(set(name for name in names if names.count(name) > 1))
        if same:
            raise ScoringError('same_names', names=shown_labels(same))


def prediction_columns(layout, labels):
    """The names of the prediction columns; `pred_name` cannot name more than one."""
    if layout.pred_cols:
        one = layout.pred_name and len(layout.pred_cols) == 1
        return [layout.pred_name] if one else list(layout.pred_cols)
    if layout.pred_name and len(labels) <= 2:
        return [layout.pred_name]
    return list(labels)


def explanation_parts(layout):
    """What an answer has of each explanation, in turn."""
    return DETAILS if layout.details else EXPLANATION


def answered(layout, agreed):
    """The columns that come of an answer: header, rows and empty rows are made of this list.

    `agreed` is what `names_of` gives. Pairs (name, function that takes the `answers.Column` out
    of an `answers.Answer`).
    """
    labels, extras = split_names(agreed)
    names = prediction_columns(layout, labels)
    if layout.pred_cols:
        columns = [(name, _of_class(label)) for name, label in zip(names, layout.pred_cols)]
    elif len(names) < len(labels):
        # With one column for two labels, it is that of the last one in lexical order.
        columns = [(names[0], _nth('values', labels.index(max(labels))))]
    else:
        columns = [(name, _nth('values', at)) for at, name in enumerate(names)]
    parts = explanation_parts(layout)
    columns += [('explanation_%d_%s' % (at // len(parts) + 1, part), _nth('explanations', at))
                for at, part in enumerate(parts * layout.explanations)
                if part != 'label' or len(labels) > 2]
    if layout.threshold:
        columns.append((layout.threshold, attrgetter('thresholds')))
    if layout.decision:
        columns.append((layout.decision, attrgetter('decisions')))
    if layout.extras != ALL:
        extras = layout.extras
    return columns + [(name, _extra(name)) for name in extras]


def _nth(attribute, at):
    return lambda answer: getattr(answer, attribute)[at]


def _extra(name):
    return lambda answer: answer.extras[name]


def _of_class(label):
    """A function that takes the column of a class; it raises `ScoringError` if there is none."""
    def take(answer):
        if label not in answer.labels:
            raise ScoringError('pred_cols', label=label, classes=shown_labels(answer.labels))
        return answer.values[answer.labels.index(label)]
    return take


def check_labels(known, labels):
    """Raises `InvalidResponse` if an answer's labels differ from those of earlier answers.

    `known` is what batches have agreed on.
    """
    known = split_names(known)[0]
    if known != labels:
        raise InvalidResponse(labels_differ(list(known), labels))


def labels_differ(before, now):
    """The message for two lists of labels that differ; of long ones, only the differences."""
    if len(', '.join(before) + ', '.join(now)) > ROOM_FOR_LABELS:
        before, now = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    return 'the labels differ: %s before, %s now' % (shown_labels(before), shown_labels(now))


def shown_labels(labels):
    """Labels as a message shows them: not all of thousands."""
    # Whole ones: what masks secrets would not know a part of one.
    words = ', '.join(labels[:SHOWN_LABELS]) or 'none'
    more = len(labels) - SHOWN_LABELS
    return '%s and %d more' % (words, more) if more > 0 else words


def label_text(label):
    """A label as the name of a column; raises `InvalidResponse`."""
    if not isinstance(label, (TEXT, bool)):
        raise InvalidResponse('the response is malformed: a label is neither text nor a number')
    text = json_text(label) if isinstance(label, bool) else TEXT(label)
    as_bytes(text)
    return text
