"""Makes a batch the body of its request: checked, and comma-separated with the header first, or typed."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.csv_bytes import read_records, write_record, write_records
from datarobot_batch_scoring.output.csv_text import JSON_LINES, quoted
from datarobot_batch_scoring.scoring import typed_bodies

# What all batches of a run have in common.
Shape = namedtuple('Shape', [
    'dialect',           # dialect.Dialect of the input
    'header',            # the header as the server gets it (bytes, comma, LF)
    'kept',              # positions of the columns of --keep_cols
    'output_delimiter',  # one byte; that of `csv_text.JSON_LINES` if the output is that
    'form',              # what writes requests whose columns have types (it has `columns`,
                         # `write` and `max_rows`); None: they are CSV
])
Shape.__new__.__defaults__ = (None,)

Body = namedtuple('Body', [
    'data',              # the request's body, bytes
    'kept',              # None, or per column a list of values (bytes, as in the output)
    'short_line',        # line of the first record with too few fields, or None
    'id',                # text that the answer repeats, or None
])

# What a dry run has seen of some input: the lines of the first row with too few fields, of the
# first blank one and of the first end of file, each of them or None.
Checked = namedtuple('Checked', 'rows batches short blank ctrl_z')


def header_record(columns):
    """The header as the server gets it (documented): UTF-8, comma, one line (bytes)."""
    return write_record(columns, ',', '\r\n')[:-2] + b'\n'


def make_body(batch, shape):
    """Checks the records of a `Batch` and makes a `Body` of them.

    Raises whatever `checks.checked_records` raises for what must not be sent.
    """
    records, short_line = checks.checked_records(batch, shape.dialect)
    kept = None
    if shape.kept:
        kept = kept_columns(records, batch.rows, shape, short_line is None)
    if shape.form is None:
        return Body(shape.header + in_commas(records, shape.dialect), kept, short_line, None)
    batch_id = 'rows-{0}-{1}'.format(batch.start.row, batch.end_row - 1)
    try:
        values = typed_bodies.columns_as_json(
            records, batch.rows, shape.dialect, shape.form.columns, short_line is None)
    except typed_bodies.Unfit as error:
        raise typed_bodies.misfit(error, batch, shape.dialect.delimiter)
    return Body(shape.form.write(values, batch_id), kept, short_line, batch_id)


def record_of(batch, shape):
    """The only record of a `Batch`, with commas between its fields (bytes), without its line end."""
    record = in_commas(checks.checked_records(batch, shape.dialect)[0], shape.dialect)
    end = next((each for each in (b'\r\n', b'\n', b'\r') if record.endswith(each)), b'')
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
    parsed = read_records(records, dialect.delimiter)
    if len(dialect.columns) == 1:
        # `csv` would write a field of white space as a blank line.
        return b''.join((field if field.strip(b' \t') else b'"' + field + b'"') + b'\r\n'
                        for field in quoted([record[0] for record in parsed], b','))
    return write_records(parsed, ',', '\r\n')


def kept_columns(records, rows, shape, even):
    """The columns of `--keep_cols`, each a list of fields as in the output.

    `even`: every record has as many fields as the header.
    """
    delimiter, columns = shape.dialect.delimiter, len(shape.dialect.columns)
    is_csv = shape.output_delimiter != JSON_LINES.encode('ascii')
    plain = is_csv and even and b'"' not in records and b'\r' not in records and delimiter
    if plain and (shape.output_delimiter == delimiter or shape.output_delimiter not in records):
        fields = records.replace(b'\n', delimiter).split(delimiter)[:rows * columns]
        return [fields[place::columns] for place in shape.kept]
    parsed = read_records(records, delimiter)
    return [quoted([record[place] if place < len(record) else '' for record in parsed],
                   shape.output_delimiter) for place in shape.kept]


def check_batches(cutter, shape, first_row, see=lambda raw: None):
    """What is `Checked` of the batches of a `Cutter`; `see` is called with the bytes of each.

    They are made ready to be sent, and not sent. Raises `DatasetError` for what cannot be.
    """
    rows = batches = 0
    short = None
    for batch in cutter:
        see(batch.raw)
        if batch.start.row >= first_row:
            body = make_body(batch, shape)
            short = short or body.short_line
            rows, batches = rows + batch.rows, batches + 1
    return Checked(rows, batches, short, cutter.blank_line, cutter.ctrl_z)
