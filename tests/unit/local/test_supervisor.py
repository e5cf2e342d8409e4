"""The supervisor: what the processes say and when, and what must come of it."""

from __future__ import absolute_import, unicode_literals

import collections
import contextlib
import signal

import pytest

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import child, messages
from datarobot_batch_scoring.local.supervisor import Child, Supervisor
from datarobot_batch_scoring.scoring import events

Plans = collections.namedtuple('Plans', 'batcher workers writer')

ALL = ('batcher', 'network', 'writer')
LABELS = events.Labels(('a', 'b'))
FINISHED = messages.Finished(9, 0, 99, 0)
FAILED = events.Failed(ScoringError('The server said no.'))
BYE = messages.Bye()

# What a process does besides saying something: it ends with an exit code, does not obey
# an order to stop, since a request is in flight, or neither obeys nor gives signs of life: it is
# stuck, or would run if it got a processor.
Ends = collections.namedtuple('Ends', 'code')
BUSY, HANGS, STARVES = 'busy', 'hangs', 'starves'

# (name, what happens, what the supervisor does, how it ends). What happens: (second, who,
# what); a process that is not busy obeys and ends at once, and one that does not hang gives a
# sign of life each second. 'signal' is who sends one, 'machine' who sleeps that long. What the
# supervisor does: (second, order or 'kill', to whom).
HISTORIES = [
    ('all ends well', [
        (1, 'batcher', BYE), (2, 'network', BYE), (3, 'writer', FINISHED), (3, 'writer', BYE),
    ], [], FINISHED),

    ('all end, and the writer did not finish', [
        (1, 'batcher', BYE), (2, 'network', BYE), (3, 'writer', BYE),
    ], [], 'The run ended without an error but is incomplete.'),

    ('a worker is killed', [
        (2, 'network', Ends(-9)),
    ], [(2, 'Stop 5', 'batcher writer')],
        'The network process ended unexpectedly: it was killed; the system may be out of memory.'),

    ('the batcher ends with an exit code', [
        (2, 'batcher', Ends(3)),
    ], [(2, 'Stop 5', 'network writer')],
        'The batcher process ended unexpectedly: exit code 3.'),

    ('the writer is killed: nobody can use what the workers still do', [
        (1, 'network', BUSY), (2, 'writer', Ends(-9)),
    ], [(2, 'Stop 0', 'batcher network'), (3, 'kill', 'network')],
        'The writer process ended unexpectedly: it was killed; the system may be out of memory.'),

    ('a worker fails: requests in flight get five seconds, the writer five more', [
        (1, 'network', BUSY), (1, 'writer', BUSY), (2, 'network', FAILED),
    ], [(2, 'Stop 5', 'batcher network writer'), (8, 'kill', 'network'), (13, 'kill', 'writer')],
        'The server said no.'),

    ('of two failures the first is told', [
        (1, 'network', BUSY), (1, 'writer', BUSY), (2, 'network', FAILED),
        (3, 'writer', events.Failed(ScoringError('Another.'))), (3, 'writer', Ends(0)),
        (4, 'network', Ends(0)),
    ], [(2, 'Stop 5', 'batcher network writer')], 'The server said no.'),

    ('a worker hangs', [
        (3, 'network', HANGS),
    ], [(7, 'Stop 5', 'batcher network writer'), (7, 'kill', 'network')],
        'The network process does not respond.'),

    ('a process never gives a sign of life', [
        (0, 'writer', HANGS),
    ], [(61, 'Stop 0', 'batcher network writer'), (61, 'kill', 'writer')],
        'The writer process does not respond.'),

    ('a process that announced long work may be silent for so long', [
        (1, 'batcher', messages.Heartbeat(20)), (1, 'batcher', HANGS), (19, 'batcher', BYE),
        (20, 'network', BYE), (21, 'writer', FINISHED), (21, 'writer', BYE),
    ], [], FINISHED),

    ('a process that waits for its turn is given a minute', [
        (3, 'network', STARVES), (61, 'batcher', BYE), (61, 'network', BYE),
        (62, 'writer', FINISHED), (62, 'writer', BYE),
    ], [], FINISHED),

    ('a process that runs for more than a minute without a word is in a loop', [
        (3, 'network', STARVES),
    ], [(63, 'Stop 5', 'batcher network writer'), (63, 'kill', 'network')],
        'The network process does not respond.'),

    ('the machine lets this process wait for its turns, too: nobody was stuck', [
        (3, 'network', HANGS), (3, 'machine', 0.9), (4.9, 'machine', 0.9), (6.8, 'machine', 0.9),
        (8, 'network', BYE), (8, 'batcher', BYE), (9, 'writer', FINISHED), (9, 'writer', BYE),
    ], [], FINISHED),

    ('a process that is stuck is noticed on such a machine, only later', [
        (3, 'network', HANGS), (3, 'machine', 3), (7, 'machine', 3), (11, 'machine', 3),
    ], [(16, 'Stop 5', 'batcher network writer'), (16, 'kill', 'network')],
        'The network process does not respond.'),

    ('the machine sleeps: nobody was stuck', [
        (2, 'machine', 1000), (1003, 'batcher', BYE), (1003, 'network', BYE),
        (1004, 'writer', FINISHED), (1004, 'writer', BYE),
    ], [], FINISHED),

    ('a signal', [
        (2, 'signal', signal.SIGINT),
    ], [(2, 'Stop 5', 'batcher network writer')], 'Interrupted'),

    ('a second signal ends all at once', [
        (1, 'network', BUSY), (1, 'writer', BUSY), (2, 'signal', signal.SIGINT),
        (3, 'signal', signal.SIGTERM),
    ], [(2, 'Stop 5', 'batcher network writer'), (3, 'kill', 'network writer')], 'Interrupted'),

    ('a signal after a failure', [
        (1, 'network', BUSY), (1, 'writer', BUSY), (2, 'network', FAILED),
        (3, 'signal', signal.SIGTERM), (4, 'signal', signal.SIGTERM),
    ], [(2, 'Stop 5', 'batcher network writer'), (4, 'kill', 'network writer')], 'Terminated'),

    ('a signal once all is written comes too late', [
        (1, 'batcher', BYE), (1, 'network', BYE), (2, 'writer', FINISHED),
        (3, 'signal', signal.SIGINT), (4, 'writer', BYE),
    ], [], FINISHED),

    ('the listener has something to tell', [
        (1, 'network', LABELS), (2, 'batcher', BYE), (3, 'network', LABELS), (4, 'network', BYE),
        (5, 'writer', FINISHED), (5, 'writer', BYE),
    ], [(1, 'Labels', 'batcher network'), (3, 'Labels', 'network')], FINISHED),

    ('the listener ends the run', [
        (2, 'network', events.Retried(0, 9, 'refused', 'connection', 1, 1)),
    ], [(2, 'Stop 5', 'batcher network writer')], 'No connection.'),

    ('the main module has no guard', [
        (1, 'network', BUSY), (2, 'batcher', Ends(child.EXIT_UNGUARDED)),
    ], [(2, 'Stop 0', 'network writer'), (3, 'kill', 'network')],
        'The main module would start the run again in each of its processes.'),
]


