"""Starts the processes of a run, watches them, and ends them all, whatever happens."""

from __future__ import absolute_import, unicode_literals

import functools
import multiprocessing
import os
import sys
import threading

from datarobot_batch_scoring.compat import forks, lost_fork_server, monotonic, readable, wait
from datarobot_batch_scoring.errors import ScoringError, Stopped, UsageError
from datarobot_batch_scoring.local import batcher, child, messages, signals, worker, writer
from datarobot_batch_scoring.local.child import Heartbeats
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.system import exit_reason, is_runnable, join, kill, start_thread

TICK = 1.0
GRACE = 5.0
# For the writer to force what it has to disk once the workers are gone.
LAST_GRACE = 5.0
# From one process before the others have their turn.
MAX_EVENTS = 200
# Seconds that a process may be silent that would run if it got a processor: on a starved machine
# it waits for its turn. If it is not that, it is in a loop that does not end.
MAX_STARVED = 60.0

# Its name in `multiprocessing`, which gives it to processes that it has not started itself.
FORK_SERVER = 'MainProcess'

# A process started while another run creates its pipes would keep those open.
_starting = threading.Lock()

UNGUARDED = UsageError('unguarded')


def check_process():
    """Raises `UsageError` if this process cannot have child processes.

    A child of a run that gets here, because it imports the main module, ends; so does
    the fork server, which imports it on behalf of all of them.
    """
    process = multiprocessing.current_process()
    # This is how `multiprocessing` itself tells.
    if getattr(process, '_inheriting', False):
        if process.name in child.ROLES + (FORK_SERVER,):
            os._exit(child.EXIT_UNGUARDED)
        raise UNGUARDED
    if process.daemon:
        raise UsageError('daemonic')
    if not forks():
        _check_can_start()


def _check_can_start():
    # A new interpreter runs the main module's file, in the same working directory.
    if getattr(sys.modules['__main__'], '__file__', None) == '<stdin>':
        raise UsageError('script_on_stdin')
    try:
        os.getcwd()
    except EnvironmentError as error:
        raise UsageError('working_directory', reason=error.strerror)


class Child(object):
    """What the main process knows about a child process; `start` runs a function in a thread."""

    def __init__(self, role, process, control, start=functools.partial(start_thread, 'orders')):
        self.role = role
        self.process = process
        self.control = control
        self.said_bye = False
        self.ended = False
        self.heartbeat_timeout = child.FIRST_HEARTBEAT_TIMEOUT
        self._start = start
        self._lock = threading.Lock()
        self._orders = []
        self._sender = None

    def order(self, message):
        """Has an order sent; a process that is gone needs none.

        It is sent in a thread: if the child's pipe to the main process is full, so that it
        waits to be heard, its pipe of orders may be full too.
        """
        with self._lock:
            # What is on its way need not be sent twice.
            if any(type(waiting) is type(message) and waiting == message for waiting in self._orders):
                return
            self._orders.append(message)
            if len(self._orders) > 1:
                return
        self._sender = self._start(self._send_orders)

    def _send_orders(self):
        message = self._orders[0]
        while message is not None:
            try:
                self.control.send(message)
            except EnvironmentError:
                pass
            with self._lock:
                del self._orders[0]
                message = self._orders[0] if self._orders else None

    def note_end(self):
        """Notes that the process is gone, and its end of the pipe too."""
        self.ended = True
        join(self.process)
        if self._sender is not None:
            self._sender.join()
        self.control.close()


def start_process(role, kind, arguments, others):
    """Starts a process that runs `child.main`; returns it as a `Child`.

    `others` are pipe ends that it must not keep open. Raises `ScoringError`: `UsageError`
    if the main module would start the run again.
    """
    ours, theirs = multiprocessing.Pipe()
    # Only a fork has copies of them.
    others = others + [ours] if forks() else []
    process = multiprocessing.Process(
        target=child.main, name=role, args=(role, kind, theirs, others, arguments))
    process.daemon = True
    try:
        process.start()
    except (EOFError, EnvironmentError) as error:
        if lost_fork_server(error):
            raise UNGUARDED
        raise ScoringError('no_process', reason=getattr(error, 'strerror', None) or type(error).__name__)
    theirs.close()
    return Child(role, process, ours)


