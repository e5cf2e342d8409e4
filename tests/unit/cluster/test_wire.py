"""What processes of a cluster tell each other is read as plain data, and checked."""

from __future__ import absolute_import, unicode_literals

import json
import pickle
import random

import pytest

from datarobot_batch_scoring.cluster import wire
from datarobot_batch_scoring.errors import DatasetError, ScoringError
from datarobot_batch_scoring.scoring import events

SAID = [
    events.Warned('blank', 'a line'), events.Logged(40, 'caf\xe9 \ud800'), events.Sent(10, 2000),
    events.Answered(10, 0.25, 0.01, 300), events.Retried(0, 10, 'status 503', '503', 0.5, 1.5),
    events.Refused(3, 1, 'bad', True), events.Tried(), events.Split(0, 10),
    events.SlowToSend(1 << 20), events.Labels(('a', 'b')), events.SizeLimit(5000), events.Recovered(),
    events.OtherRoute()]


def test_all_events_come_back():
    assert wire.load(wire.dump(SAID)) == SAID


def test_every_event_of_an_engine_is_known():
    kinds = {kind.__name__ for kind in vars(events).values() if hasattr(kind, '_fields')}
    # The client sends shares in place of `Concurrency`; rows do not pass through it.
    assert kinds - set(wire._EVENTS) == {'Scored', 'BadRow', 'Concurrency'}


@pytest.mark.parametrize('error', [
    ScoringError('no_locks', file='out.csv', reason='none'), DatasetError('in its own words', 'detail', 'hint')])
def test_an_error_comes_back(error):
    event, = wire.load(wire.dump([events.Failed(error)]))
    assert type(event.error) is type(error)
    assert event.error.lines() == error.lines()


@pytest.mark.parametrize('data', [
    pickle.dumps([], 2), b'x', '', 'null', '7', '{}', '[7]', '[["Sent"]]', '[["Sent", [1]]]', '[["Sent", {}]]',
    '[["Scored", []]]', '[["Sent", [1, "2"]]]', '[["Sent", [1, 1e999]]]', '[["Sent", [NaN, 1]]]',
    '[["Labels", ["ab"]]]', '[["Labels", [[1]]]]', '[["Failed", [["OSError", "x", {}]]]]',
    '[["Failed", [["ScoringError", "x", {"self": 1}]]]]',
    '[' * 100000, '[["Logged", [40, [[[[[[[[[[]]]]]]]]]]]]]'])
def test_anything_else_is_refused(data):
    with pytest.raises(ValueError):
        wire.load(data)


def test_mutations_are_read_or_refused():
    dice, text = random.Random(7), wire.dump(SAID)
    for _ in range(2000):
        place, size = dice.randrange(len(text)), dice.randrange(4)
        changed = text[:place] + ''.join(
            dice.choice('0"[]{},-.eNx') for _ in range(dice.randrange(4))) + text[place + size:]
        try:
            assert json.dumps([list(event) for event in wire.load(changed)])
        except ValueError:
            pass
