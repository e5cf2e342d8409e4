"""The rows that the server refused or that cannot be sent, in a file of their own."""

from __future__ import absolute_import, unicode_literals

import os

from datarobot_batch_scoring.output import lock
from datarobot_batch_scoring.output.checkpoint import path_of, pieces, stored_name
from datarobot_batch_scoring.output.targets import AppendFile, unpack
from datarobot_batch_scoring.output.csv_text import BAD_ROWS_COLUMNS, field

WHAT = 'bad-rows file'


class BadRows(object):
    """The rows that were set aside, as lines on their way to a `targets.Target`; `rows` of them."""

    def __init__(self, target, linesep):
        self.rows = 0
        self.target = target
        self.linesep = linesep.encode('ascii')

    def begin(self):
        """Makes the target one without rows."""
        self.target.begin()

    def state(self):
        """What a journal says about it."""
        return dict(self.target.state(), rows=self.rows)

    def lines(self, results):
        """What goes into the target for `Scored`s, in order: bytes, empty if no row is bad."""
        lines = [row_line(scored.first_row, scored.bad, self.linesep)
                 for scored in results if scored.bad]
        return self.target.compressed(b''.join(lines)) if lines else b''

    def advance(self, lines, results):
        """Counts `lines`, which are those of `results`, as part of it."""
        self.target.advance(lines)
        self.rows += sum(1 for scored in results if scored.bad)


class BadRowsFile(BadRows):
    """The file of the rows of the output `out`. Without any, a resumed run rewrites it.

    `header` is that of the input as the server gets it.
    """

    def __init__(self, path, out, header, linesep):
        BadRows.__init__(self, AppendFile(WHAT, path), linesep)
        self._out = out
        self._header = header_line(header, self.linesep)

    def begin(self):
        """Makes the file one without rows; raises `ScoringError` if another run is writing it."""
        lock.open_to_append(self.target)
        self._empty()

    def _empty(self):
        self._copy([self.target.compressed(self._header)])

    def restore(self, state):
        """Goes on from a state: in its file, or in a new one that begins with its rows."""
        lock.open_to_append(self.target)
        before = path_of(state['name'], self._out)
        self.rows = state['rows']
        if not self.rows:
            self._empty()
        elif os.path.realpath(before) == os.path.realpath(self.target.path):
            self.target.cut_to(state['length'], state['checksum'])
        else:
            self._copy(self._as_here(pieces(before, 0, state['length']), before.endswith('.gz')))

    def _as_here(self, parts, gzipped):
        if gzipped == self.target.gzipped:
            return parts
        return map(self.target.compressed, filter(None, unpack(parts) if gzipped else parts))

    def _copy(self, parts):
        self.target.cut_to(0, 0)
        for part in parts:
            self.target.append(part)
            self.target.advance(part)
        self.target.force_folder()

    def state(self):
        """What the checkpoint says about it."""
        return dict(BadRows.state(self), name=stored_name(self.target.path, self._out))


def header_line(header, linesep):
    """The header of the file (bytes), where `header` is that of the input as the server gets it."""
    return BAD_ROWS_COLUMNS + header.rstrip(b'\r\n') + linesep


def row_line(row, bad, linesep):
    """The line (bytes) of row number `row`, an `events.BadRow`."""
    reason = bad.reason
    if bad.surplus:
        reason += ' Surplus: ' + bad.surplus.decode('utf-8')
    return b','.join([b'%d,%d' % (row, bad.line), field(reason, ','), bad.record]) + linesep
