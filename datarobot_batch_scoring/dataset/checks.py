"""What must not be sent: errors that name the line of the input."""

from __future__ import absolute_import, unicode_literals

import csv
import re
from collections import OrderedDict, namedtuple

from datarobot_batch_scoring.dataset import escapes, grammar
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from datarobot_batch_scoring.dataset.utf8 import fault_in, is_utf8
from datarobot_batch_scoring.errors import DatasetError, UsageError

# What to say where columns are missing, and there is only one.
ONE_COLUMN = 'The header was read as one column. If it has more, set --delimiter.'

# A record that cannot be sent.
Fault = namedtuple('Fault', [
    'row',    # its number in its batch, from 0
    'error',  # the DatasetError that says why
])

# Before anything is parsed: most datasets have none.
_DECIMAL_COMMA = re.compile(br'[0-9],[0-9]')
_DECIMAL = re.compile(r'[+-]?(?:[0-9]+|[0-9]{1,3}(?:[. ][0-9]{3})+)(,[0-9]+)?\Z')
_THOUSANDS = re.compile(r'[+-]?[0-9]{1,3},[0-9]{3}\Z')
# Of the values of such a column: so many are numbers, and so many of these have a comma.
MIN_NUMBERS, MIN_COMMAS = 0.95, 0.5


class Unsendable(Exception):
    """Records of a batch cannot be sent: `faults` is a list of one `Fault` for each, in order."""

    def __init__(self, faults):
        super(Unsendable, self).__init__(faults)
        self.faults = faults


# How many names a message shows, and how many characters of each.
SHOWN_NAMES, SHOWN_CHARACTERS = 10, 40


# Records with too few fields: how many, and the lines of the first ones, a tuple.
Short = namedtuple('Short', 'count lines')
NONE_SHORT = Short(0, ())
SHOWN_SHORT = 3


def added(first, second):
    """The `Short` of two stretches of the dataset, in any order."""
    return Short(first.count + second.count, tuple(sorted(first.lines + second.lines)[:SHOWN_SHORT]))


def short_of(plain):
    """The `Short` of [count, lines], as a checkpoint or a record has it."""
    return Short(plain[0], tuple(plain[1]))


def checked_records(batch, dialect):
    """The records of a `Batch` (bytes, without blank lines), and its `Short` ones.

    Raises `Unsendable` for records with bytes that do not fit the encoding, a NUL, or more fields
    than the header has; and `DatasetError`, with the line, for what leaves open where records
    end: fields that are too long, and line breaks inside fields if `--fast` promised none.
    """
    raw, line, limit = batch.raw, batch.start.line, dialect.field_size_limit
    if dialect.translated:
        return _translated_records(raw, line, dialect), NONE_SHORT
    is_text = text_error(raw, line, dialect.encoding) is None
    if batch.regular and is_text and len(raw) <= limit:
        return raw, NONE_SHORT
    masked = grammar.mask(raw, dialect.delimiter)
    check_field_sizes(raw, masked, line, limit)
    if batch.regular and is_text:
        return raw, NONE_SHORT
    if dialect.fast:
        check_promise(raw, masked, line, dialect.delimiter)
    odd, columns = grammar.odd_records(masked, len(dialect.columns)), len(dialect.columns)
    if not is_text or any(count > columns for _, count in odd):
        raise Unsendable(_faults(raw, masked, line, dialect, dict(odd)))
    lines = tuple(line + grammar.lines_before_row(raw, masked, row) for row, _ in odd[:SHOWN_SHORT])
    return grammar.without_blank_lines(raw, masked), Short(len(odd), lines)


def _translated_records(raw, first_line, dialect):
    if len(raw) > dialect.field_size_limit:
        check_field_sizes(raw, grammar.mask(raw, b','), first_line, dialect.field_size_limit)
    records = raw
    if raw.startswith(b'\n') or b'\n\n' in raw:
        records = b''.join(line + b'\n' for line in raw.split(b'\n') if line)
    records = escapes.restored(records)
    if escapes.REASON in raw or text_error(records, first_line, dialect.encoding):
        raise Unsendable(list(_translated_faults(raw.split(b'\n'), first_line, dialect.encoding)))
    return records


def _translated_faults(lines, first_line, encoding):
    row = 0
    for number, line in enumerate(lines, first_line):
        # What is half of a pair here was escaped in JSON.
        error = line and (escapes.reason_in(line, number)
                          or text_error(escapes.restored(line), number, encoding, True))
        if error:
            yield Fault(row, error)
        row += bool(line)


def _faults(raw, masked, line, dialect, counts):
    """The `Fault`s of `checked_records`; `counts` has {row: fields} of records with an odd number."""
    faults, start, counted = [], 0, 0
    for row, end in enumerate(grammar.record_ends(masked)):
        record, count = raw[start:end], counts.get(row, 0)
        if count > len(dialect.columns) or text_error(record, 0, dialect.encoding):
            first = start + grammar.size_of_blank_lines(masked[start:end])
            line += grammar.count_lines(raw[counted:first])
            counted = first
            faults.append(Fault(row, text_error(record, line, dialect.encoding) or _too_many(
                masked[first:end], line, count, len(dialect.columns))))
        start = end
    return faults


def text_error(raw, first_line, encoding, is_marked=None):
    """The `DatasetError` for bytes `raw` that are no text, from an input in `encoding`; or None.

    `is_marked`: half of a surrogate pair is not just bytes that do not fit; None: the encoding decides.
    """
    fault = fault_in(raw, not is_utf8(encoding) if is_marked is None else is_marked)
    nul = raw.find(b'\0')
    if nul >= 0 and (fault is None or nul < fault[0]):
        return DatasetError('nul', line=first_line + grammar.count_lines(raw[:nul]))
    if fault is None:
        return None
    start, byte = fault
    line = first_line + grammar.count_lines(raw[:start])
    if byte is None:
        return DatasetError('half_pair', line=line)
    return DatasetError('byte', line=line, codec=encoding, byte='0x{0:02x}'.format(byte))