def listener(event, role):
    """Passes labels on, and ends a run at a request that has failed."""
    if isinstance(event, events.Retried):
        raise ScoringError('No connection.')
    return [event] if event == LABELS else []


class Process(object):
    """A process of a history, and the pipe to it."""

    def __init__(self, world, role):
        self.world = world
        self.role = role
        self.exitcode = None
        self.busy = self.hangs = self.runs = False
        self.said = []

    def end(self, code):
        """Its pipe is at its end once all that it said is read."""
        if self.exitcode is None:
            self.exitcode = code
            self.said.append(EOFError())

    def act(self, what):
        if isinstance(what, Ends):
            return self.end(what.code)
        if what in (BUSY, HANGS, STARVES):
            self.busy, self.hangs, self.runs = True, what != BUSY, what == STARVES
            return
        self.said.append(what)
        if what == BYE:
            self.end(0)

    def poll(self):
        return bool(self.said)

    def recv(self):
        event = self.said.pop(0)
        if isinstance(event, EOFError):
            raise event
        return event

    def send(self, order):
        if self.exitcode is not None:
            raise EnvironmentError('Its end of the pipe is closed.')
        words = type(order).__name__
        if isinstance(order, messages.Stop):
            words += ' {0:.0f}'.format(order.seconds)
        self.world.note(words, self)
        if isinstance(order, messages.Stop) and not self.busy:
            self.act(BYE)

    def join(self):
        assert self.exitcode is not None, 'waits for {0}, which goes on'.format(self.role)

    def close(self):
        pass


