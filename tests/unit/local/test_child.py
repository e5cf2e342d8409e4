"""A child process gives signs of life, whatever else goes on."""

from __future__ import absolute_import, unicode_literals

import errno
import multiprocessing
import os
import threading

import pytest

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import child, messages
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.system import start_thread


def test_signs_of_life_are_given_while_orders_keep_coming(monkeypatch):
    monkeypatch.setattr(child, 'HEARTBEAT_INTERVAL', 0.05)
    # What it does when its parent is gone.
    monkeypatch.setattr(child.os, '_exit', lambda code: None)
    ours, theirs = multiprocessing.Pipe()
    taken = []
    watcher = threading.Thread(target=child.Parent(theirs).watch, args=(taken.append,))
    watcher.start()
    alive = 0
    try:
        while alive < 5 and len(taken) < 100000:
            ours.send(events.Recovered())
            alive += ours.poll() and isinstance(ours.recv(), messages.Heartbeat)
    finally:
        ours.close()
        watcher.join()
    assert alive == 5 and len(taken) > 5


class Child(object):
    """What a process does; `main` runs in this one."""

    made = None

    def __init__(self, parent, work):
        Child.made, self.parent, self.work = self, parent, lambda: work(self)
        self.orders = []

    def obey(self, order):
        self.orders.append(order)


@pytest.fixture
def run_main(monkeypatch):
    """`run_main(work)`: what `child.main` tells its parent about a process with that work."""
    exits, threads = [], []
    monkeypatch.setattr(child.os, '_exit', exits.append)
    monkeypatch.setattr(child, 'HEARTBEAT_INTERVAL', 0.05)
    monkeypatch.setattr(child, 'start_thread', lambda *args: threads.append(start_thread(*args)))
    monkeypatch.setattr(child, '_leave_signals_to_parent', lambda: None)
    monkeypatch.setattr(child, 'keep_freed_memory', lambda: None)

    def run(work):
        ours, theirs = multiprocessing.Pipe()
        other, another = multiprocessing.Pipe()
        child.main('writer', Child, theirs, [other], (work,))
        assert other.closed and 0 in exits
        told = []
        try:
            while True:
                told.append(ours.recv())
        except (EOFError, EnvironmentError):
            pass
        ours.close()
        another.close()
        # Later, what it does when its parent is gone would end this process.
        for thread in threads:
            thread.join()
        return [event for event in told if not isinstance(event, messages.Heartbeat)]
    return run


def test_a_process_says_that_it_ends(run_main):
    assert run_main(lambda process: process.parent.tell(messages.Read(3, 4))) == [
        messages.Read(3, 4), messages.Bye()]


def test_an_error_of_the_run_is_told(run_main):
    def work(process):
        raise ScoringError('stdout_closed')
    failed, bye = run_main(work)
    assert failed.error.kind == 'stdout_closed' and bye == messages.Bye()


def test_a_bug_is_told_with_its_traceback_for_the_log(run_main):
    def work(process):
        return {}['x']
    logged, failed, _ = run_main(work)
    assert 'KeyError' in logged.line
    assert (failed.error.kind, failed.error.facts['role']) == ('bug', 'writer')


def test_a_limit_of_the_system_is_no_bug(run_main):
    def work(process):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    assert run_main(work)[1].error.kind != 'bug'


def test_long_work_is_announced_only_if_it_takes_longer_than_before():
    ours, theirs = multiprocessing.Pipe()
    parent = child.Parent(theirs)
    for size in (0, 64 << 20, 32 << 20):
        parent.expect_long_work(size)
    assert ours.poll() and ours.recv() == messages.Heartbeat(child.HEARTBEAT_TIMEOUT + 4.0)
    assert not ours.poll()
    ours.close()
    # It ends soon anyway.
    parent.tell(messages.Bye())
    theirs.close()
