"""The output file: rows are appended to it in order, and each commit is checkpointed."""

from __future__ import absolute_import, unicode_literals

import io
import os
import zlib
from collections import namedtuple

from datarobot_batch_scoring.compat import (
    O_BINARY, fsync, fsync_folder, is_open_as, monotonic, write_all)
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import checkpoint, lock
from datarobot_batch_scoring.output.gzip_members import OUTPUT_LEVEL, pack
from datarobot_batch_scoring.output.rows import header

FORCE_SECONDS = 1.0
FORCE_BYTES = 64 << 20

# What the writer is told at its start.
OutputPlan = namedtuple('OutputPlan', [
    'path',
    'matching',     # what must be the same to resume: a dict for the checkpoint
    'resume',       # True: go on from the checkpoint
    'digests',      # of the input up to the checkpoint
    'seen',         # what `LockedFile.seen` gave when the user was asked
    'layout',       # answers.Layout
    'kept_names',   # names of the kept columns
    'gzip_output',
])


class Output(object):
    """The output file and its checkpoint, always in step.

    A commit appends rows and then replaces the checkpoint. Now and then both
    are forced to disk, in this order.
    """

    def __init__(self, plan):
        self._plan = plan
        self._file = None
        self._checkpoint = None
        self._unforced = 0
        self._forced_at = monotonic()
        try:
            self._locked = lock.LockedFile(plan.path)
        except lock.Locked:
            raise lock.locked_by_another(plan.path)
        except lock.NotOurs:
            raise lock.not_ours(plan.path)
        except EnvironmentError as error:
            raise lock.no_checkpoint(plan.path, error)
        if self._locked.seen() != plan.seen:
            raise ScoringError(
                'Another run has written {0} meanwhile.'.format(plan.path),
                hint='Run the same command again.')
        if plan.resume:
            self._restore()

    @property
    def rows(self):
        """How many rows are committed."""
        return self._checkpoint['rows'] if self._checkpoint else 0

    def totals(self):
        """(rows, null values, bytes) in the output."""
        if self._checkpoint is None:
            return 0, 0, 0
        return tuple(self._checkpoint[key] for key in ('rows', 'nulls', 'length'))

    def _restore(self):
        self._checkpoint, _ = checkpoint.load(self._locked.descriptor, self._plan.path)
        try:
            # Read, but after a kill perhaps not on disk yet; its place is taken soon.
            self._checkpoint.force()
            self._file = os.open(self._plan.path, os.O_RDWR | os.O_CREAT | O_BINARY, 0o666)
            io.FileIO(self._file, 'r+', closefd=False).truncate(self._checkpoint['length'])
            os.lseek(self._file, 0, os.SEEK_END)
            self._checkpoint['digests'] = self._plan.digests
            # The encoding may be another.
            self._checkpoint['run'] = self._plan.matching
            self._force()
        except EnvironmentError as error:
            raise self._unwritable(error)

    def commit(self, results):
        """Appends the rows of `results`, `Scored`s in order, and commits them."""
        try:
            if self._checkpoint is None:
                self._begin(results[0].labels)
            data = b''.join(each.csv for each in results)
            if not self._checkpoint['length']:
                data = self._header() + data
            self._check_size()
            write_all(self._file, data)
            self._advance(data, results)
            self._checkpoint.sync()
            if (self._unforced >= FORCE_BYTES
                    or monotonic() - self._forced_at >= FORCE_SECONDS):
                self._force()
        except EnvironmentError as error:
            self._cut_back()
            raise self._unwritable(error)

    def _begin(self, labels):
        # From here on an output that was there before is lost; the checkpoint
        # comes first, so that a kill in between leaves something to resume,
        # and a power cut none that speaks of the output before.
        self._checkpoint = checkpoint.new(self._locked.descriptor, self._plan.matching)
        self._checkpoint['labels'] = labels
        self._checkpoint['digests'] = self._plan.digests
        self._checkpoint.sync()
        self._checkpoint.force()
        self._file = os.open(
            self._plan.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | O_BINARY, 0o666)
        # The checkpoint is there too, wherever links lead to the output from.
        fsync_folder(os.path.dirname(checkpoint.path_for(self._plan.path)))

    def _header(self):
        line = header(self._plan.layout, self._plan.kept_names,
                      tuple(self._checkpoint['labels']))
        return pack(line, OUTPUT_LEVEL) if self._plan.gzip_output else line

    def _advance(self, data, results):
        state = self._checkpoint
        state['rows'] = results[-1].first_row + results[-1].rows
        state['nulls'] += sum(each.nulls for each in results)
        state['digests'] = results[-1].digests
        state['length'] += len(data)
        state['tail'] = zlib.crc32(data, state['tail']) & 0xffffffff
        self._unforced += len(data)

    def _force(self):
        self._check_size()
        fsync(self._file)
        self._checkpoint['forced'] = self._checkpoint['length']
        self._checkpoint['tail'] = 0
        self._checkpoint.sync()
        self._checkpoint.force()
        self._unforced = 0
        self._forced_at = monotonic()
        self._check_present()

    def _check_size(self):
        # Rows that were cut off would become zeros, and what was put there would stay.
        if os.fstat(self._file).st_size != self._checkpoint['length']:
            raise self._disturbed('changed')

    def _check_present(self):
        # Writing goes on without an error to a file that has lost its name.
        if not os.path.exists(self._plan.path):
            raise self._disturbed('removed')
        if not is_open_as(self._plan.path, self._file):
            raise self._disturbed('replaced')

    def _disturbed(self, how):
        return ScoringError(
            'The output {0} was {1} by another program while it was written.'.format(
                self._plan.path, how), hint='Run again from the start.')

    def _cut_back(self):
        # A disk that is full may have taken a part of the rows.
        if self._file is not None:
            try:
                io.FileIO(self._file, 'r+', closefd=False).truncate(self._checkpoint['length'])
            except EnvironmentError:
                pass

    def _unwritable(self, error):
        return ScoringError(
            'The output {0} cannot be written: {1}.'.format(self._plan.path, error.strerror),
            hint='Once that is mended, run the same command with --resume.')

    def close(self, complete):
        """Forces everything to disk; `complete`: the checkpoint is no longer needed."""
        try:
            if self._file is not None:
                self._force()
                os.close(self._file)
            self._locked.close(remove=complete)
        except EnvironmentError as error:
            raise self._unwritable(error)