class World(object):
    """Time, processes and signals that follow a script."""

    connection = 'the connection of the signals'

    def __init__(self, script):
        self.now = 0.0
        self.script = list(script)
        self.processes = {}
        self.signals = []
        self.done = []

    # --- what the supervisor is given ---

    def clock(self):
        return self.now

    def start_child(self, role, kind, arguments, others):
        self.processes[role] = process = Process(self, role)
        return Child(role, process, process, start=lambda send: send())

    def wait(self, connections, timeout):
        if not self._heard(connections):
            if self.script and self.script[0][0] <= self.now + timeout:
                while self.script and self.script[0][0] <= self.now + timeout:
                    timeout = 0
                    self._happen(*self.script.pop(0))
            else:
                self.now += timeout
                self._give_signs_of_life()
        assert self.now < 2000, 'it goes on for ever'
        return self._heard(connections)

    def kill(self, process):
        if process.exitcode is None:
            self.note('kill', process)
            process.end(-9)

    # --- as the signals ---

    def queue(self):
        pass

    @contextlib.contextmanager
    def held_back(self):
        yield

    def take(self):
        taken, self.signals = self.signals, []
        return taken

    # --- the script ---

    def note(self, action, process):
        self.done.append((self.now, action, process.role))

    def actions(self):
        """What the supervisor did, as `HISTORIES` has it."""
        found = collections.OrderedDict()
        for second, action, role in self.done:
            found.setdefault((second, action), []).append(role)
        return [key + (' '.join(sorted(roles)),) for key, roles in found.items()]

    def _happen(self, second, who, what):
        self.now = max(self.now, float(second))
        if who == 'machine':
            self.now += what
        elif who == 'signal':
            self.signals.append(what)
        else:
            self.processes[who].act(what)

    def _give_signs_of_life(self):
        for process in self.processes.values():
            if process.exitcode is None and not process.hangs:
                process.act(messages.Heartbeat(child.HEARTBEAT_TIMEOUT))

    @staticmethod
    def _heard(connections):
        return [each for each in connections if getattr(each, 'said', None)]


def supervise(world, **more):
    return Supervisor(
        Plans(None, [None], None), listener, world, **dict(dict(
            clock=world.clock, start_child=world.start_child, wait=world.wait,
            kill=world.kill, is_runnable=lambda process: process.runs), **more)).see_to_the_end()


@pytest.mark.parametrize('script, actions, end', [each[1:] for each in HISTORIES],
                         ids=[each[0] for each in HISTORIES])
def test_a_history_of_the_processes_has_this_end(script, actions, end):
    world = World(script)
    if end == FINISHED:
        assert supervise(world) == FINISHED
    else:
        with pytest.raises(ScoringError) as caught:
            supervise(world)
        assert caught.value.message.startswith(end)
    assert world.actions() == actions
    assert sorted(world.processes) == sorted(ALL)
    assert all(each.exitcode is not None for each in world.processes.values())


def test_when_a_process_cannot_start_those_before_it_are_killed():
    def start_child(role, *more):
        if role == 'batcher':
            raise ScoringError('Cannot start a process: no memory.')
        return world.start_child(role, *more)
    world = World([])
    with pytest.raises(ScoringError) as caught:
        supervise(world, start_child=start_child)
    assert caught.value.message == 'Cannot start a process: no memory.'
    assert world.actions() == [(0, 'kill', 'network writer')]
