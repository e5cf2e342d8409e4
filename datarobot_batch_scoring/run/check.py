"""What `--check` does in place of a run: sends the first row once, and writes nothing."""

from __future__ import absolute_import, unicode_literals

from contextlib import closing

from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.dataset import checks, grammar
from datarobot_batch_scoring.dataset.cutter import Cutter, limits
from datarobot_batch_scoring.errors import ScoringError, UsageError
from datarobot_batch_scoring.output.columns import column_names
from datarobot_batch_scoring.run import columns
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.server.lost import NO_CONTACT, NOT_READY, OTHER_SCHEME, UNKNOWN_HOST

ERRORS = {NOT_READY: 'not_ready_once', UNKNOWN_HOST: 'unknown_host', OTHER_SCHEME: 'other_scheme',
          events.PAGE: 'page', events.OTHER_SHAPE: 'other_shape'}


def check(settings, data, delimiter, plan_of, person):
    """Scores the first row that is wanted of a `inspect.Dataset`; returns the columns that the output would have.

    `delimiter` is that of the output, `plan_of(settings, layout)` gives a `pool.PoolPlan`.
    Raises `ScoringError` for whatever would keep a run from scoring it.
    """
    batch = first_row(data, settings)
    # One attempt per request.
    settings = settings._replace(n_retry=0)
    if settings.password:
        from datarobot_batch_scoring.server import api_token
        settings = settings._replace(api_token=api_token.fetch(settings, person, float('inf')))
    layout = columns.layout_of(settings, delimiter)
    scored = _scored(plan_of(settings, layout), settings, batch)
    kept = columns.kept_names(settings, data.dialect.columns)
    duplicate_names = columns.duplicate_names(settings, kept, scored.labels)
    if duplicate_names:
        person.warn(columns.duplicate_names_warning(duplicate_names))
    if scored.short.count:
        person.warn(checks.warning('short', scored.short.lines[0]))
    return column_names(layout, kept, scored.labels)


def first_row(data, settings):
    """The `Batch` of the first row that is wanted."""
    with closing(data.read_from(data.start.byte)) as reader:
        cutter = Cutter(reader.read, data.dialect, limits(None), data.start, rows=settings.rows)
        for batch in cutter:
            if batch.start.row >= settings.first_row:
                size = grammar.end_of_rows(grammar.mask(batch.raw, data.dialect.delimiter), 1)
                return batch._replace(rows=1, raw=batch.raw[:size])
    if settings.rows:
        raise checks.no_such_row(data.name, settings.rows)
    raise UsageError('no_rows', file=data.name)


def _scored(plan, settings, batch):
    # Imported late: it imports requests.
    from datarobot_batch_scoring.scoring.attempt import Transports
    with closing(Transports(plan, _ignore, lambda labels: labels)) as transports:
        with closing(transports.make()) as transport:
            outcome = transport.attempt(batch, False)
    if outcome.scored:
        return outcome.scored
    raise outcome.error or _failure(outcome, settings)


def _ignore(event):
    """Nothing is told of a single request."""


def _failure(outcome, settings):
    """The `ScoringError` for an attempt that a run would repeat."""
    kind = ERRORS.get(outcome.word) or ('no_connection' if outcome.word in NO_CONTACT else 'check')
    return ScoringError(kind, host=masking.without_credentials(settings.host),
                        reason=masking.masked(outcome.told, masking.secrets(settings)).rstrip('.'))
