"""What the processes of a cluster and its client tell each other, as JSON: reading it runs no code.

Everyone who reaches the scheduler can send such messages, so each value is checked.
"""

from __future__ import absolute_import, unicode_literals

import json

import six

from datarobot_batch_scoring import errors
from datarobot_batch_scoring.output.sealed import from_json, is_count, is_text
from datarobot_batch_scoring.scoring import events

_EVENTS = {kind.__name__: kind for kind in (
    events.Failed, events.Warned, events.Logged, events.Sent, events.Answered, events.Retried,
    events.Refused, events.Tried, events.Halved, events.SlowToSend, events.Labels, events.SizeLimit,
    events.Recovered, events.OtherRoute)}
_ERRORS = {kind.__name__: kind for kind in (
    errors.ScoringError, errors.UsageError, errors.DatasetError, errors.Interrupted,
    errors.Terminated)}
_TEXTS = ('line', 'kind', 'reason')
MAX_TEXT = 1 << 20


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
            and is_count(message.get('held')) and is_count(message.get('number'))
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
