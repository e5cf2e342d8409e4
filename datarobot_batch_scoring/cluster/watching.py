"""Sees tasks to their end: submits a few at a time, and again what was lost on the way."""

from __future__ import absolute_import, unicode_literals

import uuid

from datarobot_batch_scoring.cluster.wire import raised
from datarobot_batch_scoring.cluster.members import Done, Said
from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local.signals import error_for
from datarobot_batch_scoring.scoring import events

TICK = 0.2
# Tasks that a process has at once, so that it never waits for one; all of them count as failed
# once if it dies.
OUTSTANDING = 2
# Seconds that processes have for their last events.
MAX_LAST_EVENTS = 5.0
# Processes that may die of a task.
MAX_ATTEMPTS = 6


class Watching(object):
    """The client's loop: `listener` hears what happens, `lease` must not be lost meanwhile."""

    def __init__(self, members, listener, caught, lease):
        self._members = members
        self._processes = members.processes
        self._listener = listener
        self._caught = caught
        self._lease = lease
        # What waits to be submitted, last first: scans, and all else.
        self._scans, self._others = [], []
        self._out = {}
        self._attempts = {}

    def carry_out(self, tasks, one_by_one=lambda: False):
        """Has all tasks done, and those that follow.

        While `one_by_one()` is true only one that is no scan is under way. Raises the
        `ScoringError` that ends the run.
        """
        self._attempts = {}
        self._take(tasks)
        try:
            while self._scans or self._others or self._out:
                self._processes.shares.one_by_one = one_by_one()
                self._processes.shares.tasks = len(self._scans) + len(self._others) + len(self._out)
                self._submit_some(one_by_one())
                self._take(self._look(sum(task.rows for task in self._scans + self._others)))
        finally:
            for _, future in self._out.values():
                self._members.forget(future)
            self._scans, self._others, self._out = [], [], {}

    def finish(self):
        """Ends the run in all processes, and counts what they have not reported so far."""
        self._members.end_run()
        end = monotonic() + MAX_LAST_EVENTS
        while self._members.are_scoring and monotonic() < end:
            happened = self._members.next(TICK)
            if isinstance(happened, Said):
                try:
                    self._heard(happened)
                except ScoringError:
                    # The run has its result, or an error, already.
                    pass

    def _take(self, tasks):
        for task in tasks:
            (self._scans if task.name == 'scan' else self._others).append(task)
        if tasks:
            for queue in self._scans, self._others:
                queue.sort(key=lambda queued: -queued.number)

    def _submit_some(self, one_by_one):
        scans = sum(task.name == 'scan' for task, _ in self._out.values())
        others = len(self._out) - scans
        scoring = self._processes.shares.processes
        most = OUTSTANDING * max(len(scoring), 1) + 1
        while (self._others and others < (1 if one_by_one else most)
               and (scoring or self._others[-1].name != 'score')):
            self._submit(self._others.pop())
            others += 1
        # So far ahead that no process waits for a part, and one in each, so that it begins with
        # parts in between. While only one scores, the others have nothing else to do.
        while (self._scans and scans < self._processes.there
               and (one_by_one or len(self._others) < most)):
            self._submit(self._scans.pop())
            scans += 1

    def _submit(self, task):
        label = '{0}-{1}'.format(task.label, uuid.uuid4().hex[:8])
        # A scan takes little time, and parts come out of it.
        priority = 1 if task.name == 'scan' else -task.number
        future = self._members.submit(task.name, label, priority, *task.args())
        self._out[future.key] = task, future

    def _look(self, rows):
        """Waits for the next event; returns tasks to do."""
        happened = self._members.next(TICK)
        orders, again = [], []
        # What has come meanwhile too, but not without end.
        for _ in range(200):
            if isinstance(happened, Said):
                orders += self._heard(happened)
            elif isinstance(happened, Done):
                again += self._ended(happened.future)
            else:
                break
            happened = self._members.next(0)
        self._tick()
        again += self._take_back(self._members.lost())
        self._members.tell(orders, rows)
        return again

    def _heard(self, said):
        orders = []
        for event in said.message['events']:
            if isinstance(event, events.Failed):
                raise event.error
            orders += self._listener(event, 'network')
        return orders

    def _tick(self):
        for number in self._caught.take():
            raise error_for(number)
        self._listener(None)
        if self._lease.lost:
            self._lease.confirm()
        self._members.check()

    def _ended(self, future):
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
        return task.on_done(value) or []

    def _again(self, task):
        known = task.name, task.number
        self._attempts[known] = self._attempts.get(known, 0) + 1
        if self._attempts[known] >= MAX_ATTEMPTS:
            raise ScoringError('task_failed', number=MAX_ATTEMPTS, task=task.label)
        return [task]

    def _take_back(self, keys):
        again = []
        for key in keys:
            if key in self._out:
                task, future = self._out.pop(key)
                self._members.forget(future)
                again += self._again(task)
        return again
