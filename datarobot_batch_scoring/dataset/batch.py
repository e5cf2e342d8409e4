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


def place_of(batch, delimiter):
    """Where a batch is: 'rows 40 to 59, lines 42 to 61 of the dataset'."""
    first = first_line(batch, delimiter)
    last = batch.start.line + grammar.count_lines(batch.raw.rstrip(b'\r\n \t'))
    rows = 'row {0}' if batch.rows == 1 else 'rows {0} to {1}'
    lines = 'line {2}' if first == last else 'lines {2} to {3}'
    return (rows + ', ' + lines + ' of the dataset').format(
        batch.start.row, batch.end_row - 1, first, last)


def halve(batch, delimiter):
    """Splits a batch of at least two records into two batches."""
    masked = grammar.mask(batch.raw, delimiter)
    rows = grammar.count_rows(masked) // 2
    size = grammar.end_of_rows(masked, rows)
    left = batch._replace(rows=rows, raw=batch.raw[:size])
    middle = Position(left.end_row, left.end, batch.start.line + grammar.count_lines(left.raw))
    return left, batch._replace(start=middle, rows=batch.rows - rows, raw=batch.raw[size:])
