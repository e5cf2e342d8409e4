"""The engine: batches in, results out in any order; threads, and no process."""

from __future__ import absolute_import, division, unicode_literals

import gc
import threading
import traceback
from collections import deque, namedtuple
from contextlib import closing

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.scoring import events, scheduler
from datarobot_batch_scoring.system import start_thread

# Decoding creates no cycles, and its process may have switched garbage collection off; what
# fails does create some.
COLLECT_EVERY = 200

# The level of an error in `logging`, which this need not import.
ERROR = 40

# What an engine is told when it starts.
PoolPlan = namedtuple('PoolPlan', [
    'endpoint',      # connection.Endpoint
    'secrets',       # strings that no message may show
    'compress',      # True: gzip the requests
    'n_retry',       # attempts after the first; -1: no limit
    'n_concurrent',  # requests in flight in all engines; `values.AutoConcurrency`: to be found
    'threads',       # requests in flight in this engine, at first
    'processes',     # how many engines there are
    'number',        # of this one, from 0
    'shape',         # request.Shape
    'layout',        # columns.Layout
    'gzip_output',
    'labels',        # of the checkpoint, or None
    'sized',         # True: batches are sized by the answers
    'ping',          # Endpoint at which the server is asked whether it is ready, or None
    'sets_aside',    # True: rows that the server rejects or that cannot be sent are set aside
    'other_url',     # for servers that do not know that of the endpoint; None: there is none
    'budget',        # pace.Budget of this engine, or None
])


