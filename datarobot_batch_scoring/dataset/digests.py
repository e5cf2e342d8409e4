"""Digests of the input, which tell on resuming whether it is still the one that was scored."""

from __future__ import absolute_import, unicode_literals

import hashlib

from datarobot_batch_scoring.dataset.grammar import count_lines, without_ctrl_z

# Line endings and Ctrl-Z after the last record are expected to be no longer than this.
MAX_TRAILING_BYTES = 1 << 10


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
        other = Digest(self._before, self._end)
        other._hash = self._hash.copy()
        return other

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
            found = whole.add(data)
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
    return line, found


def is_still(reader, segments, rest):
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
