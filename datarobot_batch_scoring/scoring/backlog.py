"""What an engine still has to score: which item is next, and when."""

from __future__ import absolute_import, unicode_literals

import heapq

from datarobot_batch_scoring.scoring.policy import is_used_up


class Backlog(object):
    """Items that are ready to be sent, those that wait to be sent again, and suspects.

    Suspects wait for a verdict: whether others succeed. It is pure: time is handed in, and its
    owner has the lock.
    """

    def __init__(self):
        self._ready = []
        self._waiting = []
        self._suspects = []

    @property
    def ready(self):
        """How many items are ready."""
        return len(self._ready)

    @property
    def empty(self):
        """Whether nothing is left."""
        return not (self._ready or self._waiting or self._suspects)

    @property
    def all_tried(self):
        """Whether each ready item has failed before."""
        return all(item.history.attempts for item in self._ready)

    def add(self, item):
        """Takes in an item that is ready."""
        heapq.heappush(self._ready, item)

    def put_off(self, item, due):
        """Takes in an item that is ready at that time."""
        heapq.heappush(self._waiting, (due, item))

    def suspect(self, item, verdict):
        """Takes in an item that waits for its `item.Verdict`."""
        item.verdict = verdict
        self._suspects.append(item)

    def wake(self, now):
        """Makes ready what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            self.add(heapq.heappop(self._waiting)[1])

    def due(self):
        """When the next item that waits is due; None if none does."""
        return self._waiting[0][0] if self._waiting else None

    def take(self, probing):
        """The next item: the first of the rows or, as a probe, the one that failed least."""
        if not probing:
            return heapq.heappop(self._ready)
        # Otherwise one that always fails might be the one that is tried again and again.
        item = min(self._ready, key=lambda ready: (ready.history.attempts, ready.batch.start))
        self._ready.remove(item)
        heapq.heapify(self._ready)
        return item

    def count_probe(self, n_retry):
        """Counts a failed probe of a server that is down for all that waits for it.

        Returns the items whose attempts are used up by that; they are no longer part of it.
        """
        items = self._ready + [item for _, item in self._waiting]
        for item in items:
            item.history = item.history._replace(probes=item.history.probes + 1)
        used_up = [item for item in items if is_used_up(item.history, n_retry)]
        if used_up:
            self._ready = [item for item in self._ready if item not in used_up]
            self._waiting = [entry for entry in self._waiting if entry[1] not in used_up]
            heapq.heapify(self._ready)
            heapq.heapify(self._waiting)
        return used_up

    # --- suspects ---

    @property
    def only_suspects(self):
        """The suspects if nothing else is left, or else none."""
        return [] if self._ready or self._waiting else list(self._suspects)

    def convict(self):
        """Something has succeeded: what fails is to blame itself."""
        for item in self._suspects:
            item.verdict.guilty = True
        self.release()

    def release(self):
        """Makes the suspects ready: each has its verdict."""
        while self._suspects:
            self.add(self._suspects.pop())
