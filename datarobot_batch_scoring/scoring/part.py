"""What a worker sends: a batch or a part of one, and what has happened to it so far."""

from __future__ import absolute_import, unicode_literals

import copy

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset.batch import halve
from datarobot_batch_scoring.dataset.digests import Digest

# Why a part is halved: it was too large or too late; its rows were refused; it failed while
# others succeeded.
TOO_MUCH, REFUSED, BLAMED = 'too much', 'refused', 'blamed'


class Part(object):
    """A batch, or a part of one that was halved, and what was tried with it.

    `causes` are the reasons why the batch was halved, and halved again. `verdict` is the
    `Verdict` that it has or waits for.
    """

    def __init__(self, batch, before, after):
        self.batch = batch
        self.digests = after
        self.causes = ()
        # How many successes there had been when it, or what it is a part of, last failed, and
        # when that was first halved as the cause.
        self.last_failure = self.blamed_at = None
        self.begin_anew()
        self._digest = Digest(before, batch.start.byte)

    def begin_anew(self):
        """As if nothing had been tried yet."""
        self.tries = self.timeouts = self.bad_answers = self.faults = self.failures_alone = 0
        self.verdict = None

    def __lt__(self, other):
        return self.batch.start < other.batch.start

    def halves(self, delimiter, cause):
        """Splits the part into two parts; it must have at least two records."""
        left, right = copy.copy(self), copy.copy(self)
        for half, batch in zip((left, right), halve(self.batch, delimiter)):
            half.batch = batch
            half.causes += (cause,)
            half.begin_anew()
        right._digest = self._digest.copy()
        left.digests = right._digest.add(left.batch.raw)
        return left, right


class Verdict(object):
    """What happens to a part that is not sent again.

    If it is `guilty`, its rows are set aside, with `reason`, a line of text. If not, `error`
    ends the run. `too_large`: it is a single row, and too large for the server.
    """

    def __init__(self, error, reason, too_large=False):
        self.error = error
        self.reason = reason
        self.too_large = too_large
        self.guilty = False
        self.since = monotonic()
