"""Hears what happens in a run, and has it narrated, counted and acted upon."""

from __future__ import absolute_import, unicode_literals


class Listener(object):
    """Passes each event to a `Narrator`, a `Recorder` and a `Conductor`, in this order."""

    def __init__(self, narrator, recorder, conductor):
        self.narrator = narrator
        self.recorder = recorder
        self._conductor = conductor

    def __call__(self, event, role=None):
        """Takes in an event, None once a second; returns the orders for all engines.

        Raises `ScoringError` to end the run.
        """
        # What is new depends on what was counted before.
        self.narrator.hear(event, role)
        self.recorder.hear(event)
        orders = self._conductor.hear(event)
        self.narrator.ordered(orders)
        return orders

    def begin(self, settings, start, size):
        """Begins the run: `settings` has all secrets by now, `start` is a `resume.Start`."""
        self.recorder.begin(settings, start, size)
        self.narrator.begin()
