"""For how long processes have been silent: once for those of a machine and of a cluster.

Pure: time is handed in. Silence counts by the time that the listener had to listen. A machine that
sleeps or is starved keeps it from that as it keeps the others from being heard.
"""

from __future__ import absolute_import, unicode_literals


class Heartbeats(object):
    """When processes were heard last.

    From one call of `listen` to the next, `max_pause` seconds count at most: the rest of a longer
    time was a pause of this process, or of the whole machine.
    """

    def __init__(self, max_pause, now):
        self._max_pause = max_pause
        self._listened_at = now
        self._heard_at = {}
        # Of listening, so far.
        self.seconds = 0.0

    def listen(self, now):
        """Lets time pass; to be called before what was heard by now is noted."""
        # A clock may be set back.
        self.seconds += min(max(now - self._listened_at, 0.0), self._max_pause)
        self._listened_at = now

    def hear(self, name):
        """Notes that a process was heard."""
        self._heard_at[name] = self.seconds

    def expect(self, name):
        """Notes that a process is there, unless that is known: its silence begins now."""
        self._heard_at.setdefault(name, self.seconds)

    def forget(self, name):
        """Notes that a process is gone, or not waited for."""
        self._heard_at.pop(name, None)

    @property
    def names(self):
        """Those that are there, a list."""
        return list(self._heard_at)

    def silence(self, name):
        """Seconds since a process was heard."""
        return self.seconds - self._heard_at[name]
