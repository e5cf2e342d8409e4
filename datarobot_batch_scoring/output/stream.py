"""Standard output as the output: rows are written to it in order, and cannot be taken back."""

from __future__ import absolute_import, unicode_literals

from contextlib import contextmanager

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import bad_rows, lock
from datarobot_batch_scoring.output.rows import empty_row, header
from datarobot_batch_scoring.system import is_broken_pipe, write_all


class StreamOutput(object):
    """What `file.Output` is for a file, but without a checkpoint."""

    def __init__(self, plan):
        self._plan = plan
        self._descriptor = plan.stream.number
        self._bad = None
        if plan.bad_rows:
            self._bad = bad_rows.BadRows(
                plan.bad_rows, plan.path, plan.input_header, plan.layout.linesep)
        self.rows = plan.first_row
        self.labels = None
        self._nulls = self._size = 0

    @property
    def bad(self):
        """How many rows were set aside."""
        return self._bad.rows if self._bad else 0

    def totals(self):
        """(rows, null values, bytes, rows set aside) written so far."""
        return self.rows - self._plan.first_row, self._nulls, self._size, self.bad

    def commit(self, results, labels, figures):
        """Writes the rows of `results`, `Scored`s in order; `labels` are those of the run."""
        if self.labels is None:
            self._begin(labels)
        if self._bad:
            self._set_aside(results)
        self._write(b''.join(self._rows_of(each) for each in results))
        self._nulls += sum(each.nulls for each in results)
        self.rows = results[-1].first_row + results[-1].rows

    def _begin(self, labels):
        if self._bad:
            with self._at_work_on_bad_rows():
                lock.open_to_append(self._bad.file)
                self._bad.begin()
        self.labels = labels
        self._write(header(self._plan.layout, self._plan.kept_names, labels))

    def _rows_of(self, scored):
        if not scored.bad:
            return scored.csv
        return empty_row(self._plan.layout, scored.first_row, scored.bad.kept, self.labels)

    def _set_aside(self, results):
        lines = self._bad.lines(results)
        with self._at_work_on_bad_rows():
            self._bad.file.append(lines)
            self._bad.advance(lines, results)

    def _write(self, data):
        try:
            write_all(self._descriptor, data)
        except EnvironmentError as error:
            if is_broken_pipe(error):
                raise ScoringError('The program that reads standard output has ended.')
            raise ScoringError('Standard output cannot be written: {0}.'.format(error.strerror))
        self._size += len(data)

    @contextmanager
    def _at_work_on_bad_rows(self):
        try:
            yield
        except EnvironmentError as error:
            self._bad.file.cut_back()
            raise self._bad.file.unwritable(error)

    def close(self, complete):
        """Forces the bad rows to disk."""
        if self._bad and self._bad.file.is_open:
            with self._at_work_on_bad_rows():
                self._bad.file.force()
                self._bad.file.check_present()
                self._bad.file.close()
