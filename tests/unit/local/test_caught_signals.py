"""Signals: raised while a run is prepared, queued once it is under way, and put back at the end."""

from __future__ import absolute_import, unicode_literals

import os
import signal
import sys
import threading

import pytest

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.errors import Interrupted, Terminated
from datarobot_batch_scoring.local import signals

pytestmark = pytest.mark.skipif(WINDOWS, reason='no process can signal itself there')


@pytest.fixture
def handlers():
    """Those of this process, put back after the test; the test starts with handlers of its own."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD]
    before = dict((number, signal.getsignal(number)) for number in numbers)
    taken = []
    for number in numbers[:3]:
        signal.signal(number, lambda number, _: taken.append(number))
    yield taken
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    """Sends a signal to this process, which has handled it once this returns."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize('number, error', [
    (signal.SIGINT, Interrupted), (signal.SIGTERM, Terminated), (1, Terminated)])
def test_a_signal_ends_the_preparation_of_a_run(handlers, number, error):
    with pytest.raises(error):
        with signals.Signals():
            send(number)
    send(number)
    assert handlers == [number]


def test_signals_are_queued_once_processes_run(handlers):
    with signals.Signals() as caught:
        caught.queue()
        assert not caught.connection.poll()
        send(signal.SIGTERM)
        send(signal.SIGINT)
        assert caught.connection.poll()
        assert caught.take() == [signal.SIGTERM, signal.SIGINT] and caught.take() == []
        assert not caught.connection.poll()
    assert handlers == []


def test_a_signal_that_was_ignored_stays_ignored(handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals.Signals():
        send(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_signals_that_are_left_unread_go_where_they_went_before(handlers, monkeypatch):
    with signals.Signals() as caught:
        caught.queue()
        send(signal.SIGTERM)
        monkeypatch.setattr(signals, 'MAX_WAIT', -1.0)
        send(signal.SIGTERM)
        assert handlers == [signal.SIGTERM]


def test_an_error_that_a_destructor_has_swallowed_is_raised_again(handlers):
    with signals.Signals() as caught:
        try:
            send(signal.SIGTERM)
        except Terminated:
            pass
        with pytest.raises(Terminated):
            caught.queue()


def test_the_end_of_children_is_noticed_even_if_the_parent_had_it_ignored(handlers):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with signals.Signals():
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN


def test_another_thread_leaves_all_handlers_alone(handlers):
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter():
        with signals.Signals():
            seen.append(signal.getsignal(signal.SIGTERM))
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.skipif(not hasattr(signal, 'pthread_sigmask'), reason='2.7 cannot hold signals back')
def test_signals_are_held_back_while_processes_start(handlers):
    with signals.Signals() as caught:
        caught.queue()
        with caught.held_back():
            # Another thread of this process would take one that is for any of them.
            signal.pthread_kill(threading.current_thread().ident, signal.SIGTERM)
            assert caught.received == []
        assert caught.take() == [signal.SIGTERM]


@pytest.mark.skipif(not hasattr(sys, 'unraisablehook'), reason='there is none before 3.8')
def test_complaints_about_what_a_signal_left_half_made_are_ignored_until_the_end(handlers):
    before = sys.unraisablehook
    with pytest.raises(Terminated):
        with signals.Signals():
            try:
                send(signal.SIGTERM)
            finally:
                assert sys.unraisablehook is not before
    assert sys.unraisablehook is before
