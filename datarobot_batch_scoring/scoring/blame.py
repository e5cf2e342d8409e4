"""The rows for which a server rejects or fails a batch: how one is named, and what is said."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.errors import ScoringError


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
