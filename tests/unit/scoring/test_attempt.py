"""An attempt: what comes back from the server, and the outcome of it."""

from __future__ import absolute_import, unicode_literals

import collections
import json

import pytest

from datarobot_batch_scoring.dataset.batch import Batch, Position
from datarobot_batch_scoring.dataset.dialect import Dialect
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.run import columns, plans
from datarobot_batch_scoring.scoring import attempt, events, policy
from datarobot_batch_scoring.scoring.request import Shape
from datarobot_batch_scoring.server.body import TooLarge
from datarobot_batch_scoring.server.connection import Response
from datarobot_batch_scoring.server.request_error import RequestError
from datarobot_batch_scoring.settings import settings

DIALECT = dict(columns=['x', 'city'], delimiter=b',', encoding='utf-8', fast=False, field_size_limit=1000)
BATCH = Batch(Position(3, 40, 5), 2, True, b'1,a\n2,b\n')
ROW = Batch(Position(3, 40, 5), 1, True, b'1,a\n')
# A record with one field.
SHORT = Batch(Position(3, 40, 5), 2, False, b'1\n2,b\n')


def answer(rows):
    return json.dumps({'data': [{
        'rowId': row, 'prediction': 'yes', 'predictionThreshold': 0.5, 'predictionValues': [
            {'label': 'no', 'value': 0.25}, {'label': 'yes', 'value': 0.75}]}
        for row in range(rows)]}).encode('ascii')


GOOD = answer(2)


def reply(status=200, body=GOOD, sending=0.1, **headers):
    return Response(status, dict((name.replace('_', '-'), value) for name, value in headers.items()),
                    body, sending, 0.5, len(body))


class Connection(object):
    """Stands for a connection that has this to say; an exception is raised."""

    replies = None

    def __init__(self, endpoint, deadlines, method='POST'):
        self.endpoint = endpoint
        self.closed = False
        self.asked = 0

    def post(self, *more):
        self.asked += 1
        said = self.replies.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    ask = post

    def follow(self, location):
        return location == '/there/'

    def close(self):
        self.closed = True


Made = collections.namedtuple('Made', 'outcome told transport')


@pytest.fixture
def send(monkeypatch):
    """`send(batch, replies, **options)`: one attempt, with what the server says."""
    def sent(batch, replies, accepted=True, **options):
        chosen = settings.make('batch_scoring_sse', **dict(
            dict(dataset='data.csv', host='http://example.com'), **options))
        shape = Shape(Dialect(**dict((name, DIALECT[name]) for name in Dialect._fields if name in DIALECT)),
                      b'x,city\n', None, (), b',')
        layout = columns.layout_of(chosen, ',')
        told = []
        monkeypatch.setattr(attempt, 'Connection', Connection)
        Connection.replies = list(replies)
        transports = attempt.Transports(
            plans.worker_plan(chosen, shape, layout, None, 1, 0), told.append, lambda labels: labels)
        transport = transports.make()
        try:
            return Made(transport.attempt(batch, accepted), told, transport)
        finally:
            transport.close()
            transports.close()
    return sent


FLATS = {'import_id': 'flats'}


def test_a_good_answer_is_rows_and_figures(send):
    made = send(BATCH, [reply()], **FLATS)
    scored = made.outcome.scored
    assert made.outcome.kind == policy.GOOD
    assert (scored.first_row, scored.rows, scored.labels) == (3, 2, ('no', 'yes'))
    assert scored.csv.splitlines() == [b'3,0.25,0.75', b'4,0.25,0.75']
    assert made.outcome.figures.rows == 2 and isinstance(made.told[0], events.Sent)


