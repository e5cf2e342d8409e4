"""What a worker sends: a batch or a part of one, and what has become of it so far."""

from __future__ import absolute_import, unicode_literals

import copy

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset.batch import halve
from datarobot_batch_scoring.dataset.digests import Digest

# Why a part is halved: it was too large or too late; its rows were refused; it failed while
# others succeeded.
TOO_MUCH, REFUSED, BLAMED = 'too much', 'refused', 'blamed'


class Part(object):
    """A batch, or a part of one that was halved, and what was tried.

    `causes` are the reasons for which what it is a part of was halved. `verdict` is the
    `Verdict` that it waits for or has.
    """

    def __init__(self, batch, before, after):
        self.batch = batch
        self.digests = after
        self.causes = ()
        # How many successes there were when it, or what it is a part of, failed last, and
        # when that was first halved as the cause.
        self.last_failure = self.blamed_at = None
        self.begin_anew()
        self._digest = Digest(before, batch.start.byte)

    def begin_anew(self):
        """Nothing was tried yet."""
        self.tries = self.timeouts = self.bad_answers = self.failures_alone = 0
        self.verdict = None

    def __lt__(self, other):
        return self.batch.start < other.batch.start

    def halves(self, delimiter, cause):
        """The part as two parts; it must hold two records at least."""
        left, right = copy.copy(self), copy.copy(self)
        for half, batch in zip((left, right), halve(self.batch, delimiter)):
            half.batch = batch
            half.causes += (cause,)
            half.begin_anew()
        right._digest = self._digest.copy()
        left.digests = right._digest.add(left.batch.raw)
        return left, right


class Verdict(object):
    """What becomes of a part that is not sent again.

    If it is `guilty`, its rows are set aside for a `reason` of one line. Else `error` ends the
    run. `too_large`: it is one row, and too large for the server.
    """

    def __init__(self, error, reason, too_large=False):
        self.error = error
        self.reason = reason
        self.too_large = too_large
        self.guilty = False
        self.since = monotonic()
