"""Reads reports that a run left as JSON, however old they are, and whoever wrote them."""

from __future__ import absolute_import, division, unicode_literals

import io
import json
from collections import OrderedDict, namedtuple

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.errors import UsageError

LARGEST = 64 << 20

# What a comparison needs of a report.
Report = namedtuple('Report', [
    'path',
    'figures',    # OrderedDict: name to a number, a text or None
    'latency',    # OrderedDict: 'p50', ..., 'max' to seconds
    'classes',    # {class: rows}; None: the target is a number
    'columns',    # OrderedDict: label to Column
    'settings',   # {name: text}
    'partial',    # True: what was predicted is of its last run only
])

# The numbers of a prediction column.
Column = namedtuple('Column', [
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
        found = json.loads(data.decode('utf-8'), object_pairs_hook=OrderedDict)
        if found['program'] != 'datarobot_batch_scoring':
            raise ValueError('another program')
    except (ValueError, KeyError, TypeError, RuntimeError):
        raise UsageError('not_a_report', file=path)
    try:
        return _report(path, found)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UsageError('report_damaged', file=path, reason='{0} {1}'.format(type(error).__name__, error))


def _report(path, found):
    figures = OrderedDict()
    for name in ('began', 'ended', 'outcome', 'exit_code', 'version'):
        figures[name] = None if found.get(name) is None else '{0}'.format(found[name])
    settings = OrderedDict(
        (name, _shown(value)) for name, value in found['settings'].items()
        if name not in LEFT_OUT)
    figures['input'] = (found.get('input') or {}).get('sha256')
    # As it is called in reports of version 2.0.0.
    found.setdefault('mean_rows_per_second', found['rows_per_second'])
    for name in NUMBERS:
        figures[name] = _number(found[name])
    predicted = found['predictions'] or {}
    columns = found.get('prediction_columns') or {}
    if predicted and 'classes' not in predicted and not columns:
        # That of a version before columns were counted one by one.
        columns = {'prediction': predicted}
    return Report(
        path, figures,
        OrderedDict((name, _number(value)) for name, value in found['latency'].items()),
        _classes(predicted),
        OrderedDict((label, _column(each)) for label, each in columns.items()),
        settings,
        bool(found.get('rows_before'))
        and 'predictions' not in found.get('of_the_whole_output', ()))


def _classes(found):
    if 'classes' not in found:
        return None
    return {label: int(times) for label, times in found['classes'].items()}


def _column(found):
    return Column(
        *[_number(found[name]) for name in ('count', 'missing', 'least', 'mean', 'most')],
        quantiles=OrderedDict((name, _number(value))
                              for name, value in found.get('quantiles', {}).items()),
        table=[(_number(each['from']), _number(each['to']), int(each['rows']))
               for each in found['histogram']],
        classes=_classes(found))


def _number(value):
    """A JSON number, or None."""
    return None if value is None else value + 0


def _shown(value):
    if value is None or isinstance(value, text):
        return value
    return ', '.join(map('{0}'.format, value)) if isinstance(value, list) else '{0}'.format(value)
