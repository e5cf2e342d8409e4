"""Who may write an output, whatever runs there: a lock of the system, a lease, or both.

A lease is an object beside the output, put under a condition and renewed. Each renewal puts an
object of its own, so that its holder and a run that takes it over put the same name next, and a
store lets only one of them. A file of this machine has the system's lock as well, which is that
of a run without a cluster, too: its holder keeps that while it is suspended.
"""

from __future__ import absolute_import, unicode_literals

import io
import os
import re
import threading

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.errors import Absent, ScoringError, Taken, UsageError
from datarobot_batch_scoring.output import checkpoint, holder, locations, lock
from datarobot_batch_scoring.system import start_thread

# Seconds after its last renewal from which another run may take a lease, by the store's clock.
LEASE_DURATION = 120.0
# Seconds after that until which its holder tries to renew it, by its own clock; less than that,
# so that it has given up before another run begins.
RENEW_DEADLINE = 80.0
# Seconds between two renewals.
RETRY_PERIOD = 30.0
# Renewals that are kept: a run that has looked at one has that long to put the next.
KEPT = 4

_NAME = re.compile(r'lock-(\d{10,18})\.json\Z')


class LeaseLost(ScoringError):
    """Another run has taken the output over."""


class Lease(object):
    """Holds an output from `take` to `give_up`.

    `store` has `put`, `put_new`, `read`, `info`, `names` and `remove`, as `cluster.stores` does;
    `folder` is the URL of the run directory there, `out` the name of the output that the user
    reads, and `path` that of a file or directory of this machine, or None.
    """

    def __init__(self, store, folder, out, path=None, clock=monotonic):
        self._store = store
        self._folder = folder
        self._out = out
        self._path = path
        self._clock = clock
        self._me = holder.this_process()
        # The newest that it has put, and that up to which no other run had put any.
        self._generation = self._looked_at = 0
        self._renewed_at = None
        self._changing = threading.RLock()
        self._ended = threading.Event()
        self._file = None
        self.lost = False
        self.sees_others = True

    @property
    def token(self):
        """What `check_holder` knows it by."""
        return self._me.token

    def take(self):
        """Takes the output; raises `UsageError` if it cannot, or another run holds it."""
        self._lock_file()
        try:
            self._take()
        except ScoringError as error:
            self._unlock_file()
            raise error.as_usage()
        except BaseException:
            self._unlock_file()
            raise
        start_thread('lease', self._keep)

    def confirm(self):
        """Raises `LeaseLost` if another run has the output, `ScoringError` if that is unknown.

        To be called before each step that cannot be undone. It renews the lease: no clock tells
        for how long a process, or its whole machine, was asleep.
        """
        while True:
            try:
                return self._renew()
            except LeaseLost:
                raise
            except ScoringError:
                if self._clock() - self._renewed_at > RENEW_DEADLINE:
                    raise
            self._ended.wait(RETRY_PERIOD / 10)

    def check(self):
        """Raises `LeaseLost` if another run is known to have the output."""
        try:
            self._renew()
        except LeaseLost:
            raise
        except ScoringError:
            pass

    def release(self):
        """Ends the lease of a run that has its output; raises `LeaseLost` if another run has that."""
        self._ended.set()
        try:
            with self._changing:
                if self._generation:
                    # Another run may take it over as soon as it is renewed: its leases have higher numbers.
                    ours = self._renew()
                    self._generation = 0
                    self._store.remove([self._name(generation) for generation in ours])
        except LeaseLost:
            raise
        except ScoringError:
            # It will be free once it has not been renewed for long enough.
            pass

    def give_up(self):
        """Lets others have the output; never fails."""
        try:
            self.release()
        except LeaseLost:
            pass
        finally:
            self._unlock_file()

    # --- the system's lock ---

    def _lock_file(self):
        if self._path is None:
            return
        try:
            self._file = lock_file(self._path, self._out)
        except EnvironmentError as reason:
            # Where the file system has no locks, no run without a cluster writes either.
            if not lock.has_none(reason):
                raise lock.no_checkpoint(self._path, reason).as_usage()

    def _unlock_file(self):
        if self._file is not None:
            self._file.close()
            self._file = None

    # --- the lease ---

    def _take(self):
        self.sees_others = self._knows_conditions()
        newest = self._newest()
        if newest:
            self._check_expired(newest)
        try:
            self._put(newest + 1)
            # Two may have put it where the store has looked before it put, and another may have
            # come and gone since this one looked.
            mine = self._newest() == newest + 1 and self._is_mine(newest + 1)
        except Taken:
            mine = False
        self._looked_at = self._generation
        if not mine:
            self._generation = 0
            raise refused(self._out, newest_holder(self._store, self._folder))

    def _check_expired(self, newest):
        try:
            held_by = holder.from_bytes(self._store.read(self._name(newest)))
            changed = self._store.info(self._name(newest)).time
        except (Absent, ValueError):
            return
        if holder.is_dead(held_by):
            return
        # A time in the future is none at which it was renewed.
        left = LEASE_DURATION - abs(self._now() - changed)
        if left > 0:
            raise refused(self._out, held_by, left)

    def _renew(self):
        """Puts a new lease; returns the generations that there are, all its own but perhaps the first."""
        with self._changing:
            if self.lost:
                raise self._lost_error()
            began = self._clock()
            self._look()
            try:
                self._put(self._generation + 1)
            except Taken:
                self._lose()
            # Again: this process may have been suspended in between for as long as another run
            # takes, which has removed what both of them put.
            generations = self._look()
            self._looked_at, self._renewed_at = self._generation, began
            self._store.remove([self._name(generation) for generation in generations
                                if generation <= self._generation - KEPT])
            return generations

    def _look(self):
        """The generations that there are; raises `LeaseLost` if another run has put any."""
        generations = self._generations()
        # It may have finished and removed all there was.
        if self._looked_at not in generations or generations[-1] != self._generation:
            if self._generation != self._looked_at and self._is_mine(self._generation):
                self._store.remove([self._name(self._generation)])
            self._lose()
        return generations

    def _lose(self):
        self.lost = True
        raise self._lost_error()

    def _keep(self):
        while not self._ended.wait(RETRY_PERIOD):
            try:
                self._renew()
            except LeaseLost:
                return
            except ScoringError:
                # The store fails for a while.
                pass

    def _put(self, generation):
        began = self._clock()
        put = self._store.put_new if self.sees_others else self._store.put
        put(self._name(generation), holder.to_bytes(self._me))
        self._generation, self._renewed_at = generation, began

    def _is_mine(self, generation):
        try:
            return holder.from_bytes(self._store.read(self._name(generation))) == self._me
        except (Absent, ValueError):
            return False

    def _lost_error(self):
        return lost(self._out, newest_holder(self._store, self._folder))

    def _knows_conditions(self):
        probe = self._folder + 'probe-' + self.token
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
        probe = self._folder + 'probe-' + self.token
        self._store.put(probe, b'')
        try:
            return self._store.info(probe).time
        finally:
            self._store.remove([probe])

    def _newest(self):
        return ([0] + self._generations())[-1]

    def _generations(self):
        return _generations(self._store, self._folder)

    def _name(self, generation):
        return _name(self._folder, generation)


