"""An output is held by one run at a time, and is free once its run is dead or has not renewed it."""

from __future__ import absolute_import, unicode_literals

import os
import sys

import pytest

from datarobot_batch_scoring.errors import Absent, ScoringError, Taken, UsageError
from datarobot_batch_scoring.output import holder, lease

OUT = 'mem://out.csv'
FOLDER = OUT + '.run/'


class Info(object):
    def __init__(self, time):
        self.time = time


class Memory(object):
    """A store in memory; it and those that use it have one clock, which only the test moves."""

    def __init__(self, knows_conditions=True):
        self.now = 1000.0
        self.objects = {}
        self.knows_conditions = knows_conditions
        self.fails = False

    def clock(self):
        return self.now

    def put(self, url, data):
        if self.fails:
            fail()
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
        self.read(url)
        return Info(self.objects[url][1])

    def names(self, folder):
        return sorted(each[len(folder):] for each in self.objects if each.startswith(folder))

    def remove(self, urls):
        for each in urls:
            self.objects.pop(each, None)


class Never(object):
    """In place of the thread that renews: the test does so itself."""

    def __init__(self, **options):
        pass

    def start(self):
        pass


@pytest.fixture(autouse=True)
def no_thread(monkeypatch):
    monkeypatch.setattr(lease.threading, 'Thread', Never)


def on(store, **changes):
    """A lease that is not taken yet, of a process of another machine unless `changes` say otherwise."""
    made = lease.Lease(store, FOLDER, OUT, clock=store.clock)
    made._me = made._me._replace(**dict({'boot': 'another', 'host': 'another'}, **changes))
    # No test waits.
    made._ended.wait = lambda seconds: setattr(store, 'now', store.now + seconds)
    return made


def fail():
    raise ScoringError('the store fails')


def taken(store, **changes):
    made = on(store, **changes)
    made.take()
    return made


def test_the_three_times_leave_a_holder_time_to_give_up_before_another_begins():
    assert lease.LEASE_DURATION > lease.RENEW_DEADLINE > lease.RETRY_PERIOD


def test_a_second_run_is_refused_and_told_by_whom_and_a_third_is_not():
    store = Memory()
    first = taken(store, host='there', pid=4711)
    with pytest.raises(UsageError) as refused:
        on(store).take()
    assert refused.value.message == 'Another run is writing mem://out.csv.'
    assert refused.value.detail == 'It is process 4711 on there.'
    first.give_up()
    assert store.objects == {}
    on(store).take()


def test_a_lease_is_free_once_it_was_not_renewed_for_its_duration():
    store = Memory()
    taken(store)
    store.now += 100
    with pytest.raises(UsageError) as refused:
        on(store).take()
    assert 'expires in 20 s' in refused.value.hint
    store.now += 20
    on(store).take()


def test_a_lease_of_the_future_is_as_free_as_one_that_is_old():
    store = Memory()
    taken(store)
    store.now -= 200
    on(store).take()


@pytest.mark.parametrize('changes, is_free', [
    ({}, True),
    ({'boot': 'another'}, False),
    ({'boot': ''}, False),
    ({'namespace': 'pid:[1]'}, False),
], ids=['same system', 'other boot', 'unknown boot', 'other namespace'])
def test_a_dead_process_frees_its_lease_only_on_its_own_system(monkeypatch, changes, is_free):
    me = holder.this_process()
    if not me.boot:
        pytest.skip('this system does not tell one boot from another')
    store = Memory()
    taken(store, **dict(me._asdict(), **changes))
    monkeypatch.setattr(holder, 'process_lives', lambda pid: False)
    if is_free:
        return on(store).take()
    with pytest.raises(UsageError):
        on(store).take()


def test_another_process_with_the_number_of_a_dead_one_does_not_keep_its_lease():
    me = holder.this_process()
    if not me.started:
        pytest.skip('this system does not tell when a process began')
    store = Memory()
    taken(store, **dict(me._asdict(), started='1'))
    on(store).take()


