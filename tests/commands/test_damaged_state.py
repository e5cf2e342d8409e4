"""Whatever became of what a killed run left, a run after it gives the right output or a sentence, and does no harm."""

from __future__ import absolute_import, unicode_literals

import contextlib
import copy
import json
import os
import random
import shutil
import struct
import sys
import zlib

import pytest

import faults
import when
from scoring import IMPORT

from datarobot_batch_scoring import cli
from datarobot_batch_scoring.output import checkpoint, sealed
from datarobot_batch_scoring.scoring import flow
from datarobot_batch_scoring.server import request_error

KINDS = ['plan', 'record', 'lock', 'checkpoint']
# How many of each kind; 500 were run. Each takes one or two seconds, most of them without work.
MUTATIONS = int(os.environ.get('BATCH_SCORING_TEST_MUTATIONS', 10))
IN_A_TEST = 50
# Of those in a run directory, through real processes.
SAMPLE = max(MUTATIONS // 25, 2)
COMMAND = str('batch_scoring_sse')
ROWS = 1200
REJECTED = 150
OUTSIDE = {'rows.csv': b'row_id,y\n0,canary\n', 'part-000000-0123456789ab': b'0,canary\n'}
READS_AND_CHANGES = ('open', 'os.listdir', 'os.scandir', 'os.remove', 'os.rmdir', 'os.rename', 'os.link', 'os.symlink',
                     'os.truncate', 'os.chmod', 'os.chown', 'os.mkdir', 'os.utime')
_HEAD = struct.Struct('>8sQII')

pytestmark = pytest.mark.skipif(os.name == 'nt' or sys.version_info < (3, 9), reason='links, and hooks')


class Watch(object):
    """Notes what this process opens, lists, moves or removes outside of the folder of a run; there is one."""

    _one = None

    def __init__(self):
        self.forbidden, self.noted = None, []
        sys.addaudithook(self._hear)

    @classmethod
    def get(cls):
        cls._one = cls._one or cls()
        return cls._one

    def _hear(self, event, args):
        forbidden = self.forbidden
        if forbidden and event in READS_AND_CHANGES:
            for path in args[:2]:
                if isinstance(path, (str, bytes)) and os.path.realpath(os.fsdecode(path)).startswith(forbidden):
                    self.noted.append((event, path))


class Left(object):
    """What a run that was killed left in a folder, and what comes out if it is resumed."""

    def __init__(self, folder, outside, kind, options):
        self.folder, self.outside, self.kind, self.options = folder, outside, kind, options
        self.files = contents(folder)
        self.truth = None

    def put_back(self):
        shutil.rmtree(self.folder)
        for name, data in self.files.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as target:
                target.write(data)

    def damage(self, dice):
        """Damages one file; returns what was done, in words, and whether its seal is right again."""
        if self.kind == 'lock' and not [name for name in self.files if 'lock-' in name]:
            raise AssertionError('it left no lock')
        names = sorted(name for name in self.files if self.kind in os.path.basename(name) or (
            self.kind == 'checkpoint' and name.endswith('.shelve')))
        name = dice.choice(names)
        path, data = os.path.join(self.folder, name), self.files[name]
        way = dice.randrange(12)
        if way == 0:
            return self._replace(path, dice)
        if way == 1 and len(names) > 1:
            return self._write(path, self.files[dice.choice(names)], 'another')
        if way < 5:
            return self._write(path, flipped(data, dice), 'bytes')
        change = damaged_slots if self.kind == 'checkpoint' else damaged_json
        changed, words = change(data, dice, os.path.join(self.outside, 'rows.csv'))
        return self._write(path, changed, words) + (True,)

    @staticmethod
    def _write(path, data, words):
        with open(path, 'wb') as target:
            target.write(data)
        return (words,)

    def _replace(self, path, dice):
        os.remove(path)
        what = dice.choice(['nothing', 'folder', 'link', 'dangling', 'pipe'])
        if what == 'folder':
            os.mkdir(path)
        elif what == 'link':
            os.symlink(os.path.join(self.outside, 'rows.csv'), path)
        elif what == 'dangling':
            os.symlink(os.path.join(self.outside, 'nothing'), path)
        elif what == 'pipe':
            os.mkfifo(path)
        return (what,)


def contents(folder):
    found = {}
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            with open(path, 'rb') as source:
                found[os.path.relpath(path, folder)] = source.read()
    return found


def flipped(data, dice):
    place, way = dice.randrange(len(data) + 1), dice.randrange(6)
    if way == 0:
        return data[:place]
    if way == 1:
        return data[:place] + bytes([dice.randrange(256)]) + data[place + 1:]
    if way == 2:
        return data[:place] + data[place + dice.randrange(1, 20):]
    if way == 3:
        return data[:place] + bytes(dice.randrange(256) for _ in range(5)) + data[place:]
    if way == 4:
        return data + data[:place]
    return data[:place] + b'\0' * len(data[place:])


def damaged_json(data, dice, outside):
    """A sealed file with other values, mostly with a digest that is right."""
    values = json.loads(data.decode('utf-8'))
    values.pop('sha256', None)
    words = damage_value(values, dice, outside)
    if not isinstance(values, dict) or dice.random() < 0.1:
        return json.dumps(values).encode('utf-8'), words
    return sealed.to_bytes(values), words


def damaged_slots(data, dice, outside):
    """A checkpoint with other values in its newest slot, or in all, with checksums that are right."""
    size = len(data) // checkpoint.SLOTS
    heads = {slot: _HEAD.unpack(data[slot * size:slot * size + _HEAD.size]) for slot in range(checkpoint.SLOTS)}
    newest = max((slot for slot in heads if heads[slot][0] == checkpoint.MAGIC), key=lambda slot: heads[slot][1])
    magic, serial, length, _ = heads[newest]
    start = newest * size + _HEAD.size
    values = {name: json.loads(text) for name, text in json.loads(data[start:start + length]).items()}
    words = damage_value(values, dice, outside)
    payload = json.dumps({name: json.dumps(value) for name, value in values.items()}).encode('utf-8')
    payload = payload[:size - _HEAD.size]
    slot = _HEAD.pack(magic, serial, len(payload), zlib.crc32(payload, serial & 0xffffffff) & 0xffffffff) + payload
    slot = slot.ljust(size, b'\0')
    if dice.random() < 0.5:
        return slot * checkpoint.SLOTS, words
    return data[:newest * size] + slot + data[(newest + 1) * size:], words


def damage_value(values, dice, outside):
    """Changes one value, at any depth; returns what, in words."""
    places = list(_places(values))
    holder, name = dice.choice(places)
    way, (other, its_name) = dice.randrange(6), dice.choice(places)
    if way == 0:
        del holder[name]
        return 'without {0}'.format(name)
    if way == 1 and isinstance(holder, list):
        holder.insert(name, copy.deepcopy(other[its_name]))
    elif way == 2:
        holder[name] = copy.deepcopy(other[its_name])
    elif way == 3 and isinstance(holder[name], int):
        holder[name] += dice.choice([-1, 1, 1000, 1 << 40])
    else:
        deep = []
        for _ in range(30):
            deep = [deep]
        holder[name] = dice.choice([
            None, True, False, -1, 0, 1, 1.5, 1 << 62, 1 << 70, 1e308, '', 'x', '\0', '\ud800', 'x' * 70000, [], {},
            [[]], deep, outside, 'file://' + outside, '../outside/rows.csv', '../../outside/part-000000-0123456789ab',
            '../outside', os.path.dirname(outside)])
    return '{0} = {1!r}'.format(name, holder[name])[:200]


def _places(value):
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for name, child in list(children):
        yield value, name
        if isinstance(child, (dict, list)):
            for place in _places(child):
                yield place


@pytest.fixture
def left(start_command, server, tmp_path, kind, request):
    """What a run of that kind left when it was killed, some of its rows scored and one set aside."""
    if kind != 'checkpoint':
        pytest.importorskip('distributed')
    work, outside = tmp_path / 'work', tmp_path / 'outside'
    for path, files in ((work, {}), (outside, OUTSIDE)):
        path.mkdir()
        for name, data in files.items():
            (path / name).write_bytes(data)
    (tmp_path / 'data.csv').write_bytes(b'x,text\n' + b''.join(
        b'%d,%s\n' % (row, b'a' * 500) for row in range(ROWS)))
    options = ['--host=' + server.url, '--n_samples=100', '--bad_rows=bad.csv', '--out=out.csv', IMPORT, '../data.csv']
    cluster = None
    if kind != 'checkpoint':
        cluster = request.getfixturevalue('make_cluster')()
        options.insert(0, '--scheduler=' + cluster.address)
    server.fail(faults.status(422), when.holds('{0}'.format(REJECTED)))
    server.delay = 0.1
    command = start_command(COMMAND, options + ['--n_concurrent=1'], cwd=work)
    server.wait_for(lambda: len(server.answered) >= ROWS // 2, 60)
    command.send_to_all(9)
    command.wait()
    if cluster:
        # It would go on for a while, and put what it has under way.
        cluster.stop()
    server.delay = 0
    return Left('{0}'.format(work), '{0}'.format(outside), kind, options)


@pytest.fixture
def in_this_process(monkeypatch, capfd, home, kind, left):
    """Runs the command's `main` with a cluster in this process, so that `Watch` hears of all; (code, what it said)."""
    import distributed
    monkeypatch.setenv('HOME', home)
    for module in (request_error, flow):
        monkeypatch.setattr(module, 'MAX_BACKOFF', 0.1)
    monkeypatch.chdir(left.folder)
    with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, protocol='tcp://', dashboard_address=':0') as cluster:
        left.options[0] = '--scheduler=' + cluster.scheduler_address

        def run(*options):
            os.chdir(left.folder)
            code = cli.main(COMMAND, left.options + list(options))
            return code, ''.join(capfd.readouterr())
        yield run
        os.chdir(home)


@pytest.fixture
def in_real_processes(run_command, left, kind, request):
    """Runs the command; the same."""
    if kind != 'checkpoint':
        left.options[0] = '--scheduler=' + request.getfixturevalue('cluster').address

    def run(*options):
        result = run_command(COMMAND, left.options + list(options), cwd=left.folder, timeout=120,
                             env={'BATCH_SCORING_TEST_FIRST_WAIT': '0.01'})
        assert not result.stray
        return result.code, result.out + result.err
    return run


def see(left, run, numbers):
    """Damages what there is so many times, and runs the command: nothing of it may do harm."""
    left.put_back()
    code, said = run('--resume')
    assert code == 3, said
    left.truth = contents(left.folder)
    truth = left.truth['out.csv'], left.truth['bad.csv']
    assert truth[0].count(b'\n') == ROWS + 1 and b'canary' not in truth[0]
    data = left.folder + '/../data.csv'
    modified = os.stat(data).st_mtime_ns
    codes = dict.fromkeys((0, 1, 2, 3), 0)
    for number in numbers:
        dice = random.Random('{0} {1}'.format(left.kind, number))
        left.put_back()
        what = left.damage(dice)
        with without_reading(left.outside) as noted:
            code, said = run(*dice.choice([['--resume'], ['--resume'], ['--yes'], ['--no-resume', '--yes']]))
        where = (number, what, code, said)
        # Who writes a seal that is right may say that no row was set aside.
        assert code in (1, 2, 3) or code == 0 and what[1:], where
        assert 'Traceback' not in said and 'Unexpected' not in said, where
        assert 'canary' not in said and not noted, where + (noted,)
        assert contents(left.outside) == OUTSIDE and os.stat(data).st_mtime_ns == modified, where
        codes[code] += 1
        is_right(left, code, truth, where)
    # An invalid plan is none of ours: that ends most runs.
    assert codes[3] or len(numbers) < 20, codes


def is_right(left, code, truth, where):
    now = contents_of_files(left.folder)
    if code in (0, 3):
        # What stands in a header or a note may be forged with a digest that is right.
        skip = slice(1, None) if where[1][1:] else slice(None)
        assert now['out.csv'].split(b'\n')[skip] == truth[0].split(b'\n')[skip], where
        assert not [name for name in now if '.run' in name or name.endswith('.shelve')], where
    elif left.kind == 'checkpoint':
        assert truth[0].startswith(now.get('out.csv', b'')), where
    else:
        assert 'out.csv' not in now, where


def contents_of_files(folder):
    return {name: None if os.path.islink(path) or not os.path.isfile(path) else open(path, 'rb').read()
            for name, path in ((os.path.relpath(os.path.join(above, name), folder), os.path.join(above, name))
                               for above, _, names in os.walk(folder) for name in names)}


@contextlib.contextmanager
def without_reading(folder):
    watch = Watch.get()
    watch.forbidden, watch.noted = folder, []
    try:
        yield watch.noted
    finally:
        watch.forbidden = None


@pytest.mark.parametrize('first', range(0, MUTATIONS, IN_A_TEST))
@pytest.mark.parametrize('kind', KINDS[:3])
def test_a_damaged_run_directory_gives_the_right_output_or_a_sentence(left, in_this_process, first):
    see(left, in_this_process, range(first, min(first + IN_A_TEST, MUTATIONS)))


@pytest.mark.parametrize('first', range(0, MUTATIONS, IN_A_TEST))
@pytest.mark.parametrize('kind', KINDS[3:])
def test_a_damaged_checkpoint_gives_the_right_output_or_a_sentence(left, in_real_processes, first):
    see(left, in_real_processes, range(first, min(first + IN_A_TEST, MUTATIONS)))


@pytest.mark.parametrize('kind', KINDS[:3])
def test_a_damaged_run_directory_does_no_harm_in_real_processes(left, in_real_processes):
    see(left, in_real_processes, range(10000, 10000 + SAMPLE))