def check_holder(store, folder, out, token):
    """Raises `LeaseLost` unless the newest lease in a run directory has this token.

    For a process that is not the holder, and works for it.
    """
    newest = _read_newest(store, folder)
    if newest is None or newest.token != token:
        raise lost(out, newest)


def newest_holder(store, folder):
    """The `holder.Holder` of the newest lease in a run directory; None if that is not known."""
    try:
        return _read_newest(store, folder)
    except ScoringError:
        return None


def holder_of_path(out):
    """The `holder.Holder` of a locked file or directory of this machine; None if that is not known."""
    return holder.of_lock(checkpoint.path_for(out)) or newest_holder(_Directory(), locations.run_directory(out) + '/')


def lock_file(path, out):
    """The `lock.LockedFile` of a file of this machine, which the user knows as `out`.

    Raises `UsageError` if that is not to be had, `EnvironmentError` if the system fails.
    """
    try:
        return lock.LockedFile(path)
    except lock.Locked:
        raise refused(out, holder_of_path(path))
    except lock.NotACheckpoint:
        raise lock.not_ours(path)


def refused(out, held_by, left=0):
    """The error for an output that another run holds, a `holder.Holder` or None."""
    kind = 'held' if left else 'locked'
    return UsageError(
        kind, holder.describe(held_by), file=out, seconds='{0:.0f}'.format(max(left, 1)))


def lost(out, held_by):
    """The error for a run whose output another has taken over, a `holder.Holder` or None."""
    return LeaseLost('lease_lost', holder.describe(held_by), file=out,
                     seconds='{0:.0f}'.format(LEASE_DURATION))


class _Directory(object):
    """As much of a store of this machine's files as it takes to find a holder."""

    @staticmethod
    def names(folder):
        try:
            return os.listdir(folder)
        except EnvironmentError:
            return []

    @staticmethod
    def read(path):
        if not os.path.isfile(path):
            raise Absent(path)
        try:
            with io.open(path, 'rb') as source:
                return source.read()
        except EnvironmentError:
            raise Absent(path)


def _read_newest(store, folder):
    try:
        generations = _generations(store, folder)
        return holder.from_bytes(store.read(_name(folder, generations[-1])))
    except (Absent, IndexError, ValueError):
        return None


def _generations(store, folder):
    matches = map(_NAME.match, store.names(folder))
    return sorted(int(match.group(1)) for match in matches if match)


def _name(folder, generation):
    return folder + 'lock-{0:010d}.json'.format(generation)
