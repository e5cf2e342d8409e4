"""Runs in every single-file program before its main module: each signal is caught once.

Such a program is two processes: the outer one unpacks the inner one, and passes
signals on to it. A terminal sends signals to both, so the inner one gets them
twice, and a second Ctrl-C would end a run at once. SIGKILL is not passed on: the
inner one ends itself when the outer one is gone.
"""

from __future__ import absolute_import, unicode_literals

import atexit
import os
import signal
import threading
import time

# Longer than the outer process takes, shorter than a person takes to press a key again.
SAME = 0.3


class Once(object):
    """A handler that calls another one, but not twice for the same signal."""

    caught = {}  # number: when

    def __init__(self, handler):
        self.handler = handler

    def __call__(self, number, frame):
        before, now = self.caught.get(number, -SAME), time.monotonic()
        self.caught[number] = now
        if now - before > SAME:
            self.handler(number, frame)


def catch(number, handler, install=signal.signal):
    """Stands in for `signal.signal`."""
    if callable(handler) and not isinstance(handler, Once):
        handler = Once(handler)
    return install(number, handler)


def ignore_the_rest(install=signal.signal):
    """At exit the interpreter drops its handlers, and the second signal would kill it."""
    for number in Once.caught:
        install(number, signal.SIG_IGN)


class Outer(object):
    """Watches the outer process from a thread; once it is gone, SIGTERM ends this one."""

    def __init__(self):
        self._pid = os.getppid()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name='outer process')
        self._thread.daemon = True
        self._thread.start()

    def _watch(self):
        while not self._ending.wait(1):
            if os.getppid() != self._pid:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def leave(self):
        """Ends the thread: for the interpreter to do it at exit takes libgcc, maybe missing."""
        self._ending.set()
        self._thread.join()


atexit.register(ignore_the_rest)
signal.signal = catch
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(Outer().leave)
