"""Makes a batch the body of its request: checked, and comma-separated with the header first, or typed."""

from __future__ import absolute_import, unicode_literals

import json
import re
from collections import namedtuple

from datarobot_batch_scoring.dataset import checks, escapes, grammar
from datarobot_batch_scoring.dataset.batch import first_line
from datarobot_batch_scoring.dataset.csv_bytes import read_records, split_columns, write_record, write_records
from datarobot_batch_scoring.dataset.types import (
    BOOLEAN, INTEGER, MISSING, NUMBER, STRING, VALUES, compiled, first_other)
from datarobot_batch_scoring.dataset.utf8 import without_faults
from datarobot_batch_scoring.errors import DatasetError
from datarobot_batch_scoring.output.csv_text import JSON_LINES, quoted
from datarobot_batch_scoring.scoring.events import BadRow

# What all batches of a run have in common.
Shape = namedtuple('Shape', [
    'dialect',           # dialect.Dialect of the input
    'header',            # the header as the server gets it (bytes, comma, LF)
    'sent',              # positions of the columns that are sent, in order; None: all of them
    'kept',              # positions of the columns of --keep_cols
    'output_delimiter',  # one byte; that of `csv_text.JSON_LINES` if the output is that
    'form',              # what writes requests whose columns have types (it has `columns`,
                         # `write` and `max_rows`); None: they are CSV
])
Shape.__new__.__defaults__ = (None,)

Body = namedtuple('Body', [
    'data',              # the request's body, bytes
    'kept',              # None, or per column a list of values (bytes, as in the output)
    'short',             # checks.Short: the records with too few fields
    'id',                # text that the answer repeats, or None
])

# What a dry run has seen of some input: the lines of the first row with too few fields, of the
# first blank one and of the first end of file, each of them or None.
Checked = namedtuple('Checked', 'rows batches short blank ctrl_z faults')


def header_record(columns):
    """The header as the server gets it (documented): UTF-8, comma, one line (bytes)."""
    return write_record(columns, ',', '\r\n')[:-2] + b'\n'


def make_body(batch, shape):
    """Checks the records of a `Batch` and makes a `Body` of them.

    Raises whatever `checks.checked_records` raises for what must not be sent.
    """
    records, short = checks.checked_records(batch, shape.dialect)
    fields = Fields(records, batch.rows, shape.dialect, not short.count)
    kept = fields.kept(shape.kept, shape.output_delimiter) if shape.kept else None
    if shape.form is None:
        data = in_commas(records, shape.dialect) if shape.sent is None else fields.in_commas(shape.sent)
        return Body(shape.header + data, kept, short, None)
    batch_id = 'rows-{0}-{1}'.format(batch.start.row, batch.end_row - 1)
    try:
        values = columns_as_json(
            records, batch.rows, shape.dialect, shape.form.columns, not short.count)
    except Unfit as error:
        # The batch is split around it, and then the next is found.
        raise checks.Unsendable([checks.Fault(
            error.args[1], _misfit(error, batch, shape.dialect.delimiter))])
    return Body(shape.form.write(values, batch_id), kept, short, batch_id)


def as_bad_row(batch, shape, reason, error):
    """(the only record of a `Batch` as a `BadRow`, whether it has too few fields).

    `reason` is what the server said; None: `error` says why the record cannot be sent.
    """
    dialect, columns = shape.dialect, len(shape.dialect.columns)
    raw = grammar.without_blank_lines(batch.raw, grammar.mask(batch.raw, dialect.delimiter))
    if dialect.translated:
        raw = escapes.restored(escapes.without_reason(raw.strip(b'\n')))
    raw = without_faults(raw).replace('\0', '\ufffd').encode('utf-8')
    fields, = read_records(raw, dialect.delimiter)
    surplus = _without_end(write_record(fields[columns:], ',', '\n')) if fields[columns:] else b''
    record = write_record(fields[:columns], ',', '\n') if surplus else in_commas(raw, dialect)
    kept = Fields(raw, 1, dialect, False).kept(shape.kept, shape.output_delimiter)
    bad = BadRow(
        first_line(batch, dialect.delimiter), error.message if error else reason, _without_end(record),
        [column[0] for column in kept], surplus, error and error.without('line').message)
    return bad, len(fields) < columns