def test_a_process_that_lives_keeps_its_lease():
    store = Memory()
    taken(store, **holder.this_process()._asdict())
    with pytest.raises(UsageError):
        on(store).take()


def test_of_two_that_take_it_over_at_the_same_time_one_is_told_of_the_other():
    store = Memory()
    taken(store)
    store.now += 200
    one, other = on(store), on(store, host='quicker', pid=5)
    # It has looked, and the other is quicker.
    check = one._check_expired
    one._check_expired = lambda newest: (check(newest), other.take())
    with pytest.raises(UsageError) as refused:
        one.take()
    assert refused.value.detail == 'It is process 5 on quicker.'
    other.confirm()


def test_a_store_that_lets_both_put_their_lease_leaves_one_of_them():
    store = Memory()
    one, other = on(store), on(store)
    put = store.put_new

    def put_twice(url, data):
        put(url, data)
        if 'lock-' in url:
            # It had looked before the first was there.
            store.put(url, holder.to_bytes(other._me))
    store.put_new = put_twice
    with pytest.raises(UsageError):
        one.take()


def test_a_holder_that_was_suspended_goes_on_if_no_other_run_has_come():
    store = Memory()
    first = taken(store)
    store.now += 100000
    first.confirm()
    with pytest.raises(UsageError):
        on(store).take()


@pytest.mark.parametrize('knows_conditions', [True, False])
@pytest.mark.parametrize('renewals', [0, 1, 9])
def test_a_holder_that_was_suspended_learns_of_the_other_run(knows_conditions, renewals):
    store = Memory(knows_conditions)
    first = taken(store)
    store.now += 200
    second = taken(store, host='new', pid=7)
    for _ in range(renewals):
        second.confirm()
    before = dict(store.objects)
    with pytest.raises(lease.LeaseLost) as lost:
        first.confirm()
    assert lost.value.lines()[:2] == [
        'This run lost its lease on mem://out.csv: another run took over.',
        'It is process 7 on new.']
    assert first.lost
    first.give_up()
    assert store.objects == before
    second.confirm()


@pytest.mark.parametrize('fails', [False, True])
@pytest.mark.parametrize('renewals', [0, 9, None])
def test_a_holder_that_was_suspended_between_its_look_and_its_lease_learns_of_the_other_run(
        renewals, fails):
    store = Memory()
    first = taken(store)
    others, put_new = [], store.put_new

    def put_late(url, data):
        store.put_new = put_new
        store.now += 200
        others.append(taken(store, host='new', pid=7))
        for _ in range(renewals or 5):
            others[0].confirm()
        if renewals is None:
            others[0].give_up()
        others.append(dict(store.objects))
        put_new(url, data)
        if fails:
            # Just now, and for a moment.
            names = store.names
            store.names = lambda folder: setattr(store, 'names', names) or fail()
    store.put_new = put_late
    if fails:
        with pytest.raises(ScoringError):
            first.confirm()
    with pytest.raises(lease.LeaseLost):
        first.confirm()
    assert first.lost and store.objects == others[1]
    if renewals is not None:
        others[0].confirm()


def test_a_holder_that_was_suspended_until_the_other_run_was_done_learns_that_too():
    store = Memory()
    first = taken(store)
    store.now += 200
    taken(store).give_up()
    with pytest.raises(lease.LeaseLost):
        first.confirm()
    first.give_up()
    assert store.objects == {}


def test_a_holder_that_was_suspended_while_it_gave_its_lease_up_leaves_that_of_the_other_run():
    store = Memory()
    first = taken(store)
    others, remove = [], store.remove

    def remove_late(urls):
        if not others:
            store.now += 200
            others.append(None)
            others[0] = taken(store)
        remove(urls)
    store.remove = remove_late
    first.release()
    others[0].confirm()


def test_a_holder_that_was_suspended_before_it_gave_its_lease_up_says_that_it_has_lost_it():
    store = Memory()
    first = taken(store)
    store.now += 200
    second = taken(store)
    with pytest.raises(lease.LeaseLost):
        first.release()
    first.give_up()
    second.confirm()


