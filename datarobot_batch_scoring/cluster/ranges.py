"""Where records begin, found out range by range: each is scanned without the others.

A range begins behind a line end, so there are only two states to enter it with: a record begins
there, or a quoted field goes on. A scan tells what follows from either; composing the scans of
all ranges, in order, gives the records of the whole. Pure functions over bytes.
"""

from __future__ import absolute_import, unicode_literals

import re
from collections import namedtuple

from datarobot_batch_scoring.dataset import grammar

# What a scan found for one state to enter with.
Entry = namedtuple('Entry', [
    'rows',    # records that begin in the range
    'first',   # where in it the first of them may begin; None: nowhere
    'lines',   # line ends before that
    'inside',  # True: a quoted field is open at its end
])

# What is known of a range.
Scan = namedtuple('Scan', [
    'start',   # its first byte, in the input
    'size',
    'lines',   # line ends in it
    'outside',  # Entry, where a record begins with the range
    'inside',  # Entry, where a quoted field goes on in it
])

# Whole records of the input, to be scored in one go.
RowRange = namedtuple('RowRange', [
    'start', 'end',  # bytes of the input
    'row',     # number of its first row
    'rows',
    'line',    # of the file, from 1, on which it begins
])

_LINE_END = re.compile(b'\n|\r(?!\n)')
# Bytes of a line, on average, up to which a search from line end to line end takes longer than
# to look at each byte.
_SHORT_LINE = 16
# Bytes that are looked at to find out where the two states meet; doubled until they do.
_FIRST_LOOK = 64 << 10


def first_line_start(data, start):
    """Where the first line that begins at `start` or later begins in `data`, or None.

    `data` has the byte before `start`, if there is one. None too if only a CR, its last byte,
    may be that line's beginning: it may be half of a line end.
    """
    if start == 0:
        return 0
    line_end = _LINE_END.search(data, start - 1)
    if line_end and line_end.group() == b'\r' and line_end.end() == len(data):
        return None
    return line_end.end() if line_end else None


def scan(data, delimiter, follow_quotes=True):
    """(lines, `Entry` outside, `Entry` inside) of a range, which begins behind a line end."""
    lines = grammar.count_lines(data)
    if not follow_quotes or b'"' not in data:
        rows, is_open = _records(data, delimiter, follow_quotes)
        return lines, Entry(rows, 0, 0, is_open), Entry(0, None, lines, True)
    meeting = _first_meeting(data, delimiter)
    if meeting is None:
        rows, is_open = _records(data, delimiter)
        return lines, Entry(rows, 0, 0, is_open), _inside(data, delimiter, lines)
    first, rows_inside, rows_outside = meeting
    behind, is_open = _behind(data, delimiter, rows_inside, rows_outside)
    return (lines, Entry(rows_outside + behind, 0, 0, is_open),
            Entry(rows_inside + behind, first, grammar.count_lines(data[:first]), is_open))


class Composing(object):
    """Composes the scans of an input's ranges, in order, to `RowRange`es.

    Its first row has the number 0; it begins on `line`. Nothing but blank lines is before the
    first row range.
    """

    def __init__(self, line):
        self._row, self._line, self._inside = 0, line, False
        # A row range goes on until the next begins.
        self._last = None
        self._end = None

    def add(self, scan):
        """Takes in the next `Scan`; returns the row range that ends with it, or None."""
        entry = scan.inside if self._inside else scan.outside
        ended = None
        if entry.rows:
            start = scan.start + entry.first
            ended = self._last and self._last._replace(end=start)
            self._last = RowRange(start, None, self._row, entry.rows, self._line + entry.lines)
        self._row += entry.rows
        self._line += scan.lines
        self._inside = entry.inside
        self._end = scan.start + scan.size
        return ended

    def end(self):
        """The last row range, once there is no other scan; None if no record was found."""
        return self._last and self._last._replace(end=self._end)


def _behind(data, delimiter, rows_inside, rows_outside):
    """(records behind where both states have met, is a quote left open at the end?).

    Found out in the state that is read quickly: in the other, which is not that of the file, a
    quote seems to be text.
    """
    first_lines = data[:data.rfind(b'\n', 0, _FIRST_LOOK) + 1]
    if _quick_records(first_lines, delimiter) is None:
        # With the quote before it, the record that goes on is counted too.
        quick = _quick_records(b'"' + data, delimiter)
        if quick is not None:
            return quick[0] - 1 - rows_inside, quick[1]
    rows, is_open = _records(data, delimiter)
    return rows - rows_outside, is_open


def _records(data, delimiter, follow_quotes=True):
    """(records that begin in `data`, is a quote left open?); it begins where a record does."""
    quick = _quick_records(data, delimiter, follow_quotes)
    if quick is not None:
        return quick
    masked = grammar.mask(data, delimiter, follow_quotes)
    is_open = follow_quotes and grammar.open_quote(data, delimiter) is not None
    return grammar.count_rows(masked), is_open


def _quick_records(data, delimiter, follow_quotes=True):
    """The same where no line is blank and no quote is text, else None."""
    outside, closed = data, True
    if follow_quotes and b'"' in data:
        unquoted = grammar.outside_of(data, delimiter)
        if unquoted is None:
            return None
        outside, closed = unquoted
    if b'\r' in outside:
        # For counting only.
        outside = outside.replace(b'\r\n', b'\n').replace(b'\r', b'\n')
    if closed and not outside.endswith(b'\n'):
        return None
    lines = outside.count(b'\n')
    if _has_blank_line(outside, lines, b' \t'.replace(delimiter or b'-', b'')):
        return None
    return lines + (not closed), not closed


def _has_blank_line(data, lines, spaces):
    if len(data) > _SHORT_LINE * lines:
        blank = b'[' + spaces + b']*\n'
        return bool(re.match(blank, data) or re.search(b'\n' + blank, data))
    squeezed = data.translate(None, spaces)
    # rfind takes half of the time of `in` here.
    return squeezed.startswith(b'\n') or squeezed.rfind(b'\n\n') >= 0


def _inside(data, delimiter, lines):
    """The `Entry` of a range in which a quoted field goes on."""
    masked = grammar.mask(b'"' + data, delimiter)
    first = masked.find(grammar.RECORD_END)
    is_open = grammar.open_quote(b'"' + data, delimiter) is not None
    if first < 0:
        return Entry(0, None, lines, is_open)
    return Entry(grammar.count_rows(masked[first + 1:]), first,
                 grammar.count_lines(data[:first]), is_open)


def _first_meeting(data, delimiter):
    """What `_meeting` gives for as little of a range as will do, or None."""
    size = _FIRST_LOOK
    while size < len(data):
        # Half of a line end would be taken for one.
        size += data[size - 1:size] == b'\r'
        meeting = _meeting(data[:size], delimiter)
        if meeting:
            return meeting
        size *= 4
    return None


def _meeting(data, delimiter):
    """Looks for a byte with which a record ends, whichever state the data was entered with.

    (where the first record begins if a quoted field goes on, records from there to the byte,
    records up to it if none goes on), or None.
    """
    # With the quote before it, `inside` is one byte longer.
    inside = grammar.mask(b'"' + data, delimiter)
    outside = grammar.mask(data, delimiter)
    first = at = inside.find(grammar.RECORD_END)
    while at >= 0:
        if outside[at - 1:at] == grammar.RECORD_END:
            return (first, inside.count(grammar.RECORD_END, first + 1, at + 1),
                    outside.count(grammar.RECORD_END, 0, at))
        at = inside.find(grammar.RECORD_END, at + 1)
    return None
