"""The conductor: what the engines say, and the orders for all of them."""

from __future__ import absolute_import, division, unicode_literals

import pytest

from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.run.conductor import Conductor
from datarobot_batch_scoring.run.recorder import Recorder
from datarobot_batch_scoring.run.resume import Start
from datarobot_batch_scoring.scoring.events import (
    Answered, Concurrency, Labels, Recovered, Refused, Retried, Sent, SizeLimit, SlowToSend, Split)
from datarobot_batch_scoring.settings import settings

SENT, GOOD = Sent(10, 500), Answered(10, 0.5, 0.5, 80)
BUSY = Retried(0, 10, 'status 503', '503', 1.0, 1.0)
REFUSED = Retried(0, 10, 'connection refused', 'connection', 1.0, 1.0)
NOT_READY = REFUSED._replace(kind='not ready')
PLAIN = REFUSED._replace(kind='other scheme')
PAGE, SHAPE = BUSY._replace(kind='page'), BUSY._replace(kind='other shape')
SAID_NO = Refused(0, 10, 'status 422', False)

# (name, options, (second, event), orders, the kind of the error that ends the run or None).
HISTORIES = [
    ('the first labels are those of all', {}, [(1, Labels(('a',))), (2, Labels(('b',)))],
     [Labels(('a',))], None),
    ('a size limit is that of all', {}, [(1, SizeLimit(9))], [SizeLimit(9)], None),
    ('slow sending is a size limit', {}, [(1, SlowToSend(9))], [SizeLimit(9)], None),
    ('not with --n_samples', {'n_samples': 5}, [(1, SlowToSend(9))], [], None),
    ('a success after a failure is told once', {}, [(1, BUSY), (2, GOOD), (3, GOOD)],
     [Recovered()], None),
    ('a rejection is no outage', {}, [(1, SAID_NO), (2, GOOD)], [], None),
    ('a batch that waits for a verdict may be one', {},
     [(1, SAID_NO._replace(failing=True)), (2, GOOD)], [Recovered()], None),
    ('a split says nothing to others', {}, [(1, Split(0, 10))], [], None),
    ('no contact', {'timeout': 9}, [(1, SENT), (1, REFUSED), (9, None)], [], 'no_connection'),
    ('a server that is not ready', {'timeout': 9}, [(1, SENT), (1, NOT_READY), (9, None)], [], 'not_ready'),
    ('what is in flight has as long again', {'timeout': 9},
     [(1, SENT), (1, SENT), (2, REFUSED), (17, None), (18, GOOD)], [Recovered()], None),
    ('but no longer', {'timeout': 9},
     [(1, SENT), (1, SENT), (2, REFUSED), (17, None), (18, None)], [], 'no_connection'),
    ('with --n_retry that says how often', {'timeout': 9, 'n_retry': 5},
     [(1, REFUSED), (99, None)], [], None),
    ('an answer is a contact, whatever it says', {'timeout': 9}, [(1, SAID_NO), (2, REFUSED), (99, None)],
     [], None),
    ('the other scheme for certain', {}, [(1, PLAIN)], [], 'other_scheme'),
    ('not once there was an answer', {}, [(1, GOOD), (2, PLAIN)], [], None),
    ('two pages before any answer', {}, [(1, PAGE), (2, PAGE)], [], 'page'),
    ('or answers of another shape', {}, [(1, SHAPE), (2, SHAPE)], [], 'other_shape'),
    ('after one they are failures like others', {}, [(1, PAGE), (2, GOOD), (3, PAGE), (4, PAGE)],
     [Recovered()], None),
]


class Run(object):
    def __init__(self, options):
        self.now = 0.0
        self.settings = settings.make('batch_scoring_sse', dataset='data.csv', import_id='flats',
                                      host='http://example.com', **options)
        self.recorder = Recorder(self.settings, lambda: self.now)
        self.conductor = Conductor(self.settings, self.recorder)

    def hear(self, script):
        orders = []
        for second, event in script:
            self.now = float(second)
            self.recorder.hear(event)
            orders += self.conductor.hear(event)
        return orders


@pytest.mark.parametrize('options, script, orders, kind', [history[1:] for history in HISTORIES],
                         ids=[history[0] for history in HISTORIES])
def test_of_what_the_engines_say_come_these_orders(options, script, orders, kind):
    run = Run(options)
    if kind is None:
        assert run.hear(script) == orders
    else:
        with pytest.raises(ScoringError) as caught:
            run.hear(script)
        assert caught.value.kind == kind


@pytest.mark.parametrize('value, tuned', [('auto', True), (8, False)])
def test_concurrency_is_an_order_where_it_is_tuned(value, tuned):
    run = Run({'n_concurrent': value})
    run.recorder.begin(run.settings, Start(None, Position(0, 0, 2), (), None, 0, 0, None), 100)
    orders = run.hear([(number / 10, event) for number in range(1, 40)
                       for event in (SENT, Answered(10, 0.1, 0.1, 80))])
    assert bool(orders) == tuned and all(isinstance(order, Concurrency) for order in orders)
    if tuned:
        assert orders[0] == Concurrency(5, True) and orders[-1].number > 8
