"""What scores in a process of a cluster: one engine as long as a run lives, for all its tasks."""

from __future__ import absolute_import, division, unicode_literals

import gc
import heapq
import sys
import threading
from collections import deque

from datarobot_batch_scoring.cluster import wire
from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.local.worker import prepare_interpreter
from datarobot_batch_scoring.output.columns import ALL
from datarobot_batch_scoring.scoring import events, flow
from datarobot_batch_scoring.scoring.pool import ERROR, Pool
from datarobot_batch_scoring.system import keep_freed_memory, start_thread

# Seconds between two messages to the client.
TELL_EVERY = 0.25
# Seconds without one from it until nobody is taken to want what is scored here.
PATIENCE = 30.0


class Ended(Exception):
    """The engine was closed; what it had to score may be scored elsewhere."""


class Job(object):
    """The rows of one task on their way through the engine."""

    def __init__(self, engine, first_row, end_row, part):
        self._engine = engine
        self.part = part
        self._results = []
        self._next_row = first_row
        self._end_row = end_row
        self._submitted = self._received = 0
        self.superseded = False

    def holds(self, row):
        """Whether a row is one of its own."""
        return self._next_row <= row < self._end_row

    def add(self, scored):
        """Takes in rows that are scored; called with the engine's lock."""
        self._received += scored.rows
        heapq.heappush(self._results, scored)

    def score_all(self, cut, wanted):
        """Has the batches of a `cutter.Cutter` scored, each cut once there is room for it.

        Those that are not `wanted(batch)` are passed over; they come first. Returns the row
        behind the last, or None. Raises `Ended` or a `ScoringError`.
        """
        engine, batches, end_row = self._engine, iter(cut), None
        cut.rows_of_next = self._rows_of_next if engine.plan.sized else None
        while True:
            engine.wait_for(self._take_room)
            # Only now: its size is what the answers up to here show.
            batch = next(batches, None)
            if batch is not None and wanted(batch):
                engine.pool.record(flow.Given(batch.rows))
                engine.pool.submit(batch)
                self._submitted += batch.rows
            else:
                engine.give_room(1)
            if batch is None:
                return end_row
            end_row = batch.end_row
            if not wanted(batch):
                self._next_row = end_row

    def _take_room(self):
        engine = self._engine
        if engine.plan.layout.extras == ALL and engine.pool.labels is None and self._received < self._submitted:
            # What the columns are is up to the batch that is under way.
            return None
        return engine.take_room()

    def _rows_of_next(self, row, read):
        left = self._end_row - row + self._engine.rows_elsewhere
        return self._engine.pool.rows_of_next(max(left, 1))

    def results(self, end_row):
        """Yields what is scored, in order, up to row `end_row`."""
        while self._next_row < end_row:
            yield self._engine.wait_for(self._take_next)

    def _take_next(self):
        if self.superseded:
            raise Ended()
        # What an attempt before this one had under way may come too.
        while self._results and self._results[0].first_row < self._next_row:
            heapq.heappop(self._results)
        if self._results and self._results[0].first_row == self._next_row:
            scored = heapq.heappop(self._results)
            self._next_row += scored.rows
            return scored
        return None


