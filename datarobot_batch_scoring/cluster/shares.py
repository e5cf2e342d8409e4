"""Spreads the requests in flight over the worker processes of a cluster; arithmetic only."""

from __future__ import absolute_import, unicode_literals


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
        # In the order in which they came: none that scores is to make way for one that comes.
        self._names = []
        # What each process has, or may have by what it has heard; and what it may not have
        # heard yet: [(number, share), ...], of which the last is what it was told last; and the
        # number that it has heard last.
        self._held = {}
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
        return all(each in self._told for each in processes)

    def heard(self, process, held, number):
        """A process says that it has, or may have, so many, and what it has heard last."""
        if process not in self._told:
            self._names.append(process)
            self._told[process] = [(0, 0)]
        self._held[process], self._heard[process] = held, number
        told = self._told[process]
        self._told[process] = [each for each in told[:-1] if each[0] > number] + told[-1:]

    def are_heard(self):
        """Whether all processes say that they have heard what they were told last."""
        return all(number >= self.number for number in self._heard.values())

    def gone(self, process):
        """A process has ended, or is not heard of any more."""
        if process in self._told:
            self._names.remove(process)
            del self._told[process], self._held[process], self._heard[process]

    def assign(self):
        """{process: how many it may have in flight}."""
        fair = self._fair()
        bound = {each: max([self._held[each]] + [share for _, share in self._told[each]])
                 for each in self._names}
        free = max(self.most - sum(bound.values()), 0)
        shares = {}
        for each in self._names:
            more = min(max(fair[each] - bound[each], 0), free)
            free -= more
            shares[each] = min(bound[each] + more, fair[each])
        if any(share != self._told[each][-1][1] for each, share in shares.items()):
            self.number += 1
            for each, share in shares.items():
                self._told[each].append((self.number, share))
        return shares

    def _fair(self):
        each, more = divmod(self.most, max(len(self.processes), 1))
        fair = dict.fromkeys(self._names, 0)
        fair.update((process, min(each + (place < more), self._most_each or self.most))
                    for place, process in enumerate(self.processes))
        return fair
