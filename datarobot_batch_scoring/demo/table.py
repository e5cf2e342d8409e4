"""CSV bytes to rows of text, the same on Python 2 and 3."""

from __future__ import absolute_import, unicode_literals

import csv
import io
import json

from ..compat import PY2
from ..compat import text as to_text
from ..dataset.csv_bytes import write_records

MAX_FIELD_LENGTH = 64 * 1024 * 1024


def as_csv(body):
    """A request whose columns have types, in MLflow's form or of the Open Inference Protocol, as CSV.

    Bytes; numbers keep their text. Raises ValueError, with a message for the sender.
    """
    request = json.loads(body.decode('utf-8'), parse_float=to_text, parse_int=to_text, parse_constant=to_text)
    try:
        if 'inputs' in request:
            names = [each['name'] for each in request['inputs']]
            columns = [each['data'] for each in request['inputs']]
            shapes = [each['shape'] for each in request['inputs']]
            if [int(shape[0]) for shape in shapes] != [len(column) for column in columns] or len(
                    set(map(len, columns))) != 1:
                raise ValueError('The inputs are of unequal length')
            records = list(zip(*columns))
        else:
            names, records = (request['dataframe_split'][key] for key in ('columns', 'data'))
    except (KeyError, TypeError, AttributeError):
        raise ValueError('The body has neither "inputs" nor "dataframe_split"')
    return write_records([names] + [[_cell(each) for each in record] for record in records], ',', '\n')


def _cell(value):
    if value is None or value == 'NaN':
        return ''
    return {True: 'true', False: 'false'}[value] if isinstance(value, bool) else value


def read_table(body):
    """The header and the records of a CSV file in UTF-8 bytes.

    Returns a list of column names and a list of `(line, fields)`, all text;
    `line` is where the record ends, from 1. Blank lines are left out.
    Raises ValueError, with a message for the sender, if it is not CSV.
    """
    csv.field_size_limit(MAX_FIELD_LENGTH)
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