# (name, batch, what the server says, outcome, word, parts of the reason).
OUTCOMES = [
    ('no connection', BATCH, [RequestError('connection', 'refused')], policy.RETRY, 'connection', 'refused'),
    ('a timeout', BATCH, [RequestError('timeout', 'no answer', True)], policy.TIMEOUT, 'timeout', 'no answer'),
    ('an outage', BATCH, [reply(503, b'down')], policy.OVERLOADED, '503', 'status 503: down'),
    ('a fault', BATCH, [reply(500, b'oh')], policy.MAY_BE_ROWS, '500', 'status 500: oh'),
    ('a rejection', BATCH, [reply(422, b'no')], policy.REJECTED, '422', 'status 422: no'),
    ('no permission', BATCH, [reply(401, b'')], policy.FATAL, '401', 'status 401'),
    ('a large request', BATCH, [reply(413, b'')], policy.SPLIT, '413', 'status 413'),
    ('a slow gateway', BATCH, [reply(504, b'')], policy.TIMEOUT, '504', 'status 504'),
    ('no JSON', BATCH, [reply(body=b'{')], policy.INVALID, 'wrong answer', 'the response is invalid'),
    ('a row too few', BATCH, [reply(body=answer(1))], policy.INVALID, events.OTHER_SHAPE, 'the response is invalid'),
    ('a page', BATCH, [reply(body=b'<html>Sign in</html>')], policy.INVALID, events.PAGE, 'Sign in'),
]


@pytest.mark.parametrize('batch, replies, kind, word, reason', [case[1:] for case in OUTCOMES],
                         ids=[case[0] for case in OUTCOMES])
def test_what_the_server_says_is_an_outcome(send, batch, replies, kind, word, reason):
    outcome = send(batch, replies, **FLATS).outcome
    assert (outcome.kind, outcome.word) == (kind, word) and reason in outcome.reason
    assert outcome.scored is None and outcome.heard == (not isinstance(replies[0], RequestError))


def test_what_ends_a_run_has_its_error(send):
    assert send(BATCH, [reply(401, b'')], **FLATS).outcome.error.kind == 'status'
    large = send(ROW, [reply(413, b'')], **FLATS).outcome.error
    assert (large.kind, large.facts['row'], large.facts['line']) == ('large_row', 3, 5)
    huge = send(BATCH, [TooLarge(99)], **FLATS).outcome
    assert (huge.kind, huge.error.kind) == (policy.FATAL, 'large_answer')
    assert send(BATCH, [reply(503, b'')], **FLATS).outcome.error is None


def test_a_rejection_tells_of_records_that_are_too_short(send):
    assert 'Line 5' in send(SHORT, [reply(422, b'')], **FLATS).outcome.short


def test_the_server_may_ask_for_time(send):
    assert send(BATCH, [reply(503, b'', Retry_After='7')], **FLATS).outcome.at_least == 7


def test_a_redirect_to_the_same_place_is_followed_where_servers_do_that(send):
    replies = [reply(307, b'', Location='/there/'), reply(503, b'')]
    assert send(BATCH, replies, protocol='mlflow').outcome.word == '503'


def test_a_server_that_can_say_so_is_asked_whether_it_is_ready(send):
    made = send(BATCH, [reply(200, b''), reply(503, b'')], protocol='mlflow')
    assert made.outcome.word == '503'
    assert send(BATCH, [RequestError('connection', 'refused')], protocol='mlflow').outcome.kind == policy.RETRY


def test_slow_sending_is_told(send):
    made = send(BATCH, [reply(sending=60.0)], timeout=30, **FLATS)
    assert [event.size for event in made.told if isinstance(event, events.SlowToSend)] == [4]


def test_a_row_that_is_set_aside_is_as_it_was_sent(send):
    bad = send(ROW, [reply(422, b'')], **FLATS).transport.bad_row(ROW, (), 'no', None).bad
    assert (bad.line, bad.reason, bad.record) == (5, 'no', b'1,a')


def test_an_answer_that_does_not_fit_the_run_is_an_error(send):
    without = reply(body=GOOD.replace(b'"predictionThreshold": 0.5, ', b''))
    with pytest.raises(ScoringError) as caught:
        send(BATCH, [without], pred_threshold='t', **FLATS)
    assert caught.value.kind == 'no_threshold'


@pytest.mark.parametrize('rows, so_far, limit', [
    (1, None, (1 << 20) + (512 << 10)), (100, 10.0, (1 << 20) + 50 * 10 * 100),
    (1 << 20, None, 1 << 30)])
def test_an_answer_is_so_large_at_most(rows, so_far, limit):
    assert attempt.max_answer_bytes(rows, so_far) == limit
