"""The one row that makes a server refuse a batch: how it is found, and what is said about it."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.dataset.batch import halve
from datarobot_batch_scoring.errors import ScoringError

MOST_REQUESTS = 20


def find_row(batch, delimiter, accepts):
    """The one row (a `Batch`) without which a refused batch is accepted.

    None: there is no such row, or none was found. `accepts(batch)` sends a batch and returns
    True, False, or None if that cannot be told. It is called at most `MOST_REQUESTS` times.
    """
    found = batch
    for _ in range(MOST_REQUESTS - 1):
        if found.rows == 1:
            break
        left, right = halve(found, delimiter)
        answer = accepts(left)
        if answer is None:
            return None
        found = right if answer else left
    if found.rows > 1:
        return None
    return found if batch.rows == 1 or accepts(_without(batch, found)) else None


def _without(batch, row):
    start, end = row.start.byte - batch.start.byte, row.end - batch.start.byte
    return batch._replace(rows=batch.rows - 1, raw=batch.raw[:start] + batch.raw[end:])


def name_row(error, row, line, short=''):
    """The `ScoringError` for a refused batch, naming the row that is to blame.

    `short` is the warning about a record with too few fields in the batch.
    """
    return ScoringError(
        'row_to_blame', error.detail, refusal=error.message, row=row, line=line, short=short and short + ' ')


def row_warning(row, line, reason):
    """What the user is told about a row on which the server fails again and again."""
    return ('Row {0}, on line {1} of the dataset, fails again and again while others are scored '
            '({2}). It will be retried; --bad_rows=<file> would set it aside.').format(
        row, line, reason.rstrip('.'))
