"""A worker's queue of batches, and what it asks the batcher for."""

from __future__ import absolute_import, unicode_literals

import threading

import pytest

from datarobot_batch_scoring.dataset.batch import Batch, Position
from datarobot_batch_scoring.server.retry import Gate
from datarobot_batch_scoring.scoring.part import Part
from datarobot_batch_scoring.scoring.queue import Queue


class Batcher(object):
    """Answers the first `most` questions, at once."""

    def __init__(self, threads, most, sized=False):
        self.questions = []
        self.answers = []
        self.batches = 0
        self.queue = Queue(Gate(1), threads, b',', self._asked, sized=sized)
        self._most = most

    def _asked(self, count, answers, limit):
        self.questions.append(count)
        self.answers += answers
        if len(self.questions) <= self._most:
            for _ in range(count):
                self.queue.add(part(self.batches))
                self.batches += 1


def part(number):
    digests = ((10 * number, 'x'),)
    start = Position(row=number, byte=10 * number, line=number + 2)
    return Part(Batch(start, 1, True, b'1,2,3,456\n'), digests, digests)


@pytest.mark.parametrize('threads', [1, 4, 600])
def test_few_questions_wait_for_a_batcher_that_reads_none(threads):
    """A pipe that is full of them would hold up the thread that receives batches."""
    batcher = Batcher(threads, 1)
    for _ in range(threads):
        batcher.queue.take()
    assert 1 <= len(batcher.questions) - 1 <= 10


@pytest.mark.parametrize('threads', [1, 4, 600])
def test_as_many_batches_are_asked_for_as_are_taken(threads):
    batcher = Batcher(threads, 1 << 30)
    for _ in range(3 * threads):
        batcher.queue.take()
        batcher.queue.succeeded(1, 0.001)
    assert 3 * threads <= batcher.batches <= 4 * threads


def scored(batcher, threads, seconds):
    """Has all threads take a part, and one an answer and its next part."""
    for _ in range(threads):
        batcher.queue.take()
    batcher.queue.succeeded(1, seconds)
    batcher.queue.take()
    return batcher


@pytest.mark.parametrize('threads', [1, 4, 600])
def test_where_sizes_follow_answers_no_batch_waits_for_a_slow_server(threads):
    batcher = scored(Batcher(threads, 1 << 30, sized=True), threads, seconds=60.0)
    assert batcher.batches == threads + 1


@pytest.mark.parametrize('threads', [1, 4, 600])
def test_where_answers_are_quick_a_batch_for_each_thread_waits(threads):
    batcher = scored(Batcher(threads, 1 << 30, sized=True), threads, seconds=0.001)
    assert 2 * threads - threads // 8 <= batcher.batches - 1 <= 2 * threads


def test_the_batcher_hears_of_an_answer_before_it_cuts_the_next_batch():
    batcher = scored(Batcher(4, 1 << 30, sized=True), 4, seconds=5.0)
    assert batcher.answers == [(1, 5.0)]


def test_more_threads_may_take_at_once_and_then_fewer():
    batcher = Batcher(2, 1 << 30, sized=True)
    queue = batcher.queue
    queue.allow(3)
    for _ in range(3):
        queue.take()
    queue.allow(1)
    taken = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    for _ in range(2):
        queue.succeeded(1, 1.0)
    assert not taken
    queue.succeeded(1, 1.0)
    thread.join(30)
    assert taken
