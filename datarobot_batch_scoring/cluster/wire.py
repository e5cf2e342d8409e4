"""What the processes of a cluster and its client tell each other: errands, calls and reports.

Reports and orders are JSON: reading it runs no code. Everyone who reaches the scheduler can send
such messages, so each value is checked.
"""

from __future__ import absolute_import, unicode_literals

import importlib
import json
from collections import namedtuple

import six

from datarobot_batch_scoring import errors
from datarobot_batch_scoring.output.sealed import from_json, is_count, is_text
from datarobot_batch_scoring.scoring import events

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
    'token',      # of its lease
])

_EVENTS = {kind.__name__: kind for kind in (
    events.Failed, events.Warned, events.Logged, events.Sent, events.Answered, events.Retried,
    events.Refused, events.Tried, events.Split, events.SlowToSend, events.Labels, events.SizeLimit,
    events.Recovered, events.OtherRoute)}
_ERRORS = {kind.__name__: kind for kind in (
    errors.ScoringError, errors.UsageError, errors.DatasetError, errors.Interrupted,
    errors.Terminated)}
_TEXTS = ('line', 'kind', 'reason')
MAX_TEXT = 1 << 20


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
    assert issubclass(kind, errors.ScoringError)
    error = kind(*words)
    error.__setstate__(state)
    return error


def dump(said):
    """Events or orders as text."""
    return json.dumps([[type(event).__name__, [
        _plain_error(value) if name == 'error' else value
        for name, value in zip(event._fields, event)]] for event in said])


def load(data):
    """The same back, a list; raises `ValueError` for anything else."""
    try:
        said = from_json(data.encode('utf-8'))
        if not isinstance(said, list):
            raise ValueError('not a list')
        return [_event(*entry) for entry in said]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError('not events: {0}'.format(error))


def load_report(message):
    """What a process sends to the client, a dict, with its events loaded; raises `ValueError`."""
    good = (isinstance(message, dict)
            and all(is_text(message.get(name), 1000) for name in ('run', 'process', 'version'))
            and is_count(message.get('held')) and is_count(message.get('number')) and is_count(message.get('jobs'))
            and isinstance(message.get('closed'), bool))
    if not good:
        raise ValueError('not a report')
    return dict(message, events=load(message.get('events')))


def _event(name, values):
    kind = _EVENTS[name]
    return kind(*[_checked(field, value) for field, value in _zip(kind._fields, values)])


def _zip(fields, values):
    if not isinstance(values, list) or len(values) != len(fields):
        raise ValueError('not its fields')
    return zip(fields, values)


def _checked(field, value):
    if field == 'error':
        return _error(*value)
    if field in _TEXTS:
        good = is_text(value, MAX_TEXT)
    elif field == 'labels':
        good = isinstance(value, list) and all(is_text(label, MAX_TEXT) for label in value)
        value = good and tuple(value)
    else:
        good = _is_number(value)
    if not good:
        raise ValueError('not a value of {0}'.format(field))
    return value


def _is_number(value):
    return isinstance(value, six.integer_types + (float,)) and abs(value) < 1 << 63


def _plain_error(error):
    return [type(error).__name__, error.kind, error.facts]


def _error(name, kind, facts):
    if not all(is_text(fact, MAX_TEXT) or _is_number(fact) for fact in facts.values()):
        raise ValueError('not facts')
    error = _ERRORS[name](kind, **facts)
    # It has a fact for each placeholder.
    error.lines()
    return error
