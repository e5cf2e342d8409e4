"""How the client of a cluster reaches what runs in its processes, without importing it."""

from __future__ import absolute_import, unicode_literals

import importlib
from collections import namedtuple

from datarobot_batch_scoring.errors import ScoringError

PACKAGE = 'datarobot_batch_scoring.cluster.'

# What the processes and the client of a run tell each other goes under these topics.
UP, DOWN = 'batch_scoring-up', 'batch_scoring-down'

# What every process must know of a run; it is sent where nobody else can read it.
Errand = namedtuple('Errand', [
    'run',        # what tells it from other runs; see `output_of`
    'settings',   # Settings, without the credentials if `from_environment`
    'from_environment',  # True: the workers have the credentials in theirs
    'storage',    # what --storage_options holds, a dict
    'plan',       # pool.PoolPlan
    'input_header',  # the header of the input as the server gets it, bytes
])


def output_of(run):
    """What all runs with an output have in their names, and no others."""
    return run.partition('-')[0]


def call(module, name, *args):
    """Calls a function of a module of this package; to be run in a process of the cluster."""
    return getattr(importlib.import_module(PACKAGE + module), name)(*args)


def make_plugin(errand):
    """The plugin that brings a run to every process, also to those that come later."""
    from distributed import WorkerPlugin

    class Errands(WorkerPlugin):
        """Pickled by value, since it can only be made where Dask is."""

        def __init__(self, errand):
            self.errand = errand

        def setup(self, worker):
            call('host', 'begin', self.errand, worker)

        def teardown(self, worker):
            call('host', 'end', self.errand.run)

    return Errands(errand)


def failure_of(error):
    """A `ScoringError` as a task returns it: raised, Dask would print its traceback."""
    return error.__reduce__()


def raised(failure):
    """The same back."""
    kind, words, state = failure
    assert issubclass(kind, ScoringError)
    error = kind(*words)
    error.__setstate__(state)
    return error
