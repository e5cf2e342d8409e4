"""Parquet as CSV text, row group by row group; needs pyarrow, the extra `parquet`."""

from __future__ import absolute_import, division, unicode_literals

import re
import sys

from datarobot_batch_scoring.dataset import arrow_text, escapes
from datarobot_batch_scoring.errors import DatasetError, ScoringError, UsageError

# What follows the letters is not text.
BEGINNING = re.compile(br'PAR1.*\0', re.S)

OLDEST_PYTHON = (3, 9)
# Of a piece of text, about: what is decoded, joined and cut is in memory several times.
PIECE_SIZE = 4 << 20
MAX_ROWS = 1 << 16


class Parquet(object):
    """The Parquet file that a `source.File` is; raises `UsageError` and `DatasetError`."""

    def __init__(self, source):
        self._source = source
        modules = _load(source.name)
        self._errors = (modules.ArrowException, EnvironmentError, ValueError, OverflowError, MemoryError)
        self._file = self._opened = source.open()
        self._rows = 0
        # Where the pages of columns begin, a set.
        self._starts = set()
        try:
            self._opened = modules.parquet.ParquetFile(self._file)
            self._metadata = self._opened.metadata
            self._size = source.size()
            self.schema = self._opened.schema_arrow
            self._check_types()
        except ScoringError:
            self.close()
            raise
        except self._errors as error:
            self.close()
            raise self._damaged(error)

    def _check_types(self):
        for field in self.schema:
            if not arrow_text.is_readable(field.type):
                raise UsageError('parquet_column', file=self._source.name, column=field.name,
                                 type='{0}'.format(field.type).split('<')[0])

    def text(self):
        """Yields the CSV text, in pieces."""
        yield escapes.record(self.schema.names) + b'\n'
        groups = range(self._metadata.num_row_groups)
        if sum(self._metadata.row_group(number).num_rows for number in groups) != self._metadata.num_rows:
            raise DatasetError('parquet_footer', file=self._source.name)
        for number in groups:
            for piece in self._text_of(number):
                yield piece

    def _text_of(self, number):
        group = self._metadata.row_group(number)
        rows = 0
        for count, batch in enumerate(self._batches(number, group)):
            if not count:
                # pyarrow aborts the process for some faults that reading has found by now.
                self._tried(self._check_columns, group)
            rows += batch.num_rows
            self._rows += batch.num_rows
            yield self._tried(arrow_text.lines_of, batch.columns)
        if rows != group.num_rows:
            raise DatasetError('parquet_footer', file=self._source.name)

    def _check_columns(self, group):
        """Raises `DatasetError` unless what the footer says of a row group is what it says elsewhere."""
        for place, name in enumerate(self.schema.names):
            column = group.column(place)
            starts = set([column.data_page_offset, column.dictionary_page_offset or column.data_page_offset])
            if starts & self._starts or (column.path_in_schema, column.num_values) != (name, group.num_rows):
                raise DatasetError('parquet_footer', file=self._source.name)
            self._starts |= starts

    def _batches(self, number, group):
        size = max(group.total_byte_size // max(group.num_rows, 1), 1)
        batches = self._tried(
            self._opened.iter_batches, max(min(PIECE_SIZE // size, MAX_ROWS), 1), [number])
        while True:
            batch = self._tried(next, batches, None)
            if batch is None:
                return
            yield batch

    def _tried(self, function, *args):
        try:
            return function(*args)
        except ScoringError:
            raise
        except self._errors as error:
            raise self._damaged(error)

    def _damaged(self, error):
        return DatasetError('parquet_damaged', file=self._source.name,
                            reason='{0}'.format(error).split('\n')[0].rstrip('.')[:200])

    def types(self):
        """The type of each column, one of `types.TYPES`, or None: what it holds must show it."""
        return self._tried(lambda: [
            arrow_text.type_of(field.type, self._statistics(place)) for place, field in enumerate(self.schema)])

    def _statistics(self, place):
        """The statistics of a column in each row group, None where there are none."""
        groups = [self._metadata.row_group(number) for number in range(self._metadata.num_row_groups)]
        return [group.column(place).statistics for group in groups]

    def file_position(self):
        """How much of the file is read, in bytes: about as much as of its rows."""
        return self._size * self._rows // max(self._metadata.num_rows, 1)

    def close(self):
        """Closes the file."""
        if self._opened is not self._file:
            self._opened.close()
        self._file.close()


def _load(name):
    what = 'The Parquet file {0}'.format(name)
    if sys.version_info < OLDEST_PYTHON:
        raise UsageError('old_python', what=what, version='{0}.{1}'.format(*sys.version_info))
    try:
        import pyarrow
        import pyarrow.parquet  # noqa: F401
        return pyarrow
    except ImportError:
        raise UsageError('no_extra', what=what, extra='parquet')
