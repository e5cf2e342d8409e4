"""A file that a run appends to, as long as the checkpoint says, and forced to disk now and then."""

from __future__ import absolute_import, unicode_literals

import io
import os
import zlib

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.system import O_BINARY, fsync, fsync_folder, is_open_as, write_all


class Appended(object):
    """A file of a run, `length` bytes of which are its own.

    `checksum` is their CRC-32, and `forced` of them are certain to be on disk. `what` names
    the file in messages. Any method may raise `OSError`, or `ScoringError` if another program
    has got in the way.
    """

    def __init__(self, what, path):
        self.what = what
        self.path = path
        self.length = self.forced = self.checksum = 0
        self.unforced = 0
        self.descriptor = None

    @property
    def is_open(self):
        """True once it has been opened."""
        return self.descriptor is not None

    def begin(self):
        """Opens the file and empties it, or creates it."""
        self.descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | O_BINARY, 0o666)

    def open(self):
        """Opens the file as it is, or creates it; `cut_to` must follow."""
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | O_BINARY, 0o666)

    def cut_to(self, length, checksum):
        """Cuts off all but the first `length` bytes, whose CRC-32 is `checksum`."""
        self.length, self.checksum = length, checksum
        self._truncate()
        os.lseek(self.descriptor, 0, os.SEEK_END)

    def _truncate(self):
        io.FileIO(self.descriptor, 'r+', closefd=False).truncate(self.length)

    def append(self, data):
        """Appends bytes, which count only once `advance` is called with them."""
        self.check_size()
        write_all(self.descriptor, data)

    def advance(self, data):
        """Counts these bytes as part of the file."""
        self.length += len(data)
        self.checksum = zlib.crc32(data, self.checksum) & 0xffffffff
        self.unforced += len(data)

    def state(self):
        """What the checkpoint says about it."""
        return {'length': self.length, 'forced': self.forced, 'checksum': self.checksum}

    def force(self):
        """Forces it to disk."""
        self.check_size()
        fsync(self.descriptor)
        self.forced, self.unforced = self.length, 0

    def force_folder(self):
        """Forces its name to disk, in the folder that any links lead to."""
        fsync_folder(os.path.dirname(os.path.realpath(self.path)))

    def check_size(self):
        """Raises `ScoringError` if it is longer or shorter than this process left it."""
        # Rows that someone cut off would become zeros, and what someone added would stay.
        if os.fstat(self.descriptor).st_size != self.length:
            raise self._disturbed('changed')

    def check_present(self):
        """Raises `ScoringError` if its name leads to another file, or to none."""
        # Writing to a file that has lost its name goes on without an error.
        if not os.path.exists(self.path):
            raise self._disturbed('removed')
        if not is_open_as(self.path, self.descriptor):
            raise self._disturbed('replaced')

    def _disturbed(self, how):
        return ScoringError(
            'The {0} {1} was {2} by another program while it was being written.'.format(
                self.what, self.path, how), hint='Run again from the start.')

    def cut_back(self):
        """Cuts off what does not count; never fails."""
        # A full disk may have taken only some of the rows.
        if self.is_open:
            try:
                self._truncate()
            except EnvironmentError:
                pass

    def unwritable(self, error):
        """The `ScoringError` for an `OSError`."""
        return ScoringError(
            'The {0} {1} cannot be written: {2}.'.format(self.what, self.path, error.strerror),
            hint='Once that is fixed, run the same command with --resume.')

    def close(self):
        """Closes it if it was opened."""
        if self.is_open:
            os.close(self.descriptor)
