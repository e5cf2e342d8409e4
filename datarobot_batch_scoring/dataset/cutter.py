"""Cuts UTF-8 CSV into batches of whole records."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.dataset.batch import Batch, Position
from datarobot_batch_scoring.dataset.checks import characters, field_too_long, open_field
from datarobot_batch_scoring.dataset.grammar import (
    BLANK, DELIMITER, QUOTE, RECORD_END, count_lines, delimiters_in, delimiters_of, delimiters_of_outline,
    end_of_rows, is_dense, mask, may_go_on, open_quote, outline_of, without_ctrl_z)
from datarobot_batch_scoring.errors import DatasetError, UndecodableInput

MIB = 1 << 20
MAX_BATCH_BYTES = 5 * MIB // 2
MAX_BATCH_ROWS = 20000
# A worker holds a request, its response and its rows at once, several times the size of the batch: where
# many requests are in flight, batches are smaller, down to a MiB.
MAX_BYTES_IN_FLIGHT = 20 * MIB
READ_SIZE = MIB
READ_MORE = 4096
NO_LIMIT = 1 << 62

# The most `rows` and the largest `size` (in bytes) of a batch; a single record may be larger.
Limits = namedtuple('Limits', 'rows size')
# Of those that are sized by the responses.
LARGEST = Limits(MAX_BATCH_ROWS, MAX_BATCH_BYTES)

# A stretch of the input: its bytes, the records that end in it, its pairs of quotes.
Extent = namedtuple('Extent', 'size rows pairs')

Taken = namedtuple('Taken', [
    'size',        # bytes of the input
    'rows',        # records in them
    'masked',      # their mask; None: all have as many fields as the header, and no line is blank
])


def limits(settings, max_rows=None, n_concurrent=1):
    """The `Limits` for the settings and the most rows that the server takes, None for any number.

    `n_concurrent` is how many automatic batches are in flight in the processes of a machine.
    """
    size = min(max(MAX_BYTES_IN_FLIGHT // n_concurrent, MIB), MAX_BATCH_BYTES)
    batch_limits = LARGEST._replace(size=size) if settings.auto_sample else Limits(settings.n_samples, NO_LIMIT)
    return batch_limits._replace(rows=min(batch_limits.rows, max_rows or NO_LIMIT))


class Cutter(object):
    """Cuts an input into `Batch`es of whole records, starting at a `Position`.

    `read(size)` gives the next bytes of the input as UTF-8, none at its end,
    and may raise `UndecodableInput`. `limits` may be replaced at any time.
    What cannot be cut raises `DatasetError` with the line. `at_end(rest)` is called
    before what was read last, `rest` (bytes), is cut, and may raise it too.
    `rows` is None for all rows, or the number of the first row wanted and of the row after the
    last one: rows before these come in batches of their own, and what follows is not read.
    `rows_of_next(row, read)`, if it is set, gives the rows that the batch that begins with row
    `row` may have, within the limits; from there on, `read` rows are read.
    `whole`: nothing follows the input, so that a Ctrl-Z at its end ends the file.
    `blank_line` is the first blank line that was seen, or None, `ctrl_z` the line of
    a Ctrl-Z at the end; `size_read` the bytes read.
    """

    def __init__(self, read, dialect, limits, start, at_end=None, rows=None,
                 whole=True):
        self.limits = limits
        self.rows_of_next = None
        self.blank_line = None
        self.ctrl_z = None
        self._at_end = at_end
        self._whole = whole
        self._first, self._last = rows or (0, NO_LIMIT)
        self.size_read = 0
        self._columns = len(dialect.columns)
        self._read = read
        self._delimiter = dialect.delimiter
        self._follow_quotes = not dialect.fast
        self._field_size_limit = dialect.field_size_limit
        self._start = start
        self._pending = b''
        self._done = False
        self._error = None

    def __iter__(self):
        """Yields every `Batch` up to the end of the input, in order."""
        wanted = self._read_size()
        while not (self._done or self._error):
            self._fill(wanted)
            size = len(self._pending)
            for batch in self._cut_pending():
                yield batch
            if self._start.row >= self._last:
                return
            nothing_cut = size == len(self._pending)
            # Doubling what is read keeps the cost of one huge record linear.
            wanted = size if nothing_cut else self._read_size()
            if nothing_cut and not self._done:
                self._check_open_field()
        if self._error:
            raise self._error

    def _read_size(self):
        # Read just what fills one batch, so that little is masked twice.
        if self.limits.size > MAX_BATCH_BYTES:
            return READ_SIZE
        return max(self.limits.size, READ_SIZE) - min(len(self._pending), READ_SIZE // 2)

    def _fill(self, wanted):
        pieces = [self._pending]
        try:
            pieces.append(self._read(max(wanted, READ_SIZE // 2)))
            while pieces[-1] and may_go_on(pieces[-2][-3:] + pieces[-1][-3:]):
                pieces.append(self._read(READ_MORE))
            self._done = not pieces[-1]
        except UndecodableInput as error:
            self._error = DatasetError(
                'undecodable', line=self._start.line + count_lines(self._pending), reason=error.reason)
        self.size_read += sum(map(len, pieces[1:]))
        self._pending = b''.join(pieces)
        if self._done:
            self._check_end()

    def _check_end(self):
        if self._at_end:
            self._at_end(self._pending)
        text = without_ctrl_z(self._pending) if self._whole else self._pending
        if text != self._pending:
            self.ctrl_z = self._start.line + count_lines(text)
            self._pending = text
        quote = open_quote(text, self._delimiter, self._follow_quotes)
        if quote:
            field, record = quote
            self._check_open_field()
            self._error = open_field(self._start.line + count_lines(text[:field]))
            self._pending = text[:record]

    def _cut_pending(self):
        records = find_records(self._pending, self._delimiter, self._columns,
                               self._follow_quotes, self._done)
        size = 0
        while self._start.row < self._last:
            taken = records.take(
                self._limits_of_next(records.rows_left), self._done or self._error)
            if taken is None:
                break
            raw = self._pending[size:size + taken.size]
            regular = taken.masked is None or self._is_regular(taken, raw)
            if not regular:
                self._look_for_blank_line(taken.masked, raw)
            batch = Batch(self._start, taken.rows, regular, raw)
            yield batch
            # Only a quoted field can contain a line break.
            lines = taken.rows if regular and b'"' not in raw else count_lines(raw)
            self._start = Position(batch.end_row, batch.end, self._start.line + lines)
            size += taken.size
        self._pending = self._pending[size:]
        if self._done:
            self._look_for_blank_line(records.rest(), self._pending)

    def _limits_of_next(self, rows_read):
        row = self._start.row
        if row < self._first:
            return Limits(min(self._first - row, MAX_BATCH_ROWS), MAX_BATCH_BYTES)
        rows = min(self._last - row, self.limits.rows)
        if self.rows_of_next is not None:
            rows = min(rows, self.rows_of_next(row, rows_read))
        return self.limits._replace(rows=rows)

    def _look_for_blank_line(self, masked, raw):
        if self.blank_line is None and BLANK in masked:
            self.blank_line = self._start.line + count_lines(raw[:masked.index(BLANK)])

    def _is_regular(self, taken, raw):
        if not self._follow_quotes and b'"' in raw:
            return False
        return delimiters_of(taken.masked) == delimiters_in(taken.rows, self._columns)

    def _check_open_field(self):
        limit = self._field_size_limit
        if len(self._pending) <= limit:
            return
        masked = mask(self._pending, self._delimiter, self._follow_quotes)
        start = max(map(masked.rfind, (DELIMITER, RECORD_END, BLANK))) + 1
        if characters(self._pending[start:]) > limit:
            raise field_too_long(self._start.line + count_lines(self._pending[:start]), limit)


def find_records(data, delimiter, columns, follow_quotes, at_end):
    """The `Records` at the start of `data` (bytes).

    `columns` is the number of fields in the header. `at_end`: no more input follows,
    so a last line without a line ending is a record too.
    """
    if columns > 1 and (follow_quotes or b'"' not in data) and not is_dense(data):
        records = _regular_records(data, delimiter, columns, at_end)
        if records:
            return records
    masked = mask(data, delimiter, follow_quotes)
    if at_end and masked[masked.rfind(RECORD_END) + 1:].strip(BLANK):
        masked += RECORD_END
    return Records(masked, [], len(masked), masked.count(RECORD_END), False)


def _regular_records(data, delimiter, columns, at_end):
    """The `Records` if all have `columns` fields and no line is blank, else None."""
    # A blank line would be a record of one field, so there is no need to look for any.
    outlined = outline_of(data, delimiter)
    if outlined is None:
        return None
    outline, quoted, closed = outlined
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
        end, extent = self._within(limits.size)
        if extent.rows > limits.rows:
            end = self._end_of(limits.rows, end, extent.rows)
            extent = self._up_to(end)
        elif (extent.rows < limits.rows and extent.size < limits.size // 2
              and self._left.size + self._after <= limits.size and not at_end):
            return None
        masked = None if self._regular else self._outline[self._start:end]
        self._left = _without(self._left, extent)
        self._start = end
        return Taken(extent.size, extent.rows, masked)

    def rest(self):
        """The part of the outline that is not taken yet."""
        return self._outline[self._start:]

    def _within(self, size):
        """(end, Extent) of as many records as fit in `size` bytes, and of at least one."""
        end, extent = self._end, self._left
        while extent.size > size and extent.rows > 1:
            # The outline is shorter than the input, more so in some places than in others.
            reach = self._start + (end - self._start) * size // extent.size
            end = self._outline.rfind(RECORD_END, self._start, reach) + 1
            end = end or self._outline.find(RECORD_END, self._start) + 1
            extent = self._up_to(end)
        return end, extent

    def _up_to(self, end):
        """The `Extent` from the start to `end`, a place in the outline."""
        # Counted from whichever side is nearer, so that many small batches cost no more than few.
        ahead = end - self._start <= self._end - end
        start, stop = (self._start, end) if ahead else (end, self._end)
        rows = self._outline.count(RECORD_END, start, stop)
        pairs = self._outline.count(QUOTE, start, stop) if self._quoted else 0
        first = self._pairs - (self._left.pairs if ahead else pairs)
        inside = self._quoted[first:first + pairs]
        extent = Extent(stop - start + pairs + sum(map(len, inside)), rows, pairs)
        return extent if ahead else _without(self._left, extent)

    def _end_of(self, rows, end, total):
        """Where the first `rows` records end in the outline; up to `end` there are `total`."""
        if total - rows < rows:
            return self._start + len(self._outline[self._start:end].rsplit(
                RECORD_END, total - rows + 1)[0]) + 1
        return end_of_rows(self._outline, rows, self._start)


def _without(extent, part):
    return Extent(extent.size - part.size, extent.rows - part.rows, extent.pairs - part.pairs)
