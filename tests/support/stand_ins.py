"""What stands for the plan, the batches and the connections of an engine in unit tests."""

from __future__ import absolute_import, unicode_literals

import collections
import threading

from datarobot_batch_scoring.dataset.batch import Batch, Position
from datarobot_batch_scoring.scoring import events, policy
from datarobot_batch_scoring.scoring.policy import Outcome
from datarobot_batch_scoring.scoring.pool import PoolPlan

Dialect = collections.namedtuple('Dialect', 'delimiter')
Shape = collections.namedtuple('Shape', 'dialect')
Endpoint = collections.namedtuple('Endpoint', 'timeout')

PLAN = PoolPlan(
    endpoint=Endpoint(30.0), secrets=(), compress=False, n_retry=-1, n_concurrent=2, threads=2,
    processes=1, number=0, shape=Shape(Dialect(b',')), layout=None, gzip_output=False, labels=None,
    sized=False, ping=None, sets_aside=False, other_url=None, budget=None)
ASIDE = PLAN._replace(sets_aside=True)


def batch(row, rows):
    """A `Batch` of so many records of six bytes each."""
    raw = b''.join('{0:03d},x\n'.format(number).encode('ascii') for number in range(row, row + rows))
    return Batch(Position(row, 6 * row, row + 2), rows, True, raw)


def scored(sent):
    return events.Scored(sent.start.row, sent.rows, None, ('a',), 0, None, b'x' * sent.rows, None,
                         None)


class Transports(object):
    """Stands for connections: `serve(batch)` gives an outcome, None for a good one.

    `most` is how many requests were in flight at once.
    """

    def __init__(self, serve=lambda sent: None):
        self.serve = serve
        self.most = self.opened = self.closed = 0
        self.over = False
        self._in_flight = 0
        self._lock = threading.Lock()

    def make(self):
        self.opened += 1
        return Transport(self)

    def close(self):
        self.over = True

    def attempt(self, sent):
        with self._lock:
            self._in_flight += 1
            self.most = max(self.most, self._in_flight)
        try:
            return self.serve(sent) or Outcome(
                policy.GOOD, scored=scored(sent),
                figures=events.Answered(sent.rows, 0.1, None, 50))
        finally:
            with self._lock:
                self._in_flight -= 1


class Transport(object):
    def __init__(self, transports):
        self._transports = transports

    def attempt(self, sent, accepted):
        return self._transports.attempt(sent)

    def bad_row(self, sent, digests, reason, error):
        return scored(sent)._replace(csv=None, bad=reason)

    def close(self):
        self._transports.closed += 1
