"""The columns of the output: which there are, and what they are called."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple
from operator import attrgetter

from datarobot_batch_scoring.compat import text as TEXT
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.csv_text import as_bytes, json_text
from datarobot_batch_scoring.server.json_text import BadAnswer

Layout = namedtuple('Layout', (
    'protocol',      # `shape.Protocol` of the answers
    'class_names',   # names for the values of a row that is a list; empty: they get numbers
    'delimiter',     # of the output: one character
    'linesep',       # of the output
    'row_id',        # is the row_id column written?
    'pred_name',     # name of the prediction column, or None
    'pred_cols',     # labels whose columns are written, in order; empty: all
    'threshold',     # name of the threshold column, or None
    'decision',      # name of the decision column, or None
    'explanations',  # explanations to write per row
    'counted',       # are the predictions counted, for a report?
))

# A message shows labels of up to so many characters; of longer lists, so many labels.
ROOM_FOR_LABELS = 200
SHOWN_LABELS = 5


def column_names(layout, kept_names, labels):
    """The names in the header, a list of text."""
    names = ['row_id'] if layout.row_id else []
    return names + list(kept_names or ()) + [name for name, _ in answered(layout, labels)]


def prediction_columns(layout, labels):
    """The names of the prediction columns; `pred_name` cannot name more than one."""
    if layout.pred_cols:
        one = layout.pred_name and len(layout.pred_cols) == 1
        return [layout.pred_name] if one else list(layout.pred_cols)
    if layout.pred_name and len(labels) <= 2:
        return [layout.pred_name]
    return list(labels)


def answered(layout, labels):
    """The columns that come of an answer: header, rows and empty rows are made of this list.

    Pairs (name, function that takes the `answers.Column` out of an `answers.Answer`).
    """
    names = prediction_columns(layout, labels)
    if layout.pred_cols:
        columns = [(name, _of_class(label)) for name, label in zip(names, layout.pred_cols)]
    elif len(names) < len(labels):
        # With one column for two labels, it is that of the last one in lexical order.
        columns = [(names[0], _nth('values', labels.index(max(labels))))]
    else:
        columns = [(name, _nth('values', at)) for at, name in enumerate(names)]
    for at in range(layout.explanations):
        columns += [('explanation_%d_feature' % (at + 1), _nth('explanations', 2 * at)),
                    ('explanation_%d_strength' % (at + 1), _nth('explanations', 2 * at + 1))]
    if layout.threshold:
        columns.append((layout.threshold, attrgetter('thresholds')))
    if layout.decision:
        columns.append((layout.decision, attrgetter('decisions')))
    return columns


def _nth(attribute, at):
    return lambda answer: getattr(answer, attribute)[at]


def _of_class(label):
    """A function that takes the column of a class; it raises `ScoringError` if there is none."""
    def take(answer):
        if label not in answer.labels:
            raise ScoringError('pred_cols', label=label, classes=shown_labels(answer.labels))
        return answer.values[answer.labels.index(label)]
    return take


def check_labels(known, labels):
    """Raises `BadAnswer` if an answer's labels differ from those of earlier answers."""
    if tuple(known) != labels:
        raise BadAnswer(labels_differ(known, labels))


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
    """A label as the name of a column; raises `BadAnswer`."""
    if not isinstance(label, (TEXT, bool)):
        raise BadAnswer('the answer is malformed: a label is neither text nor a number')
    text = json_text(label) if isinstance(label, bool) else TEXT(label)
    as_bytes(text)
    return text