def check_text(raw, first_line, encoding):
    """Raises the `DatasetError` for bytes that are no text."""
    error = text_error(raw, first_line, encoding)
    if error:
        raise error


def check_promise(raw, masked, first_line, delimiter):
    """Raises `DatasetError` if a field in `raw` contains a line break; `--fast` promised none."""
    if b'"' not in raw:
        return
    unquoted = grammar.mask(raw, delimiter, follow_quotes=False)
    if unquoted.count(grammar.RECORD_END) == masked.count(grammar.RECORD_END):
        return
    # The two agree up to the field with the first line break.
    lines = unquoted.split(grammar.RECORD_END)
    position = next(place for place, (line, masked_line) in enumerate(zip(
        lines, masked.split(grammar.RECORD_END))) if len(line) != len(masked_line))
    start = sum(map(len, lines[:position])) + position
    raise DatasetError('multiline', line=first_line + grammar.lines_before_record(raw, masked, start))


def a_few(names, separator=', '):
    """Column names for a message: the first few, however many there are."""
    shown = separator.join(name if len(name) <= SHOWN_CHARACTERS else name[:SHOWN_CHARACTERS] + '...'
                           for name in names[:SHOWN_NAMES])
    more = len(names) - SHOWN_NAMES
    return shown if more <= 0 else '{0} and {1} more'.format(shown, more)


def no_rows(path, rows):
    """The error for a dataset without rows, or that ends before the first of the `rows` that are asked for."""
    return UsageError('no_such_row', file=path, row=rows.first) if rows else UsageError('no_rows', file=path)


WARNINGS = OrderedDict([
    ('blank', 'Line {0} of the dataset is blank; blank lines are dropped.'),
    ('ctrl_z', 'Line {0} of the dataset is a Ctrl-Z (end of file on DOS); dropped.'),
    ('short', 'Line {0} of the dataset has fewer fields than the header; such lines are sent unchanged.'),
])


def warning(kind, line):
    """What the user is told once of a kind in `WARNINGS`; `line` is the first such line."""
    return WARNINGS[kind].format(line)


def warnings(blank, ctrl_z, short):
    """[(kind, warning), ...] for the first lines that are blank or a Ctrl-Z, each None, and for a `Short`."""
    firsts = [('blank', blank), ('ctrl_z', ctrl_z), ('short', short.lines[0] if short.count else None)]
    return [(kind, warning(kind, line)) for kind, line in firsts if line]


def unsendable_warning(faults):
    """What the user of a dry run is told about these `Fault`s."""
    return '{0} of the dataset cannot be sent and would be set aside. The first: {1}'.format(
        '1 row' if len(faults) == 1 else '{0} rows'.format(len(faults)), faults[0].error.message)


def short_note(short):
    """How many such records there were, a `Short`, in words; '' if none."""
    if not short.count:
        return ''
    few = ', '.join('{0}'.format(line) for line in short.lines)
    if short.count == 1:
        return '1 line had fewer fields than the header: line ' + few
    more = ', ...' if short.count > len(short.lines) else ''
    return '{0} lines had fewer fields than the header: lines {1}{2}'.format(short.count, few, more)


def open_field(line):
    """The error for a quote that opens on `line` and is still open at the end of the input."""
    return DatasetError('open_quote', line=line)


def field_too_long(line, limit):
    """The error for a field that begins on `line` and has more than `limit` characters."""
    return DatasetError('long_field', line=line, limit=limit)


def _too_many(masked, line, fields, columns):
    """The error for a record (its mask) on `line` with more fields than the header's `columns`."""
    at_the_end = masked.rstrip(grammar.RECORD_END + grammar.SPACE).endswith(
        grammar.DELIMITER * (fields - columns))
    return DatasetError('last_delimiters' if at_the_end else 'many_fields',
                        line=line, fields=fields, columns=columns)


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


def decimal_commas(sample, dialect):
    """The names of the columns, in a sample (bytes) of records, that nearly all hold such numbers; a tuple."""
    if not _DECIMAL_COMMA.search(sample) or dialect.delimiter == b',' and b'"' not in sample:
        return ()
    masked = grammar.mask(sample, dialect.delimiter)
    # The last record may go on.
    size = masked.rfind(grammar.RECORD_END) + 1 or len(sample)
    try:
        records = read_records(grammar.without_blank_lines(sample[:size], masked[:size]), dialect.delimiter)
    except (UnicodeDecodeError, csv.Error):
        # The run comes to the byte that cannot be read, and names its line.
        return ()
    return tuple(name for place, name in enumerate(dialect.columns) if _has_decimal_commas(
        [record[place].strip() for record in records if place < len(record)]))


def _has_decimal_commas(values):
    values = [value for value in values if value]
    numbers = [match for match in map(_DECIMAL.match, values) if match]
    with_comma = [match.group() for match in numbers if match.group(1)]
    return (len(numbers) >= MIN_NUMBERS * len(values) and len(with_comma) >= MIN_COMMAS * len(numbers)
            # 1,234 may be a thousand.
            and not all(map(_THOUSANDS.match, with_comma)) and bool(with_comma))


def decimal_comma_warning(names):
    """What the user is told of such columns."""
    return ('Numbers with decimal commas in {0}: a server may read 65,2 as text or as a different number. Write them '
            'with a point.').format(a_few(names))
