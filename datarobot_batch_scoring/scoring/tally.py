"""What a report says of the rows: what was predicted, and why some of them were refused.

It is counted as rows are committed, and the checkpoint has it: so it is of the whole output,
however often the run was resumed.
"""

from __future__ import absolute_import, unicode_literals

import json
from collections import Counter

from datarobot_batch_scoring.scoring import predictions

# A server may give a different reason for each row.
MAX_REASONS = 100
# The most bytes of JSON that `plain` gives; see `output.checkpoint.ROOM_FOR_FIGURES`.
MAX_PLAIN = 30 << 10


class RowStatistics(object):
    """`predicted` is None or a `predictions.Predicted`, `reasons` counts rows by reason."""

    def __init__(self, predicted=None, reasons=()):
        self.predicted = predicted
        self.reasons = Counter(reasons)

    def add(self, predicted):
        """Adds what `predictions.count` gave for a batch, or None."""
        if predicted is not None:
            self.predicted = predictions.added(self.predicted, predicted)

    def refuse(self, reason):
        """Adds a row that was refused."""
        known = reason in self.reasons or len(self.reasons) < MAX_REASONS
        self.reasons[reason if known else predictions.OTHERS] += 1

    def plain(self):
        """It as plain values of bounded size, for the checkpoint; None if names are too long."""
        for most in (predictions.MAX_CLASSES, MAX_REASONS, 10):
            found = {'predicted': self.predicted and predictions.plain(self.predicted, most),
                     'reasons': predictions.most_frequent(self.reasons, most)}
            if len(json.dumps(found)) <= MAX_PLAIN:
                return found
        return None


def restored(plain):
    """The `RowStatistics` that `RowStatistics.plain` made plain; None if it is not that."""
    try:
        reasons = predictions.checked_counts(plain['reasons'])
        predicted = plain['predicted'] and predictions.restored(plain['predicted'])
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None
    return RowStatistics(predicted, reasons)
