"""The batcher: when a worker is gone, and what it tells the main process."""

from __future__ import absolute_import, unicode_literals

import multiprocessing
import threading

import pytest

from datarobot_batch_scoring.dataset import cutter, inspect
from datarobot_batch_scoring.local import batcher, child, messages
from datarobot_batch_scoring.scoring import events, flow
from datarobot_batch_scoring.settings import settings
from scoring import numbered


class Parent(object):
    """Stands for the pipe to the main process."""

    def __init__(self):
        self.sizes = []

    def expect_long_work(self, size):
        self.sizes.append(size)

    def tell(self, event):
        pass


@pytest.fixture
def start(folder):
    """Makes a batcher: (the worker's end of the pipe to it, `obey`, `run`)."""
    pipes = multiprocessing.Pipe() + multiprocessing.Pipe(False)

    def started(parent, data, n_samples):
        folder.write('data.csv', data)
        chosen = settings.make(
            'batch_scoring_sse', import_id='flats', dataset=folder('data.csv'), host='http://x', n_samples=n_samples)
        found = inspect.inspect(chosen)
        plan = batcher.BatcherPlan(dataset=found, limits=cutter.limits(chosen), sized=chosen.auto_sample,
                                   n_concurrent=4, one_first=False, trying=False, timeout=30.0, start=found.start,
                                   digests=(), rows=chosen.wanted_rows, budget=None)
        made = batcher.Batcher(parent, plan, [pipes[0]], pipes[2])
        return pipes[1], made.obey, made.work
    yield started
    for each in pipes:
        each.close()


def test_a_batch_for_a_worker_that_has_just_died_ends_the_batcher_without_an_error(start):
    """Whoever notices first: it is the main process that says which one died."""
    worker, _, run = start(Parent(), numbered(20), n_samples=2)
    worker.send(messages.Ready(2, 4, []))
    worker.close()
    run()


def test_a_ceiling_that_is_higher_than_one_before_changes_nothing(start):
    worker, obey, run = start(Parent(), numbered(500), n_samples=1000)
    obey(events.SizeLimit(2000))
    obey(events.SizeLimit(8000))
    worker.send(messages.Ready(10, 4, []))
    run()
    sizes = [len(each.batch.raw) for each in iter(worker.recv, messages.NoMoreBatches(500))]
    assert sum(sizes) == len(numbered(500)) - len(b'x,city\n') and max(sizes) < 2000


def test_the_main_process_knows_before_a_long_look_at_much_input(start, monkeypatch):
    """Else one that takes longer than a sign of life may is taken for a process that hangs."""
    parent, data = Parent(), numbered(300000)
    worker, _, run = start(parent, data, n_samples=1 << 20)
    worker.send(messages.Ready(1, 4, []))
    worker.close()
    looked_at = []

    find_records = cutter.find_records

    def look(data, *more):
        looked_at.append((len(data), max(parent.sizes)))
        return find_records(data, *more)
    monkeypatch.setattr(cutter, 'find_records', look)
    run()
    assert all(size <= expected for size, expected in looked_at)
    assert max(looked_at)[0] > len(data) - 10


def test_a_process_that_expects_long_work_says_so_at_once():
    ours, theirs = multiprocessing.Pipe()
    parent = child.Parent(theirs)
    parent.expect_long_work(1 << 30)
    assert ours.poll() and ours.recv().timeout > 60
    parent.expect_long_work(1 << 20)
    assert not ours.poll()
    ours.close()
    theirs.close()


def rows_of(worker):
    found = []
    while worker.poll():
        message = worker.recv()
        if isinstance(message, messages.ToScore):
            found.append(message.batch.rows)
    return found


def test_a_batch_has_the_rows_that_the_answers_up_to_then_show(start):
    worker, _, run = start(Parent(), numbered(1500), n_samples=None)
    for answers in ([], [(4, 0.01, 90)], [(256, 0.2, 9000)], []):
        worker.send(messages.Ready(1, 4, answers))
    worker.send(messages.Ready(1000, 4, [(4, 0.001, 90), (1000, 100.0, 9000)]))
    run()
    sizes = rows_of(worker)
    assert sizes[0] == 4 and 100 < sizes[1] < 256 and 100 < sizes[2] < 400
    assert max(sizes[4:]) < 50


def test_the_window_is_bounded_by_memory(start, monkeypatch):
    """Whatever its size, it has two batches for each request in flight, and two more."""
    monkeypatch.setattr(flow, 'WINDOW', 1)
    worker, _, run = start(Parent(), numbered(100), n_samples=1)
    worker.send(messages.Ready(100, 8, []))
    runner = threading.Thread(target=run)
    runner.start()
    assert [worker.recv().batch.rows for _ in range(18)] == 18 * [1] and not worker.poll(0.1)
    worker.close()
    runner.join()


def test_small_batches_are_far_ahead(start):
    worker, _, run = start(Parent(), numbered(600), n_samples=10)
    worker.send(messages.Ready(100, 4, [(10, 0.1, 400)]))
    run()
    assert len(rows_of(worker)) == 60
