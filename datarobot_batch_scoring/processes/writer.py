"""The writer process: puts rows in order, appends them to the output and commits them."""

from __future__ import absolute_import, unicode_literals

import heapq
import io
import os
import zlib
from collections import namedtuple

from datarobot_batch_scoring.compat import (
    O_BINARY, fsync_folder, is_open_as, monotonic, wait, write_all)
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import checkpoint, lock
from datarobot_batch_scoring.output.gzip_members import OUTPUT_LEVEL, pack
from datarobot_batch_scoring.output.rows import header
from datarobot_batch_scoring.processes import messages

FORCE_SECONDS = 1.0
FORCE_BYTES = 64 << 20

# What the writer is told at its start.
Plan = namedtuple('Plan', [
    'out',          # path
    'run',          # what must be the same to resume: a dict for the checkpoint
    'resume',       # True: go on from the checkpoint
    'digests',      # of the input up to the checkpoint
    'layout',       # answers.Layout
    'kept_names',   # names of the kept columns
    'gzip_output',
])


def no_checkpoint(out, reason):
    """The error for a checkpoint that cannot be opened or locked; `reason` is an `OSError`."""
    return ScoringError('The checkpoint {0} cannot be written: {1}.'.format(
        checkpoint.path_for(out), reason.strerror))


def locked_by_another(out):
    """The error for an output that another run is writing."""
    return ScoringError('Another run is writing {0}.'.format(out),
                        hint='Wait for its end, or name another file with --out.')


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
            self._locked = lock.LockedFile(plan.out)
        except lock.Locked:
            raise locked_by_another(plan.out)
        except EnvironmentError as error:
            raise no_checkpoint(plan.out, error)
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
        self._checkpoint, _ = checkpoint.load(self._locked.descriptor, self._plan.out)
        if (self._checkpoint is None
                or self._checkpoint['digests'][-1][0] != self._plan.digests[-1][0]):
            raise ScoringError(
                'Another run has written {0} meanwhile.'.format(self._plan.out),
                hint='Run the same command again.')
        try:
            # Read, but after a kill perhaps not on disk yet; its place is taken soon.
            self._checkpoint.force()
            self._file = os.open(self._plan.out, os.O_RDWR | os.O_CREAT | O_BINARY, 0o666)
            io.FileIO(self._file, 'r+', closefd=False).truncate(self._checkpoint['length'])
            os.lseek(self._file, 0, os.SEEK_END)
            self._checkpoint['digests'] = self._plan.digests
            # The encoding may be another.
            self._checkpoint['run'] = self._plan.run
            self._force()
        except EnvironmentError as error:
            raise self._unwritable(error)

    def commit(self, results):
        """Appends the rows of `results`, `Scored`s in order, and commits them."""
        try:
            if self._checkpoint is None:
                self._begin(results[0].labels)
            text = b''.join(each.text for each in results)
            if not self._checkpoint['length']:
                text = self._header() + text
            self._check_size()
            write_all(self._file, text)
            self._advance(text, results)
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
        self._checkpoint = checkpoint.new(self._locked.descriptor, self._plan.run)
        self._checkpoint['labels'] = labels
        self._checkpoint['digests'] = self._plan.digests
        self._checkpoint.sync()
        self._checkpoint.force()
        self._file = os.open(
            self._plan.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | O_BINARY, 0o666)
        # The checkpoint is there too, wherever links lead to the output from.
        fsync_folder(os.path.dirname(checkpoint.path_for(self._plan.out)))

    def _header(self):
        line = header(self._plan.layout, self._plan.kept_names,
                      tuple(self._checkpoint['labels']))
        return pack(line, OUTPUT_LEVEL) if self._plan.gzip_output else line

    def _advance(self, text, results):
        state = self._checkpoint
        state['rows'] = results[-1].first_row + results[-1].rows
        state['nulls'] += sum(each.nulls for each in results)
        state['digests'] = results[-1].digests
        state['length'] += len(text)
        state['tail'] = zlib.crc32(text, state['tail']) & 0xffffffff
        self._unforced += len(text)

    def _force(self):
        self._check_size()
        os.fsync(self._file)
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
        if not os.path.exists(self._plan.out):
            raise self._disturbed('removed')
        if not is_open_as(self._plan.out, self._file):
            raise self._disturbed('replaced')

    def _disturbed(self, how):
        return ScoringError(
            'The output {0} was {1} by another program while it was written.'.format(
                self._plan.out, how), hint='Run again from the start.')

    def _cut_back(self):
        # A disk that is full may have taken a part of the rows.
        if self._file is not None:
            try:
                io.FileIO(self._file, 'r+', closefd=False).truncate(self._checkpoint['length'])
            except EnvironmentError:
                pass

    def _unwritable(self, error):
        return ScoringError(
            'The output {0} cannot be written: {1}.'.format(self._plan.out, error.strerror),
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


class Writer(object):
    """Receives from all workers until each has said that it is done."""

    def __init__(self, parent, plan, workers, batcher):
        self._tell = parent.tell
        self._output = Output(plan)
        self._pipes = list(workers)
        self._batcher = batcher
        self._next_row = self._output.rows
        self._waiting = []
        self._rows_in_all = set()
        self._warned = False

    def run(self):
        """Commits until all workers are done, then ends the output; raises `ScoringError`."""
        while self._pipes:
            for pipe in wait(self._pipes):
                self._receive(pipe)
            self._commit_what_is_next()
        complete = self._rows_in_all == set([self._next_row])
        totals = self._output.totals()
        self._output.close(complete)
        if complete:
            self._tell(messages.Finished(*totals))

    def _receive(self, pipe):
        try:
            message = pipe.recv()
        except (EOFError, EnvironmentError):
            # The worker died; the main process knows, and says what is next.
            message = messages.WorkerDone(None)
        if isinstance(message, messages.WorkerDone):
            self._pipes.remove(pipe)
            self._rows_in_all.add(message.rows)
        else:
            heapq.heappush(self._waiting, message)

    def _commit_what_is_next(self):
        results = []
        while self._waiting and self._waiting[0].first_row == self._next_row:
            results.append(heapq.heappop(self._waiting))
            self._next_row += results[-1].rows
        if not results:
            return
        self._output.commit(results)
        self._warn_of_short_line(results)
        self._tell(messages.Written(*self._output.totals()))
        try:
            self._batcher.send(messages.Committed(self._next_row))
        except EnvironmentError:
            # It has read everything and is gone.
            pass

    def _warn_of_short_line(self, results):
        # Here, where rows are in order, the first such line is known.
        lines = [each.short_line for each in results if each.short_line]
        if lines and not self._warned:
            self._warned = True
            self._tell(messages.Warned('short', checks.short_line_warning(lines[0])))


def work(parent, plan, workers, batcher):
    """Sets up the writer; `workers` are the pipes from them, `batcher` the one to it.

    Returns the functions that take the parent's orders and that do the work.
    """
    writer = Writer(parent, plan, workers, batcher)
    return _obey, writer.run


def _obey(_):
    # The writer ends when its workers have: what they still bring is committed.
    pass
