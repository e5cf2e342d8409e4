"""A worker: what comes through its pipes, and what goes out."""

from __future__ import absolute_import, unicode_literals

import multiprocessing
import sys
import threading

import pytest

from datarobot_batch_scoring.local import messages, worker
from datarobot_batch_scoring.scoring import attempt, events
from stand_ins import PLAN, Transports, batch


class Parent(object):
    def __init__(self):
        self.told = []
        self.tell = self.told.append

    def expect_long_work(self, size):
        self.size = size


class Worker(object):
    """A worker in a thread, with its pipes' other ends."""

    def __init__(self, monkeypatch, serve=lambda sent: None):
        self.parent = Parent()
        monkeypatch.setattr(attempt, 'Transports', lambda *more: Transports(serve))
        monkeypatch.setattr(worker, 'prepare_interpreter', lambda: None)
        self.ended = threading.Event()
        monkeypatch.setattr(worker.os, '_exit', lambda code: self.ended.set())
        self.batcher, theirs = multiprocessing.Pipe()
        self.writer, to_writer = multiprocessing.Pipe(False)
        self.pipes = [self.batcher, theirs, self.writer, to_writer]
        made = worker.Worker(self.parent, PLAN, theirs, to_writer)
        self.obey = made.obey
        self.thread = threading.Thread(target=made.work)
        self.thread.start()

    def close(self):
        self.thread.join(30)
        for pipe in self.pipes:
            pipe.close()


@pytest.fixture
def start(monkeypatch):
    started = []

    def begin(*more):
        started.append(Worker(monkeypatch, *more))
        return started[-1]
    yield begin
    for each in started:
        each.close()


def test_batches_come_in_and_results_go_out(start):
    made = start()
    assert made.batcher.recv() == messages.Ready(2, 2, [])
    for row in (0, 5):
        made.batcher.send(messages.ToScore(batch(row, 5), (), ((30, 'x'),)))
    made.batcher.send(messages.NoMoreBatches(10))
    results = sorted(made.writer.recv() for _ in range(2))
    assert [result.first_row for result in results] == [0, 5]
    assert made.writer.recv() == messages.WorkerDone(10)
    assert made.parent.size == 30


def test_a_batcher_that_is_gone_ends_it(start):
    made = start()
    made.batcher.close()
    assert made.writer.recv() == messages.WorkerDone(None)


def test_orders_for_the_pool_are_passed_on(start):
    made = start()
    made.obey(events.Labels(('a',)))
    made.batcher.send(messages.NoMoreBatches(0))
    assert made.writer.recv() == messages.WorkerDone(0)


def test_it_stops_with_what_is_in_flight(start):
    sent, go_on = threading.Event(), threading.Event()

    def serve(batch):
        sent.set()
        assert go_on.wait(30)
    made = start(serve)
    made.batcher.send(messages.ToScore(batch(0, 5), (), ()))
    assert sent.wait(30)
    made.obey(messages.Stop(60.0))
    go_on.set()
    assert made.writer.recv().first_row == 0
    assert made.writer.recv() == messages.WorkerDone(None)


def test_it_stops_without_it_once_that_takes_too_long(start):
    sent, go_on = threading.Event(), threading.Event()

    def serve(batch):
        sent.set()
        assert go_on.wait(30)
    made = start(serve)
    made.batcher.send(messages.ToScore(batch(0, 5), (), ()))
    assert sent.wait(30)
    made.obey(messages.Stop(0.0))
    assert made.writer.recv() == messages.WorkerDone(None) and made.ended.wait(30)
    assert messages.Bye() in made.parent.told
    go_on.set()


def test_the_interpreter_is_prepared_for_decoding():
    import gc
    interval = sys.getswitchinterval() if hasattr(sys, 'getswitchinterval') else None
    try:
        worker.prepare_interpreter()
        assert not gc.isenabled()
    finally:
        gc.enable()
        if interval:
            sys.setswitchinterval(interval)
