"""A network worker process: a pool between its pipes."""

from __future__ import absolute_import, unicode_literals

import gc
import os
import sys
import threading

from datarobot_batch_scoring.dataset.csv_bytes import lift_field_size_limit
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.scoring.pool import Pool
from datarobot_batch_scoring.system import start_thread


class Worker(object):
    """What comes through the pipes goes into the pool, and the other way round.

    `plan` is a `PoolPlan`, `batcher` and `writer` are its pipes to these.
    """

    def __init__(self, parent, plan, batcher, writer):
        self._parent = parent
        self._batcher = batcher
        self._writer = writer
        # Held while a result is sent, so that it gets to the writer whole.
        self._writing = threading.Lock()
        # Rows of the whole input, once all of them have come.
        self._total_rows = None
        self._pool = Pool(plan, parent.tell, self._ask)

    def work(self):
        """Scores until there are no more batches, or until an order or an error ends it."""
        prepare_interpreter()
        # Imported late: it imports requests, which the commands need not wait for.
        from datarobot_batch_scoring.scoring.attempt import Transports
        self._pool.start(Transports(self._pool.plan, self._parent.tell, self._pool.agree))
        start_thread('receiver', self._receive)
        for scored in self._pool.results():
            self._send(scored)
        self._send(messages.WorkerDone(None if self._pool.stopped else self._total_rows))

    def obey(self, order):
        """Carries out an order of the main process."""
        if isinstance(order, messages.Stop):
            self._pool.close()
            timer = threading.Timer(order.seconds, self._end_now)
            timer.daemon = True
            timer.start()
        else:
            self._pool.obey(order)

    def _end_now(self):
        self._send(messages.WorkerDone(None), last=True)

    def _ask(self, count, limit, answers):
        try:
            self._batcher.send(messages.Ready(count, limit, answers))
        except EnvironmentError:
            pass

    def _receive(self):
        try:
            while True:
                message = self._batcher.recv()
                if isinstance(message, messages.NoMoreBatches):
                    self._total_rows = message.rows
                    break
                self._parent.expect_long_work(len(message.batch.raw))
                self._pool.submit(*message)
        except (EOFError, EnvironmentError):
            # The batcher is gone; the main process knows, and decides what happens next.
            self._pool.close()
        self._pool.finish()

    def _send(self, message, last=False):
        with self._writing:
            try:
                self._writer.send(message)
            except EnvironmentError:
                # The writer is gone; the main process knows, and decides what happens next.
                self._pool.close()
            if last:
                self._parent.tell(messages.Bye())
                os._exit(0)


def prepare_interpreter():
    """Makes scoring fast, in this process or in one that is not its own."""
    lift_field_size_limit()
    # Decoding creates millions of objects and no cycles; garbage collections would
    # find them all alive. The pool collects after failures, which do create cycles.
    gc.disable()
    if hasattr(sys, 'setswitchinterval'):
        # So that a thread that computes makes way sooner for those that send and receive.
        sys.setswitchinterval(0.0005)
