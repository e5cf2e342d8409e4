"""Carries a run on this machine, in processes of its own."""

from __future__ import absolute_import, unicode_literals

import io
import sys
from contextlib import closing

from datarobot_batch_scoring.console import masking, terminal
from datarobot_batch_scoring.dataset import checks, grammar, inspect
from datarobot_batch_scoring.dataset.changes import Digest, CheckedInput
from datarobot_batch_scoring.dataset.csv_bytes import lift_field_size_limit
from datarobot_batch_scoring.dataset.cutter import LARGEST, Cutter, limits
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import messages, supervisor
from datarobot_batch_scoring.output import lock
from datarobot_batch_scoring.output.columns import column_names
from datarobot_batch_scoring.run import columns, files, plans, resume, typed
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.scoring.request import check_batches
from datarobot_batch_scoring.server.request_error import NOT_READY, NO_CONTACT, OTHER_SCHEME, UNKNOWN_HOST
from datarobot_batch_scoring.settings.values import STREAM

# The errors for what a run would repeat, and `--check` does not.
ERRORS = {NOT_READY: 'not_ready_once', UNKNOWN_HOST: 'unknown_host', OTHER_SCHEME: 'other_scheme',
          events.PAGE: 'page', events.OTHER_SHAPE: 'other_shape'}


class OneMachine(object):
    """A run on one machine; `score.score` says what a carrier does, and when."""

    secrets = ()
    check = staticmethod(files.check)

    def __init__(self, settings, warn):
        self.settings = settings
        self.where = 'on standard output' if settings.writes_stdout else 'in ' + settings.out
        # The types of the columns, a list; None: they have none.
        self.data = self.matching = self.types = None
        self._shape = self._locked = self._seen = self._recorder = None
        self._warn = warn

    def open(self):
        """Looks at the dataset."""
        lift_field_size_limit()
        self.data = inspect.inspect(self.settings, pause=typed.PAUSE if typed.is_wanted(self.settings) else None)
        self._shape = plans.shape_of(self.settings, self.data)
        self.matching = resume.what_must_match(
            self.settings, self.data, self._shape.output_delimiter.decode('ascii'))

    @property
    def size(self):
        """Bytes of the dataset, or 0 if unknown."""
        return self.data.source.size() or 0

    def lock(self):
        """Locks the output; returns what an earlier run left of it, for `resume.decide`."""
        self._locked = resume.lock_output(self.settings)
        # The writer locks it again, and compares with this: what comes later is not overwritten.
        self._seen = self._locked.snapshot()
        self.settings = plans.fit_concurrency(self.settings, self.data, self._warn)
        return resume.CheckpointBefore(self.settings, self.data, self._locked.descriptor)

    def prepare(self, start, progress):
        """Finds out the types of the columns, if the requests have such."""
        self._shape = typed.prepare(self, self._shape, start.types, progress)

    def score(self, start, listener, caught):
        """Scores from a `resume.Start` on; returns `messages.Finished`."""
        self._recorder = listener.recorder
        self._unlock()
        if self.settings.writes_stdout:
            # What the caller has printed comes before the rows.
            terminal.flush(sys.stdout)
        try:
            return supervisor.Supervisor(plans.make_plans(
                self.settings, self.data, self._shape, self.matching, start, self._seen),
                listener, caught).see_to_the_end()
        except ScoringError:
            if not self.settings.writes_stdout:
                lock.remove_unused(self.settings.out)
            raise

    @property
    def kept(self):
        """How many rows are in the output of a run that has failed."""
        return self._recorder.rows if self._recorder else 0

    def check_all(self):
        """What is `Checked` of the whole input; nothing is sent or written."""
        data, settings = self.data, self.settings
        shape = typed.prepare_dry_run(self, self._shape)
        reader = CheckedInput(data, data.start.byte)
        digest = Digest(data.header_digests(), data.start.byte)
        cutter = Cutter(reader.read, data.dialect, limits(settings), data.start,
                        lambda rest: reader.check(digest.segments, rest), settings.wanted_rows)
        cutter.blank_line = data.blank_line
        return check_batches(cutter, shape, settings.first_row, bool(settings.bad_rows), digest.add)

    def check_first_row(self, person):
        """Scores the first row that is wanted, and writes nothing; returns the columns that the output would have.

        Raises `ScoringError` for whatever would keep a run from scoring it.
        """
        batch = first_row(self.data, self.settings)
        # One attempt per request.
        settings, shape = self.settings._replace(n_retry=0), typed.prepare_check(self, self._shape, person)
        if settings.password:
            from datarobot_batch_scoring.server import asking
            settings = settings._replace(api_token=asking.fetch_token(settings, person, float('inf')))
        layout = columns.layout_of(settings, shape.output_delimiter.decode('ascii'))
        scored = _scored_once(plans.worker_plan(settings, shape, layout, None, 1, 0), settings, batch)
        kept = columns.kept_names(settings, self.data.dialect.columns)
        duplicate_names = columns.duplicate_names(settings, kept, scored.labels)
        if duplicate_names:
            person.warn(columns.duplicate_names_warning(duplicate_names))
        if scored.short.count:
            person.warn(checks.warning('short', scored.short.lines[0]))
        return column_names(layout, kept, scored.labels)

    def write_empty(self):
        """Writes the files of a dataset without rows; returns `messages.Finished`."""
        for name, data in plans.empty_files(self.settings, self._shape, self.data.dialect.columns):
            if name == STREAM:
                stream = getattr(sys.stdout, 'buffer', sys.stdout)
                stream.write(data)
                stream.flush()
                continue
            try:
                with io.open(name, 'wb') as target:
                    target.write(data)
            except EnvironmentError as error:
                raise ScoringError('unwritable', file_kind='output', file=name, reason=error.strerror)
        self._unlock(remove=True)
        return messages.Finished(0, 0, len(data), 0)

    def close(self):
        """Closes the dataset, and lets others have the output."""
        self._unlock()
        if self.data:
            self.data.source.close()

    def _unlock(self, remove=False):
        if self._locked:
            self._locked.close(remove=remove)
            self._locked = None


def first_row(data, settings):
    """The `Batch` of the first row that is wanted."""
    with closing(data.read_from(data.start.byte)) as reader:
        cutter = Cutter(reader.read, data.dialect, LARGEST, data.start, rows=settings.wanted_rows)
        for batch in cutter:
            if batch.start.row >= settings.first_row:
                size = grammar.end_of_rows(grammar.mask(batch.raw, data.dialect.delimiter), 1)
                return batch._replace(rows=1, raw=batch.raw[:size])
    raise checks.no_rows(data.name, settings.rows)


def _scored_once(plan, settings, batch):
    """The `events.Scored` of a batch, or the `ScoringError` for what a run would repeat."""
    # Imported late: it imports requests.
    from datarobot_batch_scoring.scoring.attempt import Transports
    with closing(Transports(plan, lambda event: None, lambda labels: labels)) as transports:
        with closing(transports.make()) as transport:
            outcome = transport.attempt(batch, False)
    if outcome.scored:
        return outcome.scored
    kind = ERRORS.get(outcome.word) or ('no_connection' if outcome.word in NO_CONTACT else 'check')
    raise outcome.error or ScoringError(
        kind, host=masking.without_credentials(settings.host),
        reason=masking.masked(outcome.told, masking.secrets(settings)).rstrip('.'))
