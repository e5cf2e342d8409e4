"""The records in a piece of the input: how many there are, and where a batch of them ends."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.dataset.grammar import (
    BLANK, QUOTE, RECORD_END, delimiters_in, delimiters_of_outline, end_of_rows, is_dense, mask,
    outline_of)

# A stretch of the input: its bytes, the records that end in it, its pairs of quotes.
Extent = namedtuple('Extent', 'size rows pairs')

Taken = namedtuple('Taken', [
    'size',        # bytes of the input
    'rows',        # records in them
    'masked',      # their mask; None: all have as many fields as the header, and no line is blank
])


def find_records(data, delimiter, columns, follow_quotes, at_end):
    """The `Records` at the start of `data` (bytes).

    `columns` is the number of fields in the header. `at_end`: no more input follows,
    so a last line without a line ending is a record too.
    """
    if columns > 1 and (follow_quotes or b'"' not in data) and not is_dense(data):
        found = _regular_records(data, delimiter, columns, at_end)
        if found:
            return found
    masked = mask(data, delimiter, follow_quotes)
    if at_end and masked[masked.rfind(RECORD_END) + 1:].strip(BLANK):
        masked += RECORD_END
    return Records(masked, [], len(masked), masked.count(RECORD_END), False)


def _regular_records(data, delimiter, columns, at_end):
    """The `Records` if all have `columns` fields and no line is blank, else None."""
    # A blank line would be a record of one field, so there is no need to look for any.
    found = outline_of(data, delimiter)
    if found is None:
        return None
    outline, quoted, closed = found
    if at_end and not closed:
        return None
    if at_end and outline and not outline.endswith(RECORD_END):
        outline += RECORD_END
    delimiters = delimiters_of_outline(outline, delimiter)
    delimiters = delimiters[:delimiters.rfind(RECORD_END) + 1]
    rows = len(delimiters) // columns
    if delimiters != delimiters_in(rows, columns, delimiter):
        return None
    return Records(outline, quoted, len(data), rows, True)


class Records(object):
    """Records, taken batch by batch.

    They are found in an outline of the input. It is as long as the input, except that
    `quoted` has what is inside quotes, and the outline has one quote for each such
    pair. If `quoted` is empty, it may be a mask. `size` is the length of the input,
    `rows` the number of records that end in it.
    """

    def __init__(self, outline, quoted, size, rows, regular):
        self._outline = outline
        self._quoted = quoted
        self._regular = regular
        self._start = 0
        self._end = outline.rfind(RECORD_END) + 1
        self._pairs = outline.count(QUOTE, 0, self._end) if quoted else 0
        whole = self._end + self._pairs + sum(map(len, quoted[:self._pairs]))
        self._left = Extent(whole, rows, self._pairs)
        self._after = size - whole

    @property
    def rows_left(self):
        """How many are not taken."""
        return self._left.rows

    def take(self, limits, at_end):
        """The next batch as `Taken`; None if more must be read first.

        `limits` has the most `rows` and the largest `size` (in bytes) of a batch; a
        single record may be larger.
        """
        if self._start == self._end:
            return None
        end, found = self._within(limits.size)
        if found.rows > limits.rows:
            end = self._end_of(limits.rows, end, found.rows)
            found = self._up_to(end)
        elif (found.rows < limits.rows and found.size < limits.size // 2
              and self._left.size + self._after <= limits.size and not at_end):
            return None
        masked = None if self._regular else self._outline[self._start:end]
        self._left = _without(self._left, found)
        self._start = end
        return Taken(found.size, found.rows, masked)

    def rest(self):
        """The part of the outline that is not taken yet."""
        return self._outline[self._start:]

    def _within(self, size):
        """(end, Extent) of as many records as fit in `size` bytes, and of at least one."""
        end, found = self._end, self._left
        while found.size > size and found.rows > 1:
            # The outline is shorter than the input, more so in some places than in others.
            reach = self._start + (end - self._start) * size // found.size
            end = self._outline.rfind(RECORD_END, self._start, reach) + 1
            end = end or self._outline.find(RECORD_END, self._start) + 1
            found = self._up_to(end)
        return end, found

    def _up_to(self, end):
        """The `Extent` from the start to `end`, a place in the outline."""
        # Counted from whichever side is nearer, so that many small batches cost no more than few.
        ahead = end - self._start <= self._end - end
        start, stop = (self._start, end) if ahead else (end, self._end)
        rows = self._outline.count(RECORD_END, start, stop)
        pairs = self._outline.count(QUOTE, start, stop) if self._quoted else 0
        first = self._pairs - (self._left.pairs if ahead else pairs)
        inside = self._quoted[first:first + pairs]
        found = Extent(stop - start + pairs + sum(map(len, inside)), rows, pairs)
        return found if ahead else _without(self._left, found)

    def _end_of(self, rows, end, found):
        """Where the first `rows` records end in the outline; up to `end` there are `found`."""
        if found - rows < rows:
            return self._start + len(self._outline[self._start:end].rsplit(
                RECORD_END, found - rows + 1)[0]) + 1
        return end_of_rows(self._outline, rows, self._start)


def _without(extent, part):
    return Extent(extent.size - part.size, extent.rows - part.rows, extent.pairs - part.pairs)
