"""A batch to the body of its request: checked, in commas, with the header in front."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.dataset import checks, grammar
from datarobot_batch_scoring.dataset.csv_bytes import read_records, write_records

# What all batches of a run have in common.
Shape = namedtuple('Shape', [
    'header',            # the header as the server gets it (bytes, comma, LF)
    'columns',           # how many columns it has
    'delimiter',         # of the input; empty: a single column
    'encoding',          # of the input
    'kept',              # positions of the columns of --keep_cols
    'output_delimiter',
    'fast',
    'field_size_limit',
])

Body = namedtuple('Body', [
    'data',              # the request's body, bytes
    'kept',              # None, or a list of values (bytes of the output) a column
    'short_line',        # line of the first record with too few fields, or None
])


def make_body(cut, shape):
    """Checks the records of a `cutter.Cut` (or what has its fields) and makes a `Body`.

    Raises `DatasetError` with the line for what must not be sent: text that
    is not UTF-8, more fields than the header has, fields that are too long,
    and line breaks inside of fields where `--fast` promised none.
    """
    raw, first_line = cut.raw, cut.first_line
    checks.check_encoding(raw, first_line, shape.encoding)
    delimiter = shape.delimiter.encode('ascii')
    checks.check_field_sizes(raw, first_line, delimiter, shape.field_size_limit)
    records, short_line = raw, None
    if not cut.regular:
        masked = grammar.mask(raw, delimiter)
        if shape.fast:
            checks.check_promise(raw, masked, first_line, delimiter)
        short_line = checks.check_fields(raw, masked, first_line, shape)
        records = grammar.without_blank_lines(raw, masked)
    kept = None
    if shape.kept:
        kept = kept_columns(records, cut.rows, shape, short_line is None)
    return Body(shape.header + in_commas(records, shape), kept, short_line)


def in_commas(records, shape):
    """`records` (bytes without blank lines) with commas between the fields.

    What is in commas is passed on as it is, byte for byte.
    """
    if shape.delimiter == ',':
        return records
    if b',' not in records:
        # No field holds a comma, so none needs quotes that it does not have.
        if not shape.delimiter:
            return records
        if b'"' not in records:
            return records.replace(shape.delimiter.encode('ascii'), b',')
    parsed = read_records(records, shape.delimiter)
    if shape.columns == 1:
        # `csv` would write a field of white space as a blank line.
        return b''.join((field if field.strip(b' \t') else b'"' + field + b'"') + b'\r\n'
                        for field in _quoted([record[0] for record in parsed], ','))
    return write_records(parsed, ',', '\r\n')


def kept_columns(records, rows, shape, even):
    """The columns of `--keep_cols`, each a list of fields as the output holds them.

    `even`: all records have as many fields as the header.
    """
    plain = even and b'"' not in records and b'\r' not in records and shape.delimiter
    if plain and _safe(records, shape):
        code = shape.delimiter.encode('ascii')
        fields = records.replace(b'\n', code).split(code)[:rows * shape.columns]
        return [fields[place::shape.columns] for place in shape.kept]
    parsed = list(read_records(records, shape.delimiter))
    return [_quoted([record[place] if place < len(record) else '' for record in parsed],
                    shape.output_delimiter) for place in shape.kept]


def _safe(records, shape):
    return (shape.output_delimiter == shape.delimiter
            or shape.output_delimiter.encode('ascii') not in records)


def _quoted(values, delimiter):
    special = ('"', '\r', '\n', delimiter)
    return [_quote(value) if any(each in value for each in special) else value.encode('utf-8')
            for value in values]


def _quote(value):
    return ('"' + value.replace('"', '""') + '"').encode('utf-8')
