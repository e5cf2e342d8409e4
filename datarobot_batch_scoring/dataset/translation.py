"""Datasets of other kinds than CSV as CSV text: UTF-8, commas, a header, one record per line.

The text differs from a CSV file in two ways, both undone by `checks.checked_records`: line breaks inside
fields are bytes that UTF-8 does not have, so that the number of a line is that of its record; and
a record that cannot be sent ends with the reason. A resume counts the bytes of this text.
"""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.dataset import json_lines, parquet
from datarobot_batch_scoring.dataset.utf8 import TextInput, Utf8Input
from datarobot_batch_scoring.errors import UsageError

JSON_LINES, PARQUET = 'JSON Lines', 'Parquet'


def is_parquet(source, gzipped, sample):
    """Whether a source whose unpacked bytes begin with `sample` is Parquet; raises `UsageError`."""
    if gzipped or not parquet.BEGINNING.match(sample):
        return False
    if source.is_stream:
        raise UsageError('parquet_stream')
    return True


def types(source, kind):
    """What `parquet.Parquet.types` gives; None: the source says nothing of that."""
    if kind != PARQUET:
        return None
    opened = parquet.Parquet(source)
    try:
        return opened.types()
    finally:
        opened.close()


def open_text(source, gzipped, encoding, kind=None, start=0, for_good=False):
    """The text of a source from byte `start` on, as CSV: a `TextInput`.

    `kind`: that of a translated source; `for_good`: the source is not read again.
    """
    if kind is None:
        return Utf8Input(source, gzipped, encoding, start, for_good)
    if kind == PARQUET:
        return _Translated(parquet.Parquet(source), start)
    return _Translated(json_lines.JsonLines(Utf8Input(source, gzipped, encoding, 0, for_good)), start)


class _Translated(TextInput):
    """The CSV text of a dataset, which has `text()`, `file_position()` and `close()`."""

    def __init__(self, dataset, start):
        self._pieces = dataset.text()
        self._piece, self._position = b'', 0
        self.file_position = dataset.file_position
        self.close = dataset.close
        for _ in self.read_up_to(start):
            pass

    def read(self, size):
        """Up to `size` bytes, none at the end; raises `DatasetError`."""
        while self._position == len(self._piece):
            self._piece, self._position = next(self._pieces, None), 0
            if self._piece is None:
                self._piece = b''
                return b''
        data = self._piece[self._position:self._position + size]
        self._position += len(data)
        return data
