"""The input of a run on a cluster: its bytes as UTF-8 from wherever they are."""

from __future__ import absolute_import, unicode_literals

import codecs
import importlib

from datarobot_batch_scoring.cluster.parts import Source
from datarobot_batch_scoring.dataset.changes import has_changed
from datarobot_batch_scoring.dataset.grammar import count_lines
from datarobot_batch_scoring.dataset.translation import open_text
from datarobot_batch_scoring.dataset.utf8 import MARK_FAULTS, is_utf8, to_utf8
from datarobot_batch_scoring.errors import Absent, DatasetError, ScoringError, UndecodableInput

READ_SIZE = 4 << 20


def can_split(data):
    """Whether the bytes of a dataset can be read from any line on."""
    encoding = data.dialect.encoding
    return not (data.gzipped or data.kind) and (is_utf8(encoding) or is_of_single_bytes(encoding))


def is_of_single_bytes(encoding):
    """Whether each byte is a character, and those of ASCII are what they are there."""
    name = codecs.lookup(encoding).name
    if name in ('iso8859-1', 'ascii'):
        return True
    try:
        module = importlib.import_module('encodings.' + name.replace('-', '_'))
    except ImportError:
        return False
    table = getattr(module, 'decoding_table', '')
    return table[:128] == ''.join(map(chr, range(128)))


def source_of(url, info, data, head):
    """The `Source` of a dataset that can be split; `head` has its first bytes."""
    mark = b''
    if is_utf8(data.dialect.encoding):
        while head.startswith(codecs.BOM_UTF8, len(mark)):
            mark += codecs.BOM_UTF8
        start = len(mark) + data.start.byte
    else:
        text = head.decode(data.dialect.encoding, 'replace')
        start = len(text.encode('utf-8')[:data.start.byte].decode('utf-8'))
    return Source(url, info.size, info.version, data.dialect.encoding, start)


def check_version(store, url, version):
    """Raises `DatasetError` if an object is no longer the one of that version."""
    try:
        if store.info(url).version == version:
            return
    except Absent:
        pass
    raise has_changed(url)


def read(store, source, start, end):
    """Bytes of a `Source`; raises `DatasetError` if they may be of another version."""
    try:
        data = store.read(source.url, start, end)
    except Absent:
        raise has_changed(source.url)
    except ScoringError:
        # Nothing can be read behind the end of one that is shorter.
        check_version(store, source.url, source.version)
        raise
    # Only now, so that no byte of another version goes any further.
    check_version(store, source.url, source.version)
    if len(data) < end - start:
        raise has_changed(source.url)
    return data


class Range(object):
    """Reads the bytes of a `Source` from `start` to before `end` as UTF-8."""

    def __init__(self, store, source, start, end):
        self._store = store
        self._source = source
        self._next = start
        self._end = end
        self._ahead = b''
        self._raw = is_utf8(source.encoding)

    def read(self, size):
        """Up to `size` bytes or a few more, none at the end.

        Raises `DatasetError` for what is no longer of the source's version.
        """
        if not self._ahead and self._next < self._end:
            end = min(self._next + max(size, READ_SIZE), self._end)
            self._ahead = read(self._store, self._source, self._next, end)
            self._next = end
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        return piece if self._raw else to_utf8(piece.decode(self._source.encoding, MARK_FAULTS))


class Stored(object):
    """A dataset in a store, as `dataset.source.File` is one in a folder; `size` is in bytes."""

    is_stream = False

    def __init__(self, store, url, size):
        self._store = store
        self._size = size
        self.name = url

    def open(self, for_good=False):
        """The dataset from its beginning."""
        return self._store.open(self.name)

    def size(self):
        """Its size in bytes."""
        return self._size

    def close(self):
        """Nothing is open between two calls."""


def unpack(stored, gzipped, encoding, kind, target):
    """Writes the text of a `Stored` dataset to `target`, a binary file, as UTF-8.

    Raises `DatasetError` for what cannot be read, with the line.
    """
    lines = 1
    reader = open_text(stored, gzipped, encoding, kind)
    try:
        for piece in iter(lambda: reader.read(READ_SIZE), b''):
            target.write(piece)
            lines += count_lines(piece)
    except UndecodableInput as error:
        raise DatasetError('undecodable', line=lines, reason=error.reason)
    finally:
        reader.close()
