"""The recorder: what the processes say and when, and what workers and user learn of it."""

from __future__ import absolute_import, division, unicode_literals

import re

import pytest

from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local.messages import Read, Written
from datarobot_batch_scoring.run import summary
from datarobot_batch_scoring.run.resume import Start
from datarobot_batch_scoring.run.score import Listener
from datarobot_batch_scoring.scoring.events import (
    Answered, Concurrency, Labels, Recovered, Retried, Sent, SizeLimit, SlowToSend, Warned)
from datarobot_batch_scoring.dataset.checks import NONE_SHORT
from datarobot_batch_scoring.settings import settings

TWO, OTHERS, THREE = Labels(('a', 'b')), Labels(('b', 'c')), Labels(('a', 'b', 'c'))
SENT = Sent(10, 500)
ANSWERED = Answered(10, 0.5, 0.5, 80)
BUSY = Retried(20, 10, '503 Service Unavailable', '503', 1.0, 3.0)
REFUSED = Retried(20, 10, 'connection refused', 'connection', 1.0, 1.0)
PAGE = Retried(20, 10, 'the response is invalid: it is a page: Sign in.', 'page', 1.0, 1.0)
TOO_LARGE = SizeLimit(5000)
LAST = 'No rows scored for {0} s (since TIME): 503 Service Unavailable. Next retry {1}.'
WAITING = 'Waiting for http://example.com: connection refused. Retrying until TIME.'
AGAIN = 'The server recovered after {0} s.'
NO_CONTACT = 'No connection to http://example.com: connection refused.'

# (name, options, what is said, for all workers, for the user, why the run ends). What is said:
# (second, event of a process; None: nothing).
HISTORIES = [
    ('the labels of the first answer are those of all', {}, [
        (1, TWO), (2, OTHERS), (3, TWO)], [TWO], [], None),

    ('what was too much for one worker is too much for all', {}, [
        (1, TOO_LARGE), (2, TOO_LARGE._replace(size=2500))],
        [TOO_LARGE, TOO_LARGE._replace(size=2500)], [], None),

    ('a success is news only after a failure', {}, [
        (1, ANSWERED), (2, BUSY), (3, BUSY), (4, ANSWERED), (5, ANSWERED)],
        [Recovered()], [], None),

    ('failures are told after five seconds, a minute, and every ten more', {}, [
        (0, ANSWERED), (1, BUSY), (4.9, None), (5, None), (59, None), (59, BUSY), (60, None),
        (61, None), (659, None), (660, None)],
        [], [LAST.format(5, 'now'), LAST.format(60, 'in 2 s'), LAST.format(660, 'now')], None),

    ('a minute without failures is no news', {}, [
        (0, ANSWERED), (61, None), (600, None)], [], [], None),

    ('after a success, which is told, the time begins anew', {}, [
        (4, BUSY), (5, None), (10, ANSWERED), (13, BUSY), (14, None), (15, None)],
        [Recovered()],
        [LAST.format(5, 'in 2 s'), AGAIN.format(10), LAST.format(5, 'in 1 s')], None),

    ('what was not told is not told to be over', {}, [
        (1, BUSY), (4, ANSWERED)], [Recovered()], [], None),

    ('the first contact fails for as long as the timeout', {'timeout': 20}, [
        (1, SENT), (1, REFUSED), (19, None), (20, None)], [], [WAITING], NO_CONTACT),

    ('what is in flight at that moment may still succeed', {'timeout': 20}, [
        (1, SENT), (1, REFUSED), (19, SENT), (20, None), (39, None), (40, ANSWERED)],
        [Recovered()], [WAITING, AGAIN.format(40)], None),

    ('what is in flight is not waited for without end', {'timeout': 20}, [
        (1, SENT), (1, SENT), (1, REFUSED), (39, None), (40, None)],
        [], [WAITING], NO_CONTACT),

    ('the first contact may fail for longer with --n_retry=-1', {'timeout': 20, 'n_retry': -1}, [
        (1, SENT), (1, REFUSED), (50, None)],
        [], ['Waiting for http://example.com: connection refused. Retrying.'], None),

    ('a page for the first answer may be by chance, the second is not', {}, [
        (1, PAGE), (2, PAGE)], [], [],
     'http://example.com returned no predictions: the response is invalid: it is a page: Sign in.'),

    ('pages after an answer are failures like others', {}, [
        (1, PAGE), (2, ANSWERED), (3, PAGE), (4, PAGE)], [Recovered()], [], None),

    ('batches shrink where sending takes too long', {}, [
        (1, SlowToSend(700))], [SizeLimit(700)], [], None),

    ('with --n_samples they do not', {'n_samples': 9}, [(1, SlowToSend(700))], [], [], None),

    ('the first contact may fail as often as --n_retry says', {'n_retry': 9}, [
        (1, REFUSED), (200, REFUSED)], [], [], None),

    ('a server that has answered may be away for long', {}, [
        (1, ANSWERED), (2, REFUSED), (50, REFUSED)], [], [], None),

    ('an answer that says no is a contact', {}, [(1, BUSY), (50, REFUSED)], [], [], None),

    ('a warning of each kind is shown once', {}, [
        (1, Warned('short', 'Line 3 is short.')), (2, Warned('short', 'Line 9 is short.')),
        (3, Warned('slow', 'It is slow.'))], [], ['Line 3 is short.', 'It is slow.'], None),

    ('a secret in a warning is masked', {'password': 'hunter2', 'user': 'me'}, [
        (1, Warned('words', 'It said hunter2.'))], [], ['It said *****.'], None),

    ('a name for the prediction is no use with three classes', {'pred_name': 'p'}, [
        (1, THREE), (2, THREE)],
        [THREE], ['--pred_name is ignored: there are 3 classes.'], None),

    ('a name for the prediction is of use with two', {'pred_name': 'p'}, [
        (1, TWO)], [TWO], [], None),
]


