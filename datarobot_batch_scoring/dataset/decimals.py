"""Finds columns of numbers with decimal commas, which a server may read as text, or as other numbers."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.dataset import grammar
from datarobot_batch_scoring.dataset.checks import a_few
from datarobot_batch_scoring.dataset.csv_bytes import read_records

# Before anything is parsed: most datasets have none.
_COMMA = re.compile(br'[0-9],[0-9]')
_NUMBER = re.compile(r'[+-]?(?:[0-9]+|[0-9]{1,3}(?:[. ][0-9]{3})+)(,[0-9]+)?\Z')
_THOUSANDS = re.compile(r'[+-]?[0-9]{1,3},[0-9]{3}\Z')
# Of the values of such a column: so many are numbers, and so many of these have a comma.
MIN_NUMBERS, MIN_COMMAS = 0.95, 0.5


def decimal_commas(sample, dialect):
    """The names of the columns, in a sample (bytes) of records, that nearly all hold such numbers; a tuple."""
    if not _COMMA.search(sample) or dialect.delimiter == b',' and b'"' not in sample:
        return ()
    masked = grammar.mask(sample, dialect.delimiter)
    # The last record may go on.
    size = masked.rfind(grammar.RECORD_END) + 1 or len(sample)
    records = read_records(grammar.without_blank_lines(sample[:size], masked[:size]), dialect.delimiter)
    return tuple(name for place, name in enumerate(dialect.columns) if _has_decimal_commas(
        [record[place].strip() for record in records if place < len(record)]))


def _has_decimal_commas(values):
    values = [value for value in values if value]
    numbers = [match for match in map(_NUMBER.match, values) if match]
    with_comma = [match.group() for match in numbers if match.group(1)]
    return (len(numbers) >= MIN_NUMBERS * len(values) and len(with_comma) >= MIN_COMMAS * len(numbers)
            # 1,234 may be a thousand.
            and not all(map(_THOUSANDS.match, with_comma)) and bool(with_comma))


def warning(names):
    """What the user is told of such columns."""
    return ('Numbers with decimal commas in {0}: a server may read 65,2 as text, or as another number. Write them '
            'with a point.').format(a_few(names))
