"""What the columns of the dataset hold: text, whole numbers, numbers or booleans.

CSV does not say: `detection` finds out.
"""

from __future__ import absolute_import, unicode_literals

import io
import json
import re
from collections import namedtuple

from datarobot_batch_scoring.errors import UsageError

STRING, INTEGER, NUMBER, BOOLEAN = TYPES = ('string', 'integer', 'number', 'boolean')

# A column as it is sent.
Column = namedtuple('Column', [
    'name',      # text
    'place',     # among the columns of the dataset
    'type',      # one of `TYPES`
    'missing',   # JSON (bytes) for a missing value; None: there must be none
    'datatype',  # what the protocol calls the type, or None
])

# In bytes, of --types.
MAX_FILE = 16 << 20
# JSON readers take numbers for doubles: the integers up to here are exact.
MAX_EXACT = 2 ** 53
# Stands between values while they are looked at in one go: no record holds it.
BETWEEN = b'\0'


def _up_to(most):
    """A regular expression for the whole numbers without leading zeros from 0 to `most`."""
    digits = '{0}'.format(most)
    shorter = r'[1-9]\d{{0,{0}}}'.format(len(digits) - 2)
    as_long = [digits[:at] + '[{0}-{1}]'.format(int(at == 0), int(digit) - 1)
               + r'\d{{{0}}}'.format(len(digits) - at - 1)
               for at, digit in enumerate(digits) if digit > '0' and (at or digit > '1')]
    return '|'.join(['0', shorter] + as_long + [digits])


DIGITS = _up_to(MAX_EXACT)
_EXPONENT = r'[eE](?:-\d{1,3}|\+?(?:[0-2]?\d{1,2}|30[0-7]))'
_WITH_POINT = r'(?:0|[1-9]\d*)?\.\d+(?:{0})?|(?:0|[1-9]\d*)(?:\.(?:{0})?|{0})'.format(_EXPONENT)

# What R and Python write for a missing value.
MISSING_WORDS = tuple(word.encode('ascii') for word in ('NA', 'NaN', 'nan', 'null', 'NULL', 'None'))
MISSING = frozenset((b'',) + MISSING_WORDS)
MISSING_PATTERN = '|'.join(word.decode('ascii') for word in MISSING_WORDS)

# What a value of a type looks like. Those of the server's or --types may be negative.
VALUES = {
    INTEGER: '-?(?:' + DIGITS + ')',
    NUMBER: '-?(?:{0}|{1})'.format(_WITH_POINT, DIGITS),
    BOOLEAN: '[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]',
}


def first_other(values, pattern):
    """The place of the first of `values` (a list of bytes) that does not match, or None.

    `pattern` is what `compiled` returns.
    """
    joined = BETWEEN + BETWEEN.join(values)
    match = pattern.search(joined)
    return joined.count(BETWEEN, 0, match.start()) if match else None


def compiled(pattern):
    """What `first_other` takes for the regular expression (text) of a value."""
    return re.compile(r'\0(?!(?:{0})(?:\0|\Z))'.format(pattern).encode('ascii'))


def declared(path):
    """{column: type} of the file of --types; {} for None. Raises `UsageError`."""
    if path is None:
        return {}
    try:
        with io.open(path, 'rb') as source:
            kinds = json.loads(source.read(MAX_FILE).decode('utf-8-sig'))
    except EnvironmentError as error:
        raise UsageError('types_unreadable', file=path, reason=error.strerror)
    # RuntimeError: nested too deeply
    except (ValueError, RuntimeError) as error:
        raise UsageError('types_not_json', file=path, reason=error)
    if not isinstance(kinds, dict):
        raise UsageError('types_not_json', file=path, reason='it is not an object')
    for name, kind in sorted(kinds.items()):
        if kind not in TYPES:
            raise UsageError('types_unknown', column=name, type=json.dumps(kind), types=', '.join(TYPES))
    return kinds


def are_types(value, columns):
    """Whether a plain value is what the types are of these columns."""
    return isinstance(value, list) and len(value) == len(columns) and all(kind in TYPES for kind in value)


def listed(columns, column_types):
    """The types of columns in words."""
    return ', '.join('{0} {1}'.format(*pair) for pair in zip(columns, column_types))