class Progress(object):
    """Keeps what the user is told."""

    def __init__(self):
        self.warnings = []
        self.warn = self.say = self.warnings.append
        self.updates = 0

    def update(self, recorder):
        self.updates += 1


class History(object):
    """A recorder that hears a script; `orders` are those for all workers."""

    def __init__(self, options, script):
        command = 'batch_scoring' if 'user' in options else 'batch_scoring_sse'
        ids = dict(project_id='a' * 24, model_id='b' * 24) if 'user' in options else dict(
            import_id='flats')
        self.now = 0.0
        self.progress = Progress()
        self.orders = []
        self.script = script
        self.settings = settings.make(command, dataset='data.csv', host='http://example.com',
                                      **dict(options, **ids))
        self.listener = Listener(self.settings, self.progress, self.clock)
        self.recorder = self.listener.recorder

    def clock(self):
        return self.now

    def replay_with_log(self, caplog):
        """Replays; `logged` has the second and the text of each line in the log."""
        script, self.logged = self.script, []
        for each in script:
            caplog.clear()
            self.script = [each]
            self.replay()
            self.logged += [(each[0], record.getMessage()) for record in caplog.records]

    def replay(self):
        for second, event in self.script:
            self.now = float(second)
            self.orders += self.listener(event, 'network')
        return self


@pytest.mark.parametrize('options, script, orders, warnings, end',
                         [each[1:] for each in HISTORIES], ids=[each[0] for each in HISTORIES])
def test_of_what_is_said_workers_and_user_learn_this(options, script, orders, warnings, end):
    history = History(options, script)
    if end is None:
        history.replay()
    else:
        with pytest.raises(ScoringError) as caught:
            history.replay()
        assert caught.value.message == end
    assert history.orders == orders
    said = [re.sub('[0-9]{2}:[0-9]{2}:[0-9]{2}', 'TIME', each) for each in history.progress.warnings]
    assert said == warnings


def test_what_is_said_is_counted():
    traffic = History({}, [
        (1, SENT), (1, SENT), (1, SENT), (2, ANSWERED), (3, BUSY), (4, SENT), (5, TOO_LARGE),
        (6, SENT), (7, ANSWERED)]).replay().recorder.traffic
    assert (traffic.requests, traffic.in_flight, traffic.answers, traffic.splits) == (5, 1, 2, 1)
    assert traffic.retries == {'503': 1}
    assert (traffic.sent_bytes, traffic.received_bytes) == (2500, 160)


