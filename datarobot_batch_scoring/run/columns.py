"""Which columns the output has, and which of them share a name."""

from __future__ import absolute_import, unicode_literals

import os
from collections import Counter

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output.columns import ALL, Layout, column_names
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.settings.values import nearest


def layout_of(settings, delimiter, columns=()):
    """The `output.columns.Layout` of an output with this delimiter (text); `columns`: the dataset's."""
    return Layout(
        protocol=protocols.of(settings), class_names=settings.class_names, delimiter=delimiter,
        linesep=os.linesep,
        row_id=not settings.skip_row_id, pred_name=settings.pred_name,
        pred_cols=settings.pred_cols, threshold=settings.pred_threshold,
        decision=settings.pred_decision, explanations=settings.max_prediction_explanations,
        counted=bool(settings.report), details=settings.explanation_details,
        extras=settings.extra_cols,
        kept_names=tuple(kept_names(settings, columns)))


def kept_names(settings, columns):
    """The names of the columns to keep, as the output has them."""
    return columns if settings.keep_cols == ALL else settings.keep_cols


def kept_positions(names, columns):
    """Where the columns to keep stand in the header; raises `UsageError`."""
    return _positions('keep_cols', names, columns)


def sent_positions(settings, columns):
    """Where the columns to send stand in the header, in order; None: all are sent. Raises `UsageError`."""
    if settings.send_cols:
        return _positions('send_cols', settings.send_cols, columns)
    if not settings.drop_cols:
        return None
    for name in settings.drop_cols:
        if name not in columns:
            raise _no_such_column('drop_cols', name, columns)
    places = tuple(place for place, name in enumerate(columns) if name not in settings.drop_cols)
    if not places:
        raise UsageError('no_column_left')
    return places


def sent_names(settings, columns):
    """The names of the columns to send."""
    places = sent_positions(settings, columns)
    return columns if places is None else [columns[place] for place in places]


def _positions(option, names, columns):
    if names == ALL:
        return tuple(range(len(columns)))
    for name in names:
        if name not in columns:
            raise _no_such_column(option, name, columns)
        if columns.count(name) > 1:
            raise UsageError('column_twice', option=option, column=name, columns=columns_hint(name, columns))
    return tuple(columns.index(name) for name in names)


def _no_such_column(option, name, columns):
    return UsageError('column_missing', option=option, column=name, columns=columns_hint(name, columns))


def columns_hint(name, columns):
    """Which columns there are, and the one that `name` was probably meant to be."""
    meant = None if name in columns else nearest(name, columns)
    words = '{0}It has the columns: {1}.'.format(
        'Did you mean {0}? '.format(meant) if meant else '', checks.a_few(columns))
    if len(columns) == 1:
        words += ' ' + checks.ONE_COLUMN
    return words


def duplicate_names(settings, kept, labels):
    """The names that columns of the output share; `labels` is empty while they are unknown."""
    names = column_names(layout_of(settings, ','), kept, labels)
    return sorted(name for name, count in Counter(names).items() if count > 1)


def duplicate_names_warning(names):
    """The warning about several columns of each of these names."""
    return 'Several output columns have the same name: {0}.'.format(checks.a_few(names))
