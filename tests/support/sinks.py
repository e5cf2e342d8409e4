"""Sinks of unit tests: outputs in a folder, and rows that a server accepted or rejected."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.output import checkpoint, lock
from datarobot_batch_scoring.output.bad_rows import BadRowsFile
from datarobot_batch_scoring.output.journal import Slots
from datarobot_batch_scoring.output.sink import Sink, SinkPlan
from datarobot_batch_scoring.output.targets import AppendFile
from datarobot_batch_scoring.scoring.predictions import RowStatistics
from datarobot_batch_scoring.scoring.events import BadRow, Scored
from datarobot_batch_scoring.output.columns import Layout
from datarobot_batch_scoring.server.protocols import PROTOCOLS

LAYOUT = Layout(protocol=PROTOCOLS['predApi/v1.0'], class_names=(), delimiter=',', linesep='\n',
                row_id=True, pred_cols=(), pred_name=None, threshold=None, decision=None,
                explanations=0, counted=False, details=False, extras=())
PLAN = SinkPlan(layout=LAYOUT, kept_names=['k'], bad_rows=None, max_bad_rows=2, first_row=0,
                tally=RowStatistics(), tally_is_whole=True)
MATCHING = {'command': 'batch_scoring'}
LABELS = ('p',)


def digests(row):
    """Those of an input that ends with a row."""
    return (row, '{0:064x}'.format(row)),


def accepted(first, rows=1, **more):
    """The `Scored` of rows with predictions."""
    csv = b''.join(b'%d,k%d,0.5\n' % (row, row) for row in range(first, first + rows))
    return Scored(**dict(dict(
        first_row=first, rows=rows, digests=digests(first + rows), labels=LABELS, nulls=0,
        short=checks.NONE_SHORT, csv=csv, bad=None, predicted=None), **more))


def rejected(row):
    """The `Scored` of a row that the server rejected."""
    return accepted(row)._replace(
        labels=None, csv=None,
        bad=BadRow(row + 2, 'reason {0}'.format(row), b'r%d,x' % row, [b'k%d' % row], b'', None))


def rows_of(rows, bad=()):
    """The output (bytes) with so many rows."""
    return b'row_id,k,p\n' + b''.join(
        b'%d,k%d,%s\n' % (row, row, b'' if row in bad else b'0.5') for row in range(rows))


def bad_lines_of(bad):
    """The bad-rows file (bytes) with these rows."""
    return b'row_id,line,reason,x,y\n' + b''.join(
        b'%d,%d,reason %d,r%d,x\n' % (row, row + 2, row, row) for row in bad)


class _Slots(Slots):
    closed = False

    def close(self, complete):
        Slots.close(self, complete)
        self.closed = True


class Outputs(object):
    """Opens sinks for one output in a folder, one after another; each ends before the next."""

    def __init__(self, folder, name='out.csv', bad_rows=None):
        self.out = folder(name)
        self.bad_rows = bad_rows and folder(bad_rows)
        self._open = None

    def open(self, resume=False, **changed):
        """A `Sink`; `resume`: it goes on from the checkpoint. `changed` are fields of its plan."""
        self.abandon()
        locked = lock.LockedFile(self.out)
        serial, ends = None, digests(0)
        if resume:
            found, difference = checkpoint.load(locked.descriptor, self.out)
            assert difference is None
            serial, ends = (found.dict.serial, found['digests']) if found else (None, ends)
        seen = locked.snapshot()
        locked.close()
        journal = _Slots(self.out, seen, MATCHING, ends, serial)
        target = AppendFile('output', self.out)
        bad_rows = self.bad_rows and BadRowsFile(self.bad_rows, self.out, b'x,y\n', '\n')
        self._open = journal, [target] + ([bad_rows.target] if bad_rows else [])
        return Sink(PLAN._replace(**dict(dict(bad_rows=self.bad_rows, tally=RowStatistics()), **changed)),
                    target, bad_rows, journal)

    def abandon(self):
        """Ends the last sink as a kill does: the system takes its locks away."""
        if self._open:
            journal, files = self._open
            for each in files:
                each.close()
            if not journal.closed:
                journal.close(complete=False)
            self._open = None

    def state(self):
        """What the checkpoint says, a dict; None if there is none."""
        self.abandon()
        locked = lock.LockedFile(self.out)
        try:
            found, difference = checkpoint.load(locked.descriptor, self.out)
            assert difference is None
            return found and found.state()
        finally:
            locked.close()


def commit_all(sink):
    """Commits what is next until nothing is; returns the `Scored`s."""
    committed, results = [], sink.commit_next()
    while results:
        committed += results
        results = sink.commit_next()
    return committed
