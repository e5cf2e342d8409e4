"""Keeps a second run off an output: an object is put under a condition, and renewed.

Each generation is an object of its own, so that whoever holds the output and whoever takes it
over put the same name next, and a store lets only one of them.
"""

from __future__ import absolute_import, unicode_literals

import os
import re
import socket
import threading
import uuid

from datarobot_batch_scoring.cluster.remains import from_json, to_json
from datarobot_batch_scoring.cluster.stores import Absent, Taken
from datarobot_batch_scoring.errors import ScoringError, UsageError
from datarobot_batch_scoring.system import process_lives

RENEW_EVERY = 30.0
# Seconds after which nobody is taken to renew it any more.
ABANDONED = 120.0
# Generations that are kept: whoever looked at one has that long to put the next.
KEPT = 4

_NAME = re.compile(r'lock-(\d{10})\.json\Z')


class Holding(object):
    """Holds an output from `take` to `give_up`; `lost` is set if another run has taken it."""

    def __init__(self, remains, out):
        self._store = remains.store
        self._folder = remains.folder
        self._out = out
        self._who = {'host': socket.gethostname(), 'pid': os.getpid(), 'token': uuid.uuid4().hex}
        self._generation = 0
        self._ended = threading.Event()
        self.lost = False
        self.sees_others = True

    def take(self):
        """Takes the output; raises `UsageError` if it cannot, or another run holds it."""
        try:
            self._take()
        except UsageError:
            raise
        except ScoringError as error:
            raise error.as_usage()
        thread = threading.Thread(target=self._keep, name='holding')
        thread.daemon = True
        thread.start()

    def _take(self):
        self.sees_others = self._knows_conditions()
        generations = self._generations()
        newest = generations[-1] if generations else 0
        if generations:
            self._check_abandoned(newest)
        self._put(newest + 1)
        if self._generations()[-1] != self._generation:
            raise self._held(0)

    def give_up(self):
        """Lets others have the output."""
        self._ended.set()
        if self._generation and not self.lost:
            self._store.remove([self._name(each) for each in self._generations()])

    def _check_abandoned(self, newest):
        try:
            holder = from_json(self._store.read(self._name(newest)))
            changed = self._store.info(self._name(newest)).time
        except (Absent, ValueError):
            return
        if self._is_dead(holder):
            return
        left = ABANDONED - (self._now() - changed)
        if left > 0:
            raise self._held(left)

    def _is_dead(self, holder):
        return holder.get('host') == self._who['host'] and not process_lives(holder.get('pid'))

    def _held(self, left):
        return UsageError('held', file=self._out, seconds='{0:.0f}'.format(max(left, 1)))

    def _knows_conditions(self):
        probe = self._folder + 'probe-' + self._who['token']
        try:
            self._store.put_new(probe, b'1')
            self._store.put_new(probe, b'2')
            return False
        except Taken:
            return True
        except ScoringError:
            # If it is the store that fails, the next step says so.
            return False
        finally:
            self._store.remove([probe])

    def _now(self):
        """What time it is by the store's clock."""
        probe = self._folder + 'probe-' + self._who['token']
        self._store.put(probe, b'')
        now = self._store.info(probe).time
        self._store.remove([probe])
        return now

    def _put(self, generation):
        try:
            put = self._store.put_new if self.sees_others else self._store.put
            put(self._name(generation), to_json(self._who))
        except Taken:
            raise self._held(ABANDONED)
        self._generation = generation

    def _keep(self):
        while not self._ended.wait(RENEW_EVERY):
            try:
                self._put(self._generation + 1)
                self._store.remove([self._name(each) for each in self._generations()
                                    if each <= self._generation - KEPT])
            except UsageError:
                self.lost = True
                return
            except ScoringError:
                # The store fails for a while; there is time for three more tries.
                pass

    def _generations(self):
        found = map(_NAME.match, self._store.names(self._folder))
        return sorted(int(each.group(1)) for each in found if each)

    def _name(self, generation):
        return self._folder + 'lock-{0:010d}.json'.format(generation)
