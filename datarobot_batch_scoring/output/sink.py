"""Puts rows in order and appends them to an output; each commit is noted in a journal.

A commit takes these steps, and a kill or a power cut after any of them leaves what can be resumed:

1. the bad rows are appended: their file is longer than the journal says, and is cut to that;
2. the rows are appended: so is the output;
3. the journal notes both: the rows are committed, and survive a kill;
4. now and then the bad rows, the rows and the journal are forced to disk, in that order: the rows
   survive a power cut, after which an older state of the journal may be the newest that holds.
"""

from __future__ import absolute_import, unicode_literals

import heapq
from collections import namedtuple

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.columns import check_names, empty_row, header
from datarobot_batch_scoring.output.targets import at_work_on

FORCE_SECONDS = 1.0
FORCE_BYTES = 64 << 20

# How many rows may be rejected, one by one, before any is accepted.
MAX_INITIAL_REJECTIONS = 10

SinkPlan = namedtuple('SinkPlan', [
    'layout',        # columns.Layout
    'kept_names',    # names of the kept columns; None: the output has no header
    'bad_rows',      # the name of the file for rows that are set aside, or None
    'max_bad_rows',  # how many these may be; None: this is a part of a run, which counts them
    'first_row',     # the output's first row, as the input numbers it
    'tally',         # predictions.RowStatistics that counts the rows
    'tally_is_whole',  # False: it is not known what it was for rows of earlier runs
])


