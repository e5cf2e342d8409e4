"""The writer process: puts rows in order, appends them to the output and commits them."""

from __future__ import absolute_import, unicode_literals

import heapq

from datarobot_batch_scoring.compat import wait
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.file import Output
from datarobot_batch_scoring.output.stream import StreamOutput
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.report.tally import Tally
from datarobot_batch_scoring.scoring import events


# How many rows may be refused, one by one, before any is accepted.
MOST_REFUSED_FIRST = 10


class Writer(object):
    """Receives from all workers until each has said that it is done."""

    def __init__(self, parent, plan, workers, batcher):
        self._tell = parent.tell
        self._plan = plan
        self._output = StreamOutput(plan) if plan.stream else Output(plan)
        self._tally = plan.tally or Tally()
        self._labels = self._output.labels
        self._pipes = list(workers)
        self._batcher = batcher
        self._next_row = self._output.rows
        self._waiting = []
        self._rows_in_all = set()
        self._warned = False

    def commit_all(self):
        """Commits until all workers are done, then closes the output; raises `ScoringError`."""
        while self._pipes:
            for pipe in wait(self._pipes):
                self._receive(pipe)
            self._commit_what_is_next()
        if None not in self._rows_in_all:
            self._check_acceptance(1)
        complete = self._rows_in_all == set([self._next_row])
        totals = self._output.totals()
        self._output.close(complete)
        if complete:
            self._tell(messages.Finished(*totals))

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
            heapq.heappush(self._waiting, message)
            self._labels = self._labels or message.labels

    def _commit_what_is_next(self):
        if self._labels is None:
            # Without them the columns of a bad row are not known.
            self._check_acceptance(MOST_REFUSED_FIRST)
            return
        results, one_too_many = self._take_what_is_next()
        if results:
            self._commit(results)
        if one_too_many:
            self._output.close(complete=False)
            raise too_many(one_too_many, self._plan)

    def _check_acceptance(self, most):
        """Raises `ScoringError` if `most` rows or more were refused and none was accepted."""
        if self._labels is None and len(self._waiting) >= most:
            raise none_accepted(self._waiting)

    def _take_what_is_next(self):
        """([Scored, ...], the bad one that exceeds --max_bad_rows or None)."""
        results, room = [], self._plan.max_bad_rows - self._output.bad
        while self._waiting and self._waiting[0].first_row == self._next_row:
            if self._waiting[0].bad:
                if room <= 0:
                    return results, self._waiting[0]
                room -= 1
            results.append(heapq.heappop(self._waiting))
            self._next_row += results[-1].rows
        return results, None

    def _commit(self, results):
        self._output.commit(results, self._labels, self._figures(results))
        self._warn_of_short_line(results)
        for each in results:
            if each.bad:
                self._tell(messages.SetAside(each.first_row, each.bad.line, each.bad.reason))
        self._tell(messages.Written(*self._output.totals(), tally=(
            self._tally if self._plan.layout.counted else None)))
        try:
            self._batcher.send(messages.Committed(self._next_row))
        except EnvironmentError:
            # It has read everything and is gone.
            pass

    def _figures(self, results):
        """What the checkpoint has of the tally; None if that is not one of all rows."""
        if not self._plan.layout.counted:
            return None
        for each in results:
            self._tally.add(each.predicted)
            if each.bad:
                self._tally.refuse(each.bad.reason)
        return self._tally.plain() if self._plan.tally is not None else None

    def _warn_of_short_line(self, results):
        # Here the rows are in order, so that the first such line is known.
        lines = [each.short_line for each in results if each.short_line]
        if lines and not self._warned:
            self._warned = True
            self._tell(events.Warned('short', checks.short_line_warning(lines[0])))


def none_accepted(refused):
    """The error for `Scored`s of refused rows, where no row was accepted."""
    first = min(refused)
    return ScoringError(
        'The server refused {0} rows one by one and accepted none, so it is probably not the rows '
        'that are wrong, but the model or the columns. The first of them is row {1}, on line {2} '
        'of the dataset.'.format(len(refused), first.first_row, first.bad.line),
        'It said: ' + first.bad.reason,
        'Check the ids and the columns of the dataset: the model expects those that it was '
        'trained on.')


def too_many(scored, plan):
    """The error for a refused row, a `Scored`, where `plan.max_bad_rows` are refused before it."""
    return ScoringError(
        'The server refused more than {0} rows: row {1}, on line {2} of the dataset, is one too '
        'many.'.format(plan.max_bad_rows, scored.first_row, scored.bad.line),
        'It said: ' + scored.bad.reason,
        'The others are in {0}. To go on, run again with --resume and a higher '
        '--max_bad_rows.'.format(plan.bad_rows))


def set_up(parent, plan, workers, batcher):
    """Sets up the writer; `workers` are the pipes from them, `batcher` the one to it.

    Returns two functions: one takes the parent's orders, the other does the work.
    """
    writer = Writer(parent, plan, workers, batcher)
    return _obey, writer.commit_all


def _obey(_):
    # The writer ends after its workers: what they still bring is committed.
    pass
