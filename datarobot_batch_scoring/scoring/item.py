"""What an engine sends, a batch or a part of one, and the search for the rows to blame for a rejection."""

from __future__ import absolute_import, unicode_literals

import copy

from datarobot_batch_scoring.dataset.batch import split
from datarobot_batch_scoring.dataset.changes import Digest
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.scoring.policy import GUILTY, INNOCENT, NEW, Outcome


class WorkItem(object):
    """A batch, or a part of one that was split.

    `history` is what `policy` knows of its attempts, `digests` are those of the input up to its
    end, `verdict` is the `Verdict` that it waits for, `search` the `Search` that it is part
    of; each of these two may be None.
    """

    def __init__(self, batch, before=(), after=()):
        self.batch = batch
        self.digests = after
        self.history = NEW
        self.verdict = self.search = None
        # How many successes there had been when it, or what it is a part of, last failed, and
        # when that was first split as the cause.
        self.last_failure = self.blamed_at = None
        self._digest = Digest(before, batch.start.byte)

    def __lt__(self, other):
        return self.batch.start < other.batch.start

    def split(self, delimiter, cause, rows=None):
        """Splits it, for that cause, into items that begin with these of its rows, from 0; the first is 0.

        Without `rows`, into halves. It must have at least two records.
        """
        parts, digest = [], self._digest
        for batch in split(self.batch, rows or [0, self.batch.rows // 2], delimiter):
            part = copy.copy(self)
            part.batch = batch
            part.history = NEW._replace(causes=self.history.causes + (cause,))
            part.verdict = None
            part._digest, digest = digest, digest.copy()
            if batch.end < self.batch.end:
                part.digests = digest.add(batch.raw)
            parts.append(part)
        return parts


class Verdict(object):
    """What an item waits for that is not sent again.

    If it is `guilty`, its rows are set aside, with `reason`, a line of text. If not, `error`
    ends the run. `too_large`: it is a single row, and too large for the server. `since` is when
    it began to wait.
    """

    def __init__(self, error, reason, too_large, since):
        self.error = error
        self.reason = reason
        self.too_large = too_large
        self.since = since
        self.guilty = False

    @property
    def outcome(self):
        """The `policy.Outcome` of the item, which is not sent."""
        return Outcome(
            GUILTY if self.guilty else INNOCENT, self.reason, error=self.error, heard=False,
            requests=0)


class Search(object):
    """The search for the one row of a rejected batch that is the cause, by splitting it.

    Without such a row, `error` ends the run, with it `name_row` of that; `short` is the warning
    about a record with too few fields in the batch. `over` is True once there is nothing left to
    send: `failure` is the error then, or None where all parts were accepted after all, with the
    `results` that were held back.
    """

    def __init__(self, batch, error, short=''):
        self.failure = None
        self.over = False
        self.results = []
        self._error = error
        self._short = short
        self._named = None
        self._pending = 1
        # The first has been sent. For one bad row, each split takes two more at the most: if they
        # do not suffice, there are more such rows.
        self._requests_left = 1 + 2 * (batch.rows - 1).bit_length()

    def split(self):
        """One part has become two."""
        self._pending += 1

    def accepted(self, result):
        """A part was accepted."""
        self.results.append(result)
        self._end_part()

    def rejected(self, row, line):
        """A part of one row was rejected; `line` is its line in the dataset."""
        if self._named:
            self.give_up()
        else:
            self._named = row, line
            self._end_part()

    def requested(self):
        """A part was sent; its outcome is noted."""
        self._requests_left -= 1
        if self._requests_left <= 0 and not self.over:
            self.give_up()

    def give_up(self):
        """No single row can be named."""
        self.over, self.failure = True, self._error

    def _end_part(self):
        self._pending -= 1
        if not self._pending:
            self.over = True
            self.failure = self._named and name_row(
                self._error, self._named[0], self._named[1], self._short)


def name_row(error, row, line, short=''):
    """The `ScoringError` for a rejected batch, naming the row that is to blame."""
    return ScoringError(
        'row_to_blame', error.detail, refusal=error.message, row=row, line=line, short=short and short + ' ')


def row_warning(row, line, reason):
    """What the user is told about a row on which the server fails again and again."""
    return ('Row {0} (dataset line {1}) keeps failing while other rows succeed ({2}). Retrying; '
            '--bad_rows=<file> would set it aside.').format(
        row, line, reason.rstrip('.'))


def used_up(batch, history, reason):
    """The `ScoringError` for a batch whose attempts are used up, with its `policy.History`."""
    attempts = history.attempts + history.probes
    return ScoringError(
        'retries', row=batch.start.row, last=batch.end_row - 1, reason=reason.rstrip('.'),
        tries='{0} {1}'.format(attempts, 'attempt' if attempts == 1 else 'attempts'))
