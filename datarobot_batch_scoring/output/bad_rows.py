"""The rows that the server refused, in a file of their own."""

from __future__ import absolute_import, unicode_literals

import os

from datarobot_batch_scoring.output.appended import Appended
from datarobot_batch_scoring.output.checkpoint import path_of, pieces, stored_name
from datarobot_batch_scoring.output.gzip_members import OUTPUT_LEVEL, pack
from datarobot_batch_scoring.server.answers import field

WHAT = 'bad-rows file'
COLUMNS = b'row_id,line,reason,'


class BadRows(object):
    """The file, and how many rows are in it. Without any, a resumed run rewrites it."""

    def __init__(self, path, out, header, linesep):
        self.rows = 0
        self.file = Appended(WHAT, path)
        self._out = out
        self._linesep = linesep.encode('ascii')
        self._header = header_line(header, self._linesep)

    def begin(self):
        """Makes the file, which must be open, one without rows."""
        self.file.cut_to(0, 0)
        self._copy([self._packed(self._header)])

    def go_on(self, state):
        """Goes on from a state: in its file, or in a new one that begins with its rows."""
        before = path_of(state['name'], self._out)
        self.rows = state['rows']
        if not self.rows:
            self.begin()
        elif os.path.realpath(before) == os.path.realpath(self.file.path):
            self.file.cut_to(state['length'], state['checksum'])
        else:
            self.file.cut_to(0, 0)
            self._copy(pieces(before, 0, state['length']))

    def _copy(self, parts):
        for part in parts:
            self.file.append(part)
            self.file.advance(part)
        self.file.force_folder()

    def state(self):
        """What the checkpoint says about it."""
        return dict(self.file.state(), rows=self.rows,
                    name=stored_name(self.file.path, self._out))

    def lines(self, results):
        """What goes into the file for `Scored`s, in order: bytes, empty if no row is bad."""
        lines = [row_line(each.first_row, each.bad, self._linesep)
                 for each in results if each.bad]
        return self._packed(b''.join(lines)) if lines else b''

    def advance(self, lines, results):
        """Counts `lines`, which are those of `results`, as part of the file."""
        self.file.advance(lines)
        self.rows += sum(1 for each in results if each.bad)

    def _packed(self, data):
        return pack(data, OUTPUT_LEVEL) if self.file.path.endswith('.gz') else data


def header_line(header, linesep):
    """The header of the file (bytes), where `header` is that of the input as the server gets it."""
    return COLUMNS + header.rstrip(b'\r\n') + linesep


def row_line(row, bad, linesep):
    """The line (bytes) of row number `row`, an `events.BadRow`."""
    return b','.join([b'%d,%d' % (row, bad.line), field(bad.reason, ','), bad.record]) + linesep
