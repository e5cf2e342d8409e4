"""The types of the columns of a run: those of --types, of the server's model, or of the dataset."""

from __future__ import absolute_import, unicode_literals

from collections import Counter

from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.dataset import detection, types
from datarobot_batch_scoring.dataset.checks import a_few
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.run.columns import columns_hint
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.asking import describe_model
from datarobot_batch_scoring.server.request_error import REPORTED_AFTER


# Seconds without data after which the types are detected in what has come of a stream.
PAUSE = 5.0


def is_wanted(settings):
    """Whether the requests of a run have types."""
    return protocols.of(settings).sends_types(settings)


def check(settings, columns):
    """The types of --types, {column: type}; raises `UsageError` for what is none of `columns`."""
    declared = types.declared(settings.types)
    times = Counter(columns)
    for name in sorted(declared):
        if times[name] != 1:
            raise UsageError('types_twice' if times[name] else 'types_missing',
                             column=name, columns=columns_hint(name, columns))
    return declared


def resolve(settings, data, model=None, tell=lambda share: None, most=detection.MAX_SCANNED):
    """The types of the columns of an `inspect.Dataset`, a list of `types.TYPES`.

    `model` is what the server says of the model, or None; `tell` and `most` are those of `detection.detect`.
    """
    own = check(settings, data.dialect.columns)
    known = [own.get(name) or (model and model.type_of(name)) for name in data.dialect.columns]
    sure = [None if kind else by_itself for kind, by_itself in zip(known, settings.frame_types or data.types())]
    # Detection looks at integers only, of those that are known.
    detected = detection.detect(
        data, [kind or by_itself and types.STRING for kind, by_itself in zip(known, sure)], tell, most)
    detected = [by_itself or kind for by_itself, kind in zip(sure, detected)]
    if model and not model.may_lack:
        # An integer that the server must get stays one: a missing value in it cannot be sent.
        detected = [types.INTEGER if kind == types.INTEGER else inferred for kind, inferred in zip(known, detected)]
    return detected


def prepare(run, shape, known, progress):
    """`shape`, a `request.Shape`, for the requests of a carrier's run.

    If these have types, they are in `types` and `matching` of the `run` from then on. They are `known`,
    a list, if the run goes on from another, and otherwise they are detected once, here.
    """
    shape = _with_types(run, shape, run.settings, known, progress, tell=progress.looked_at)
    if run.types:
        run.matching['column types'] = run.types
        LOGGER.info('%s: types: %s', run.data.name, types.listed(run.data.dialect.columns, run.types))
    return shape


def prepare_check(run, shape, person):
    """The same for a check: the server is asked once, and little of the dataset is read."""
    return _with_types(run, shape, run.settings._replace(n_retry=0), None, person, most=detection.MAX_OF_STREAM)


def _with_types(run, shape, settings, known, person, **how):
    if not is_wanted(settings):
        return shape
    describes = protocols.of(settings).describes_model
    model = describe_model(settings, person, REPORTED_AFTER) if describes else None
    run.types = known or resolve(settings, run.data, model, **how)
    return with_form(settings, shape, run.types, model)


def prepare_dry_run(run, shape):
    """The same for a dry run: no server is asked."""
    if is_wanted(run.settings):
        run.types = resolve(run.settings, run.data)
    return with_form(run.settings, shape, run.types)


def with_form(settings, shape, column_types, model=None):
    """`shape`, a `request.Shape`, for columns of these types; None: they have none."""
    if column_types is None:
        return shape
    protocol = protocols.of(settings)
    form = protocol.form(settings, shape.dialect.columns, column_types, model)
    if shape.sent is not None:
        by_place = dict((column.place, column) for column in form.columns)
        if model and model.inputs:
            _check_all_are_sent(settings, form.columns, shape.sent, model)
        form = form._replace(columns=[by_place[place] for place in shape.sent if place in by_place])
    return shape._replace(form=form)


def _check_all_are_sent(settings, columns, sent, model):
    """Raises `UsageError` for one of the model's `columns` that is not at the places that are `sent`."""
    for column in columns:
        if column.place not in sent:
            raise UsageError('model_columns_left_out', option='send_cols' if settings.send_cols else 'drop_cols',
                             column=column.name, model=model.name, columns=a_few(list(model.inputs)))
