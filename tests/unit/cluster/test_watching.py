"""Tasks are seen to their end, replayed: what each attempt gives, and what is submitted then."""

from __future__ import absolute_import, unicode_literals

import signal
from collections import namedtuple

import pytest

from datarobot_batch_scoring.compat import PY2

if PY2:
    pytest.skip('a cluster needs Python 3', allow_module_level=True)

from datarobot_batch_scoring.cluster import watching, wire  # noqa: E402
from datarobot_batch_scoring.cluster.members import Done, Said  # noqa: E402
from datarobot_batch_scoring.cluster.parts import Task  # noqa: E402
from datarobot_batch_scoring.cluster.shares import Processes  # noqa: E402
from datarobot_batch_scoring.cluster.watching import Watching  # noqa: E402
from datarobot_batch_scoring.errors import Interrupted, ScoringError  # noqa: E402
from datarobot_batch_scoring.scoring import events  # noqa: E402

Future = namedtuple('Future', 'key args')


class Members(object):
    """Gives tasks what `results` has for them, {args: [result, ...]}; the default is their args."""

    def __init__(self, results=(), said=()):
        self.processes = Processes(4, None, 0.0)
        self.processes.heard('a', 0, 0, 1, False, 0.0)
        self.results = {args: list(given) for args, given in dict(results).items()}
        self.said = list(said)
        self.submitted = []
        self.under_way = []
        self.forgotten = []
        self.told = []
        self.most = 0

    def submit(self, name, label, priority, *args):
        self.submitted.append((name,) + args)
        self.under_way.append(Future(label, args))
        self.most = max(self.most, len(self.under_way))
        return self.under_way[-1]

    def next(self, seconds):
        if self.said:
            return Said('a', {'events': self.said.pop(0)})
        # One at a time, as the loop waits for them.
        ended = [future for future in self.under_way if self._result(future) != 'lost']
        if not seconds or not ended:
            return None
        self.under_way.remove(ended[0])
        return Done(ended[0])

    def _result(self, future):
        given = self.results.get(future.args)
        return given[0] if given else ('done', future.args)

    def result_of(self, future):
        result = self._result(future)
        if self.results.get(future.args):
            self.results[future.args].pop(0)
        return result

    def lost(self):
        keys = [future.key for future in self.under_way if self._result(future) == 'lost']
        for future in [future for future in self.under_way if future.key in keys]:
            self.under_way.remove(future)
            self.results[future.args].pop(0)
        return keys

    def forget(self, future):
        self.forgotten.append(future.args)

    def check(self):
        pass

    def tell(self, orders, rows):
        self.told += orders


class Caught(object):
    def __init__(self, numbers=()):
        self.numbers = list(numbers)

    def take(self):
        taken, self.numbers = self.numbers, []
        return taken


class Lease(object):
    lost = False

    def confirm(self):
        pass


def watch(members, listener=lambda event, role=None: (), caught=Caught(), lease=Lease()):
    return Watching(members, listener, caught, lease)


def task(name, number, on_done=lambda value: None):
    return Task(name, '{0} {1}'.format(name, number), number, lambda: (number,), on_done)


# (name, what the attempts of task 1 give, how often it is submitted)
HISTORIES = [
    ('it is done', [], 1),
    ('its process gave it up', [('again', 'why')] * 3, 4),
    ('its result is lost', [None], 2),
    ('its process is silent', ['lost', 'lost'], 3),
]


@pytest.mark.parametrize('results, attempts', [each[1:] for each in HISTORIES],
                         ids=[each[0] for each in HISTORIES])
def test_a_task_is_submitted_until_it_is_done(results, attempts):
    members, done = Members({(1,): results}), []
    watch(members).carry_out([task('score', number, done.append) for number in range(3)])
    assert sorted(done) == [(0,), (1,), (2,)]
    assert members.submitted.count(('score', 1)) == attempts


@pytest.mark.parametrize('result', [('again', 'why'), None, 'lost'])
def test_a_task_that_ends_without_a_result_six_times_ends_the_run(result):
    members = Members({(1,): [result] * watching.MAX_ATTEMPTS})
    with pytest.raises(ScoringError) as caught:
        watch(members).carry_out([task('score', 1)])
    assert (caught.value.kind, caught.value.facts['number']) == ('task_failed', 6)


def test_the_error_of_a_task_ends_the_run_and_the_others_are_forgotten():
    failure = wire.failure_of(ScoringError('task_failed', number=1, task='x'))
    members = Members({(0,): [('failed', failure)]})
    with pytest.raises(ScoringError):
        watch(members).carry_out([task('score', number) for number in range(3)])
    assert sorted(members.forgotten) == [(1,), (2,)]


def test_what_follows_a_task_is_done_too_lowest_numbers_first():
    members = Members()
    watch(members).carry_out([task(
        'scan', 0, lambda value: [task('score', number) for number in (5, 3, 4)])])
    assert members.submitted == [('scan', 0), ('score', 3), ('score', 4), ('score', 5)]


def test_a_process_has_few_tasks_at_once_and_one_alone_while_no_label_is_known():
    members = Members()
    watch(members).carry_out([task('score', number) for number in range(10)])
    assert members.most == watching.OUTSTANDING + 1
    members = Members()
    watch(members).carry_out([task('score', number) for number in range(10)], lambda: True)
    assert members.most == 1 and members.processes.shares.one_by_one


def test_orders_of_the_listener_are_told_to_all():
    order = events.SizeLimit(7)
    members = Members(said=[[events.Logged(40, 'line')]])
    watch(members, lambda event, role=None: [order] if event else []).carry_out([task('score', 1)])
    assert members.told == [order]


def test_an_error_of_a_process_or_a_signal_ends_the_run():
    members = Members(said=[[events.Failed(ScoringError('task_failed', number=1, task='x'))]])
    with pytest.raises(ScoringError):
        watch(members).carry_out([task('score', 1)])
    with pytest.raises(Interrupted):
        watch(Members(), caught=Caught([signal.SIGINT])).carry_out([task('score', 1)])


def test_a_lost_lease_ends_the_run():
    class Lost(object):
        lost = True

        def confirm(self):
            raise ScoringError('task_failed', number=1, task='x')
    with pytest.raises(ScoringError):
        watch(Members(), lease=Lost()).carry_out([task('score', 1)])
