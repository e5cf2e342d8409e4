"""Whatever step of a commit a kill or a power cut comes at, --resume completes the output."""

from __future__ import absolute_import, unicode_literals

import base64
import io
import itertools
import json
import os
import random

import pytest

import faults
import when
from datarobot_batch_scoring.output import checkpoint
from datarobot_batch_scoring.compat import WINDOWS
from scoring import WHOLE, numbered, predicted, unpacked

pytestmark = pytest.mark.skipif(WINDOWS, reason='no such signals')

ROWS = 30
SECTOR = 512


class Scene(object):
    """What the run that is killed finds, and what must come of it.

    `kind` is 'anew'; 'over' an output and a checkpoint of ten rows with other
    values, which are to be discarded; or 'resumed' after ten rows. With `bad` rows,
    which are set aside, it may be 'added' or 'renamed' too: --bad_rows, on a resume.
    """

    def __init__(self, score, folder, kind, name, n_samples=10, bad=()):
        self.kind = kind
        self.name = name
        self.bad = bad
        self.code = 3 if bad else 0
        self.names = [name, name + '.shelve'] + (['bad.csv', 'renamed.csv'] if bad else [])
        self._score = score
        self._server = score.server
        self._folder = folder
        self.options = ['--n_samples={0}'.format(n_samples), '--n_concurrent=1']
        folder.write('data.csv', numbered(ROWS))
        self._heal()
        wholly = ['--bad_rows=whole_bad.csv'] if bad else []
        assert score(None, '--out=whole.csv', *self.options + wholly).code == self.code
        self.options.append('--out=' + name)
        self._bad_options = ['--bad_rows=bad.csv'] if bad else []
        self.expected_bad = folder.read('whole_bad.csv') if bad else b''
        whole = folder.read('whole.csv').splitlines(True)
        self.expected = b''.join(whole)
        first = whole[:1] + [b'%d,0.5' % n + whole[0][-1:] for n in range(10)]
        # The ten rows of the run before may be kept as long as it is not yet discarded.
        self.others = b''.join(first + whole[11:])
        self._make_files()

    def _make_files(self):
        server = self._server
        if self.kind == 'over':
            server.heal()
            server.fail(faults.values('0.5'), when.first_requests(1))
        if self.kind != 'anew':
            server.fail(faults.status(403), when.holds('10'))
            more = [] if self.kind == 'added' else self._bad_options
            assert self._score(None, *self.options + more).code == 1
        self._heal()
        self.files = self.read()
        if self.kind == 'renamed':
            # Whoever is killed meanwhile does not know the file for his own.
            self._bad_options = ['--bad_rows=renamed.csv', '--yes']

    def _heal(self):
        self._server.heal()
        if self.bad:
            self._server.fail(faults.status(422), lambda record: set(self.bad) & set(record.keys))

    def set(self, files):
        """Makes these the files: {name: bytes}."""
        for name in self.names:
            if self._folder.has(name):
                os.remove(self._folder(name))
        for name in files:
            self._folder.write(name, files[name])

    def read(self):
        """Output, checkpoint and bad rows as they are."""
        return dict((name, self._folder.read_raw(name))
                    for name in self.names if self._folder.has(name))

    def begin(self, steps):
        """Runs the command from the scene's files on, with these `steps.py`."""
        self.set(self.files)
        more = {'anew': [], 'over': ['--no-resume', '--yes']}.get(self.kind, ['--resume'])
        return self._score(None, *self.options + self._bad_options + more,
                           env={'BATCH_SCORING_TEST_STEPS': steps})

    def committed(self):
        """(rows that must be kept, what the output must be in the end); -1: no checkpoint."""
        path = self._folder(self.name)
        if not os.path.exists(path + '.shelve'):
            return -1, self.expected
        descriptor = os.open(path + '.shelve', os.O_RDONLY)
        try:
            found, difference = checkpoint.load(descriptor, path)
        finally:
            os.close(descriptor)
        assert difference is None, 'it would be refused'
        if not found:
            return -1, self.expected
        state = found.state()
        output = self._folder.read_raw(self.name) if self._folder.has(self.name) else b''
        output = output[:state['length']]
        if self.name.endswith('.gz'):
            output = unpacked(output)
        whole = self.others if self.kind == 'over' and b'0,0.5' in output else self.expected
        assert len(output) <= len(whole) and whole.startswith(output)
        assert max(output.count(b'\n') - 1, 0) == state['rows']
        first_rows = numbered(state['rows'])
        assert state['digests'][-1][0] == len(first_rows)
        self._check_bad_rows(state)
        return state['rows'], whole

    def _check_bad_rows(self, state):
        found = state['bad']
        if found and found['rows']:
            assert found['rows'] == sum(int(row) < state['rows'] for row in self.bad)
            lines = self._folder.read_raw(found['name'])[:found['length']]
            assert lines.count(b'\n') == found['rows'] + 1
            assert self.expected_bad.startswith(lines)

    def is_complete(self):
        return self._folder.read(self.name) == self.expected and self.has_bad_rows()

    def has_bad_rows(self):
        """Whether the file for them is as it must be in the end."""
        return not self.bad or self._folder.read(
            'renamed.csv' if self.kind == 'renamed' else 'bad.csv') == self.expected_bad

    def complete(self):
        """Resumes; the output must be whole, and no committed row be scored again."""
        rows, whole = self.committed()
        self._server.scored.clear()
        rows = max(rows, 0)
        yes = ['--yes'] if rows <= 0 else []
        result = self._score(None, '--resume', *self.options + self._bad_options + yes)
        assert (result.code, result.err, result.stray) == (self.code, '', False), result
        assert self._folder.read(self.name) == whole
        assert whole == self.others or self.has_bad_rows()
        assert sorted(map(int, self._server.scored)) == list(range(rows, ROWS))
        assert not self._folder.has(self.name + '.shelve')


