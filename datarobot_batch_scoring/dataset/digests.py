"""Digests of the input: they tell on a resume whether it is still the one that was scored."""

from __future__ import absolute_import, unicode_literals

import hashlib

from datarobot_batch_scoring.dataset.grammar import count_lines, without_ctrl_z

# What may stand behind the last record, line ends and Ctrl-Z, is no longer.
MOST_BEHIND = 1 << 10


class Digest(object):
    """The SHA-256 of the input from a place on, behind what is known of the part before.

    `before` is that part's segments: ((end, sha256), ...), the ends in bytes of
    the input as UTF-8, each digest of what lies between the end before and its own.
    """

    def __init__(self, before=(), start=0):
        self._before = tuple(before)
        self._end = start
        self._hash = hashlib.sha256()

    def copy(self):
        """Another one that has seen the same."""
        other = Digest(self._before, self._end)
        other._hash = self._hash.copy()
        return other

    def add(self, data):
        """Takes the bytes that follow; returns the segments of all up to their end."""
        self._hash.update(data)
        self._end += len(data)
        return self.segments

    @property
    def segments(self):
        """Those of all that it has seen."""
        return self._before + ((self._end, self._hash.hexdigest()),)


def digest_up_to(reader, end):
    """The segments of the input's first `end` bytes, as one."""
    digest = Digest()
    for data in reader.read_up_to(end):
        digest.add(data)
    return digest.segments


def read_back(reader, segments):
    """Reads what was scored once more: (line behind it, one segment of all).

    (None, None) where the input is not what it was. `reader` is a
    `utf8.Utf8Input` at its beginning.
    """
    whole, line, position = Digest(), 1, 0
    carriage_return, last = False, b''
    for end, expected in segments:
        segment = hashlib.sha256()
        for data in reader.read_up_to(end - position):
            segment.update(data)
            found = whole.add(data)
            # A CRLF that is cut in two is one line end.
            line += count_lines(data) - (carriage_return and data[:1] == b'\n')
            carriage_return, last = data.endswith(b'\r'), data[-1:]
        position = end
        if segment.hexdigest() != expected:
            return None, None
    # What follows may belong to a last line that had no end.
    behind = b''.join(reader.read_up_to(MOST_BEHIND)) if last not in b'\r\n' else b''
    if without_ctrl_z(behind)[:1] not in (b'', b'\r', b'\n'):
        return None, None
    return line, found


def is_still(reader, segments, rest):
    """Whether an input is what was read of it: `segments`, then `rest` (bytes), then its end.

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
