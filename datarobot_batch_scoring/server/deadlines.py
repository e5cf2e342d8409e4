"""Cuts connections on which nothing moves any more."""

from __future__ import absolute_import, division, unicode_literals

import threading

from datarobot_batch_scoring.compat import monotonic


class Deadlines(object):
    """Has every `Connection` with a request on its way looked at, again and again.

    A socket's own timeout starts anew with every byte that drips in, and knows
    nothing of what the system still holds of a request, so one thread per
    process keeps the time.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._watched = set()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name='deadlines')
        self._thread.daemon = True
        self._thread.start()

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
        """Ends the thread: a process that forks should have one only."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self):
        with self._changed:
            while not self._closed:
                now = monotonic()
                # All have the same timeout, so none that is added needs a look sooner.
                self._changed.wait(min(
                    [each.look(now) for each in self._watched]) if self._watched else None)
