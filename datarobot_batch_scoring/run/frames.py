"""Scores a frame of pandas or polars: as JSON Lines, in a directory that is removed afterwards."""

from __future__ import absolute_import, unicode_literals

import datetime
import io
import json
import os
import shutil
import tempfile
from decimal import Decimal

import six

from datarobot_batch_scoring.dataset import types
from datarobot_batch_scoring.dataset.json_text import NOT_FINITE
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.run.columns import ALL

_TIMES = (datetime.date, datetime.time)


def score_frame(settings, frame, bad_rows, score):
    """The frame of the predictions; `score` scores the settings of a file."""
    kind = _kind_of(frame)
    _check(settings)
    first, last = settings.wanted_rows
    frame = kind.slice(frame, first, last)
    names = _names_of(frame)
    directory = tempfile.mkdtemp()
    try:
        dataset, out, bad = (os.path.join(directory, name) for name in ('frame', 'out.jsonl', 'bad.csv'))
        columns = [kind.values(frame, place) for place in range(len(names))]
        texts = [[_text(value, name) for value in column] for name, column in zip(names, columns)]
        _write(dataset, names, texts)
        settings = settings._replace(
            dataset=dataset, out=out, skip_row_id=True, rows=None, resume=False,
            frame_types=list(map(_type_of, columns, texts)))
        if bad_rows is not None:
            settings = settings._replace(bad_rows=bad)
        score(settings)
        if bad_rows is not None:
            bad_rows.extend((first + row, reason) for row, reason in _bad_rows(bad))
        kept = list(range(len(names))) if settings.keep_cols == ALL else [
            [name.strip() for name in names].index(name) for name in settings.keep_cols]
        return kind.made(frame, kept, _columns(out, len(kept)))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _check(settings):
    for name, is_given in (('dataset', settings.dataset), ('dry_run', settings.dry_run),
                           ('scheduler', settings.scheduler)):
        if is_given:
            raise UsageError('frame_setting', name=name)


def _kind_of(frame):
    name = type(frame).__module__.split('.')[0]
    kind = {'pandas': _Pandas, 'polars': _Polars}.get(name)
    if kind is None or type(frame).__name__ != 'DataFrame':
        raise UsageError('no_frame', type='{0}.{1}'.format(type(frame).__module__, type(frame).__name__))
    return kind


def _names_of(frame):
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, six.text_type) or names.count(name) > 1:
            raise UsageError('frame_name', column=name)
    if not names or not len(frame):
        raise UsageError('frame_empty')
    return names


class _Pandas(object):
    """A `pandas.DataFrame`."""

    @staticmethod
    def slice(frame, first, last):
        return frame.iloc[first:last]

    @staticmethod
    def values(frame, place):
        series = frame.iloc[:, place]
        if getattr(series.dtype, 'kind', '') == 'f' and series.dtype.itemsize < 8:
            # Their shortest text is not that of the same number in twice the bits.
            return [None if value != value else float(six.text_type(value)) for value in series.to_numpy()]
        return series.astype(object).where(series.notna(), None).tolist()

    @staticmethod
    def made(frame, kept, columns):
        made = frame.iloc[:, kept].copy()
        for name, values in columns:
            made[name] = values
        return made


class _Polars(object):
    """A `polars.DataFrame`."""

    @staticmethod
    def slice(frame, first, last):
        return frame.slice(first, max(last - first, 0))

    @staticmethod
    def values(frame, place):
        import polars
        series = frame.to_series(place)
        if series.dtype == polars.Float32:
            return [value and float(value) for value in series.cast(polars.String).to_list()]
        return series.to_list()

    @staticmethod
    def made(frame, kept, columns):
        import polars
        return polars.DataFrame([frame.to_series(place) for place in kept] + [
            polars.Series(name, values) for name, values in columns])


def _text(value, column):
    """A value as CSV has it, or None; raises `UsageError` for one that it cannot hold."""
    if value is None or isinstance(value, six.text_type):
        return value
    if _is_boolean(value):
        return 'true' if value else 'false'
    if isinstance(value, Decimal):
        return '{0:f}'.format(value)
    if isinstance(value, float):
        return json.dumps(float(value))
    if isinstance(value, six.integer_types) or hasattr(value, '__index__'):
        return '{0}'.format(int(value))
    if isinstance(value, _TIMES):
        return value.isoformat()
    raise UsageError('frame_column', column=column, type=type(value).__name__)


def _is_boolean(value):
    return isinstance(value, bool) or type(value).__name__ in ('bool_', 'bool')


def _type_of(values, texts):
    """The type of a column, one of `types.TYPES`; None: it has no value."""
    known = [pair for pair in zip(values, texts) if pair[0] is not None]
    if all(_is_boolean(value) for value, _ in known):
        return types.BOOLEAN if known else None
    if any(isinstance(value, (six.text_type,) + _TIMES) or _is_boolean(value) for value, _ in known):
        return types.STRING
    whole = [text for _, text in known if text.lstrip('-').isdigit()]
    if any(abs(int(text)) > types.MAX_EXACT for text in whole):
        return types.STRING
    return types.INTEGER if len(whole) == len(values) else types.NUMBER


def _write(path, names, columns):
    with io.open(path, 'w', encoding='ascii') as target:
        for row in zip(*columns):
            target.write('{0}\n'.format(json.dumps(dict(zip(names, row)))))


def _bad_rows(path):
    """Yields (row, reason) of the rows in a file of bad rows, if there is one."""
    if os.path.exists(path):
        with io.open(path, 'rb') as source:
            for record in read_records(source.read(), b',')[1:]:
                yield int(record[0]), record[2]


def _columns(path, kept):
    """[(name, values)] of the columns in an output of JSON Lines behind those that are kept."""
    with io.open(path, encoding='utf-8') as source:
        rows = [json.loads(line, object_pairs_hook=list)[kept:] for line in source]
    return [(rows[0][place][0], _numbers([row[place][1] for row in rows]))
            for place in range(len(rows[0]))]


def _numbers(values):
    """The values of a column, where they are numbers, as floats if one is or is missing."""
    known = [value for value in values if value is not None]
    if any(isinstance(value, (list, dict)) for value in known):
        return [value if value is None else json.dumps(value, separators=(',', ':')) for value in values]
    if not all(isinstance(value, (int, float)) or value in NOT_FINITE for value in known):
        return values
    if len(known) == len(values) and all(isinstance(value, int) for value in known):
        return values
    return [value if value is None else float(value) for value in values]
