"""The values of a batch as JSON, column by column: what servers get whose protocol has types.

No Python loop calls `json.dumps`: values that are JSON already pass through, and each of the
others is translated once.
"""

from __future__ import absolute_import, unicode_literals

import json
import re

from datarobot_batch_scoring.dataset import grammar
from datarobot_batch_scoring.dataset.csv_bytes import split_columns
from datarobot_batch_scoring.dataset.types import (
    BOOLEAN, INTEGER, MISSING, NUMBER, STRING, VALUES, compiled, first_other)
from datarobot_batch_scoring.errors import DatasetError

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


def misfit(error, batch, delimiter):
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
