"""The processes of a cluster as its client sees them: what they say, do, and are told."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from six.moves import queue

from datarobot_batch_scoring.cluster import wire
from datarobot_batch_scoring.cluster.connecting import (
    TO_ANSWER, check_version, everywhere, within)
from datarobot_batch_scoring.cluster.shares import SILENT, WITHOUT_ANY, Processes
from datarobot_batch_scoring.cluster.wire import DOWN, UP, call, make_plugin, output_of
from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.scoring import events

# Seconds for the scheduler to answer.
TO_ANSWER_ALONE = 3
# Seconds between two looks at which processes there are: each takes the scheduler some work.
LOOK_EVERY = 0.2
# Seconds between two messages to all processes, however little there is to say; and where one
# has not heard the last, since it did not listen yet, say.
TELL_EVERY = 1.0
TELL_AGAIN = 0.1

# What a process said: `message` is the dict that `engine.Engine` sends.
Said = namedtuple('Said', 'process message')
# A task has ended; `future` is what it is known by.
Done = namedtuple('Done', 'future')


class Members(object):
    """A Dask cluster. What happens there comes out of `next`.

    `client` is a `distributed.Client` of `scheduler`; `most` and `most_each` are those of `Shares`.
    """

    def __init__(self, client, scheduler, most, most_each):
        self._client = client
        self._scheduler = scheduler
        self.processes = Processes(most, most_each, monotonic())
        self._happened = queue.Queue()
        # {key of a task: the processes that may do it}, where not all may.
        self._restricted = {}
        self._told = None
        self._told_at = self._looked_at = self._asked_at = monotonic()
        self._run = self._plugin = self._confirm = None
        # Whether the scheduler has, last time.
        self._answers = True

    def leave(self):
        """Takes the run out of the processes: none begins with it from now on."""
        if self._run and self._client.status == 'running':
            # It may be that of a run that has taken the output over.
            self._confirm()
            within(TO_ANSWER, self._client.unregister_worker_plugin, self._plugin)

    # --- a run ---

    def begin(self, errand, confirm=lambda: None):
        """Brings a run to all processes, also to those that come later.

        `confirm` raises `ScoringError` if the output is another run's.
        """
        confirm()
        self._confirm = confirm
        self._run = errand.run
        # One for each output, so that a run takes the place of one that was killed.
        self._plugin = 'batch_scoring-' + output_of(errand.run)
        self.processes.begin(self._living() or (), monotonic())
        self._client.subscribe_topic(UP, self._hear)
        everywhere(self._client.register_plugin, make_plugin(errand), name=self._plugin)

    def end_run(self):
        """Has all processes close their engines; their last events come out of `next`."""
        if self._client.status == 'running':
            self._send({'shares': {}, 'number': 0, 'rows': 0, 'most': 0, 'orders': wire.dump([]), 'end': True})

    @property
    def are_scoring(self):
        """Whether any process may still report events, and can be heard."""
        return (self._client.status == 'running' and self._answers
                and not self.processes.all_closed)

    def _hear(self, event):
        try:
            message = wire.load_report(event[1])
        except ValueError:
            # No process of ours sends such.
            return
        if message['run'] == self._run:
            self._happened.put(Said(message['process'], message))

    def submit(self, name, label, priority, *args):
        """Has a function of `tasks` run; `label` is what Dask's dashboard shows."""
        allowed = self.processes.allowed(name == 'score')
        if allowed:
            self._restricted[label] = allowed
        future = self._client.submit(
            call, 'tasks', name, self._run, *args, key=label, pure=False, priority=priority,
            workers=allowed, retries=0)
        future.add_done_callback(lambda ended: self._happened.put(Done(ended)))
        return future

    @staticmethod
    def result_of(future):
        """What a function gave, a pair; None if that is not to be had."""
        try:
            return future.result(timeout=TO_ANSWER_ALONE) if future.status == 'finished' else None
        except Exception:
            # The process that has it has died, or is frozen.
            return None
        finally:
            future.release()

    def forget(self, future):
        """Cancels a task whose result is not needed."""
        self._restricted.pop(future.key, None)
        future.cancel()

    def count(self):
        """How many processes there are at all."""
        return max(len(self._living() or ()), 1)

    # --- what happens ---

    def next(self, seconds):
        """The next `Said` or `Done`; None after so many seconds. Raises `ScoringError`."""
        try:
            happened = self._happened.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(happened, Said):
            message = happened.message
            check_version(happened.process, message['version'])
            self.processes.heard(happened.process, message['held'], message['number'], message['jobs'],
                                 message['closed'], monotonic())
        else:
            self._restricted.pop(happened.future.key, None)
        return happened

    def lost(self):
        """The keys of tasks that nobody will do: their processes are silent, or gone.

        What a process had that is known to be gone, Dask has done again by itself, but only by
        those that may do it.
        """
        now = monotonic()
        if now - self._looked_at < LOOK_EVERY:
            return []
        self._looked_at = now
        living = self._living() if self._client.status == 'running' else None
        self.processes.look(living, now)
        if living is None:
            return []
        keys = [key for key, allowed in self._restricted.items() if not living.intersection(allowed)]
        if self.processes.silent and now - self._asked_at >= TELL_EVERY:
            self._asked_at = now
            # Again and again: Dask, which takes it for idle, may give it others.
            processing = self._ask('processing', workers=sorted(self.processes.silent)) or {}
            keys += [key for keys_of_worker in processing.values() for key in keys_of_worker]
        return keys

    def _living(self):
        """The processes that the scheduler knows, a set; None if it does not answer."""
        # `scheduler_info` may lack them: the client renews it by itself, in its short form.
        cores = self._ask('ncores', workers=None)
        return None if cores is None else set(cores)

    def _ask(self, name, **options):
        """What the scheduler answers; None if it does not."""
        try:
            response = self._client.sync(
                getattr(self._client.scheduler, name), callback_timeout=TO_ANSWER_ALONE, **options)
        except Exception:
            # `check` tells whether it is gone.
            self._answers = False
            return None
        self._answers = True
        return response

    def check(self):
        """Raises `ScoringError` if the scheduler or all processes are gone."""
        without = self.processes.seconds_without(monotonic())
        running = self._client.status == 'running' and self._answers
        if not running and without > SILENT:
            raise ScoringError('scheduler_gone', scheduler=self._scheduler)
        if without > WITHOUT_ANY:
            raise ScoringError('workers_gone')

    def tell(self, orders, rows):
        """Tells all processes how many requests each may have in flight, and gives them orders.

        `rows` are those that no process has yet.
        """
        known = self.processes.shares
        for order in orders:
            if isinstance(order, events.Concurrency):
                known.most = order.number
        now = monotonic()
        shares = self.processes.assign(now)
        due = now - self._told_at >= (TELL_EVERY if known.are_heard() else TELL_AGAIN)
        if known.number == self._told and not orders and not due:
            return
        self._told, self._told_at = known.number, now
        self._send({'shares': shares, 'number': self._told,
                    'rows': rows // max(len(known.processes), 1), 'most': known.most,
                    'orders': wire.dump([order for order in orders if not isinstance(
                        order, events.Concurrency)])})

    def _send(self, message):
        self._ask('log_event', topic=DOWN, msg=dict(message, run=self._run))
