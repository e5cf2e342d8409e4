"""Which processes of a cluster there are, and how many requests each may have in flight.

Pure: time is handed in.
"""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.local.child import Heartbeats

# Seconds between two looks of the client at most: it may ask the scheduler for some of them.
MAX_PAUSE = 10.0
# Seconds without any process until the run ends.
WITHOUT_ANY = 45.0
# Seconds of silence after which a process is taken to be lost: it is frozen, maybe.
SILENT = 15.0
# Seconds that processes have to say what they have in flight of a run before.
TO_BEGIN = 10.0


class Processes(object):
    """The processes of a run, by what they say and by what the scheduler knows of them.

    `shares` says how many requests each may have in flight: a `Shares`.
    """

    def __init__(self, most, most_each, now):
        self.shares = Shares(most, most_each)
        # Those that are there and say nothing.
        self.silent = set()
        self._heartbeats = Heartbeats(MAX_PAUSE, now)
        # Those whose engines are closed: all of their events were heard.
        self._closed = set()
        # False until all that were there at the beginning have said what they have.
        self._all_heard = False
        self._begun_at = now
        # By the heartbeats' time: when there was any.
        self._any_at = 0.0

    def begin(self, names, now):
        """A run begins, and the scheduler knows these."""
        self._begun_at = now
        for name in names:
            self._heartbeats.expect(name)

    def heard(self, name, held, number, jobs, closed, now):
        """A process says what it has in flight, what it has heard last, what it scores, and whether it is done."""
        self._heartbeats.listen(now)
        self._heartbeats.hear(name)
        self.silent.discard(name)
        self.shares.heard(name, held, number, jobs)
        if closed:
            self._closed.add(name)

    def look(self, living, now):
        """Takes in which processes the scheduler knows, a set; None if it does not answer."""
        beats = self._heartbeats
        beats.listen(now)
        for name in (living or set()) - self.silent:
            beats.expect(name)
        for name in beats.names:
            if living is not None and name not in living or beats.silence(name) > SILENT:
                beats.forget(name)
                self.shares.gone(name)
                self.silent.add(name)
        if living is not None:
            self.silent &= living
            if beats.names:
                self._any_at = beats.seconds

    def seconds_without(self, now):
        """For how long there has been none; to be called all the time."""
        self._heartbeats.listen(now)
        return self._heartbeats.seconds - self._any_at

    @property
    def there(self):
        """How many there are, for all that is known; at least one."""
        return max(len(self._heartbeats.names), 1)

    @property
    def all_closed(self):
        """Whether none may still report events."""
        return self._closed.issuperset(self.shares.known)

    def allowed(self, scores):
        """The names of those that may do a task; None: all may. `scores`: it sends requests.

        One that may have no request has nothing to score with, and is known by what it says.
        """
        if scores:
            return self.shares.processes
        return sorted(self._heartbeats.names) if self.silent else None

    def assign(self, now):
        """{name: how many requests it may have in flight}."""
        # Before that, one of them may have requests in flight of a run that was killed.
        self._all_heard = (self._all_heard or self.shares.know(self._heartbeats.names)
                           or now - self._begun_at > TO_BEGIN)
        return self.shares.assign() if self._all_heard else {}


class Shares(object):
    """Who may have how many requests in flight, so that together there are at most `most`.

    A process may have begun what it was told that it may, until it says that it has heard
    otherwise; the others get what is free for certain. `number` tells what was told last.
    No process gets more than `most_each`, unless that is None.
    """

    def __init__(self, most, most_each=None):
        self.most = most
        self._most_each = most_each
        self.number = 0
        # True: one process has all of them.
        self.one_by_one = False
        # How many tasks are not ended.
        self.tasks = 0
        # In the order in which they came: none that scores is to make way for one that comes.
        self._names = []
        # What each process has, or may have by what it has heard; and what it may not have
        # heard yet: [(number, share), ...], of which the last is what it was told last; and the
        # number that it has heard last; and how many tasks it is at work on.
        self._held = {}
        self._jobs = {}
        self._told = {}
        self._heard = {}

    @property
    def processes(self):
        """Those that may have any."""
        return self._names[:1 if self.one_by_one else self.most]

    @property
    def known(self):
        """Those that were heard and are not gone."""
        return list(self._names)

    def know(self, processes):
        """Whether all of these were heard."""
        return all(process in self._told for process in processes)

    def heard(self, process, held, number, jobs=1):
        """A process says that it has, or may have, so many, what it has heard last, and how many tasks it scores."""
        if process not in self._told:
            self._names.append(process)
            self._told[process] = [(0, 0)]
        self._held[process], self._heard[process], self._jobs[process] = held, number, jobs
        told = self._told[process]
        self._told[process] = [notice for notice in told[:-1] if notice[0] > number] + told[-1:]

    def are_heard(self):
        """Whether all processes say that they have heard what they were told last."""
        return all(number >= self.number for number in self._heard.values())

    def gone(self, process):
        """A process has ended or stopped its heartbeat."""
        if process in self._told:
            self._names.remove(process)
            del self._told[process], self._held[process], self._heard[process], self._jobs[process]

    def assign(self):
        """{process: how many it may have in flight}."""
        fair = self._fair()
        bound = {process: max([self._held[process]] + [share for _, share in self._told[process]])
                 for process in self._names}
        free = max(self.most - sum(bound.values()), 0)
        shares = {}
        for process in self._names:
            more = min(max(fair[process] - bound[process], 0), free)
            free -= more
            shares[process] = min(bound[process] + more, fair[process])
        if any(share != self._told[process][-1][1] for process, share in shares.items()):
            self.number += 1
            for process, share in shares.items():
                self._told[process].append((self.number, share))
        return shares

    def _fair(self):
        busy = self.processes
        if self.tasks and sum(self._jobs.values()) >= self.tasks:
            # All that is left is under way: whoever has nothing to score gets nothing more.
            busy = [process for process in busy if self._jobs[process]] or busy
        per_process, more = divmod(self.most, max(len(busy), 1))
        fair = dict.fromkeys(self._names, 0)
        fair.update((process, min(per_process + (place < more), self._most_each or self.most))
                    for place, process in enumerate(busy))
        return fair
