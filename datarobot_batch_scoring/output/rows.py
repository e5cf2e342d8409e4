"""The answer to a batch as rows of the output: finished CSV bytes."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server.answers import field, shown_labels
from datarobot_batch_scoring.server.json_text import BadAnswer

Rows = namedtuple('Rows', (
    'csv',     # bytes of all rows, without the header
    'nulls',   # null values written as empty fields
))


def make_rows(answer, layout, first_row, kept):
    """The `Rows` of an `answers.Answer`, in the order in which they were sent.

    `first_row` is the number in the input of the batch's first row, from 0.
    `kept` is None or a list of columns, each a list of fields (bytes) that are
    quoted already. Raises `BadAnswer` where the row ids are not those sent.
    """
    rows = len(answer.ids)
    order = _order(answer.ids, rows)
    found = _predicted(answer, layout)
    columns = [column.fields for column in found]
    if order:
        columns = [list(map(column.__getitem__, order)) for column in columns]
    columns = (kept or []) + columns
    if layout.row_id:
        columns.insert(0, _numbers(first_row, rows))
    return Rows(_lines(columns, layout), sum(column.nulls for column in found))


def empty_row(layout, row, kept, labels):
    """The line of a row without an answer, bytes: its number and kept fields, and no more."""
    columns = [[field] for field in kept]
    columns += [[b'']] * (len(prediction_columns(layout, labels)) + 2 * layout.explanations
                          + bool(layout.threshold) + bool(layout.decision))
    if layout.row_id:
        columns.insert(0, _numbers(row, 1))
    return _lines(columns, layout)


def header(layout, kept_names, labels):
    """The header line, bytes."""
    names = column_names(layout, kept_names, labels)
    return _lines([[field(name, layout.delimiter)] for name in names], layout)


def column_names(layout, kept_names, labels):
    """The names in the header, a list of text."""
    names = ['row_id'] if layout.row_id else []
    names += list(kept_names or ()) + prediction_columns(layout, labels)
    for i in range(1, layout.explanations + 1):
        names += ['explanation_%d_feature' % i, 'explanation_%d_strength' % i]
    return names + [name for name in (layout.threshold, layout.decision) if name]


def prediction_columns(layout, labels):
    """The names of the prediction columns; `pred_name` cannot name more than one."""
    if layout.pred_cols:
        one = layout.pred_name and len(layout.pred_cols) == 1
        return [layout.pred_name] if one else list(layout.pred_cols)
    if layout.pred_name and len(labels) <= 2:
        return [layout.pred_name]
    return list(labels)


def _predicted(answer, layout):
    """The columns that come of the answer, in the order of the header."""
    columns = _chosen(answer, layout) + answer.explanations
    columns += [answer.thresholds] if layout.threshold else []
    return columns + ([answer.decisions] if layout.decision else [])


def _chosen(answer, layout):
    """The columns of the predictions; raises `ScoringError` for a class that is not there."""
    if not layout.pred_cols:
        return answer.values[-len(prediction_columns(layout, answer.labels)):]
    for name in layout.pred_cols:
        if name not in answer.labels:
            raise ScoringError('--pred_cols: there is no class {0}.'.format(name),
                               hint='The classes are: {0}.'.format(shown_labels(answer.labels)))
    return [answer.values[answer.labels.index(name)] for name in layout.pred_cols]


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