class Sink(object):
    """An output, its bad rows and its journal, always in step.

    `target` is a `targets.Target`, `bad_rows` a `bad_rows.BadRows` or None, `journal` a
    `journal.Journal`. Until a row is accepted the columns of a bad row are not known, so that
    such rows wait. Any method may raise `ScoringError`.
    """

    def __init__(self, plan, target, bad_rows, journal):
        self._plan = plan
        self._target = target
        self._bad_rows = bad_rows
        self._journal = journal
        self._targets = [target, bad_rows.target] if bad_rows else [target]
        self._waiting = []
        self._has_begun = False
        self._forced_at = monotonic()
        # The labels of the run, a tuple; None until a row is accepted.
        self.labels = None
        # The number, in the input, of the row after those that are committed.
        self.rows = plan.first_row
        self.nulls = 0
        self.tally = plan.tally
        # checks.Short: the records with too few fields in the output.
        self.short = checks.NONE_SHORT
        self._restore()

    @property
    def bad(self):
        """How many of the rows were set aside."""
        return self._bad_rows.rows if self._bad_rows else 0

    def totals(self):
        """(rows, null values, bytes, rows set aside) in the output."""
        return self.rows - self._plan.first_row, self.nulls, self._target.length, self.bad

    @property
    def waiting(self):
        """`Scored`s of rows that are set aside and wait for a row to be accepted."""
        return self._waiting if self.labels is None else []

    def rejected_up_to(self):
        """The number of the row after those that wait and follow what is committed."""
        row = self.rows
        for scored in sorted(self.waiting):
            row = scored.first_row + scored.rows if scored.first_row == row else row
        return row

    def add(self, scored):
        """Takes in a `messages.Scored`, in any order."""
        heapq.heappush(self._waiting, scored)
        self.labels = self.labels or scored.labels

    def commit_next(self):
        """Commits what is next, if anything is; returns these `Scored`s, in order."""
        if self.labels is None:
            check_rejected(self._waiting, self._plan)
            return []
        results = self._take_next()
        if results:
            self._commit(results)
        return results

    def check_accepted(self):
        """Raises `ScoringError` if rows were set aside and none was accepted."""
        if self.waiting:
            raise none_accepted(self._waiting)

    def _take_next(self):
        """The `Scored`s that are next; closes and raises if the first is one bad row too many."""
        results, next_row, room = [], self.rows, self._room()
        while self._waiting and self._waiting[0].first_row == next_row:
            if self._waiting[0].bad:
                if room <= 0:
                    break
                room -= 1
            results.append(heapq.heappop(self._waiting))
            next_row += results[-1].rows
        if not results and self._waiting and self._waiting[0].first_row == next_row:
            self.close(complete=False)
            raise too_many(self._waiting[0].first_row, self._waiting[0].bad, self._plan)
        return results

    def _room(self):
        most = self._plan.max_bad_rows
        return float('inf') if most is None else most - self.bad

    def _restore(self):
        with self._at_work_on(self._target):
            state = self._journal.restore()
            if state is None:
                return
            self._target.restore(state)
        labels = state['labels']
        self.labels = None if labels is None else tuple(labels)
        self.rows = max(state['rows'], self._plan.first_row)
        self.nulls = state['nulls']
        self.short = checks.short_of(state['short'])
        if self._bad_rows:
            with self._at_work_on(self._bad_rows.target):
                self._restore_bad_rows(state['bad'])
        self._has_begun = True
        self._force()

    def _restore_bad_rows(self, before):
        if not (before and before['rows']):
            # First, so that neither a kill nor a power cut leaves a file that looks like another program's.
            before = self._bad_rows.state()
            self._journal.force({'bad': before})
        self._bad_rows.restore(before)

    def _at_work_on(self, target):
        return at_work_on(target, *self._targets)

    def _commit(self, results):
        if not self._has_begun:
            self._begin()
        bad_lines = self._bad_rows.lines(results) if self._bad_rows else b''
        if bad_lines:
            with self._at_work_on(self._bad_rows.target):
                self._bad_rows.target.append(bad_lines)
        rows = b''.join(self._rows_of(scored) for scored in results)
        if not self._target.length:
            rows = self._header() + rows
        with self._at_work_on(self._target):
            self._target.append(rows)
            self._advance(rows, bad_lines, results)
            self._journal.commit(dict(
                self._state_of_targets(), rows=self.rows, nulls=self.nulls,
                short=[self.short.count, list(self.short.lines)], digests=results[-1].digests, figures=self._figures()))
        if (sum(target.unforced for target in self._targets) >= FORCE_BYTES
                or monotonic() - self._forced_at >= FORCE_SECONDS):
            self._force()

    def _begin(self):
        check_names(self._plan.layout, self.labels)
        # From here on an earlier output is lost. The journal comes first, so that a kill in
        # between leaves one to resume from, and a power cut does not leave the earlier output's.
        with self._at_work_on(self._target):
            self._journal.begin({
                'labels': self.labels, 'bad': self._bad_rows and self._bad_rows.state()})
            self._target.begin()
        if self._bad_rows:
            with self._at_work_on(self._bad_rows.target):
                self._bad_rows.begin()
        self._has_begun = True

    def _header(self):
        if self._plan.kept_names is None:
            return b''
        line = header(self._plan.layout, self._plan.kept_names, self.labels)
        return self._target.compressed(line) if line else b''

    def _rows_of(self, scored):
        if not scored.bad:
            return scored.csv
        return self._target.compressed(empty_row(
            self._plan.layout, scored.first_row, scored.bad.kept, self.labels))

    def _advance(self, rows, bad_lines, results):
        self._target.advance(rows)
        if self._bad_rows:
            self._bad_rows.advance(bad_lines, results)
        self.rows = results[-1].first_row + results[-1].rows
        for scored in results:
            self.nulls += scored.nulls
            self.short = checks.added(self.short, scored.short)
            if self._plan.layout.counted:
                self.tally.add(scored.predicted)
                if scored.bad:
                    self.tally.refuse(scored.bad.unsendable or scored.bad.reason)

    def _figures(self):
        """What the journal has of the tally; None if that is not one of all rows."""
        counted = self._plan.layout.counted and self._plan.tally_is_whole
        return self.tally.plain() if counted else None

    def _state_of_targets(self):
        return dict(self._target.state(), bad=self._bad_rows and self._bad_rows.state())

    def _force(self):
        for target in reversed(self._targets):
            with self._at_work_on(target):
                target.force()
        with self._at_work_on(self._target):
            self._journal.force(self._state_of_targets())
        self._forced_at = monotonic()
        for target in self._targets:
            target.check_present()

    def close(self, complete):
        """Forces everything to disk; `complete`: there is nothing to resume."""
        if self._has_begun:
            self._force()
        with self._at_work_on(self._target):
            for target in self._targets:
                target.close()
            self._journal.close(complete)


def check_rejected(bad, plan):
    """Raises `ScoringError` if these `Scored`s, before any row is accepted, show that none will be.

    Of rows that cannot be sent, as many are all right as `plan.max_bad_rows` says.
    """
    unsendable = sorted(scored for scored in bad if scored.bad.unsendable)
    if len(bad) - len(unsendable) >= MAX_INITIAL_REJECTIONS:
        raise none_accepted(bad)
    if plan.max_bad_rows is not None and len(unsendable) > plan.max_bad_rows:
        first = unsendable[plan.max_bad_rows]
        raise too_many(first.first_row, first.bad, plan)


def none_accepted(bad):
    """The error for `Scored`s of rows that were set aside, where no row was accepted."""
    rejected = [scored for scored in bad if scored.bad.unsendable is None]
    first = min(rejected or bad)
    return ScoringError(
        'none_accepted' if rejected else 'none_sendable', _said(first.bad), number=len(rejected or bad),
        row=first.first_row, line=first.bad.line)


def too_many(row, bad, plan):
    """The error for the row of that number, a `BadRow`, where `plan.max_bad_rows` are before it."""
    return ScoringError('many_bad_rows', _said(bad), limit=plan.max_bad_rows, row=row, line=bad.line,
                        file=plan.bad_rows)


def _said(bad):
    return bad.reason if bad.unsendable else 'Server message: ' + bad.reason
