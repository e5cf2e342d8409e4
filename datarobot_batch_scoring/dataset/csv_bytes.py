"""The `csv` module for UTF-8 bytes, the same on Python 2 and 3."""

from __future__ import absolute_import, unicode_literals

import csv
import io

from datarobot_batch_scoring.compat import PY2

# Neither occurs in UTF-8: a byte for Python 2, half of a surrogate pair for 3.
_SPLITS_NOTHING = b'\xff' if PY2 else '\udcff'


def lift_field_size_limit():
    """Lets the `csv` module read fields of any size: `checks` is what limits them.

    On Python 2 `csv` would count bytes, and it could not name the line.
    """
    # A C long has 32 bits on Windows.
    csv.field_size_limit(2 ** 31 - 1)


def read_records(data, delimiter):
    """The records of `data` (bytes), each a list of text.

    `delimiter` is one byte, or empty for a single column. Line breaks inside
    fields stay as they are. Empty lines give empty lists.
    """
    if PY2:
        lines = data.splitlines(True)
        return [[field.decode('utf-8') for field in record]
                for record in csv.reader(lines, delimiter=delimiter or _SPLITS_NOTHING)]
    lines = io.StringIO(data.decode('utf-8'), newline='')
    return list(csv.reader(lines, delimiter=delimiter.decode('ascii') or _SPLITS_NOTHING))


def write_records(records, delimiter, linesep):
    """`records` (lists of text) as CSV bytes, quoted only where needed."""
    if PY2:
        target = io.BytesIO()
        records = [[field.encode('utf-8') for field in record] for record in records]
    else:
        target = io.StringIO(newline='')
    writer = csv.writer(target, delimiter=str(delimiter), lineterminator=str(linesep))
    writer.writerows(records)
    written = target.getvalue()
    return written if PY2 else written.encode('utf-8')


def write_record(record, delimiter, linesep):
    """One record (a list of text) as CSV bytes."""
    return write_records([record], delimiter, linesep)


def split_columns(records, rows, delimiter, columns, even):
    """The fields of `rows` records (bytes, without blank lines), a list of `columns` lists of bytes.

    They are what `csv` reads: without quotes around them. `even`: every record has as many fields
    as the header; otherwise what is not there is empty.
    """
    if even and b'"' not in records and delimiter:
        plain = records.replace(b'\r\n', b'\n') if b'\r' in records else records
        if b'\r' not in plain:
            fields = plain.replace(b'\n', delimiter).split(delimiter)[:rows * columns]
            return [fields[place::columns] for place in range(columns)]
    parsed = read_records(records, delimiter)
    if not even:
        parsed = [record + [''] * (columns - len(record)) for record in parsed]
    # In one go: no field holds a NUL.
    return ['\0'.join(column).encode('utf-8').split(b'\0') for column in zip(*parsed)]