def _without_end(record):
    """A record (bytes) without its line end."""
    end = next((line_end for line_end in (b'\r\n', b'\n', b'\r') if record.endswith(line_end)), b'')
    return record[:len(record) - len(end)]


def in_commas(records, dialect):
    """`records` (bytes without blank lines) with commas between the fields.

    Records that have them already are passed on byte for byte.
    """
    if dialect.delimiter == b',':
        return records
    if b',' not in records:
        # No field contains a comma, so none needs quotes that it does not have.
        if not dialect.delimiter:
            return records
        if b'"' not in records:
            return records.replace(dialect.delimiter, b',')
    return _written(read_records(records, dialect.delimiter), len(dialect.columns))


def _written(records, columns):
    if columns > 1:
        return write_records(records, ',', '\r\n')
    # `csv` would write a field of white space as a blank line.
    return _lines_of(quoted([record[0] for record in records], b','), b'\r\n')


def _lines_of(fields, line_end):
    """A line (bytes) for each field, none of which is blank."""
    return b''.join((field if field.strip(b' \t') else b'"' + field + b'"') + line_end for field in fields)


class Fields(object):
    """The fields of some records (bytes without blank lines), to choose columns of.

    `even`: every record has as many fields as the header. Then, and where no field is quoted,
    they are what is between the delimiters; otherwise the records are parsed, once.
    """

    def __init__(self, records, rows, dialect, even):
        self._records = records
        self._delimiter, self._columns = dialect.delimiter, len(dialect.columns)
        self._size = rows * self._columns
        self._is_plain = even and b'"' not in records and b'\r' not in records and dialect.delimiter
        self._known = self._fields = None

    def kept(self, places, delimiter):
        """The columns at these places, each a list of fields as an output with that delimiter has them."""
        if self._is_plain and self._is_same_with(delimiter):
            return self._plain(places)
        return [quoted([record[place] if place < len(record) else '' for record in self._parsed()],
                       delimiter) for place in places]

    def in_commas(self, places):
        """The records as `in_commas` gives them, with the columns at these places only."""
        if not (self._is_plain and self._is_same_with(b',')):
            return _written([_chosen(record, places) for record in self._parsed()], len(places))
        columns = self._plain(places)
        if len(columns) == 1:
            return _lines_of(columns[0], b'\n')
        return b'\n'.join(list(map(b','.join, zip(*columns))) + [b''])

    def _is_same_with(self, delimiter):
        is_csv = delimiter != JSON_LINES.encode('ascii')
        return is_csv and (delimiter == self._delimiter or delimiter not in self._records)

    def _plain(self, places):
        if self._known is None:
            self._known = self._records.replace(b'\n', self._delimiter).split(self._delimiter)[:self._size]
        return [self._known[place::self._columns] for place in places]

    def _parsed(self):
        if self._fields is None:
            self._fields = read_records(self._records, self._delimiter)
        return self._fields


def _chosen(record, places):
    """The fields of a record at these places; those that it lacks at the end are left out."""
    there = [place < len(record) for place in places]
    last = len(there) - there[::-1].index(True) if True in there else 1
    return [record[place] if place < len(record) else '' for place in places[:last]]


def check_batches(cutter, shape, first_row, sets_aside, see=lambda raw: None):
    """What is `Checked` of the batches of a `Cutter`; `see` is called with the bytes of each.

    They are made ready to be sent, and not sent. Raises `DatasetError` for what ends a run, and
    that is what cannot be sent, too, unless it `sets_aside` such rows.
    """
    rows = batches = 0
    short, faults = checks.NONE_SHORT, []
    for batch in cutter:
        see(batch.raw)
        if batch.start.row >= first_row:
            try:
                short = checks.added(short, make_body(batch, shape).short)
            except checks.Unsendable as error:
                if not sets_aside:
                    raise error.faults[0].error
                faults += error.faults
            rows, batches = rows + batch.rows, batches + 1
    return Checked(rows, batches, short, cutter.blank_line, cutter.ctrl_z, faults)


