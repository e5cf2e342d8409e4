"""Carries a run on this machine, in processes of its own."""

from __future__ import absolute_import, unicode_literals

import sys

from datarobot_batch_scoring.console import terminal
from datarobot_batch_scoring.dataset.changes import Watch
from datarobot_batch_scoring.dataset.cutter import Cutter, limits
from datarobot_batch_scoring.dataset.digests import Digest
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import supervisor
from datarobot_batch_scoring.output import lock
from datarobot_batch_scoring.run import check, empty, files, plans, resume, typed
from datarobot_batch_scoring.scoring.request import check_batches


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
        self.data, self._shape = plans.prepare(self.settings)
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
        self._seen = self._locked.seen()
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
        reader = Watch(data, data.start.byte)
        digest = Digest(data.header_digests(), data.start.byte)
        cutter = Cutter(reader.read, data.dialect, limits(settings.n_samples), data.start,
                        lambda rest: reader.check(digest.segments, rest), settings.rows)
        cutter.blank_line = data.blank_line
        return check_batches(cutter, shape, settings.first_row, bool(settings.bad_rows), digest.add)

    def check_first_row(self, person):
        """Scores the first row, and writes nothing; returns the columns that the output would have."""
        shape = typed.prepare_check(self, self._shape, person)
        return check.check(
            self.settings, self.data, shape.output_delimiter.decode('ascii'),
            lambda settings, layout: plans.worker_plan(settings, shape, layout, None, 1, 0), person)

    def write_empty(self):
        """Writes the output of a dataset without rows; returns `messages.Finished`."""
        finished = empty.write(self.settings, self.data, self._shape)
        self._unlock(remove=True)
        return finished

    def close(self):
        """Closes the dataset, and lets others have the output."""
        self._unlock()
        if self.data:
            self.data.source.close()

    def _unlock(self, remove=False):
        if self._locked:
            self._locked.close(remove=remove)
            self._locked = None
