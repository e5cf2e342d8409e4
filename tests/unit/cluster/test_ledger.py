"""What tasks give is entered once, and what it comes to is told."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

import pytest

from datarobot_batch_scoring.dataset.checks import NONE_SHORT
from datarobot_batch_scoring.compat import PY2

if PY2:
    pytest.skip('a cluster needs Python 3', allow_module_level=True)

from datarobot_batch_scoring.cluster.ledger import Ledger  # noqa: E402
from datarobot_batch_scoring.cluster.parts import Plan, Record  # noqa: E402
from datarobot_batch_scoring.cluster.ranges import RowRange  # noqa: E402
from datarobot_batch_scoring.errors import ScoringError  # noqa: E402
from datarobot_batch_scoring.local import messages  # noqa: E402
from datarobot_batch_scoring.scoring import events  # noqa: E402
from datarobot_batch_scoring.scoring.predictions import RowStatistics  # noqa: E402

Settings = namedtuple('Settings', 'max_bad_rows bad_rows')
PLAN = Plan('plan-1', {}, 'd', 'v', 'source', 100, [])
STRETCHES = [RowRange(100 * n, 100 * n + 100, 10 * n, 10, 10 * n + 2) for n in range(4)]


def record(number, bad=(), labels=('x',)):
    return Record(
        plan='plan-1', part=number, name='part', size=50, checksum=1, rows=10, nulls=1,
        labels=labels and list(labels), bad=len(bad), bad_name=None, bad_size=0, version='',
        bad_version='', stretch=list(STRETCHES[number]), digest='d', figures=RowStatistics().plain(),
        notes={'blank': None, 'ctrl_z': None, 'short': [0, []],
               'bad': [[row, row + 2, 'no', None] for row in bad]})


def rejected(row):
    return events.Scored(
        first_row=row, rows=1, digests=(), labels=None, nulls=0, short=NONE_SHORT, csv=None,
        predicted=None, bad=events.BadRow(row + 2, 'no', b'', [], b'', None))


@pytest.fixture
def told():
    return []


@pytest.fixture
def ledger(told):
    ledger = Ledger(Settings(2, 'bad.csv'), None, lambda event, role=None: told.append(event) or ())
    ledger.begin({}, True)
    del told[:]
    return ledger


def task_of(ledger, number):
    return ledger.task(PLAN, number, STRETCHES[number], False)


def test_a_part_counts_once_however_often_it_is_scored(ledger, told):
    task = task_of(ledger, 0)
    for _ in range(2):
        assert task.on_done(record(0)) == []
    assert (ledger.totals.rows, ledger.totals.nulls, ledger.totals.size) == (10, 1, 50)
    assert [event.rows for event in told] == [10, 10]
    assert task_of(ledger, 0) is None


def test_the_parts_of_an_earlier_run_are_not_scored(told):
    ledger = Ledger(Settings(2, None), ('x',), lambda event, role=None: told.append(event))
    ledger.begin({1: record(1)}, True)
    assert told[-1].rows == 10
    assert task_of(ledger, 1) is None
    assert task_of(ledger, 0).args() == ('plan-1', 0, STRETCHES[0], False, ('x',), 'source')


def test_a_task_is_told_the_labels_that_are_known_when_it_is_submitted(ledger):
    task = task_of(ledger, 0)
    ledger.hear(events.Labels(('x', 'y')), 'network')
    ledger.hear(events.Labels(('z',)), 'network')
    assert task.args()[4] == ('x', 'y')


def test_parts_without_an_accepted_row_wait_for_one_and_are_done_again(ledger, told):
    waiting, accepted = task_of(ledger, 0), task_of(ledger, 1)
    assert waiting.on_done([rejected(0), rejected(1)]) is None
    assert told == [] and ledger.totals.rows == 0
    assert accepted.on_done(record(1)) == [waiting]
    # Another that did not know of it yet.
    late = task_of(ledger, 2)
    assert late.on_done([rejected(20)]) == [late]
    ledger.check_accepted()


def test_a_run_in_which_no_row_is_accepted_ends(ledger):
    task_of(ledger, 0).on_done([rejected(n) for n in range(9)])
    with pytest.raises(ScoringError) as caught:
        ledger.check_accepted()
    assert caught.value.kind == 'none_accepted'
    with pytest.raises(ScoringError):
        task_of(ledger, 1).on_done([rejected(10)])


def test_the_first_bad_row_too_many_is_named_and_each_is_told(ledger, told):
    task_of(ledger, 2).on_done(record(2, bad=[25]))
    with pytest.raises(ScoringError) as caught:
        task_of(ledger, 0).on_done(record(0, bad=[3, 7]))
    assert (caught.value.kind, caught.value.facts['row']) == ('many_bad_rows', 25)
    assert [event.row for event in told if isinstance(event, messages.SetAside)] == [25, 3, 7]
