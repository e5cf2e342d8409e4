"""The columns of the output: which there are, what they are called, and the rows made of them."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple
from operator import attrgetter

from datarobot_batch_scoring.compat import text as TEXT
from datarobot_batch_scoring.dataset.json_text import InvalidResponse, json_text
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.csv_text import JSON_LINES, as_bytes, field, quoted

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

# Numbers of rows that are kept from one answer to the next.
MAX_KNOWN = 50000
_known_numbers = []


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
        is_renamed = layout.pred_name and len(layout.pred_cols) == 1
        return [layout.pred_name] if is_renamed else list(layout.pred_cols)
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


# --- rows ---

Rows = namedtuple('Rows', (
    'csv',     # bytes of all rows, without the header; JSON Lines if the output is
    'nulls',   # null values written as empty fields
))


def make_rows(answer, layout, first_row, kept, names=None):
    """The `Rows` of an `answers.Answer`, in the order in which they were sent.

    `first_row` is the number of the batch's first row in the input, from 0.
    `kept` is None or a list of columns, each a list of fields (bytes) that are
    already quoted. `names` are those that the batches of the run have agreed on, if not those of
    the answer. Raises `InvalidResponse` if the row ids are not those that were sent.
    """
    rows = len(answer.values[0].fields)
    order = _order(answer.ids, rows)
    names = names or answer.names(layout)
    taken = [take(answer) for _, take in answered(layout, names)]
    columns = [column.fields for column in taken]
    if order:
        columns = [list(map(column.__getitem__, order)) for column in columns]
    columns = (kept or []) + columns
    if layout.row_id:
        columns.insert(0, _numbers(first_row, rows))
    return Rows(_lines(columns, layout, names), sum(column.nulls for column in taken))


def empty_row(layout, row, kept, labels):
    """The line (bytes) of a row without an answer: its number, its kept fields, all else empty."""
    empty = field(None, layout.delimiter)
    columns = [[value] for value in kept] + [[empty]] * len(answered(layout, labels))
    if layout.row_id:
        columns.insert(0, _numbers(row, 1))
    return _lines(columns, layout, labels)


def header(layout, kept_names, labels):
    """The header line, bytes; JSON Lines have none."""
    if layout.delimiter == JSON_LINES:
        return b''
    names = column_names(layout, kept_names, labels)
    return _lines([[field(name, layout.delimiter)] for name in names], layout, labels)


def _order(ids, rows):
    """Where each row is in the answer; None if they are in order. Raises `InvalidResponse`."""
    expected = _first_numbers(rows)
    if ids is None or ids == expected:
        return None
    position = {row_id: i for i, row_id in enumerate(ids)}
    try:
        return [position[row_id] for row_id in expected]
    except KeyError as error:
        raise InvalidResponse('%d rows were sent and %d predictions received, but none has row id %s'
                              % (rows, len(ids), error.args[0].decode('ascii')))


def _first_numbers(count):
    # Every answer has them. One statement each: other threads use the list too.
    numbers = _known_numbers[:count]
    if len(numbers) < count:
        numbers = _numbers(0, count)
        _known_numbers[:] = numbers[:MAX_KNOWN]
    return numbers


def _numbers(start, count):
    return (b'%d,' * count % tuple(range(start, start + count))).split(b',')[:-1]


def _lines(columns, layout, names):
    if layout.delimiter == JSON_LINES:
        return _objects(columns, column_names(layout, layout.kept_names, names))
    delimiter = layout.delimiter.encode('ascii')
    linesep = layout.linesep.encode('ascii')
    if len(columns) == 1:
        # An empty line would not be a row.
        columns = [[field or b'""' for field in columns[0]]]
    lines = list(map(delimiter.join, zip(*columns)))
    return linesep.join(lines + [b''])


def _objects(columns, names):
    keys = [name.replace(b'%', b'%%') for name in quoted(names, JSON_LINES.encode('ascii'))]
    line = b'{' + b','.join(key + b':%s' for key in keys) + b'}\n'
    return b''.join(map(line.__mod__, zip(*columns)))
