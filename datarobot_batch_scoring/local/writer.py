"""The writer process: hands rows to the sink, and tells the others what is committed."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.compat import wait
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.output.bad_rows import BadRowsFile
from datarobot_batch_scoring.output.journal import Journal, Slots
from datarobot_batch_scoring.output.sink import Sink
from datarobot_batch_scoring.output.targets import AppendFile, Stream
from datarobot_batch_scoring.scoring import events

# What the writer is told when it starts.
WriterPlan = namedtuple('WriterPlan', [
    'sink',         # sink.SinkPlan
    'path',
    'stream',       # compat.Descriptor of standard output, which is the output; None: a file is
    'matching',     # what must not change before resuming: a dict for the checkpoint
    'resume',       # serial number of the checkpoint to go on from, or None
    'digests',      # of the input up to the checkpoint
    'seen',         # what `LockedFile.snapshot` returned when the user was asked
    'input_header',  # the header of the input as the server gets it, bytes
])


def open_sink(plan):
    """The `sink.Sink` of a `WriterPlan`; raises `ScoringError`."""
    layout, path = plan.sink.layout, plan.sink.bad_rows
    bad_rows = path and BadRowsFile(path, plan.path, plan.input_header, layout.linesep)
    if plan.stream:
        return Sink(plan.sink, Stream(plan.stream.number), bad_rows, Journal())
    return Sink(plan.sink, AppendFile('output', plan.path), bad_rows, Slots(
        plan.path, plan.seen, plan.matching, plan.digests, plan.resume, layout.counted))


class Writer(object):
    """Receives from all workers until each has said that it is done.

    `workers` are the pipes from them, `batcher` is the one to it.
    """

    def __init__(self, parent, plan, workers, batcher):
        self._tell = parent.tell
        self._counted = plan.sink.layout.counted
        self._sink = open_sink(plan)
        self._pipes = list(workers)
        self._batcher = batcher
        self._rows_in_all = set()
        self._warned = False

    def obey(self, order):
        """Orders are for others: it ends after its workers, and what they still bring is committed."""

    def work(self):
        """Commits until all workers are done, then closes the output; raises `ScoringError`."""
        while self._pipes:
            for pipe in wait(self._pipes):
                self._receive(pipe)
            results = self._sink.commit_next()
            if self._sink.waiting:
                self._send(messages.Rejected(self._sink.rejected_up_to()))
            while results:
                self._tell_of(results)
                results = self._sink.commit_next()
        if None not in self._rows_in_all:
            self._sink.check_accepted()
        complete = self._rows_in_all == set([self._sink.rows])
        self._sink.close(complete)
        if complete:
            self._tell(messages.Finished(*self._sink.totals()))

    def _receive(self, pipe):
        try:
            message = pipe.recv()
        except (EOFError, EnvironmentError):
            # The worker died; the main process knows, and decides what happens next.
            message = messages.WorkerDone(None)
        if isinstance(message, messages.WorkerDone):
            self._pipes.remove(pipe)
            self._rows_in_all.add(message.rows)
        else:
            self._sink.add(message)

    def _tell_of(self, results):
        # The rows are in order, so that the first such line is known.
        if self._sink.short.count and not self._warned:
            self._warned = True
            self._tell(events.Warned('short', checks.warning(
                'short', self._sink.short.lines[0])))
        for scored in results:
            if scored.bad:
                self._tell(messages.SetAside(scored.first_row, scored.bad.line, scored.bad.reason))
        self._tell(messages.Written(*self._sink.totals(), tally=(
            self._sink.tally if self._counted else None), short=self._sink.short))
        self._send(messages.Committed(self._sink.rows))

    def _send(self, message):
        try:
            self._batcher.send(message)
        except EnvironmentError:
            # It has read everything and is gone.
            pass
