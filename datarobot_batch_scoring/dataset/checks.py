"""What must not be sent: errors that name the line of the input."""

from __future__ import absolute_import, unicode_literals

import collections

from datarobot_batch_scoring.compat import not_utf8_at
from datarobot_batch_scoring.dataset import escapes, grammar
from datarobot_batch_scoring.errors import DatasetError, UsageError

# What to say where columns are missing, and there is only one.
ONE_COLUMN = 'The header was read as one column. If it has more, give --delimiter.'

# How many names a message shows, and how many characters of each.
SHOWN_NAMES, SHOWN_CHARACTERS = 10, 40


def checked_records(batch, dialect):
    """The records of a `Batch` (bytes, without blank lines), and the line of the first short one.

    A short record is one with too few fields; the line is None if there is none.
    Raises `DatasetError`, with the line, for what must not be sent: text that is
    not UTF-8, more fields than the header has, fields that are too long, and line
    breaks inside fields if `--fast` promised none.
    """
    raw, line, limit = batch.raw, batch.start.line, dialect.field_size_limit
    if dialect.translated:
        return _translated_records(raw, line, limit), None
    check_encoding(raw, line, dialect.encoding)
    if batch.regular and len(raw) <= limit:
        return raw, None
    masked = grammar.mask(raw, dialect.delimiter)
    check_field_sizes(raw, masked, line, limit)
    if batch.regular:
        return raw, None
    if dialect.fast:
        check_promise(raw, masked, line, dialect.delimiter)
    short_line = check_fields(raw, masked, line, len(dialect.columns))
    return grammar.without_blank_lines(raw, masked), short_line


def _translated_records(raw, first_line, limit):
    if len(raw) > limit:
        check_field_sizes(raw, grammar.mask(raw, b','), first_line, limit)
    lines = raw.split(b'\n')
    for number, line in enumerate(lines if escapes.REASON in raw else ()):
        error = escapes.reason_in(line, first_line + number)
        if error:
            raise error
    records = escapes.restored(b'\n'.join(line for line in lines if line) + b'\n')
    check_encoding(records, first_line, 'utf-8')
    return records


def check_encoding(raw, first_line, encoding):
    """Raises `DatasetError` if `raw`, from an input in `encoding`, is not UTF-8."""
    fault = not_utf8_at(raw)
    if fault is not None:
        raise DatasetError('byte', line=first_line + grammar.count_lines(raw[:fault]), codec=encoding,
                           byte='0x{0:02x}'.format(ord(raw[fault:fault + 1])))


def check_promise(raw, masked, first_line, delimiter):
    """Raises `DatasetError` if a field in `raw` contains a line break; `--fast` promised none."""
    if b'"' not in raw:
        return
    unquoted = grammar.mask(raw, delimiter, follow_quotes=False)
    if unquoted.count(grammar.RECORD_END) == masked.count(grammar.RECORD_END):
        return
    # The two agree up to the field with the first line break.
    lines = unquoted.split(grammar.RECORD_END)
    position = next(place for place, (one, other) in enumerate(zip(
        lines, masked.split(grammar.RECORD_END))) if len(one) != len(other))
    start = sum(map(len, lines[:position])) + position
    raise DatasetError('multiline', line=first_line + grammar.lines_before_record(raw, masked, start))


def a_few(names, separator=', '):
    """Column names for a message: the first few, however many there are."""
    shown = separator.join(name if len(name) <= SHOWN_CHARACTERS else name[:SHOWN_CHARACTERS] + '...'
                           for name in names[:SHOWN_NAMES])
    more = len(names) - SHOWN_NAMES
    return shown if more <= 0 else '{0} and {1} more'.format(shown, more)


def no_such_row(path, rows):
    """The error for a dataset that ends before the first of the `rows` that are wanted."""
    return UsageError('no_such_row', file=path, row=rows[0])


WARNINGS = collections.OrderedDict([
    ('blank', 'Line {0} of the dataset is blank; such lines are dropped.'),
    ('ctrl_z', 'Line {0} of the dataset holds a Ctrl-Z, which ends a file on DOS; it is dropped.'),
    ('short', 'Line {0} of the dataset has fewer fields than the header; such lines are sent as '
              'they are.'),
])


def warning(kind, line):
    """What the user is told once of a kind in `WARNINGS`; `line` is the first such line."""
    return WARNINGS[kind].format(line)


def open_field(line):
    """The error for a quote that opens on `line` and is still open at the end of the input."""
    return DatasetError('open_quote', line=line)


def field_too_long(line, limit):
    """The error for a field that begins on `line` and has more than `limit` characters."""
    return DatasetError('long_field', line=line, limit=limit)


def check_fields(raw, masked, first_line, columns):
    """The line of the first record with too few fields, or None; raises for one with too many."""
    odd = grammar.odd_records(masked, columns)
    if not odd:
        return None
    row, count = next((each for each in odd if each[1] > columns), odd[0])
    line = first_line + grammar.lines_before_row(raw, masked, row)
    if count > columns:
        record = masked.replace(grammar.BLANK, b'').split(grammar.RECORD_END)[row]
        at_the_end = record.endswith(grammar.DELIMITER * (count - columns))
        raise DatasetError('last_delimiters' if at_the_end else 'many_fields',
                           line=line, fields=count, columns=columns)
    return line


def check_field_sizes(raw, masked, first_line, limit):
    """Raises `DatasetError` if a field has more than `limit` characters."""
    if len(raw) <= limit:
        return
    fields = masked.replace(grammar.DELIMITER, b'\n') + b'\n'
    start = 0
    while len(raw) - start > limit:
        end = fields.rfind(b'\n', start, start + limit + 1)
        if end < 0:
            end = fields.index(b'\n', start)
            start += grammar.size_of_blank_lines(masked[start:end])
            if characters(raw[start:end]) > limit:
                raise field_too_long(first_line + grammar.count_lines(raw[:start]), limit)
        start = end + 1


def characters(field):
    """How many characters `csv` reads from a field (bytes as in the file), or from its start."""
    field = field.strip(b'\r').decode('utf-8', 'ignore')
    if not field.startswith('"'):
        return len(field)
    field = field[1:].replace('""', '"')
    return len(field) - field.endswith('"')
