"""An output is held by one run at a time, and is free once its run is dead."""

from __future__ import absolute_import, unicode_literals

import os
import sys

import pytest

from datarobot_batch_scoring.cluster import holding
from datarobot_batch_scoring.cluster.remains import Remains, to_json
from datarobot_batch_scoring.cluster.stores import Absent, Info, Local, Taken
from datarobot_batch_scoring.errors import UsageError

pytestmark = pytest.mark.skipif(sys.version_info < (3, 9), reason='as old as no cluster is')


class Memory(object):
    """A store in memory, with a clock of its own."""

    def __init__(self, knows_conditions=True):
        self.now = 1000.0
        self.objects = {}
        self.knows_conditions = knows_conditions

    def put(self, url, data):
        self.objects[url] = (data, self.now)

    def put_new(self, url, data):
        if self.knows_conditions and url in self.objects:
            raise Taken()
        self.put(url, data)

    def read(self, url):
        if url not in self.objects:
            raise Absent()
        return self.objects[url][0]

    def info(self, url):
        return Info(len(self.read(url)), '', self.objects[url][1])

    def names(self, folder):
        return sorted(each[len(folder):] for each in self.objects if each.startswith(folder))

    def remove(self, urls):
        for each in urls:
            self.objects.pop(each, None)


def hold(store, out='mem://out.csv'):
    return holding.Holding(Remains(store, out), out)


def elsewhere(held):
    """The same as if it were held by another machine, which nobody can ask."""
    held._who['host'] = 'another'
    return held


def test_a_second_run_is_refused_and_a_third_is_not():
    store = Memory()
    first = hold(store)
    first.take()
    with pytest.raises(UsageError) as refused:
        hold(store).take()
    assert refused.value.message == 'Another run is writing mem://out.csv.'
    first.give_up()
    hold(store).take()


def test_a_run_on_another_machine_is_dead_after_two_minutes():
    store = Memory()
    elsewhere(hold(store)).take()
    store.now += 100
    with pytest.raises(UsageError) as refused:
        hold(store).take()
    assert 'free in 20 s' in refused.value.hint
    store.now += 20
    hold(store).take()


def test_a_run_on_this_machine_is_dead_once_its_process_is(monkeypatch):
    store = Memory()
    hold(store).take()
    monkeypatch.setattr(holding, 'process_lives', lambda pid: False)
    hold(store).take()


def test_who_takes_an_output_over_at_the_same_time_as_another_loses_or_wins():
    store = Memory()
    elsewhere(hold(store)).take()
    store.now += 200
    one, other = hold(store), hold(store)
    # It has looked, and the other is quicker.
    check = one._check_abandoned
    one._check_abandoned = lambda newest: (check(newest), other.take())
    with pytest.raises(UsageError):
        one.take()


def test_a_run_that_was_taken_for_dead_learns_it(monkeypatch):
    store = Memory()
    first = elsewhere(hold(store))
    first.take()
    store.now += 200
    hold(store).take()
    monkeypatch.setattr(holding, 'RENEW_EVERY', 0)
    first._keep()
    assert first.lost
    first.give_up()
    assert [each for each in store.names('mem://out.csv.run/') if 'lock-' in each]


def test_a_store_without_conditions_is_known_as_one():
    held = hold(Memory(knows_conditions=False))
    held.take()
    assert not held.sees_others


def test_a_folder_knows_conditions_and_keeps_nothing(tmp_path):
    out = 'file://{0}'.format(tmp_path / 'out.csv')
    held = hold(Local(), out)
    held.take()
    assert held.sees_others
    assert os.listdir('{0}'.format(tmp_path / 'out.csv.run')) == ['lock-0000000001.json']
    held.give_up()
    assert os.listdir('{0}'.format(tmp_path)) == []


def test_what_is_no_lock_of_ours_holds_nothing():
    store = Memory()
    store.put('mem://out.csv.run/lock-0000000003.json', b'{')
    store.put('mem://out.csv.run/plan.json', to_json({}))
    hold(store).take()
