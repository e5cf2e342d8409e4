"""Reads reports that a run left as JSON, of any age and from any source."""

from __future__ import absolute_import, division, unicode_literals

import io
import json
import math
from collections import OrderedDict, namedtuple

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.errors import UsageError

LARGEST = 64 << 20
# Rows, say: a number from which a double would leave out some.
MAX_COUNT = 1 << 53
MAX_DIGITS = 300
# Many times what a report of this program has.
MAX_BINS, MAX_CLASSES, MAX_COLUMNS = 1000, 10000, 1000

# What a comparison needs of a report.
Report = namedtuple('Report', [
    'path',
    'figures',    # OrderedDict: name to a number, a text or None
    'latency',    # OrderedDict: 'p50', ..., 'max' to seconds
    'classes',    # {class: rows}; None: the target is a number
    'columns',    # OrderedDict: label to ColumnStatistics
    'settings',   # {name: text}
    'partial',    # True: what was predicted is of its last run only
])

# The numbers of a prediction column.
ColumnStatistics = namedtuple('ColumnStatistics', [
    'count', 'missing', 'least', 'mean', 'most',
    'quantiles',  # OrderedDict: 'p5', ... to a number; empty in a report of before
    'table',      # [(start, end, rows), ...]
    'classes',    # {text: rows}; None: it has only numbers
])

NUMBERS = ('rows', 'bad_rows', 'null_values', 'seconds', 'mean_rows_per_second', 'batches')
# They say nothing of the rows.
LEFT_OUT = ('bad_rows', 'ini', 'log', 'no', 'out', 'report', 'resume', 'unknown_keys', 'verbose',
            'warnings', 'yes')


def read(path):
    """The `Report` in a file of JSON; raises `UsageError`."""
    try:
        with io.open(path, 'rb') as source:
            data = source.read(LARGEST)
    except EnvironmentError as error:
        raise UsageError('report_unreadable', file=path, reason=error.strerror)
    try:
        # RuntimeError: nested too deeply
        report = json.loads(
            data.decode('utf-8'), object_pairs_hook=OrderedDict, parse_int=_whole_number)
        if report['program'] != 'datarobot_batch_scoring':
            raise ValueError('another program')
    except (ValueError, KeyError, TypeError, RuntimeError):
        raise UsageError('not_a_report', file=path)
    try:
        return _report(path, report)
    except KeyError as error:
        reason = 'it has no {0}'.format(error.args[0])
    except (TypeError, AttributeError, RuntimeError):
        reason = 'it has a value of another kind'
    except (ValueError, OverflowError) as error:
        reason = error
    raise UsageError('report_damaged', file=path, reason=reason)


def _report(path, report):
    figures = OrderedDict()
    for name in ('began', 'ended', 'outcome', 'exit_code', 'version'):
        figures[name] = _shown(report.get(name))
    settings = OrderedDict(
        (name, _shown(value)) for name, value in report['settings'].items()
        if name not in LEFT_OUT)
    figures['input'] = (report.get('input') or {}).get('sha256')
    if not isinstance(figures['input'], (type(None), text)):
        raise ValueError('the SHA-256 of its dataset is no text')
    # As it is called in reports of version 2.0.0.
    report.setdefault('mean_rows_per_second', report['rows_per_second'])
    for name in NUMBERS:
        figures[name] = _number(report[name])
    predicted = report['predictions'] or {}
    columns = _limited(report.get('prediction_columns') or {}, MAX_COLUMNS, 'columns')
    if predicted and 'classes' not in predicted and not columns:
        # That of a version before columns were counted one by one.
        columns = {'prediction': predicted}
    return Report(
        path, figures,
        OrderedDict((name, _number(value)) for name, value in report['latency'].items()),
        _classes(predicted),
        OrderedDict((label, _column(column)) for label, column in columns.items()),
        settings,
        bool(report.get('rows_before'))
        and 'predictions' not in report.get('of_the_whole_output', ()))


def _classes(column):
    if 'classes' not in column:
        return None
    return {label: _count(times)
            for label, times in _limited(column['classes'], MAX_CLASSES, 'classes').items()}


def _column(column):
    return ColumnStatistics(
        *[_number(column[name]) for name in ('count', 'missing', 'least', 'mean', 'most')],
        quantiles=OrderedDict((name, _number(value))
                              for name, value in column.get('quantiles', {}).items()),
        table=_table(column['histogram']),
        classes=_classes(column))


def _table(bins):
    """[(start, end, rows), ...] of a histogram."""
    table = [(_bound(histogram_bin['from']), _bound(histogram_bin['to']), _count(histogram_bin['rows']))
             for histogram_bin in _limited(bins, MAX_BINS, 'bins')]
    if any(start >= end for start, end, _ in table) or any(
            left[1] > right[0] for left, right in zip(table, table[1:])):
        raise ValueError('its bins are not in order')
    return table


def _limited(values, most, what):
    if len(values) > most:
        raise ValueError('it has more than {0} {1}'.format(most, what))
    return values


def _bound(value):
    number = _number(value)
    if number is None:
        raise ValueError('a bin has no bounds')
    return number


def _count(value):
    number = _number(value)
    if number is None or not 0 <= number <= MAX_COUNT or number != int(number):
        raise ValueError('a count of rows is no such number')
    return int(number)


def _number(value):
    """A JSON number that is finite, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or math.isnan(value) or math.isinf(value):
        raise ValueError('a number is not finite')
    return value


def _whole_number(digits):
    """An integer of JSON; one that is too large for anything here is no finite number."""
    return int(digits) if len(digits) <= MAX_DIGITS else float('inf')


def _shown(value):
    """A setting as text, or None."""
    if value is None or isinstance(value, text):
        return value
    values = value if isinstance(value, list) else [value]
    if any(isinstance(element, (list, dict)) for element in values):
        raise ValueError('a setting is not a number or a text')
    return ', '.join(map('{0}'.format, values))
