"""What the parts of a run come to, counted part by part."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.scoring.tally import Tally, restored


class Totals(object):
    """Sums over `remains.Record`s; `counted`: a report needs the tally.

    `tally` is a `tally.Tally`; None if a record has none, or it is not counted.
    """

    def __init__(self, records=(), counted=True):
        self.rows = self.nulls = self.bad = self.size = 0
        self.tally = Tally() if counted else None
        for record in records:
            self.add(record)

    def add(self, record):
        """Adds a record, at a cost that does not depend on how many there are."""
        self.rows += record.rows
        self.nulls += record.nulls
        self.bad += record.bad
        self.size += record.size
        if self.tally is not None:
            self._add_tally(restored(record.figures))

    def _add_tally(self, tally):
        if tally is None:
            self.tally = None
            return
        self.tally.add(tally.predicted)
        self.tally.reasons.update(tally.reasons)
