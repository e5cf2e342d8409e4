"""An answer and its batch to finished CSV bytes."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.errors import BadAnswer
from datarobot_batch_scoring.report import predictions
from datarobot_batch_scoring.server import answers, fast_answers

Rendered = namedtuple('Rendered', (
    'text',    # CSV bytes of all rows, without header
    'labels',  # tuple of text, sorted: what names the prediction columns
    'nulls',   # null values written as empty fields
    'predicted',  # what `predictions.count` gives, or None where nothing is counted
))


def render(body, layout, rows, first_row, kept, labels):
    """The answer `body` (bytes) to a batch of `rows` rows as `Rendered`.

    `first_row` is the 0-based number in the input of the batch's first row.
    `kept` is None or a list of columns, each a list of `rows` fields (bytes)
    quoted already. `labels` are those of the batches before, None if unknown.
    Raises `BadAnswer` where the answer fails a check, and `ScoringError`
    where no answer of this server can have what the layout asks for.
    """
    answer = fast_answers.read(body, layout, rows) or answers.read(body, layout, rows)
    if labels is not None and answer.labels != tuple(labels):
        raise BadAnswer(answers.labels_differ(labels, answer.labels))
    order = _order(answer.ids, rows)
    found = _predicted(answer, layout)
    columns = [column.fields for column in found]
    if order:
        columns = [list(map(column.__getitem__, order)) for column in columns]
    columns = (kept or []) + columns
    if layout.row_id:
        columns.insert(0, _numbers(first_row, rows))
    nulls = sum(column.nulls for column in found)
    return Rendered(_lines(columns, layout), answer.labels, nulls,
                    predictions.count(answer) if layout.counted else None)


def header(layout, kept_names, labels):
    """The header line, bytes."""
    names = ['row_id'] if layout.row_id else []
    names += list(kept_names or ()) + prediction_columns(layout, labels)
    for i in range(1, layout.explanations + 1):
        names += ['explanation_%d_feature' % i, 'explanation_%d_strength' % i]
    names += [name for name in (layout.threshold, layout.decision) if name]
    return _lines([[answers.field(name, layout.delimiter)] for name in names], layout)


def prediction_columns(layout, labels):
    """The names of the prediction columns; `pred_name` cannot name more than two classes."""
    if layout.pred_name and len(labels) <= 2:
        return [layout.pred_name]
    return list(labels)


def _predicted(answer, layout):
    """The columns that come of the answer, in the order of the header."""
    count = len(prediction_columns(layout, answer.labels))
    columns = answer.values[-count:] + answer.explanations
    columns += [answer.thresholds] if layout.threshold else []
    return columns + ([answer.decisions] if layout.decision else [])


def _order(ids, rows):
    """Where in the answer each row is; None where they are in order. Raises `BadAnswer`."""
    expected = _numbers(0, rows)
    if ids == expected:
        return None
    position = {row_id: i for i, row_id in enumerate(ids)}
    try:
        return [position[row_id] for row_id in expected]
    except KeyError as error:
        raise BadAnswer('%d rows were sent and %d predictions received, but none has row id %s'
                        % (rows, len(ids), error.args[0].decode('ascii')))


def _numbers(start, count):
    return (b'%d,' * count % tuple(range(start, start + count))).split(b',')[:-1]


def _lines(columns, layout):
    delimiter = layout.delimiter.encode('ascii')
    linesep = layout.linesep.encode('ascii')
    if len(columns) == 1:
        # An empty line would be no row.
        columns = [[field or b'""' for field in columns[0]]]
    lines = list(map(delimiter.join, zip(*columns)))
    return linesep.join(lines + [b''])
