"""What the parts of a run come to: which are scored, and how many rows they have."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.cluster.parts import Task, rows_of
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.output import sink
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.scoring.predictions import RowStatistics, restored


class Totals(object):
    """Sums over `remains.Record`s; `counted`: a report needs the tally.

    `tally` is a `predictions.RowStatistics`; None if a record has none, or it is not counted.
    """

    def __init__(self, records=(), counted=True):
        self.rows = self.nulls = self.bad = self.size = 0
        self.short = checks.NONE_SHORT
        self.tally = RowStatistics() if counted else None
        for record in records:
            self.add(record)

    def add(self, record):
        """Adds a record, at a cost that does not depend on how many there are."""
        self.rows += record.rows
        self.nulls += record.nulls
        self.bad += record.bad
        self.size += record.size
        self.short = checks.added(self.short, checks.short_of(record.notes['short']))
        if self.tally is not None:
            self._add_tally(restored(record.figures))

    def _add_tally(self, tally):
        if tally is None:
            self.tally = None
            return
        self.tally.add(tally.predicted)
        self.tally.reasons.update(tally.reasons)


class Ledger(object):
    """Enters what tasks give: `records`, {number: `remains.Record`} of the parts that are scored.

    `labels` are those of the run, a tuple, None until a row is accepted. `listener` hears of
    rows; any method may raise the `ScoringError` that ends the run.
    """

    def __init__(self, settings, labels, listener):
        self.labels = labels
        self.records = {}
        self.totals = Totals()
        self._settings = settings
        self._listener = listener
        # `Scored`s of rejected rows while none is accepted, and the tasks that gave them.
        self._rejected = []
        self._unaccepted = []

    def hear(self, event, role=None):
        """Takes in what happens in the processes; returns orders for them."""
        if isinstance(event, events.Labels):
            self.labels = self.labels or tuple(event.labels)
        return self._listener(event, role)

    def begin(self, records, counted):
        """Enters the records of an earlier run; `counted`: a report needs the tally."""
        self.records = dict(records)
        self.totals = Totals(self.records.values(), counted)
        self._tell()

    def task(self, plan, number, row_range, at_end):
        """The `Task` that scores a part of a plan, or None if it is scored."""
        if number in self.records:
            return None
        task = Task('score', 'score rows {0} to {1}'.format(*rows_of(row_range)), number, lambda: (
            plan.name, number, row_range, at_end, self.labels, plan.source),
            lambda value: self._enter(task, value), row_range.rows)
        return task

    def _enter(self, task, value):
        """Takes in what a task gave; returns those to do again now that a row is accepted."""
        if isinstance(value, list):
            return self._wait_for_labels(task, value)
        if value.part not in self.records:
            self.records[value.part] = value
            self.totals.add(value)
        self.labels = self.labels or (value.labels and tuple(value.labels))
        for row, line, reason, _ in value.notes['bad']:
            self._listener(messages.SetAside(row, line, reason), 'writer')
        self._tell()
        if self.labels is None:
            return None
        again, self._unaccepted = self._unaccepted, []
        return again

    def _wait_for_labels(self, task, rejected):
        if self.labels is not None:
            return [task]
        # No row of it was accepted, nor of any before.
        self._rejected += rejected
        self._unaccepted.append(task)
        sink.check_rejected(self._rejected, self._settings)
        return None

    def check_accepted(self):
        """Raises `ScoringError` if rows were rejected and none was accepted."""
        if self._rejected and self.labels is None:
            raise sink.none_accepted(self._rejected)

    def _tell(self):
        totals, limit = self.totals, self._settings.max_bad_rows
        self._listener(messages.Written(
            totals.rows, totals.nulls, totals.size, totals.bad, totals.tally, totals.short), 'writer')
        if totals.bad > limit:
            row, line, reason, unsendable = sorted(
                bad_row for record in self.records.values() for bad_row in record.notes['bad'])[limit]
            raise sink.too_many(row, events.BadRow(line, reason, b'', [], b'', unsendable), self._settings)
