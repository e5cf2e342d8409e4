"""What says how far an output has come: on one machine, the slots of its checkpoint."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import checkpoint, lock


class Journal(object):
    """The journal of an output that cannot be resumed: it says nothing.

    A state is a dict of the plain values that `checkpoint.Checkpoint` names. Any method may
    raise `OSError`.
    """

    def begin(self, state):
        """Begins with a state; that of an earlier output is lost."""

    def restore(self):
        """The state to go on from, or None; `commit` or `force` must follow."""

    def commit(self, state):
        """Notes what has changed of the state; a kill leaves this or the one before."""

    def force(self, state):
        """Notes what has changed of the state, which is on disk then."""

    def close(self, complete):
        """Ends; `complete`: there is nothing to resume."""


class Slots(Journal):
    """The checkpoint of the output `out`, which it holds the lock on.

    `matching` is what must not change before resuming, and `digests` are those of the input so
    far. It goes on from the checkpoint with the serial number `resume`, unless that is None, and
    has room for the figures of a report if `with_figures`. Raises `ScoringError` if another run
    is writing the output, or has since the user was asked: `seen` is what `LockedFile.snapshot`
    returned then.
    """

    def __init__(self, out, seen, matching, digests=(), resume=None, with_figures=False):
        self._matching = matching
        self._digests = digests
        self._resume = resume
        self._with_figures = with_figures
        self._checkpoint = None
        try:
            self._locked = lock.LockedFile(out)
        except lock.Locked:
            raise lock.locked_by_another(out)
        except lock.NotACheckpoint:
            raise lock.not_ours(out)
        except EnvironmentError as error:
            raise lock.no_checkpoint(out, error)
        if self._locked.snapshot() != seen:
            raise ScoringError('overtaken', file=out)

    def begin(self, state):
        """Begins with a state; that of an earlier output is lost, even after a power cut."""
        self._checkpoint = checkpoint.new(
            self._locked.descriptor, self._matching, self._with_figures)
        self._checkpoint['digests'] = self._digests
        self.force(state)

    def restore(self):
        """The state to go on from, or None; it is on disk, and `force` must follow."""
        if self._resume is None:
            return None
        self._checkpoint = checkpoint.at(self._locked.descriptor, self._resume)
        # It was read, but after a kill it may not be on disk yet, and it is soon replaced.
        self._checkpoint.force()
        state = self._checkpoint.state()
        # The encoding may have changed.
        self._checkpoint['digests'] = self._digests
        self._checkpoint['run'] = self._matching
        return state

    def commit(self, state):
        """Notes what has changed of the state; a kill leaves this or the one before."""
        self._checkpoint.update(state)
        self._checkpoint.sync()

    def force(self, state):
        """Notes what has changed of the state, and forces it to disk."""
        self.commit(state)
        self._checkpoint.force()

    def close(self, complete):
        """Gives up the lock; `complete`: removes the checkpoint."""
        self._locked.close(remove=complete)
