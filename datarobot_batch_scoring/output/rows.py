"""The answer to a batch as rows of the output: finished CSV bytes."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.output.columns import answered, column_names
from datarobot_batch_scoring.output.csv_text import JSON_LINES, field, quoted
from datarobot_batch_scoring.server.json_text import InvalidResponse

# Numbers of rows that are kept from one answer to the next.
MAX_KNOWN = 50000
_known_numbers = []

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
    found = [take(answer) for _, take in answered(layout, names)]
    columns = [column.fields for column in found]
    if order:
        columns = [list(map(column.__getitem__, order)) for column in columns]
    columns = (kept or []) + columns
    if layout.row_id:
        columns.insert(0, _numbers(first_row, rows))
    return Rows(_lines(columns, layout, names), sum(column.nulls for column in found))


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
    found = _known_numbers[:count]
    if len(found) < count:
        found = _numbers(0, count)
        _known_numbers[:] = found[:MAX_KNOWN]
    return found


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
