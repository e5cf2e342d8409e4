# -*- coding: utf-8 -*-
"""Random tables whose columns are hard to tell types of, and what the types and values are by the rules.

BATCH_SCORING_TEST_TABLES is how many of them a test takes.
"""

from __future__ import absolute_import, unicode_literals

import json
import os
import random
import re
from collections import namedtuple

from scoring import as_csv

TABLES = int(os.environ.get('BATCH_SCORING_TEST_TABLES', 8))
# Rows per batch.
CUTS = (1, 2, 7, 1000)

MISSING = ('', 'NA', 'NaN', 'nan', 'null', 'NULL', 'None')
POOLS = {
    'codes': ['007', '7', 'A1', '010', 'x', '00'],
    'integers': ['0', '1', '52', '9007199254740992', '1000000'],
    'numbers': ['-3', '52.50', '.5', '-.5', '5.', '1e5', '1E-7', '2.5e+03', '0.10', '-0'],
    'long': ['12345678901234567890', '9007199254740993'],
    'booleans': ['true', 'FALSE', 'True', 'false', 'TRUE', 'False'],
    'dates': ['2024-01-31', '31.01.2024', '2024-01-31T10:00:00Z', '1/2/2024'],
    'texts': ['Köln', 'a "b"', 'a\\b', 'two\nlines', 'a,5', '1_000', ' 5', '+5', '0x1F', 'Infinity', 'yes', '東京\t'],
}


class Table(namedtuple('Table', [
        'data',      # CSV (bytes); its first column, x, has the number of the row, and a half
        'types',     # of all columns, as the rules say
        'values'])):  # rows of Python's values, None where one is missing
    """A dataset, and what it holds."""

    __slots__ = ()

    @property
    def lacks_a_boolean(self):
        return any(kind == 'boolean' and row[place] is None
                   for row in self.values for place, kind in enumerate(self.types))


def random_table(seed):
    """A `Table` with 1 to 40 rows and 1 to 5 columns beside x."""
    draw = random.Random(seed)
    rows = draw.choice([1, 2, 3, 8, 40])
    columns = [['{0}.5'.format(row) for row in range(rows)]]
    for _ in range(draw.randint(1, 5)):
        pools = draw.sample(sorted(POOLS), draw.choice([1, 1, 1, 2]))
        values = sum((POOLS[pool] for pool in pools), [])
        values += draw.choice([[], [''], ['NA'], list(MISSING)])
        # Most often only one row, anywhere, shows what the column is.
        usual = draw.choice(values)
        columns.append([draw.choice(values) if draw.random() < draw.choice([0.05, 1]) else usual
                        for _ in range(rows)])
    names = ['x'] + ['größe {0}'.format(at) for at in range(1, len(columns))]
    types = [type_of(column) for column in columns]
    data = as_csv([names] + [list(row) for row in zip(*columns)], line_end=draw.choice(['\n', '\r\n']))
    values = zip(*[[value_of(value, kind) for value in column] for column, kind in zip(columns, types)])
    return Table(data.encode('utf-8'), types, [list(row) for row in values])


def type_of(column):
    """The type of a column, looked at value by value."""
    known = [value for value in column if value not in MISSING]
    if not known:
        return 'string' if any(column) else 'number'
    if all(re.match(r'(0|[1-9][0-9]*)\Z', value) and int(value) <= 2 ** 53 for value in known):
        return 'integer' if known == column else 'number'
    if all(is_number(value) for value in known):
        return 'number'
    return 'boolean' if all(value.lower() in ('true', 'false') for value in known) else 'string'


def is_number(value):
    if not re.match(r'[-0-9.eE+]+\Z', value) or re.match(r'(-?0[0-9]|\+)', value):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return not re.match(r'-?[0-9]+\Z', value) or abs(int(value)) <= 2 ** 53


def value_of(value, kind):
    """What a value stands for, as Python has it; None if it is missing."""
    if not value or (kind != 'string' and value in MISSING):
        return None
    if kind == 'boolean':
        return value.lower() == 'true'
    return {'string': lambda text: text, 'integer': int, 'number': float}[kind](value)


def read_exactly(body):
    """The JSON of a request in which numbers are pairs of their type and text."""
    return json.loads(body.decode('utf-8'), parse_float=lambda text: ('number', text),
                      parse_int=lambda text: ('integer', text), parse_constant=lambda text: None)


def rows_sent(bodies):
    """{x: row} of requests, in the form `dataframe_split` or with a tensor per column."""
    rows = []
    for body in map(read_exactly, bodies):
        rows += (body['dataframe_split']['data'] if 'dataframe_split' in body
                 else zip(*[tensor['data'] for tensor in body['inputs']]))
    return dict((row[0], list(row)) for row in rows)


def assert_sent(sent, table):
    """What `rows_sent` gave are the values of a `Table`, with their types."""
    rows = [sent['number', '{0}.5'.format(at)] for at in range(len(table.values))]
    # As texts: 7 and 7.0 are the same to ==.
    assert [[repr(_value_sent(value)) for value in row] for row in rows] == [
        [repr(value) for value in row] for row in table.values]


def _value_sent(sent):
    return {'number': float, 'integer': int}[sent[0]](sent[1]) if isinstance(sent, tuple) else sent