# --- values that have types: JSON, column by column ---
#
# No Python loop calls `json.dumps`: values that are JSON already pass through, and each of the
# others is translated once.

MAX_SHOWN = 40

_SPECIAL = re.compile(br'["\\\x01-\x1f]')
_CONTROL = re.compile(br'[\x01-\x1f]')
# What is JSON for its type already, and what is a value of it at all.
_AS_IT_IS = {
    INTEGER: compiled(VALUES[INTEGER]),
    NUMBER: compiled(r'-?(?:0|[1-9]\d*)\.\d+'),
}
_IS_VALUE = dict((kind, re.compile('(?:{0})\\Z'.format(VALUES[kind]).encode('ascii')))
                 for kind in (INTEGER, NUMBER, BOOLEAN))
_POINT = re.compile(br'(-?)(\d*)(?:\.(\d*))?([eE].*)?\Z')


class Unfit(Exception):
    """A value does not fit the type of its column; `args` are the `Column`, its place and the value."""


def columns_as_json(records, rows, dialect, columns, even):
    """The values of each `Column` of `rows` records (bytes), lists of JSON (bytes); raises `Unfit`."""
    fields = split_columns(records, rows, dialect.delimiter, len(dialect.columns), even)
    return [as_json(fields[column.place], column) for column in columns]


def as_json(values, column):
    """The `values` (a list of bytes) of a `Column` as JSON, a list of bytes; raises `Unfit`."""
    if column.type == STRING:
        return _strings(values, column)
    if column.type in _AS_IT_IS and first_other(values, _AS_IT_IS[column.type]) is None:
        return values
    known = {}
    for value in set(values):
        known[value] = _translated(value, column)
    if None in known.values():
        at = next(at for at, value in enumerate(values) if known[value] is None)
        raise Unfit(column, at, values[at])
    return list(map(known.__getitem__, values))


def _translated(value, column):
    """A value as JSON, or None if it does not fit."""
    if _IS_VALUE[column.type].match(value):
        return number(value) if column.type == NUMBER else value.lower()
    return column.missing if value in MISSING else None


def number(value):
    """A decimal number as JSON has it, always with a point or an exponent: `.5` is `0.5`."""
    sign, whole, part, exponent = _POINT.match(value).groups()
    point = b'.' + (part or b'0') if part is not None or not exponent else b''
    return sign + (whole or b'0') + point + (exponent or b'')


def _strings(values, column):
    joined = b'\0'.join(values)
    if _SPECIAL.search(joined):
        joined = joined.replace(b'\\', b'\\\\').replace(b'"', b'\\"')
        values = _CONTROL.sub(_escape, joined).split(b'\0')
    if b'' not in values:
        return [b'"' + value + b'"' for value in values]
    if column.missing is None:
        raise Unfit(column, values.index(b''), b'')
    return [b'"' + value + b'"' if value else column.missing for value in values]


def _escape(match):
    return json.dumps(match.group().decode('ascii'))[1:-1].encode('ascii')


def _misfit(error, batch, delimiter):
    """The `DatasetError` for an `Unfit` in a `Batch`."""
    column, at, value = error.args
    masked = grammar.mask(batch.raw, delimiter)
    line = batch.start.line + grammar.lines_before_row(batch.raw, masked, at)
    shown = value.decode('utf-8', 'replace')
    if len(shown) > MAX_SHOWN:
        shown = shown[:MAX_SHOWN] + '...'
    return DatasetError(
        'type_of_value' if value else 'type_of_missing', row=batch.start.row + at, line=line,
        column=column.name, value=shown, type=column.type)