def test_a_run_that_has_its_output_ends_though_the_store_fails_then():
    store = Memory()
    first = taken(store)
    store.fails = True
    first.release()


def test_a_holder_whose_store_fails_for_a_while_goes_on():
    store = Memory()
    first = taken(store)
    store.fails = True
    waited = []

    def wait(seconds):
        waited.append(seconds)
        store.now += seconds
        store.fails = len(waited) < 3
    first._ended.wait = wait
    first.confirm()
    assert len(waited) == 3


def test_a_holder_that_cannot_renew_until_the_deadline_gives_up_before_another_begins():
    store = Memory()
    first = taken(store)
    began = store.now
    store.fails = True
    with pytest.raises(ScoringError) as failure:
        first.confirm()
    assert failure.value.message == 'the store fails'
    assert lease.RENEW_DEADLINE < store.now - began < lease.LEASE_DURATION


def test_only_the_newest_leases_are_kept():
    store = Memory()
    first = taken(store)
    for _ in range(20):
        first.confirm()
    assert len(store.names(FOLDER)) == lease.KEPT


def test_a_worker_knows_whether_its_client_still_holds_the_output():
    store = Memory()
    first = taken(store)
    first.confirm()
    lease.check_holder(store, FOLDER, OUT, first.token)
    store.now += 200
    second = taken(store)
    lease.check_holder(store, FOLDER, OUT, second.token)
    with pytest.raises(lease.LeaseLost):
        lease.check_holder(store, FOLDER, OUT, first.token)
    second.give_up()
    with pytest.raises(lease.LeaseLost):
        lease.check_holder(store, FOLDER, OUT, first.token)


def test_a_store_without_conditions_is_known_as_one():
    held = taken(Memory(knows_conditions=False))
    assert not held.sees_others


@pytest.mark.skipif(sys.version_info < (3, 9), reason='as old as no cluster is')
def test_a_directory_has_the_lock_of_the_system_as_well_and_keeps_nothing(tmp_path):
    from datarobot_batch_scoring.cluster.stores import Local
    from datarobot_batch_scoring.output import lock
    path = '{0}'.format(tmp_path / 'out.csv')

    def held():
        return lease.Lease(Local(), 'file://' + path + '.run/', path, path)
    first = held()
    first.take()
    assert first.sees_others
    assert sorted(os.listdir('{0}'.format(tmp_path))) == ['out.csv.run', 'out.csv.shelve']
    with pytest.raises(lock.Locked):
        lock.LockedFile(path)
    with pytest.raises(UsageError) as refused:
        held().take()
    assert refused.value.detail == holder.describe(lease.holder_of_path(path)) != ''
    first.give_up()
    assert os.listdir('{0}'.format(tmp_path)) == []


@pytest.mark.parametrize('data', [
    b'', b'{', b'[]', b'{}', b'null', b'\xff', b'[' * 100000, b'{"pid": NaN}'])
def test_what_is_no_lease_of_ours_holds_nothing(data):
    store = Memory()
    store.put(FOLDER + 'lock-0000000003.json', data)
    on(store).take()


@pytest.mark.parametrize('changes', [
    {'pid': 0}, {'pid': -1}, {'pid': True}, {'pid': 1.5}, {'pid': '7'}, {'pid': 1 << 40},
    {'host': None}, {'host': 'h' * 10000}, {'boot': []}, {'token': '../x'}])
def test_a_forged_holder_is_none(changes):
    with pytest.raises(ValueError):
        holder.from_bytes(holder.to_bytes(holder.this_process()._replace(**changes)))


def test_a_lease_that_was_changed_is_none():
    data = holder.to_bytes(holder.this_process())
    assert holder.from_bytes(data)
    with pytest.raises(ValueError):
        holder.from_bytes(data.replace(b'"pid": ', b'"pid": 1'))