def test_the_share_that_is_done_and_the_seconds_left_follow_from_rows_and_bytes():
    history = History({}, [(5, Read(100, 500)), (10, Written(50, 0, 999, 0, None, NONE_SHORT))])
    history.recorder.size = 1000
    recorder = history.replay().recorder
    assert (recorder.rows, recorder.output_bytes, recorder.throughput) == (50, 999, 5.0)
    assert recorder.share == 0.25
    assert recorder.seconds_left == 30.0


def test_before_anything_is_known_nothing_is_foretold():
    recorder = History({}, [(1, None)]).replay().recorder
    assert (recorder.share, recorder.seconds_left) == (None, None)


@pytest.mark.parametrize('options, seconds', [({}, [60, 121]), ({'verbose': True}, [10, 20, 60, 119])])
def test_progress_is_in_the_log_each_minute_and_more_often_with_verbose(options, seconds, caplog):
    history = History(options, [(second, None) for second in (9, 10, 11, 20, 29, 60, 61, 119, 121)])
    with caplog.at_level('INFO', 'datarobot_batch_scoring'):
        history.replay_with_log(caplog)
    assert [second for second, line in history.logged if ' rows/s, ' in line] == seconds


def test_each_second_progress_is_told():
    assert History({}, [(1, None), (2, SENT), (3, None)]).replay().progress.updates == 2


# --- what suits the server -----------------------------------------------------------

# A server that takes 10 ms a row, for 20 s.
STEADY = [step for second in range(0, 20, 2) for step in (
    (second, Sent(100, 5000)), (second, Sent(100, 5000)),
    (second + 1, Answered(100, 1.0, 1.0, 80)), (second + 1, Answered(100, 1.0, 1.0, 80)))]


def test_what_suits_is_a_batch_of_two_seconds_and_the_requests_that_there_were():
    recorder = History({'n_concurrent': 2}, STEADY).replay().recorder
    assert recorder.recommended == (2, 200)


def test_rows_that_are_large_suit_in_smaller_batches():
    recorder = History({'n_concurrent': 2}, [
        (1, Sent(5, 500000)), (2, Answered(5, 0.01, 0.01, 80))]).replay().recorder
    assert recorder.recommended.n_samples == 26


def test_what_was_refused_suits_no_more():
    recorder = History({'n_concurrent': 8}, [(0, BUSY)] + STEADY).replay().recorder
    assert recorder.recommended.n_concurrent in (1, 2)


def test_nothing_is_known_to_suit_before_an_answer():
    assert History({}, [(1, SENT)]).replay().recorder.recommended is None


def test_found_concurrency_is_an_order_and_suits():
    history = History({'n_concurrent': 'auto'}, [])
    history.listener.begin(history.settings, Start(None, Position(0, 0, 2), (), None, 0, 0, None), 100)
    history.script = [(number / 10, Answered(10, 0.1, 0.1, 80)) for number in range(1, 40)]
    recorder = history.replay().recorder
    assert all(isinstance(order, Concurrency) for order in history.orders)
    assert history.orders[-1].number == recorder.recommended.n_concurrent > 4


def test_the_log_says_which_concurrency_was_found(caplog):
    history = History({'n_concurrent': 'auto:5'}, [])
    history.listener.begin(history.settings, Start(None, Position(0, 0, 2), (), None, 0, 0, None), 100)
    history.script = [(number / 10, Answered(10, 0.1, 0.1, 80)) for number in range(1, 40)]
    with caplog.at_level('INFO', 'datarobot_batch_scoring'):
        history.replay()
    assert 'concurrency tuned to 5 requests in flight' in caplog.text


def test_the_closing_line_of_a_verbose_run_says_what_suits():
    history = History({'n_concurrent': 2, 'verbose': True}, STEADY).replay()
    result = summary.Result('out.csv', 2000, 2000, 20, 0, 0, 20.0, 0,
                            summary.server_summary(history.recorder), '', '', '')
    words = '100 rows per batch, 1 requests in flight; recommended: --n_concurrent=2 --n_samples=200'
    assert summary.summary_line(result, history.settings).endswith('; ' + words)
    quiet = history.settings._replace(verbose=False)
    assert words not in summary.summary_line(result, quiet)