@pytest.fixture
def make_scene(score, folder):
    def make(*args, **options):
        return Scene(score, folder, *args, **options)
    return make


BAD = '4', '13', '14'


@pytest.mark.parametrize('kind, name, victim, bad', [
    ('anew', 'out.csv', 'writer', ()), ('anew', 'out.csv.gz', 'all', ()),
    ('over', 'out.csv.gz', 'writer', ()), ('resumed', 'out.csv', 'all', ()),
    ('anew', 'out.csv', 'writer', BAD), ('over', 'out.csv', 'all', BAD),
    ('resumed', 'out.csv', 'writer', BAD), ('added', 'out.csv', 'writer', BAD[1:]),
    ('renamed', 'out.csv.gz', 'all', BAD)])
def test_after_a_kill_at_any_step_resume_completes_the_output(
        make_scene, folder, kind, name, victim, bad):
    scene = make_scene(kind, name, bad=bad)
    resumed = []
    for number in itertools.count(1):
        assert number < 200
        result = scene.begin('kill {0} {1}'.format(victim, number))
        if result.code == scene.code:
            break
        assert result.code in (1, -9) and not result.stray
        # A step that changes no file leaves what has been resumed before.
        if scene.read() in resumed:
            continue
        resumed.append(scene.read())
        # Without a checkpoint: killed just when it was removed.
        if folder.has(name + '.shelve') or not folder.has(name) or not scene.is_complete():
            scene.complete()
    assert number > 20
    assert scene.is_complete()


# --- power cuts --------------------------------------------------------------------

class Disk(object):
    """What a disk may hold after a power cut: what was forced to it, and any part of the rest."""

    def __init__(self, files):
        self._forced = dict((name, files[name]) for name in files)
        self._waiting = dict((name, []) for name in files)
        # Names that were made or removed, and not yet forced with their folder.
        self._names = {}

    def do(self, step):
        """Takes a step that `steps.py` has recorded."""
        action, name = step[:2]
        if action == 'fsync' and name == '.':
            self._names = {}
        elif action == 'fsync':
            self._forced[name] = self._content(name, lambda: True)
            self._waiting[name] = []
        elif action == 'open':
            self._do_open(name, *step[2:])
        elif action == 'remove':
            self._names[name] = 'removed'
        elif action == 'write':
            self._waiting[name].append((step[2], base64.b64decode(step[3])))
        else:
            self._waiting[name].append((step[2], None))

    def _do_open(self, name, creates, truncates):
        if creates and name not in self._forced:
            self._forced[name], self._waiting[name] = b'', []
            self._names[name] = 'made'
        elif truncates:
            self._waiting[name].append((0, None))

    def after_power_cut(self, keeps):
        """The files, {name: bytes}; `keeps()` says whether a part reached the disk."""
        files = {}
        for name in self._forced:
            change = self._names.get(name)
            if change is None or keeps() == (change == 'made'):
                files[name] = self._content(name, keeps)
        return files

    def _content(self, name, keeps):
        content = bytearray(self._forced[name])
        for offset, data in self._waiting[name]:
            if data is None:
                if keeps():
                    del content[offset:]
                    content.extend(bytearray(offset - len(content)))
                continue
            for start in range(0, len(data), SECTOR):
                part = data[start:start + SECTOR]
                end = offset + start + len(part)
                written = keeps()
                if written or keeps():
                    # Without the data, the size alone may be there: zeros.
                    content.extend(bytearray(max(end - len(content), 0)))
                if written:
                    content[offset + start:end] = part
        return bytes(content)


