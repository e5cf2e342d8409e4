"""What was changed in a run directory is noticed before it is used."""

from __future__ import absolute_import, unicode_literals

import json
import os
import random
import sys
import zlib

import pytest

from datarobot_batch_scoring.cluster import parts as validation
from datarobot_batch_scoring.cluster import planning, ranges
from datarobot_batch_scoring.cluster.remains import Record, RunDirectory
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import holder, sealed
from datarobot_batch_scoring.settings.values import TO_THE_END, Rows

pytestmark = pytest.mark.skipif(sys.version_info < (3, 9), reason='as old as no cluster is')

ALL = Rows(0, TO_THE_END)
STRETCHES = [ranges.RowRange(10, 100, 0, 5, 2), ranges.RowRange(100, 200, 5, 7, 8),
             ranges.RowRange(200, 300, 12, 3, 15)]
PLAN = planning.Plan(
    'plan-0123456789ab', {'rows': None, 'header': ['a'], 'delimiter': ',', 'n_samples': 3}, 'file:///data.csv',
    'version 1', planning.Source('file:///data.csv', 300, 'version 1', 'utf-8', 10), 131072, STRETCHES)
RECORD = Record(
    plan=PLAN.name, part=1, name='part-000001-0123456789ab', size=40, checksum=7, rows=7, nulls=0, labels=['y'],
    bad=1, bad_name='bad-000001-0123456789ab', bad_size=9, version='', bad_version='', stretch=list(STRETCHES[1]),
    digest='a' * 64, figures=None,
    notes={'blank': None, 'ctrl_z': None, 'short': [1, [9]], 'bad': [[6, 9, 'no', None]]})


@pytest.fixture
def remains(tmp_path):
    from datarobot_batch_scoring.cluster.stores import Local
    return RunDirectory(Local(), 'file://{0}'.format(tmp_path / 'out.csv'))


def put_objects(remains):
    for name, size in ((RECORD.name, 40), (RECORD.bad_name, 9)):
        remains.store.put(remains.folder + name, b'x' * size)


def test_a_plan_and_records_come_back(remains):
    planning.write(remains, PLAN)
    remains.commit(RECORD)
    put_objects(remains)
    assert planning.read(remains) == PLAN
    assert remains.all_committed(PLAN.name) == {1: RECORD}


def test_a_plan_whose_first_part_begins_behind_the_header_is_scanned_again(remains):
    planning.write(remains, PLAN._replace(stretches=[STRETCHES[0]._replace(start=12)] + STRETCHES[1:]))
    assert planning.read(remains) == PLAN._replace(stretches=[])


@pytest.mark.parametrize('name, size', [(RECORD.name, 39), (RECORD.bad_name, 10), (RECORD.name, None)])
def test_a_record_whose_objects_are_not_what_it_says_does_not_count(remains, name, size):
    remains.commit(RECORD)
    put_objects(remains)
    if size is None:
        remains.store.remove([remains.folder + name])
    else:
        remains.store.put(remains.folder + name, b'x' * size)
    assert remains.all_committed(PLAN.name) == {}


@pytest.mark.parametrize('change', ['none', 'size', 'version', 'gone', 'bad version', 'put again'])
def test_objects_that_were_replaced_since_they_were_put_are_noticed(remains, monkeypatch, change):
    from datarobot_batch_scoring.cluster.stores import Info
    there = {RECORD.name: Info(40, 'etag', 0), RECORD.bad_name: Info(9, 'etag', 0)}
    record = RECORD._replace(version='etag', bad_version='etag')
    if change == 'size':
        there[RECORD.name] = Info(41, 'etag', 0)
    elif change == 'put again':
        # A store that gives each put another version: the first of two was slow.
        there[RECORD.name] = Info(40, 'other', 0)
        put_objects(remains)
        record = record._replace(checksum=zlib.crc32(b'x' * 40))
    elif change == 'version':
        put_objects(remains)
        there[RECORD.name] = Info(40, 'other', 0)
    elif change == 'bad version':
        there[RECORD.bad_name] = Info(9, 'other', 0)
    elif change == 'gone':
        del there[RECORD.name]
    # As in a store.
    monkeypatch.setattr(remains.store, 'is_local', False, raising=False)
    monkeypatch.setattr(remains.store, 'listing', lambda folder: there)
    if change in ('none', 'put again'):
        return remains.check_objects([record])
    with pytest.raises(ScoringError) as disturbed:
        remains.check_objects([record])
    assert disturbed.value.kind == 'part_disturbed'


def changed(stretch, **fields):
    return [each._replace(**fields) if each is stretch else each for each in STRETCHES]