class Supervisor(object):
    """The main process's part in a run: it never touches data.

    `plans` are `plans.Plans`. `listener(event, role)` is called with what the processes
    say, and with None once a second; it returns messages for all workers and may raise
    `ScoringError` to end the run. `clock`, `start_child`, `wait`, `kill` and `is_runnable`
    are all that it knows of time and processes.
    """

    def __init__(self, plans, listener, caught, clock=monotonic, start_child=start_process,
                 wait=wait, kill=kill, is_runnable=is_runnable):
        self._plans = plans
        self._listener = listener
        self._signals = caught
        self._clock = clock
        self._start_child = start_child
        self._wait = wait
        self._kill = kill
        self._is_runnable = is_runnable
        self._children = []
        self._error = None
        self._finished = None
        self._kill_at = None
        self._killed_workers = False
        self._heartbeats = Heartbeats(TICK, clock())

    def see_to_the_end(self):
        """Watches a run to its end; returns `messages.Finished`, or raises the reason why not."""
        self._signals.queue()
        try:
            self._start()
            while not all(process.ended for process in self._children):
                self._look()
        finally:
            for process in self._children:
                # Another process may have the number of one that has ended.
                if not process.ended:
                    self._kill(process.process)
                join(process.process)
        if self._finished is None or self._error is not None:
            raise self._error or ScoringError('incomplete')
        return self._finished

    # --- start ---

    def _start(self):
        if forks():
            _load()
        with _starting, self._signals.held_back():
            pipes = _Pipes(len(self._plans.workers))
            self._add('writer', writer.Writer, (
                self._plans.writer, pipes.writer_in, pipes.acks_out), pipes)
            for number, plan in enumerate(self._plans.workers):
                self._add('network', worker.Worker, (
                    plan, pipes.worker_in[number], pipes.worker_out[number]), pipes)
            self._add('batcher', batcher.Batcher, (
                self._plans.batcher, pipes.batcher_out, pipes.acks_in), pipes)
            pipes.close()

    def _add(self, role, kind, arguments, pipes):
        used = [id(argument) for argument in _flat(arguments)]
        others = [pipe for pipe in pipes.all if id(pipe) not in used]
        others += [sibling.control for sibling in self._children]
        started = self._start_child(role, kind, arguments, others)
        self._children.append(started)

    # --- watch ---

    def _look(self):
        living = {process.control: process for process in self._children if not process.ended}
        connections = self._wait(list(living) + [self._signals.connection], self._until_next())
        self._heartbeats.listen(self._clock())
        for connection in connections:
            if connection in living:
                self._hear_all(living[connection])
        for number in self._signals.take():
            self._on_signal(number)
        self._tell_listener(None)
        self._look_for_the_stuck()
        if self._kill_at is not None and self._clock() >= self._kill_at:
            self._kill_some()

    def _until_next(self):
        if self._kill_at is None:
            return TICK
        return max(min(TICK, self._kill_at - self._clock()), 0)

    def _hear_all(self, process):
        # Not forever: the other processes, signals and the clock must get their turn.
        for _ in range(MAX_EVENTS):
            self._hear(process)
            if process.ended or not readable(process.control):
                return

    def _hear(self, process):
        self._heartbeats.hear(process)
        try:
            event = process.control.recv()
        except (EOFError, EnvironmentError):
            self._note_end(process)
            return
        handler = self.HANDLERS.get(type(event))
        if handler:
            handler(self, event, process)
        else:
            self._tell_listener(event, process.role)

    def _on_bye(self, event, process):
        process.said_bye = True

    def _on_alive(self, event, process):
        process.heartbeat_timeout = event.timeout

    def _on_failed(self, event, process):
        self._stop(event.error, _grace(process))

    def _on_finished(self, event, process):
        self._finished = event

    # What it handles itself; the listener gets the rest.
    HANDLERS = {
        messages.Bye: _on_bye,
        messages.Heartbeat: _on_alive,
        events.Failed: _on_failed,
        messages.Finished: _on_finished,
    }

    def _tell_listener(self, event, role=None):
        try:
            for answer in self._listener(event, role):
                for process in self._children:
                    if not process.ended and process.role != 'writer':
                        process.order(answer)
        except ScoringError as error:
            self._stop(error)

    def _note_end(self, process):
        process.note_end()
        if process.process.exitcode == child.EXIT_UNGUARDED:
            self._stop(UNGUARDED, 0)
        elif not process.said_bye:
            self._stop(ScoringError(
                'process_ended', role=process.role, reason=exit_reason(process.process.exitcode)), _grace(process))

    def _look_for_the_stuck(self):
        for process in self._children:
            if not process.ended and self._is_stuck(process):
                self._stop(ScoringError('process_hangs', role=process.role), _grace(process))
                self._kill(process.process)

    def _is_stuck(self, process):
        self._heartbeats.expect(process)
        silence = self._heartbeats.silence(process)
        return silence > process.heartbeat_timeout and not readable(process.control) and (
            silence > MAX_STARVED or not self._is_runnable(process.process))

    def _on_signal(self, number):
        if isinstance(self._error, Stopped):
            for process in self._children:
                if not process.ended:
                    self._kill(process.process)
        else:
            self._stop(signals.error_for(number))

    # --- stop ---

    def _stop(self, error, seconds=GRACE):
        if self._finished is not None:
            return
        if self._error is not None:
            if isinstance(error, Stopped):
                self._error = error
            return
        self._error = error
        self._kill_at = self._clock() + seconds + TICK
        for process in self._children:
            process.order(messages.Stop(seconds))

    def _kill_some(self):
        # All but the writer first, so that it can commit what it has; later the writer too.
        for process in self._children:
            if not process.ended and (process.role != 'writer' or self._killed_workers):
                self._kill(process.process)
        self._killed_workers = True
        self._kill_at = self._clock() + LAST_GRACE


def _load():
    """Imports what the processes need.

    To be called before they are forked: a module that another thread is importing at that
    moment could never be imported in them.
    """
    import ctypes  # noqa: F401
    import encodings.idna  # noqa: F401

    from datarobot_batch_scoring.scoring import attempt  # noqa: F401
    from datarobot_batch_scoring.server import deadlines  # noqa: F401


def _grace(failed):
    """Seconds that requests in flight get after a `Child` has failed."""
    return 0 if failed.role == 'writer' else GRACE


def _flat(arguments):
    for argument in arguments:
        if isinstance(argument, list):
            for item in argument:
                yield item
        else:
            yield argument


class _Pipes(object):
    """The pipes for the data; each has one process at either end."""

    def __init__(self, workers):
        self.acks_in, self.acks_out = multiprocessing.Pipe(False)
        self.batcher_out, self.worker_in = [], []
        self.writer_in, self.worker_out = [], []
        for _ in range(workers):
            ours, theirs = multiprocessing.Pipe()
            self.batcher_out.append(ours)
            self.worker_in.append(theirs)
            ours, theirs = multiprocessing.Pipe(False)
            self.writer_in.append(ours)
            self.worker_out.append(theirs)
        self.all = [self.acks_in, self.acks_out] + (
            self.batcher_out + self.worker_in + self.writer_in + self.worker_out)

    def close(self):
        """Closes the main process's copies, so that the others notice when a process ends."""
        for connection in self.all:
            connection.close()
