"""What all child processes have in common: how they start, give signs of life, are heard and end."""

from __future__ import absolute_import, unicode_literals

import os
import signal
import threading
import traceback

from datarobot_batch_scoring.compat import WINDOWS, monotonic
from datarobot_batch_scoring.errors import ScoringError, of_the_system
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.system import keep_freed_memory, start_thread

HEARTBEAT_INTERVAL = 1.0
HEARTBEAT_TIMEOUT = 4.0
# Until the first sign of life: a new interpreter loads its modules from a disk that may be
# slow, and a writer that resumes reads what may be torn and forces it to disk.
FIRST_HEARTBEAT_TIMEOUT = 60.0

ERROR = 40

ROLES = ('batcher', 'network', 'writer')
# Of a process that would start a run before it gets to its own work.
EXIT_UNGUARDED = 79


class Parent(object):
    """The child's end of the pipe to the main process; any thread may use it."""

    def __init__(self, connection):
        self._connection = connection
        self._lock = threading.Lock()
        self._timeout = HEARTBEAT_TIMEOUT

    def tell(self, event):
        """Sends an event; if the parent is gone, this process ends soon anyway."""
        with self._lock:
            try:
                self._connection.send(event)
            except EnvironmentError:
                pass

    def expect_long_work(self, size):
        """Announces that `size` bytes at a time may keep this process from giving signs of life."""
        timeout = HEARTBEAT_TIMEOUT + size / float(16 << 20)
        if timeout > self._timeout:
            self._timeout = timeout
            # Right away: once the work has begun it may be too late.
            self.tell(messages.Heartbeat(timeout))

    def watch(self, on_order):
        """Calls `on_order(order)` for each order of the parent, until the parent is gone."""
        said_at = None
        try:
            while True:
                # However many orders come. A clock may also be set back.
                if said_at is None or not 0 <= monotonic() - said_at < HEARTBEAT_INTERVAL:
                    self.tell(messages.Heartbeat(self._timeout))
                    said_at = monotonic()
                if self._connection.poll(HEARTBEAT_INTERVAL):
                    on_order(self._connection.recv())
        except (EOFError, EnvironmentError):
            # Whatever this process still has is no use to anyone now.
            os._exit(1)


def main(role, kind, control, others, arguments):
    """The main function of every child process.

    `kind(parent, *arguments)` has `obey(order)`, which is called with the parent's orders in
    another thread, and `work()`. `others` are pipe ends that are here only because of a fork.
    """
    for connection in others:
        connection.close()
    _leave_signals_to_parent()
    keep_freed_memory()
    parent = Parent(control)
    try:
        process = kind(parent, *arguments)
        start_thread('watcher', parent.watch, process.obey)
        process.work()
    except ScoringError as error:
        parent.tell(events.Failed(error))
    except Exception as error:
        parent.tell(events.Logged(ERROR, traceback.format_exc()))
        parent.tell(events.Failed(unexpected(role, error)))
    parent.tell(messages.Bye())
    control.close()
    # Threads that wait for a slow server must not delay the end.
    os._exit(0)


def unexpected(role, error):
    """The `ScoringError` for a bug in the process with that role, or a limit of the system."""
    return of_the_system(error) or ScoringError('bug', role=role, error=type(error).__name__)


def _leave_signals_to_parent():
    # A terminal, or whatever ends a session, signals every process in it; the
    # parent decides what remains to be done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not WINDOWS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)


class Heartbeats(object):
    """For how long processes of a machine or a cluster have been silent. Time is handed in.

    Silence counts by the time that the listener had to listen. A machine that sleeps or is starved
    keeps it from that as it keeps the others from being heard.

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
