"""The writer process: puts rows in order, appends them to the output and commits them."""

from __future__ import absolute_import, unicode_literals

import heapq

from datarobot_batch_scoring.compat import wait
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.output.file import Output
from datarobot_batch_scoring.processes import messages


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

    def commit_all(self):
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


def set_up(parent, plan, workers, batcher):
    """Sets up the writer; `workers` are the pipes from them, `batcher` the one to it.

    Returns the functions that take the parent's orders and that do the work.
    """
    writer = Writer(parent, plan, workers, batcher)
    return _obey, writer.commit_all


def _obey(_):
    # The writer ends when its workers have: what they still bring is committed.
    pass
