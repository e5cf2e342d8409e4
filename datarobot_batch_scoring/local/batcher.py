"""The batcher process: cuts the input and hands batches to workers with room for them."""

from __future__ import absolute_import, division, unicode_literals

import os
from collections import namedtuple

from datarobot_batch_scoring.compat import monotonic, wait
from datarobot_batch_scoring.dataset import changes, checks, cutter
from datarobot_batch_scoring.dataset.changes import Digest
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.scoring import events, flow

# Rows that may follow in a stream.
PLENTY = 1 << 40

# What the batcher is told when it starts.
BatcherPlan = namedtuple('BatcherPlan', [
    'dataset',    # inspect.Dataset
    'limits',     # cutter.Limits of a batch
    'sized',      # True: batches are sized by the responses, up to these
    'n_concurrent',  # requests in flight, at first
    'trying',     # True: it is tried how many that should be
    'timeout',    # seconds
    'start',      # batch.Position where it begins
    'digests',    # ((end, sha256), ...) of the input up to there
    'rows',       # values.Rows to score
    'one_first',  # True: what the columns are is up to the first batch, so nothing is sent beside it
    'budget',     # pace.Budget of each worker, which limits the size of batches; None: nothing does
])


class Batcher(object):
    """Sends each batch to the worker with the most room, within the window.

    `workers` are the pipes to them, `writer` the one from it.
    """

    def __init__(self, parent, plan, workers, writer):
        self._parent = parent
        self._plan = plan
        self._writer = writer
        self._first_row = plan.rows.first
        self._room = {worker: 0 for worker in workers}
        self._given = dict(self._room)
        self._in_flight = {worker: plan.n_concurrent / len(workers) for worker in workers}
        self._rows = self._done = max(plan.start.row, self._first_row)
        self._one_first = plan.one_first
        self._input = changes.CheckedInput(plan.dataset, plan.start.byte)
        self._cutter = cutter.Cutter(
            self._read, plan.dataset.dialect, plan.limits, plan.start, self._check_input, plan.rows)
        # Orders come in another thread; what they change is read here, and only replaced.
        self._trying = plan.trying
        self._flow = flow.Flow(flow.Knobs(plan.n_concurrent, 1, plan.timeout, plan.sized, None, plan.budget))
        if plan.sized:
            self._cutter.rows_of_next = self._rows_of_next
        self._cutter.blank_line = plan.dataset.blank_line
        self._digests = plan.digests
        self._warned = set()

    def obey(self, order):
        """Carries out an order of the main process; called in another thread."""
        if isinstance(order, messages.Stop):
            # The batcher has nothing that could be lost.
            self._parent.tell(messages.Bye())
            os._exit(0)
        if isinstance(order, events.Concurrency):
            self._trying = order.trying
        if isinstance(order, events.SizeLimit):
            # A worker that has not heard of the others' limits may name a higher one.
            self._flow.record(order, monotonic())
            self._cutter.limits = self._cutter.limits._replace(size=min(
                self._flow.cut_limit, self._cutter.limits.size))

    def work(self):
        """Hands out the input to its end, or until a process at the other end of a pipe is gone.

        Raises `DatasetError` for what cannot be cut.
        """
        uncut = self._messages()
        while True:
            # Before the batch is cut: its size is what the answers up to then show.
            worker = self._free_worker()
            if worker is None:
                return
            message = next(uncut, None)
            if message is None:
                break
            if not self._hand_to(worker, message):
                return
        for worker in self._room:
            self._sent(worker, messages.NoMoreBatches(self._rows))
        self._warn_of_what_is_dropped()
        self._parent.tell(messages.Read(self._rows, self._input.file_position()))
        if self._plan.dataset.source.digest():
            self._parent.tell(messages.InputDigest(self._plan.dataset.source.digest()))

    def _hand_to(self, worker, message):
        self._room[worker] -= 1
        self._given[worker] += 1
        self._rows = message.batch.end_row
        self._flow.record(flow.Cut(
            self._rows, message.batch.rows, len(message.batch.raw)), monotonic())
        if not self._sent(worker, message):
            return False
        self._warn_of_what_is_dropped()
        self._parent.tell(messages.Read(self._rows, self._position(message.batch.end)))
        return True

    def _rows_of_next(self, row, read):
        left = min(read + self._unread_rows(row + read), self._plan.rows.last - row)
        return self._flow.rows(left, monotonic())

    def _unread_rows(self, end):
        # As if the rest of the input were like what was read of it, up to row `end`.
        data = self._plan.dataset
        size = data.fingerprint.size if data.fingerprint else data.source.size()
        if size is None:
            return PLENTY
        rows_read = end - self._plan.start.row
        read = self._plan.start.byte + self._cutter.size_read
        position = max(self._input.file_position(), 1)
        unread = max(size - position, 0) * read / position
        return int(unread * rows_read / max(self._cutter.size_read, 1))

    def _read(self, size):
        # What is read joins at most as much that is pending, and both are examined in one go.
        self._parent.expect_long_work(2 * size)
        return self._input.read(size)

    def _sent(self, worker, message):
        try:
            worker.send(message)
            return True
        except EnvironmentError:
            # The worker is gone; the main process knows, and decides what happens next.
            return False

    def _position(self, end):
        # Roughly where `end` of the input is in the file, which is read ahead.
        size_read = self._plan.start.byte + self._cutter.size_read
        return self._input.file_position() * end // size_read

    def _check_input(self, rest):
        self._input.check(self._digests, rest)

    def _warn_of_what_is_dropped(self):
        if self._cutter.blank_line:
            self._warn('blank', self._cutter.blank_line)
        if self._cutter.ctrl_z:
            self._warn('ctrl_z', self._cutter.ctrl_z)

    def _warn(self, kind, line):
        if kind not in self._warned:
            self._warned.add(kind)
            self._parent.tell(events.Warned(kind, checks.warning(kind, line)))

    def _messages(self):
        digest = Digest(self._digests, self._plan.start.byte)
        for batch in self._cutter:
            before, self._digests = self._digests, digest.add(batch.raw)
            if batch.start.row >= self._first_row:
                yield messages.ToScore(batch, before, self._digests)

    def _free_worker(self):
        """The worker with the most room, once the window allows one more batch.

        None: a process at the other end of a pipe is gone.
        """
        pipes = list(self._room) + [self._writer]
        block = 0
        while True:
            for pipe in wait(pipes, block):
                try:
                    self._note(pipe, pipe.recv())
                except (EOFError, EnvironmentError):
                    return None
            worker = max(self._room, key=self._preference)
            if self._room[worker] and self._flow.admit_batch() and not self._first_is_under_way():
                return worker
            block = None

    def _first_is_under_way(self):
        return self._one_first and self._done < self._rows

    def _preference(self, worker):
        return self._room[worker], -self._given[worker]

    def _note(self, pipe, message):
        if isinstance(message, messages.Ready):
            self._room[pipe] += message.batches
            self._in_flight[pipe] = message.limit
            self._flow.record(events.Concurrency(
                int(sum(self._in_flight.values()) + 0.5), self._trying), monotonic())
            for answer in message.answers:
                self._flow.record(flow.Learned(*answer), monotonic())
        elif isinstance(message, messages.Rejected):
            self._done = message.rows
        else:
            self._one_first = False
            self._flow.record(flow.Committed(message.rows), monotonic())