def recorded(folder, scene):
    """The steps of a run of the scene that nothing gets in the way of."""
    path = folder('steps')
    if os.path.exists(path):
        os.remove(path)
    assert scene.begin('record ' + path).code == scene.code
    with io.open(path, encoding='ascii') as lines:
        return [json.loads(line) for line in lines]


def cut_power_at_each_step(scene, disk, steps):
    """After each step, all files that the disk may then hold must lead to a whole output."""
    chance = random.Random(3)
    for number, step in enumerate(steps):
        disk.do(step)
        scene.set(disk.after_power_cut(lambda: False))
        forced_rows, forced_whole = scene.committed()
        states = [disk.after_power_cut(lambda: True)]
        for share in [0.1, 0.5, 0.9] * 20:
            states.append(disk.after_power_cut(lambda: chance.random() < share))
        for files in states:
            scene.set(files)
            rows, whole = scene.committed()
            if step[0] == 'remove' and scene.name + '.shelve' not in files:
                assert scene.is_complete()
            else:
                # Only the run before, which is to be discarded, may be lost.
                assert (whole == forced_whole and rows >= forced_rows
                        or forced_whole == scene.others)
        if number % 5 == 0:
            scene.complete()
    assert (forced_rows, forced_whole) == (ROWS, scene.expected)


@pytest.mark.parametrize('kind, name, bad', [
    ('anew', 'out.csv', ()), ('anew', 'out.csv.gz', ()), ('over', 'out.csv', ()),
    ('resumed', 'out.csv.gz', ()), ('anew', 'out.csv', BAD), ('resumed', 'out.csv', BAD),
    ('added', 'out.csv', BAD[1:]), ('renamed', 'out.csv', BAD)])
def test_after_a_power_cut_nothing_that_was_forced_is_lost_and_nothing_is_torn(
        make_scene, folder, kind, name, bad):
    scene = make_scene(kind, name, bad=bad)
    cut_power_at_each_step(scene, Disk(scene.files), recorded(folder, scene))


@pytest.mark.parametrize('commits', [2, 7, 11, 13])
def test_after_a_power_cut_soon_after_a_kill_nothing_that_was_forced_is_lost(
        make_scene, folder, commits):
    scene = make_scene('anew', 'out.csv', n_samples=2)
    disk = Disk({})
    for step in recorded(folder, scene):
        disk.do(step)
        commits -= step[:2] == ['write', 'out.csv']
        if commits < 0:
            break
    # What the system has is all there after a kill, though the disk may not have it.
    scene.kind, scene.files = 'resumed', disk.after_power_cut(lambda: True)
    cut_power_at_each_step(scene, disk, recorded(folder, scene))


def test_a_last_line_without_an_end_is_scored_and_must_not_grow(score, server, folder):
    data, order = numbered(20)[:-1], 'record ' + folder('steps')
    score.well(data, '--yes', WHOLE, env={'BATCH_SCORING_TEST_STEPS': order})
    with io.open(folder('steps'), encoding='ascii') as lines:
        order = 'kill writer {0}'.format(len(list(lines)))
    result = score(data, '--yes', WHOLE, env={'BATCH_SCORING_TEST_STEPS': order})
    assert result.code == 1 and folder.has('out.csv.shelve')
    server.log[:] = []
    result = score(data + b'5\n20,town 20\n', '--resume', WHOLE)
    assert (result.code, server.log) == (2, []) and 'rows that were scored' in result.err
    result = score(data + b'\n20,town 20\n', '--resume', WHOLE)
    assert (result.code, folder.read()) == (0, predicted(21)) and len(server.log) == 1


def test_the_folder_that_a_link_leads_to_is_forced_to_disk(score, folder):
    os.mkdir(folder('elsewhere'))
    os.symlink(os.path.join('elsewhere', 'real.csv'), folder('out.csv'))
    score.well(numbered(10), '--yes', env={'BATCH_SCORING_TEST_STEPS': 'record ' + folder('steps')})
    with io.open(folder('steps'), encoding='ascii') as lines:
        assert ['fsync', 'elsewhere'] in [json.loads(line) for line in lines]
