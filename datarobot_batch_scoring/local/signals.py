"""SIGINT, SIGTERM and SIGHUP: exceptions while the run is prepared, messages after that."""

from __future__ import absolute_import, unicode_literals

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.errors import Interrupted, Terminated

NAMES = ('SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK')
# Seconds a signal waits in the queue; the supervisor looks every second.
MAX_WAIT = 2.0


def error_for(number):
    """The error that a signal ends the run with."""
    if number == signal.SIGINT:
        return Interrupted('interrupted')
    return Terminated('terminated')


class Signals(object):
    """Catches signals, as a context; only the main thread can do that.

    Until `queue` is called they raise at once. After that they wait in `received`, and
    `connection` can be read when there is one.
    """

    def __init__(self):
        self.connection, self._wake = multiprocessing.Pipe(False)
        self.received = []
        self._queueing = False
        self._raised = None
        self._queued_at = None
        self._before = {}
        self._ignored_children = False
        # Called for errors that cannot be raised; there is none before 3.8.
        self._hook = getattr(sys, 'unraisablehook', None)

    def __enter__(self):
        try:
            for name in NAMES:
                self._catch(getattr(signal, name, None))
            self._see_children_end()
        except ValueError:
            # Not the main thread.
            pass
        return self

    def _catch(self, number):
        # What was ignored from the start (nohup, a background job) stays ignored; None is
        # a handler that is not Python's and could not be put back.
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            self._before[number] = signal.signal(number, self._handle)

    def _see_children_end(self):
        # A parent may have had it ignored: then the system forgets how a child has ended.
        number = getattr(signal, 'SIGCHLD', None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            self._ignored_children = True

    def __exit__(self, *_):
        self._put_back()
        if self._ignored_children:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if self._hook:
            sys.unraisablehook = self._hook
        self.connection.close()
        self._wake.close()

    def _put_back(self):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number, _):
        if not self._queueing:
            self._raised = number
            ignore_complaints()
            raise error_for(number)
        if self.received and monotonic() - self._queued_at > MAX_WAIT:
            # Nobody takes them: this thread is stuck, on whoever reads its output, say.
            self._put_back()
            os.kill(os.getpid(), number)
            return
        if not self.received:
            self._queued_at = monotonic()
        self.received.append(number)
        self._wake.send_bytes(b'!')

    def queue(self):
        """Makes signals messages from now on."""
        self._queueing = True
        if self._raised is not None:
            # The error was raised in a destructor, where the interpreter drops it.
            raise error_for(self._raised)

    def held_back(self):
        """A context for starting processes; signals come only after it.

        The processes start with these signals held back too, until they ignore them.
        """
        return held_back(self._before)

    def take(self):
        """The signals since the last call."""
        while self.connection.poll():
            self.connection.recv_bytes()
        taken, self.received = self.received, []
        return taken


def ignore_complaints():
    """Has errors that cannot be raised ignored.

    A socket, say, that a signal's error left half made may complain when it is destroyed.
    """
    if hasattr(sys, 'unraisablehook'):
        sys.unraisablehook = lambda _: None


@contextmanager
def held_back(numbers):
    """Holds signals (numbers) back from this thread, and what it starts, as a context."""
    # 2.7 cannot do that, but its processes are forks, which have our handlers.
    if not hasattr(signal, 'pthread_sigmask'):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, list(numbers))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