@pytest.mark.parametrize('changes', [
    {'name': '../../etc'}, {'name': None}, {'matching': []}, {'matching': {'a': 1.5}}, {'step': 0}, {'step': True},
    {'source': PLAN.source._replace(url='file:///etc/passwd')},
    {'source': PLAN.source._replace(url='file:///x.run/../input-0123456789ab')},
    {'source': PLAN.source._replace(size=-1)}, {'source': PLAN.source._replace(size=1e300)},
    {'stretches': STRETCHES[1:]}, {'stretches': STRETCHES[:-1]}, {'stretches': STRETCHES[::-1]},
    {'stretches': STRETCHES[:1] + STRETCHES[:1]}, {'stretches': changed(STRETCHES[1], start=99)},
    {'stretches': changed(STRETCHES[1], end=201)}, {'stretches': changed(STRETCHES[1], rows=8)},
    {'stretches': changed(STRETCHES[1], row='5')}, {'stretches': changed(STRETCHES[1], line=1)}])
def test_a_forged_plan_is_none(remains, changes):
    planning.write(remains, PLAN._replace(**changes))
    assert planning.read(remains) is None


@pytest.mark.parametrize('changes', [
    {'part': 2}, {'name': '../data.csv'}, {'name': 'part-000002-0123456789ab'}, {'size': -1}, {'size': '40'},
    {'checksum': 1 << 32},
    {'rows': 8}, {'rows': 1.5}, {'rows': True}, {'nulls': None}, {'labels': 'y'}, {'labels': [1]},
    {'bad': 2}, {'bad': 0}, {'bad_name': '/etc/passwd'}, {'bad_name': None}, {'stretch': [1, 2]}, {'stretch': None},
    {'digest': 'x'}, {'figures': 7}, {'notes': None}, {'notes': {}},
    {'notes': dict(RECORD.notes, bad=[[60, 9, 'no']])}, {'notes': dict(RECORD.notes, bad=[[6, 9, None]])},
    {'notes': dict(RECORD.notes, blank='x')}, {'version': None}])
def test_a_forged_record_does_not_count(remains, changes):
    data = sealed.to_bytes(dict(RECORD._replace(**changes)._asdict()))
    put_objects(remains)
    remains.store.put(remains.folder + 'record-000001.json', data)
    assert remains.all_committed(PLAN.name) == {}


@pytest.mark.parametrize('changes, rows, good', [
    ({}, ALL, True), ({'rows': 6}, ALL, False), ({'rows': 3}, Rows(0, 8), True), ({'rows': 2}, Rows(10, 99), True),
    ({'stretch': list(STRETCHES[0])}, ALL, False), ({'part': 3}, ALL, False),
    ({'part': 2, 'stretch': list(STRETCHES[2]), 'rows': 2}, ALL, True)])
def test_a_record_fits_its_part(changes, rows, good):
    assert validation.fits(RECORD._replace(**changes), STRETCHES, rows) is good


def mutated(data, dice):
    kind = dice.randrange(4)
    place = dice.randrange(len(data))
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + bytes([dice.randrange(256)]) + data[place + 1:]
    if kind == 2:
        return data[:place] + data[place + dice.randrange(1, 20):]
    # With a digest that is right.
    values = json.loads(data.decode('ascii'))
    del values['sha256']
    name = dice.choice(sorted(values))
    values[name] = dice.choice([
        None, True, -1, 0, 1 << 70, 1e308, '', '../x', 'x' * 70000, [], {}, [[]], [values[name]], {name: values[name]}])
    return sealed.to_bytes(values)


def test_2000_mutations_are_noticed_or_change_nothing(remains):
    dice = random.Random(22)
    put_objects(remains)
    planning.write(remains, PLAN)
    remains.commit(RECORD)
    me = holder.this_process()
    record = remains.folder + 'record-000001.json'
    originals = [remains.store.read(remains.plan), remains.store.read(record), holder.to_bytes(me)]
    before = sorted(os.listdir(remains.folder[len('file://'):]))
    for number in range(2000):
        which = number % 3
        data = mutated(originals[which], dice)
        if data == originals[which]:
            continue
        if which == 2:
            try:
                found = holder.from_bytes(data)
                # Only the host and what tells a process from another may be other text.
                assert found._replace(host='', boot='', namespace='', started='') == me._replace(
                    host='', boot='', namespace='', started='')
            except ValueError:
                pass
            continue
        remains.store.put(remains.plan if which == 0 else record, data)
        if which == 0:
            found = planning.read(remains)
            if found is not None:
                assert found.stretches in (STRETCHES, [])
                # Its source is compared with what the dataset is now.
                validation.check_plan(found, remains.folder)
            remains.store.put(remains.plan, originals[0])
        else:
            for found in remains.all_committed(PLAN.name).values():
                assert (found.name, found.size, found.stretch) == (RECORD.name, RECORD.size, RECORD.stretch)
            remains.store.put(record, originals[1])
    assert sorted(os.listdir(remains.folder[len('file://'):])) == before
