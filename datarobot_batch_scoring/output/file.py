"""The output file: rows are appended to it in order, and each commit is checkpointed."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple
from contextlib import contextmanager

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import bad_rows, checkpoint, lock
from datarobot_batch_scoring.output.appended import Appended
from datarobot_batch_scoring.output.gzip_members import OUTPUT_LEVEL, pack
from datarobot_batch_scoring.output.rows import empty_row, header

FORCE_SECONDS = 1.0
FORCE_BYTES = 64 << 20

# What the writer is told when it starts.
OutputPlan = namedtuple('OutputPlan', [
    'path',
    'stream',       # compat.Descriptor of standard output, which is the output; None: a file is
    'matching',     # what must not change before resuming: a dict for the checkpoint
    'resume',       # serial number of the checkpoint to go on from, or None
    'digests',      # of the input up to the checkpoint
    'seen',         # what `LockedFile.seen` returned when the user was asked
    'layout',       # answers.Layout
    'kept_names',   # names of the kept columns
    'gzip_output',
    'bad_rows',     # path of the file for rows that the server refuses, or None
    'max_bad_rows',
    'input_header',  # the header of the input as the server gets it, bytes
    'first_row',    # the output's first row, as the input numbers it
    'tally',        # tally.Tally of the rows so far; None if that is not known
])


class Output(object):
    """The output file, the bad-rows file and the checkpoint, always in step.

    A commit appends rows and then replaces the checkpoint. Now and then all of
    them are forced to disk, in that order.
    """

    def __init__(self, plan):
        self._plan = plan
        self._file = Appended('output', plan.path)
        self._bad = None
        if plan.bad_rows:
            self._bad = bad_rows.BadRows(
                plan.bad_rows, plan.path, plan.input_header, plan.layout.linesep)
        self._checkpoint = None
        self._forced_at = monotonic()
        try:
            self._locked = lock.LockedFile(plan.path)
        except lock.Locked:
            raise lock.locked_by_another(plan.path)
        except lock.NotOurs:
            raise lock.not_ours(plan.path)
        except EnvironmentError as error:
            raise lock.no_checkpoint(plan.path, error)
        if self._locked.seen() != plan.seen:
            raise ScoringError(
                'Another run has written {0} in the meantime.'.format(plan.path),
                hint='Run the same command again.')
        if plan.resume is not None:
            self._restore()

    @property
    def rows(self):
        """The number, in the input, of the row after those that are committed."""
        return max(self._checkpoint['rows'] if self._checkpoint else 0, self._plan.first_row)

    @property
    def bad(self):
        """How many of them were set aside."""
        return self._bad.rows if self._bad else 0

    @property
    def labels(self):
        """The labels of the run, or None until a row is accepted."""
        labels = self._checkpoint and self._checkpoint['labels']
        return None if labels is None else tuple(labels)

    def totals(self):
        """(rows, null values, bytes, rows set aside) in the output."""
        state = self._checkpoint or {'nulls': 0, 'length': 0}
        return self.rows - self._plan.first_row, state['nulls'], state['length'], self.bad

    def _files(self):
        return [self._file, self._bad.file] if self._bad else [self._file]

    def _restore(self):
        state = checkpoint.at(self._locked.descriptor, self._plan.resume)
        self._checkpoint = state
        with self._at_work_on(self._file):
            # It was read, but after a kill it may not be on disk yet, and it is soon replaced.
            state.force()
            self._file.open()
            self._file.cut_to(state['length'], state['checksum'])
            state['digests'] = self._plan.digests
            # The encoding may have changed.
            state['run'] = self._plan.matching
        if self._bad:
            with self._at_work_on(self._bad.file):
                self._restore_bad_rows()
        self._force()

    def _restore_bad_rows(self):
        before = self._checkpoint.get('bad')
        if not (before and before['rows']):
            # First, so that a kill leaves no file that looks like somebody else's.
            before = self._bad.state()
            self._checkpoint['bad'] = before
            self._checkpoint.sync()
        lock.open_to_append(self._bad.file)
        self._bad.go_on(before)

    @contextmanager
    def _at_work_on(self, file):
        """Turns an `OSError` into the error for a file, and leaves no file half written."""
        try:
            yield
        except EnvironmentError as error:
            for each in self._files():
                each.cut_back()
            raise file.unwritable(error)

    def commit(self, results, labels, figures):
        """Appends the rows of `results`, `Scored`s in order, and commits them.

        `labels` are those of the run, `figures` plain values for the checkpoint, or None.
        """
        if self._checkpoint is None:
            self._begin(labels)
        self._checkpoint['figures'] = figures
        set_aside = self._bad.lines(results) if self._bad else b''
        if set_aside:
            with self._at_work_on(self._bad.file):
                self._bad.file.append(set_aside)
        rows = b''.join(self._rows_of(each) for each in results)
        if not self._file.length:
            rows = self._packed(header(
                self._plan.layout, self._plan.kept_names, self.labels)) + rows
        with self._at_work_on(self._file):
            self._file.append(rows)
            self._advance(rows, set_aside, results)
            self._checkpoint.sync()
        if (sum(each.unforced for each in self._files()) >= FORCE_BYTES
                or monotonic() - self._forced_at >= FORCE_SECONDS):
            self._force()

    def _begin(self, labels):
        # From here on an earlier output is lost. The checkpoint comes first, so that
        # a kill in between leaves one to resume from, and a power cut does not leave
        # that of the earlier output.
        with self._at_work_on(self._file):
            self._checkpoint = checkpoint.new(
                self._locked.descriptor, self._plan.matching, self._plan.layout.counted)
            self._checkpoint['labels'] = labels
            self._checkpoint['digests'] = self._plan.digests
            self._checkpoint['bad'] = self._bad.state() if self._bad else None
            self._checkpoint.sync()
            self._checkpoint.force()
            self._file.begin()
            # The checkpoint is there too, whatever links lead to the output.
            self._file.force_folder()
        if self._bad:
            with self._at_work_on(self._bad.file):
                lock.open_to_append(self._bad.file)
                self._bad.begin()

    def _rows_of(self, scored):
        if not scored.bad:
            return scored.csv
        return self._packed(empty_row(
            self._plan.layout, scored.first_row, scored.bad.kept, self.labels))

    def _packed(self, lines):
        return pack(lines, OUTPUT_LEVEL) if self._plan.gzip_output else lines

    def _advance(self, rows, set_aside, results):
        state = self._checkpoint
        self._file.advance(rows)
        if self._bad:
            self._bad.advance(set_aside, results)
        state['rows'] = results[-1].first_row + results[-1].rows
        state['nulls'] += sum(each.nulls for each in results)
        state['digests'] = results[-1].digests
        self._note_files()

    def _note_files(self):
        self._checkpoint.update(self._file.state())
        self._checkpoint['bad'] = self._bad.state() if self._bad else None

    def _force(self):
        for each in reversed(self._files()):
            with self._at_work_on(each):
                each.force()
        with self._at_work_on(self._file):
            self._note_files()
            self._checkpoint.sync()
            self._checkpoint.force()
        self._forced_at = monotonic()
        for each in self._files():
            each.check_present()

    def close(self, complete):
        """Forces everything to disk; `complete`: the checkpoint is no longer needed."""
        if self._file.is_open:
            self._force()
        with self._at_work_on(self._file):
            for each in self._files():
                each.close()
            self._locked.close(remove=complete)
