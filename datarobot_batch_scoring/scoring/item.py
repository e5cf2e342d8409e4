"""What a pool sends: a batch or a part of one, and what has happened to it so far."""

from __future__ import absolute_import, unicode_literals

import copy

from datarobot_batch_scoring.dataset.batch import split
from datarobot_batch_scoring.dataset.changes import Digest
from datarobot_batch_scoring.scoring.policy import GUILTY, INNOCENT, NEW, Outcome


class WorkItem(object):
    """A batch, or a part of one that was split.

    `history` is what `policy` knows of its attempts, `digests` are those of the input up to its
    end, `verdict` is the `Verdict` that it waits for, `search` the `blame.Search` that it is part
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

    def halve(self, delimiter, cause):
        """Splits it into two items, for that cause; it must have at least two records."""
        return self.split(delimiter, cause, [0, self.batch.rows // 2])

    def split(self, delimiter, cause, rows):
        """Splits it into items that begin with these of its rows, from 0; the first is 0."""
        parts, digest = [], self._digest
        for batch in split(self.batch, rows, delimiter):
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
