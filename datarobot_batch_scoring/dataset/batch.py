"""A batch: whole records of the input, and where they are in it."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.dataset import grammar

# A place in the input where a record begins.
Position = namedtuple('Position', [
    'row',   # number of the data row, from 0
    'byte',  # of the input as UTF-8, not counting its byte-order mark
    'line',  # of the file, from 1
])


class Batch(namedtuple('Batch', [
        'start',      # Position
        'rows',       # number of records, not counting blank lines
        'regular',    # True: no blank lines, and every record has as many fields as the header
        'raw'])):     # the bytes of the records as UTF-8, line endings included
    """Whole records of the input."""

    __slots__ = ()

    @property
    def end(self):
        """Where the batch ends, as a byte of the input as UTF-8."""
        return self.start.byte + len(self.raw)

    @property
    def end_row(self):
        """The number of the first data row after the batch."""
        return self.start.row + self.rows


def first_line(batch, delimiter):
    """The line of the file on which the first record of a batch begins."""
    masked = grammar.mask(batch.raw, delimiter)
    return batch.start.line + grammar.lines_before_row(batch.raw, masked, 0)


def describe_batch(batch, delimiter):
    """Where a batch is: 'rows 40 to 59, lines 42 to 61 of the dataset'."""
    first = first_line(batch, delimiter)
    last = batch.start.line + grammar.count_lines(batch.raw.rstrip(b'\r\n \t'))
    rows = 'row {0}' if batch.rows == 1 else 'rows {0} to {1}'
    lines = 'line {2}' if first == last else 'lines {2} to {3}'
    return (rows + ', ' + lines + ' of the dataset').format(
        batch.start.row, batch.end_row - 1, first, last)


def split(batch, rows, delimiter):
    """Splits a batch into batches that begin with these of its rows, from 0; the first is 0."""
    masked = grammar.mask(batch.raw, delimiter)
    parts, start, end = [], batch.start, 0
    for row, next_row in zip(rows, rows[1:] + [None]):
        begin = end
        end = len(masked) if next_row is None else grammar.end_of_rows(masked, next_row - row, begin)
        part = Batch(start, (batch.rows if next_row is None else next_row) - row, batch.regular,
                     batch.raw[begin:end])
        parts.append(part)
        start = Position(part.end_row, part.end, start.line + grammar.count_lines(part.raw))
    return parts
