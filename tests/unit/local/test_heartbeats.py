"""How long processes are silent, replayed: when this one listens, and what it hears then."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.local.child import Heartbeats

# (name, [(second, those that are heard then)], {process: seconds of silence after that})
HISTORIES = [
    ('one is heard', [(1, 'ab'), (2, 'a'), (3, 'a')], {'a': 0, 'b': 2}),
    ('nothing was ever heard', [(1, ''), (2, '')], {'a': 2, 'b': 2}),
    ('the listener is late each time', [(1, 'ab'), (4, 'a'), (7, 'a'), (10, 'a')], {'a': 0, 'b': 6}),
    ('the listener was suspended', [(1, 'ab'), (1000, '')], {'a': 2, 'b': 2}),
    ('a clock is set back', [(1, 'ab'), (-500, ''), (-499, 'a')], {'a': 0, 'b': 1}),
]


@pytest.mark.parametrize('history, silence', [each[1:] for each in HISTORIES],
                         ids=[each[0] for each in HISTORIES])
def test_silence_counts_only_while_somebody_listens(history, silence):
    beats = Heartbeats(2.0, 0.0)
    for name in silence:
        beats.expect(name)
    for now, heard in history:
        beats.listen(now)
        for name in heard:
            beats.hear(name)
    assert {name: beats.silence(name) for name in beats.names} == silence


def test_one_that_is_forgotten_is_as_new_when_it_comes_again():
    beats = Heartbeats(2.0, 0.0)
    beats.expect('a')
    beats.listen(1.0)
    beats.expect('a')
    assert beats.silence('a') == 1
    beats.forget('a')
    assert beats.names == []
    beats.expect('a')
    assert beats.silence('a') == 0