class Pool(object):
    """Scores batches with threads, as a `scheduler.Scheduler` says.

    `tell(event)` is called with what happens, in any thread: one of `scoring.events`; `Failed`
    once an error has ended it. `ask(batches, limit, answers)` asks for so many more batches, where
    `limit` requests may be in flight and `answers` are [(rows, seconds, bytes of the result), ...]
    since the last time; it is called with the lock held.
    """

    def __init__(self, plan, tell, ask, clock=monotonic):
        self.plan = plan
        self.labels = None
        self._tell = tell
        self._ask = ask
        self._clock = clock
        self._scheduler = scheduler.Scheduler(plan)
        lock = threading.RLock()
        # What threads wait for, and what `results` waits for.
        self._changed = threading.Condition(lock)
        self._delivered = threading.Condition(lock)
        self._results = deque()
        self._transports = None
        self._threads = []
        self._running = 0
        self._max_threads = plan.threads
        self._labels_known = threading.Event()
        if plan.labels is not None:
            self._know(plan.labels)

    def start(self, transports):
        """Starts the threads. `transports` is an `attempt.Transports`, or stands for it."""
        with self._changed:
            self._transports = transports
            self._start_threads()

    def submit(self, batch, before=(), after=()):
        """Takes in a `Batch`; the digests of the input are those up to its start and its end."""
        with self._changed:
            self._scheduler.submit(batch, before, after)
            self._changed.notify()

    def finish(self):
        """Notes that no more batches come: once all are scored, the pool ends."""
        with self._changed:
            self._scheduler.finished = True
            self._notify()

    def results(self):
        """Yields each `Scored`, in any order, until the pool has ended."""
        while True:
            with self._delivered:
                while not self._results and not self.ended:
                    self._delivered.wait()
                if not self._results:
                    return
                scored = self._results.popleft()
            yield scored

    def close(self):
        """Sends nothing more; what is in flight ends by itself, and still has results."""
        with self._changed:
            self._scheduler.stopped = True
            self._notify()

    def join(self):
        """Waits for what is in flight once it is closed, and closes all connections."""
        for thread in list(self._threads):
            thread.join()
        if self._transports:
            self._transports.close()

    @property
    def stopped(self):
        """Whether it was closed, or an error has ended it."""
        return self._scheduler.stopped

    @property
    def ended(self):
        """Whether all that it will ever deliver is among the results."""
        return self._scheduler.ended and not self._running

    @property
    def requests(self):
        """How many requests are in flight at most: so many once it is closed, too."""
        return self._running if self.stopped else self._scheduler.flow.in_flight

    # --- orders ---

    def obey(self, order):
        """Carries out an order for all engines, from `scoring.events`."""
        if isinstance(order, events.Labels):
            self._know(order.labels)
        elif isinstance(order, events.OtherRoute):
            if self._transports:
                self._transports.take_other_route()
        elif isinstance(order, events.Concurrency):
            share = share_of(order.number, self.plan.processes, self.plan.number)
            self.allow(max(share, 1), order.trying)
        else:
            with self._changed:
                self._scheduler.obey(order, self._clock())
                self._changed.notify_all()

    def allow(self, number, trying=False):
        """Sets how many requests may be in flight."""
        with self._changed:
            self._max_threads = number
            self._scheduler.obey(events.Concurrency(number, trying), self._clock())
            self._start_threads()
            self._changed.notify_all()

    def record(self, event):
        """Has `flow` know what happens outside of the pool."""
        with self._changed:
            self._scheduler.flow.record(event, self._clock())

    def rows_of_next(self, left):
        """The rows that the next batch should have, where about `left` are left."""
        with self._changed:
            return self._scheduler.flow.rows(left, self._clock())

    def agree(self, labels):
        """The labels that all batches must have: those of the first answer of the run."""
        if not self._labels_known.is_set():
            self._tell(events.Labels(labels))
            self._labels_known.wait()
        return self.labels

    def _know(self, labels):
        self.labels = labels
        self._scheduler.accepted = True
        self._labels_known.set()

    # --- threads ---

    def _start_threads(self):
        while self._transports and self._running < self._max_threads and not self.stopped:
            self._running += 1
            self._threads.append(start_thread('batch_scoring', self._work))

    def _work(self):
        try:
            with closing(self._transports.make()) as transport:
                for count, started in enumerate(iter(self._take, None), 1):
                    self._score(transport, started)
                    if count % COLLECT_EVERY == 0:
                        gc.collect()
        except ScoringError as error:
            self._fail(error)
        except Exception as error:
            self._tell(events.Logged(ERROR, traceback.format_exc()))
            self._fail(ScoringError('bug', role='network', error=type(error).__name__))
        with self._changed:
            self._running -= 1
            self._notify()

    def _take(self):
        """Waits for what is sent next: `scheduler.Started`, or None if nothing will be."""
        with self._changed:
            while not self._scheduler.ended:
                self._ask_for_more()
                following = self._scheduler.next(self._clock())
                if isinstance(following, scheduler.Started):
                    self._ask_for_more()
                    return following
                self._changed.wait(following)
            self._notify()
            return None

    def _ask_for_more(self):
        missing, answers = self._scheduler.to_ask()
        if missing:
            self._ask(missing, self._scheduler.flow.concurrency, answers)

    def _score(self, transport, started):
        began = self._clock()
        item = started.item
        if item.verdict:
            outcome = item.verdict.outcome
        else:
            outcome = transport.attempt(item.batch, self.labels is not None)
        if outcome.figures:
            outcome = outcome._replace(figures=outcome.figures._replace(
                busy=self._clock() - began))
        with self._changed:
            done = self._scheduler.settle(started, outcome, self._clock())
            self._changed.notify_all()
        for instruction in done:
            self._carry_out(instruction, transport)

    def _carry_out(self, instruction, transport):
        if isinstance(instruction, scheduler.SetAside):
            instruction = scheduler.Deliver(transport.bad_row(*instruction))
        if isinstance(instruction, scheduler.Deliver):
            with self._delivered:
                self._results.append(instruction.scored)
                self._delivered.notify_all()
        else:
            self._tell(instruction)

    def _fail(self, error):
        self.close()
        self._tell(events.Failed(error))

    def _notify(self):
        self._changed.notify_all()
        self._delivered.notify_all()


def share_of(number, engines, place):
    """How many of `number` requests in flight are those of an engine, counted from 0."""
    return number // engines + (place < number % engines)
