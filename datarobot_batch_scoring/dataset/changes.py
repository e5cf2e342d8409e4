"""Whether the dataset is still the one it was: while it is read, and when a run is resumed."""

from __future__ import absolute_import, unicode_literals

import hashlib
import os
from collections import namedtuple

from datarobot_batch_scoring.dataset.grammar import count_lines, without_ctrl_z
from datarobot_batch_scoring.errors import DatasetError, UndecodableInput

# Line endings and Ctrl-Z after the last record are expected to be no longer than this.
MAX_TRAILING_BYTES = 1 << 10

# Nearly always enough to tell whether a file has changed.
Fingerprint = namedtuple('Fingerprint', [
    'size',    # in bytes
    'time',    # of the last change
    'inode',   # its number; another file of the same name has a different one
])


def fingerprint_of(status):
    """The `Fingerprint` of a file, given what `os.stat` says of it."""
    return Fingerprint(status.st_size, status.st_mtime, status.st_ino)


class CheckedInput(object):
    """Reads a dataset for good, from a given byte on, and checks that it does not change meanwhile.

    Raises `DatasetError` if it does. A stream cannot change.
    """

    def __init__(self, dataset, byte):
        self._dataset = dataset
        self._input = dataset.read_from(byte, for_good=True)
        self.file_position = self._input.file_position
        self.close = self._input.close

    def read(self, size):
        """Up to `size` bytes of text, none at the end; raises `UndecodableInput`."""
        try:
            return self._input.read(size)
        finally:
            # Right away: where old text runs into new, a record may be a mix of both.
            fingerprint = self._fingerprint()
            if fingerprint and fingerprint.size != self._dataset.fingerprint.size:
                self._fail('it had {0} bytes and has {1}'.format(
                    self._dataset.fingerprint.size, fingerprint.size))

    def check(self, segments, rest):
        """Called at the end of the text, which was `segments`, as in a `Digest`, and then `rest`."""
        if self._fingerprint() != self._dataset.fingerprint and not self._matches(segments, rest):
            self._fail('its text is different')

    def _fingerprint(self):
        if self._dataset.source.is_stream:
            return self._dataset.fingerprint
        try:
            return fingerprint_of(os.stat(self._dataset.source.name))
        except EnvironmentError:
            # A file that was removed can still be read to its end on systems that allow it.
            return self._dataset.fingerprint

    def _matches(self, segments, rest):
        try:
            reader = self._dataset.read_from(0)
        except EnvironmentError:
            return False
        try:
            return matches(reader, segments, rest)
        except (DatasetError, UndecodableInput):
            return False
        finally:
            reader.close()

    def _fail(self, difference):
        raise has_changed(self._dataset.name, ': ' + difference)


def has_changed(name, difference=''):
    """The error for a dataset that is not what it was; `difference` begins with a colon."""
    return DatasetError('dataset_changed', file=name, difference=difference)


class Digest(object):
    """The SHA-256 of the input from byte `start` on, added to the digests of what comes before.

    `before` has the segments of that part: ((end, sha256), ...), each end a byte of
    the input as UTF-8, each digest that of the bytes from the previous end to its own.
    """

    def __init__(self, before=(), start=0):
        self._before = tuple(before)
        self._end = start
        self._hash = hashlib.sha256()

    def copy(self):
        """A copy that goes on independently."""
        clone = Digest(self._before, self._end)
        clone._hash = self._hash.copy()
        return clone

    def add(self, data):
        """Adds the next bytes; returns the segments of everything up to their end."""
        self._hash.update(data)
        self._end += len(data)
        return self.segments

    @property
    def segments(self):
        """The segments of everything so far."""
        return self._before + ((self._end, self._hash.hexdigest()),)


def digest_up_to(reader, end):
    """The segments of the input's first `end` bytes: a single one."""
    digest = Digest()
    for data in reader.read_up_to(end):
        digest.add(data)
    return digest.segments


def read_back(reader, segments, line=1):
    """Rereads what was scored: (the line after it, its segments merged into one).

    (None, None) if the input has changed. `reader` is a `utf8.Utf8Input` at its
    beginning, which is on `line`.
    """
    whole, position = Digest(), 0
    carriage_return, last = False, b''
    for end, expected in segments:
        segment = hashlib.sha256()
        for data in reader.read_up_to(end - position):
            segment.update(data)
            scored_segments = whole.add(data)
            # A CRLF that is split between two pieces is one line ending.
            line += count_lines(data) - (carriage_return and data[:1] == b'\n')
            carriage_return, last = data.endswith(b'\r'), data[-1:]
        position = end
        if segment.hexdigest() != expected:
            return None, None
    # What follows may continue a last line that had no line ending.
    behind = b''.join(reader.read_up_to(MAX_TRAILING_BYTES)) if last not in b'\r\n' else b''
    if without_ctrl_z(behind)[:1] not in (b'', b'\r', b'\n'):
        return None, None
    return line, scored_segments


def matches(reader, segments, rest):
    """Whether an input is still what was read: `segments`, then `rest` (bytes), then its end.

    `reader` is a `utf8.Utf8Input` at its beginning.
    """
    position = 0
    for end, expected in segments:
        segment = hashlib.sha256()
        for data in reader.read_up_to(end - position):
            segment.update(data)
        if segment.hexdigest() != expected:
            return False
        position = end
    return b''.join(reader.read_up_to(len(rest) + 1)) == rest
