"""CSV bytes to rows of text, the same on Python 2 and 3."""

from __future__ import absolute_import, unicode_literals

import csv
import io

from ..compat import PY2

LONGEST_FIELD = 64 * 1024 * 1024


def read_table(body):
    """The header and the records of a CSV file in UTF-8 bytes.

    Returns a list of column names and a list of `(line, fields)`, all text;
    `line` is where the record ends, from 1. Blank lines are left out.
    Raises ValueError, with a message for the sender, if it is not CSV.
    """
    csv.field_size_limit(LONGEST_FIELD)
    try:
        content = body.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError('The body is not UTF-8: byte {0}'.format(error.start))
    reader = csv.reader(_lines(content))
    try:
        records = [(reader.line_num, _text(each)) for each in reader if each]
    except csv.Error as error:
        raise ValueError('The body is not CSV: line {0}: {1}'.format(
            reader.line_num, error))
    if not records:
        return [], []
    return records[0][1], records[1:]


def _lines(content):
    if PY2:
        # The csv module of Python 2 reads bytes.
        return io.BytesIO(content.encode('utf-8'))
    return io.StringIO(content, newline='')


def _text(fields):
    return [each.decode('utf-8') for each in fields] if PY2 else fields
