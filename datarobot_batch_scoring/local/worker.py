"""A network worker process: its threads send batches and turn the answers into output rows."""

from __future__ import absolute_import, division, unicode_literals

import gc
import os
import sys
import threading
import traceback
from collections import namedtuple

from datarobot_batch_scoring.dataset.csv_bytes import lift_field_size_limit
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import child, messages
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.scoring.part import Part
from datarobot_batch_scoring.scoring.queue import Queue
from datarobot_batch_scoring.server.retry import LONGEST_FIRST_WAIT, Gate

# What a worker process is told when it starts.
WorkerPlan = namedtuple('WorkerPlan', [
    'endpoint',      # connection.Endpoint
    'secrets',       # strings that no message may show
    'compress',      # True: gzip the requests
    'n_retry',       # tries after the first; -1: no limit
    'n_concurrent',  # requests in flight in all processes; `values.AutoConcurrency`: to be found
    'threads',       # requests in flight in this process, at first
    'processes',     # how many worker processes there are
    'number',        # of this one, from 0
    'shape',         # request.Shape
    'layout',        # answers.Layout
    'gzip_output',
    'labels',        # of the checkpoint, or None
    'sized',         # True: batches are sized by the answers
    'ping',          # Endpoint at which the server is asked whether it is ready, or None
    'sets_aside',    # True: rows that the server refuses are set aside
])


def set_up(parent, plan, batcher, writer):
    """Sets up a worker; `batcher` and `writer` are its pipes to these processes.

    Returns two functions: one takes the parent's orders, the other does the work.
    """
    worker = Worker(parent, plan, batcher, writer)
    return worker.obey, worker.score_all


class Worker(object):
    """What the threads of one worker process share."""

    def __init__(self, parent, plan, batcher, writer):
        self.plan = plan
        self.tell = parent.tell
        gate = Gate(plan.processes)
        gate.longest = LONGEST_FIRST_WAIT
        self.queue = Queue(
            gate, plan.threads, plan.shape.dialect.delimiter, self._ask,
            patience=plan.endpoint.timeout, by_itself=plan.processes == 1,
            sized=plan.sized)
        # Held while a thread looks for the row to blame, or at the scheme of --host.
        self.looking = threading.Lock()
        # True once the server was asked and is ready.
        self.ready = False
        self._parent = parent
        self._batcher = batcher
        self._writer = writer
        self._writer_lock = threading.Lock()
        self._rows_in_all = None
        # The most in a good answer so far; None before the first.
        self.bytes_a_row = None
        # What `other_scheme.look` gives; None before it was asked.
        self.scheme = None
        self._threads = []
        self._most_threads = plan.threads
        self._threads_lock = threading.Lock()
        self._new_scorer = None
        self._labels = None
        self._labels_known = threading.Event()
        if plan.labels is not None:
            self._know(plan.labels)

    def score_all(self):
        """Scores until there are no more batches, or until an order or an error ends it."""
        _prepare_interpreter()
        # Imported late: it imports requests, which the commands need not wait for.
        from datarobot_batch_scoring.scoring import scorer
        from datarobot_batch_scoring.server import deadlines
        keeper = deadlines.Deadlines()
        self._new_scorer = lambda: scorer.Scorer(self, keeper)
        self._start_threads()
        _started(self._receive)
        # There may be more of them meanwhile.
        for thread in self._threads:
            thread.join()
        with self._writer_lock:
            self._send(messages.WorkerDone(self._rows_in_all))

    def obey(self, order):
        """Carries out an order of the main process."""
        if isinstance(order, messages.Stop):
            self._stop(order.seconds)
        elif isinstance(order, events.Labels):
            self._know(order.labels)
        elif isinstance(order, events.Ceiling):
            self.queue.lower_ceiling(order.size)
        elif isinstance(order, events.Recovered):
            self.queue.recovered()
        elif isinstance(order, events.InFlight):
            self._allow(order.number)

    def _allow(self, number):
        self._most_threads = max(share_of(number, self.plan.processes, self.plan.number), 1)
        self.queue.allow(self._most_threads)
        self._start_threads()

    def _start_threads(self):
        with self._threads_lock:
            while self._new_scorer and len(self._threads) < self._most_threads:
                self._threads.append(_started(self._score, self._new_scorer()))

    def _know(self, labels):
        self._labels = labels
        self._labels_known.set()
        self.queue.accepted = True

    def _stop(self, seconds):
        self._rows_in_all = None
        self.queue.stop()
        timer = threading.Timer(seconds, self._end_now)
        timer.daemon = True
        timer.start()

    def _end_now(self):
        # With the lock, so that a result on its way to the writer gets there whole.
        with self._writer_lock:
            self._send(messages.WorkerDone(None))
            self.tell(messages.Bye())
            os._exit(0)

    def _ask(self, count, answers, limit):
        try:
            self._batcher.send(messages.Ready(count, limit, answers))
        except EnvironmentError:
            pass

    def _receive(self):
        try:
            while True:
                message = self._batcher.recv()
                if isinstance(message, messages.NoMoreBatches):
                    self._rows_in_all = None if self.queue.stopped else message.rows
                    break
                self._parent.expect_long_work(len(message.batch.raw))
                self.queue.add(Part(*message))
        except (EOFError, EnvironmentError):
            # The batcher is gone; the main process knows, and decides what happens next.
            self.queue.stop()
        self.queue.no_more()

    def _score(self, scorer):
        try:
            scorer.score_all()
        except ScoringError as error:
            self._fail(error)
        except Exception as error:
            self.tell(events.Logged(child.ERROR, traceback.format_exc()))
            self._fail(child.unexpected('network', error))

    def _fail(self, error):
        self._rows_in_all = None
        self.queue.stop()
        self.tell(events.Failed(error))

    def agree(self, labels):
        """The labels that all batches must have: those of the first answer of the run."""
        if not self._labels_known.is_set():
            self.tell(events.Labels(labels))
            self._labels_known.wait()
        return self._labels

    def deliver(self, scored):
        """Hands rows to the writer."""
        with self._writer_lock:
            self._send(scored)

    def _send(self, message):
        try:
            self._writer.send(message)
        except EnvironmentError:
            # The writer is gone; the main process knows, and decides what happens next.
            self.queue.stop()


def share_of(number, processes, process):
    """How many of `number` requests in flight are those of a process, counted from 0."""
    return number // processes + (process < number % processes)


def _started(target, *arguments):
    thread = threading.Thread(target=target, args=arguments)
    thread.daemon = True
    thread.start()
    return thread


def _prepare_interpreter():
    lift_field_size_limit()
    # Decoding creates millions of objects and no cycles; garbage collections would
    # find them all alive. `Scorer` collects after failures, which do create cycles.
    gc.disable()
    if hasattr(sys, 'setswitchinterval'):
        # So that a thread that computes makes way sooner for those that send and receive.
        sys.setswitchinterval(0.0005)