class Engine(object):
    """The pool of this process and its share of the requests in flight.

    `tell_client(message)` sends a dict to the client. `before` are the engines here of runs with
    the same output: they are closed, and what they have in flight counts against what this one
    may have.
    """

    def __init__(self, plan, tell_client, before=()):
        self.plan = plan
        self.pool = Pool(plan, self._hear, lambda batches, limit, answers: self.give_room(batches))
        # Nothing is sent until the client says how much.
        self.pool.allow(0)
        # Rows that this process may get to score besides those it has.
        self.rows_elsewhere = 0
        self._tell_client = tell_client
        self._changed = threading.Condition()
        self._room = 0
        self._jobs = []
        self._events = deque()
        self._error = None
        self._closed = False
        # True once it is closed since nothing came from the client, which may have been suspended.
        self.is_given_up = False
        self._heard_at = monotonic()
        self._share = self._number = self._allowed = 0
        self._share_lock = threading.Lock()
        self._before = list(before)
        self._host = _Interpreter()

    # --- for the process that has it ---

    def start(self):
        """Starts; threads that score come with the first order that allows requests."""
        self._host.prepare()
        from datarobot_batch_scoring.scoring.attempt import Transports
        self.pool.start(Transports(self.plan, self._hear, self.pool.agree))
        for target in (self._sort, self._report):
            start_thread('batch_scoring', target)

    def close(self, error=None):
        """Ends what is under way, with an error or for others to do."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()
        self.pool.close()
        self._host.put_back()
        # It waits for requests: only their deadlines end one that is never answered, and what is
        # in flight counts for the run that follows.
        start_thread('batch_scoring', self.pool.join)

    def order(self, share, number, rows, orders, most):
        """What the client says: how many requests may be in flight, and messages.

        `number` tells that from what it has said before; `rows` are those that no process has yet, and
        `most` is how many requests all processes may have in flight.
        """
        self._heard_at = monotonic()
        if self._closed:
            return
        with self._share_lock:
            self._share, self._number = share, number
            self.pool.record(flow.Shared(share / max(most, 1)))
            self._use_share()
        self.rows_elsewhere = rows
        for message in orders:
            self.pool.obey(message)

    def _use_share(self):
        allowed = max(self._share - self._left_behind(), 0)
        if allowed != self._allowed:
            self._allowed = allowed
            self.pool.allow(allowed)

    def _left_behind(self):
        """How many requests of the runs before are in flight."""
        return sum(engine.pool.requests for engine in self._before)

    # --- for tasks ---

    def begin(self, first_row, end_row, part):
        """A `Job` for the rows from `first_row` to before `end_row`, part number `part`."""
        job = Job(self, first_row, end_row, part)
        with self._changed:
            for earlier in self._jobs:
                # A lost connection to the scheduler has left it behind.
                earlier.superseded = earlier.superseded or earlier.part == part
            self._jobs = [earlier for earlier in self._jobs if not earlier.superseded] + [job]
            self._changed.notify_all()
        return job

    def end(self, job):
        """The task is done with it."""
        with self._changed:
            self._jobs = [running for running in self._jobs if running is not job]

    def know(self, labels):
        """Labels that were found elsewhere."""
        if self.pool.labels is None:
            self.pool.obey(events.Labels(tuple(labels)))

    def log(self, line):
        """Has the client log an error."""
        self._hear(events.Logged(ERROR, line))

    def warn(self, kind, line):
        """Has the client warn, once for each kind."""
        self._hear(events.Warned(kind, masking.masked(line, self.plan.secrets)))

    def wait_for(self, take):
        """What `take` gives once it is not None; raises what ends the engine."""
        with self._changed:
            while True:
                taken = take()
                if taken is not None:
                    return taken
                if self._error:
                    raise self._error
                if self._closed:
                    raise Ended()
                self._changed.wait()

    def take_room(self):
        """Takes the room that the pool has for a batch; None: there is none."""
        if self._closed or not self._room:
            return None
        self._room -= 1
        return True

    def give_room(self, batches):
        """There is room for so many more batches."""
        with self._changed:
            self._room += batches
            self._changed.notify_all()

    # --- what the pool says ---

    def _sort(self):
        for scored in self.pool.results():
            with self._changed:
                for job in self._jobs:
                    if job.holds(scored.first_row):
                        job.add(scored)
                self._changed.notify_all()

    def _hear(self, event):
        if isinstance(event, events.Labels):
            # This process is the only one that scores until the client has heard of them.
            self.pool.obey(event)
        if isinstance(event, events.Failed):
            # Its text goes into results of tasks, which others can read.
            error = masking.masked_error(event.error, self.plan.secrets)
            self._events.append(events.Failed(error))
            self.close(error)
            return
        if isinstance(event, events.Logged):
            event = event._replace(line=masking.masked(event.line, self.plan.secrets))
        self._events.append(event)

    def _report(self):
        while not self._closed:
            # Time in which this process was suspended counts, as with a lease: by now the client may
            # have given its share to others.
            if monotonic() - self._heard_at > PATIENCE:
                self.is_given_up = True
                self.close()
            with self._share_lock:
                self._use_share()
            self._tell()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, TELL_EVERY)
        self._tell()

    def _tell(self):
        told, closed = [], self._closed
        while self._events:
            told.append(self._events.popleft())
        with self._share_lock:
            # What was heard last is obeyed by now.
            number, held = self._number, max(
                self.pool.requests + self._left_behind(), self._share)
        self._tell_client({'held': held, 'number': number, 'jobs': len(self._jobs), 'closed': closed,
                           'events': wire.dump(told)})


class _Interpreter(object):
    """What scoring wants of a process that is not its own; put back at the end."""

    # How many engines there are, and what was before the first.
    _lock = threading.Lock()
    _engines = 0
    _before = None

    def prepare(self):
        """As a process of its own is prepared."""
        keep_freed_memory()
        with self._lock:
            if not _Interpreter._engines:
                _Interpreter._before = gc.isenabled(), sys.getswitchinterval()
                prepare_interpreter()
            _Interpreter._engines += 1

    def put_back(self):
        with self._lock:
            _Interpreter._engines -= 1
            if not _Interpreter._engines:
                enabled, interval = _Interpreter._before
                if enabled:
                    gc.enable()
                gc.collect()
                sys.setswitchinterval(interval)
