"""Sees tasks to their end: submits a few at a time, and again what was lost on the way."""

from __future__ import absolute_import, unicode_literals

import pickle
import uuid
from collections import namedtuple

from datarobot_batch_scoring.cluster.calls import raised
from datarobot_batch_scoring.cluster.members import Done, Said
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.processes import messages
from datarobot_batch_scoring.processes.signals import error_for

TICK = 0.2
# Tasks that a process has at once, so that it never waits for one; all of them count as failed
# once if it dies.
OUTSTANDING = 2
# Processes that may die of a task.
MOST_ATTEMPTS = 6

Task = namedtuple('Task', [
    'name',    # of a function in `tasks`
    'label',   # what it does, for Dask's dashboard
    'number',  # of the part or range
    'args',    # a function that gives the arguments at the time it is submitted
    'rows',    # that it scores
])
Task.__new__.__defaults__ = (0,)


class Watching(object):
    """The client's loop: `recorder` hears what happens, `holding` must not be lost meanwhile."""

    def __init__(self, members, recorder, caught, holding):
        self._members = members
        self._recorder = recorder
        self._caught = caught
        self._holding = holding
        self._out = {}
        self._attempts = {}

    def carry_out(self, tasks, on_done, one_by_one=lambda: False):
        """Has all tasks done; `on_done(task, value)` may give more tasks.

        While `one_by_one()` is true only one is under way. Raises the `ScoringError` that ends
        the run.
        """
        self._attempts = {}
        left = list(reversed(tasks))
        try:
            while left or self._out:
                self._members.use(one_by_one())
                while (left and self._members.can_take(left[-1].name)
                       and len(self._out) < self._most(one_by_one())):
                    self._submit(left.pop())
                left.extend(reversed(self._look(on_done, sum(each.rows for each in left))))
        finally:
            for _, future in self._out.values():
                self._members.forget(future)
            self._out = {}

    def _most(self, one_by_one):
        return 1 if one_by_one else max(OUTSTANDING * self._members.processes, 1) + 1

    def _submit(self, task):
        label = '{0}-{1}'.format(task.label, uuid.uuid4().hex[:8])
        future = self._members.submit(task.name, label, -task.number, *task.args())
        self._out[future.key] = task, future

    def _look(self, on_done, rows):
        """Waits for what happens next; returns tasks to do, again or anew."""
        happened = self._members.next(TICK)
        orders, again = [], []
        # What has come meanwhile too, but not without end.
        for _ in range(200):
            if isinstance(happened, Said):
                orders += self._heard(happened)
            elif isinstance(happened, Done):
                again += self._ended(happened.future, on_done)
            else:
                break
            happened = self._members.next(0)
        self._tick()
        again += self._take_back(self._members.lost())
        self._members.tell(orders, rows)
        return again

    def _heard(self, said):
        orders = []
        for event in pickle.loads(said.message['events']):
            if isinstance(event, messages.Failed):
                raise event.error
            orders += self._recorder(event, 'network')
        return orders

    def _tick(self):
        for number in self._caught.take():
            raise error_for(number)
        self._recorder(None)
        self._members.check()
        if self._holding.lost:
            raise ScoringError('Another run has taken the output over.',
                               hint='It was taken for dead: this one could not reach the store.')

    def _ended(self, future, on_done):
        task, _ = self._out.pop(future.key, (None, None))
        if task is None:
            return []
        result = self._members.result_of(future)
        if result is None:
            return self._again(task)
        kind, value = result
        if kind == 'failed':
            raise raised(value)
        if kind == 'again':
            return self._again(task)
        return on_done(task, value) or []

    def _again(self, task):
        self._attempts[task.number] = self._attempts.get(task.number, 0) + 1
        if self._attempts[task.number] >= MOST_ATTEMPTS:
            raise ScoringError(
                'The cluster has given up {0} times: {1}.'.format(MOST_ATTEMPTS, task.label),
                hint='Its processes may be out of memory: the logs of the workers tell. Then run '
                     'the same command with --resume.')
        return [task]

    def _take_back(self, keys):
        again = []
        for key in keys:
            if key in self._out:
                task, future = self._out.pop(key)
                self._members.forget(future)
                again += self._again(task)
        return again
