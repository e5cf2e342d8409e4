"""Cuts connections that make no progress."""

from __future__ import absolute_import, division, unicode_literals

import threading

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.system import start_thread


class Deadlines(object):
    """Calls `look` again and again for every `Connection` with a request under way.

    A socket's own timeout starts over with every byte that trickles in, and
    knows nothing of what the system still holds of a request, so one thread per
    process keeps the time.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._watched = set()
        self._closed = False
        self._thread = start_thread('deadlines', self._watch)

    def add(self, connection):
        """Its `look` is called from now on, until `discard`."""
        with self._changed:
            self._watched.add(connection)
            if len(self._watched) == 1:
                self._changed.notify()

    def discard(self, connection):
        """It has its answer, or has failed."""
        with self._changed:
            self._watched.discard(connection)

    def close(self):
        """Ends this thread: a process that forks should have only one."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self):
        with self._changed:
            while not self._closed:
                now = monotonic()
                # All have the same timeout, so one that is added needs no look sooner.
                self._changed.wait(min(
                    [deadline.look(now) for deadline in self._watched]) if self._watched else None)
