"""Whether the dataset is still the file it was when the run began."""

from __future__ import absolute_import, unicode_literals

import os
from collections import namedtuple

from datarobot_batch_scoring.dataset.digests import is_still
from datarobot_batch_scoring.dataset.utf8 import UndecodableInput
from datarobot_batch_scoring.errors import DatasetError

# Nearly always enough to tell whether a file has changed.
Stamp = namedtuple('Stamp', [
    'size',    # in bytes
    'time',    # of the last change
    'inode',   # its number; another file of the same name has a different one
])


def stamp_of(status):
    """The `Stamp` of a file, given what `os.stat` says of it."""
    return Stamp(status.st_size, status.st_mtime, status.st_ino)


class Watch(object):
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
            found = self._stamp()
            if found and found.size != self._dataset.stamp.size:
                self._fail('it had {0} bytes and has {1}'.format(
                    self._dataset.stamp.size, found.size))

    def check(self, segments, rest):
        """Called at the end of the text, which was `segments`, as in a `Digest`, and then `rest`."""
        if self._stamp() != self._dataset.stamp and not self._is_still(segments, rest):
            self._fail('its text is different')

    def _stamp(self):
        if self._dataset.source.is_stream:
            return self._dataset.stamp
        try:
            return stamp_of(os.stat(self._dataset.source.name))
        except EnvironmentError:
            # A file that was removed can still be read to its end on systems that allow it.
            return self._dataset.stamp

    def _is_still(self, segments, rest):
        try:
            reader = self._dataset.read_from(0)
        except EnvironmentError:
            return False
        try:
            return is_still(reader, segments, rest)
        except (DatasetError, UndecodableInput):
            return False
        finally:
            reader.close()

    def _fail(self, difference):
        raise has_changed(self._dataset.name, ': ' + difference)


def has_changed(name, difference=''):
    """The error for a dataset that is not what it was; `difference` begins with a colon."""
    return DatasetError('dataset_changed', file=name, difference=difference)
