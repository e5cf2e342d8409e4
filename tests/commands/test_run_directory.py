"""A run on a cluster removes and replaces only what is its own: the directory beside its output, and parts."""

from __future__ import absolute_import, unicode_literals

import gzip
import json
import os
import stat
import threading

import pytest

import faults
import when
from scoring import IMPORT, LOG, numbered, predicted

pytest.importorskip('distributed')
pytest.importorskip('s3fs')

RUN = 'out.csv.run'
PART = 'part-000000-0123456789ab'
LOCK = 'lock-0000000001.json'
DEAD = json.dumps({'host': 'elsewhere', 'pid': 1, 'token': 'x'}).encode('ascii')


@pytest.fixture
def on_cluster(run_command, server, folder, cluster):
    """`on_cluster(dataset, option, ...)`: a `command.Result`."""
    def score(data, *options, **more):
        return run_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + cluster.address, IMPORT, data] + list(options),
            timeout=120, **more)
    return score


@pytest.fixture
def storage(s3, folder):
    folder.write('storage.json', json.dumps(s3.options).encode('ascii'))
    return '--storage_options=storage.json'


def tree(folder):
    """{path: its content, or what it leads to} of all but the log."""
    found = {}
    for above, folders, names in os.walk(folder.path):
        for name in names + folders:
            path = os.path.join(above, name)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif os.path.isfile(path) and name != LOG:
                with open(path, 'rb') as source:
                    found[path] = source.read()
            else:
                found[path] = None
    found.pop(folder(LOG), None)
    return found


# --- the directory beside the output ----------------------------------------------------

def foreign_file(folder):
    os.mkdir(folder(RUN))
    folder.write(RUN + '/notes.txt', b'mine')


def foreign_file_beside_a_lock(folder):
    foreign_file(folder)
    folder.write(RUN + '/' + LOCK, DEAD)


def folder_in_it(folder):
    os.makedirs(folder(RUN + '/' + PART))


def link_to_a_folder(folder):
    os.mkdir(folder('precious'))
    folder.write('precious/' + PART, b'mine')
    os.symlink('precious', folder(RUN))


def link_in_it(folder):
    os.mkdir(folder(RUN))
    os.symlink('../data.csv', folder(RUN + '/plan.json'))


def file_of_that_name(folder):
    folder.write(RUN, b'mine')


def parts_without_a_plan(folder):
    os.mkdir(folder(RUN))
    folder.write(RUN + '/' + PART, b'mine')
    folder.write(RUN + '/record-000000.json', b'{}')


def plan_of_something_else(folder):
    os.mkdir(folder(RUN))
    folder.write(RUN + '/plan.json', b'{"to do": ["everything"]}')


def plan_that_is_no_text(folder):
    os.mkdir(folder(RUN))
    folder.write(RUN + '/plan.json', b'\xff\0')


@pytest.mark.parametrize('options', [('--yes',), ('--resume',), ('--no',), ('--no-resume', '--yes')])
@pytest.mark.parametrize('make', [
    foreign_file, foreign_file_beside_a_lock, folder_in_it, link_to_a_folder, link_in_it, file_of_that_name,
    parts_without_a_plan, plan_of_something_else, plan_that_is_no_text])
def test_a_run_directory_that_is_not_ours_is_left_alone(on_cluster, server, folder, make, options):
    folder.write('data.csv', numbered(10))
    make(folder)
    before = tree(folder)
    result = on_cluster('data.csv', *options)
    assert (result.code, server.log, tree(folder)) == (2, [], before), result
    assert 'out.csv.run' in result.err and 'by hand' in result.err and 'Traceback' not in result.err


def make_empty(folder):
    os.mkdir(folder(RUN))


def make_lock_of_a_dead_run(folder):
    os.mkdir(folder(RUN))
    folder.write(RUN + '/' + LOCK, DEAD)
    os.utime(folder(RUN + '/' + LOCK), (1, 1))


@pytest.mark.parametrize('make', [make_empty, make_lock_of_a_dead_run])
def test_a_directory_that_is_empty_or_has_locks_only_is_ours(on_cluster, folder, make):
    folder.write('data.csv', numbered(10))
    make(folder)
    result = on_cluster('data.csv')
    assert (result.code, folder.read(), folder.has(RUN)) == (0, predicted(10), False), result


def test_a_run_that_was_killed_while_it_unpacked_its_dataset_can_be_repeated(
        on_cluster, start_command, server, folder, cluster):
    with gzip.open(folder('data.csv.gz'), 'wb', compresslevel=1) as target:
        target.write(numbered(900000))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, IMPORT, 'data.csv.gz'])
    server.wait_for(lambda: folder.has(RUN) and any(name.startswith('input') for name in os.listdir(folder(RUN))))
    command.send_to_all(9)
    command.wait()
    with gzip.open(folder('data.csv.gz'), 'wb') as target:
        target.write(numbered(10))
    result = on_cluster('data.csv.gz')
    assert result.code == 0, result
    assert folder.read() == predicted(10)


def test_a_dry_run_of_a_packed_dataset_leaves_nothing(on_cluster, folder):
    with gzip.open(folder('data.csv.gz'), 'wb') as target:
        target.write(numbered(1000))
    result = on_cluster('data.csv.gz', '--dry_run')
    assert (result.code, sorted(folder.state())) == (0, ['data.csv.gz']), result


@pytest.mark.parametrize('options', [('--yes',), ('--resume',), ('--no-resume', '--yes')])
@pytest.mark.parametrize('name', ['notes.txt', PART, 'plan.json', PART + '/more'])
def test_objects_below_the_run_directory_that_are_not_ours_are_left_alone(
        on_cluster, server, folder, s3, storage, name, options):
    folder.write('data.csv', numbered(10))
    there = s3.bucket + 'foreign.csv.run/' + name
    s3.files.pipe_file(there, b'mine')
    before = s3.names()
    result = on_cluster('data.csv', '--out={0}foreign.csv'.format(s3.bucket), storage, *options)
    assert (result.code, server.log, s3.names()) == (2, [], before), result
    assert 'foreign.csv.run' in result.err and 'by hand' in result.err
    s3.files.rm_file(there)


@pytest.mark.parametrize('name', ['o[1].csv', 'o?.csv', 'o*.csv', '*', '**', 'p/o[1].csv'])
def test_a_name_is_no_pattern_for_the_names_of_other_runs(on_cluster, server, folder, s3, storage, name):
    folder.write('data.csv', numbered(100))
    folder.write('other.csv', numbered(100, 500))
    others = ['o1.csv', 'p/o1.csv']
    server.fail(faults.status(400), when.holds('90'))
    for other in others:
        assert on_cluster('data.csv', '--out=' + s3.bucket + other, storage, '--n_samples=10', '--n_concurrent=1',
                          '--no-resume', '--yes').code == 1
    before = [each for each in s3.names() if 'o1.csv' in each]
    assert len(before) >= 2
    server.heal()
    for _ in range(2):
        result = on_cluster('other.csv', '--out=' + s3.bucket + name, storage, '--yes', '--no-resume')
        assert result.code == 0, result
    assert s3.files.cat_file(s3.bucket + name) == b'row_id,y\n' + b''.join(
        b'%d,%d\n' % (n, n + 500) for n in range(100))
    assert [each for each in s3.names() if 'o1.csv' in each] == before
    assert not [each for each in s3.names() if name + '.run/' in each]


# --- the output -----------------------------------------------------------------------------

@pytest.mark.parametrize('mode', [0o600, 0o640])
@pytest.mark.parametrize('name', ['out.csv', 'bad.csv'])
def test_a_file_keeps_its_mode(on_cluster, folder, name, mode):
    folder.write('data.csv', numbered(10))
    folder.write(name, b'old')
    os.chmod(folder(name), mode)
    assert on_cluster('data.csv', '--yes', '--bad_rows=bad.csv').code == 0
    assert stat.S_IMODE(os.stat(folder(name)).st_mode) == mode
    assert folder.read() == predicted(10)


@pytest.mark.parametrize('there', [True, False])
@pytest.mark.parametrize('name', ['out.csv', 'bad.csv'])
def test_a_link_leads_to_its_file(on_cluster, folder, name, there):
    folder.write('data.csv', numbered(10))
    os.mkdir(folder('sub'))
    if there:
        folder.write('sub/there.csv', b'old')
    os.symlink('sub/there.csv', folder(name))
    result = on_cluster('data.csv', '--yes', '--bad_rows=bad.csv')
    assert result.code == 0 and os.path.islink(folder(name)), result
    assert folder.read('sub/there.csv').startswith(b'row_id,')
    assert folder.read() == predicted(10) and os.listdir(folder('sub')) == ['there.csv']


def test_an_output_with_two_names_keeps_both(on_cluster, folder):
    folder.write('data.csv', numbered(10))
    folder.write('out.csv', b'old' * 1000)
    os.link(folder('out.csv'), folder('same.csv'))
    assert on_cluster('data.csv', '--yes').code == 0
    assert folder.read() == folder.read('same.csv') == predicted(10)


def test_two_links_to_one_output_have_one_checkpoint(on_cluster, server, folder):
    folder.write('data.csv', numbered(100))
    os.symlink('there.csv', folder('out.csv'))
    os.symlink('there.csv', folder('other.csv'))
    server.fail(faults.status(400), when.holds('90'))
    assert on_cluster('data.csv', '--n_samples=10', '--n_concurrent=1').code == 1
    server.heal()
    result = on_cluster('data.csv', '--n_samples=10', '--resume', '--out=other.csv')
    assert (result.code, folder.read('there.csv')) == (0, predicted(100)), result


@pytest.mark.parametrize('where', ['folder', 'store'])
def test_what_a_killed_run_had_under_way_leaves_nothing_once_another_has_ended(
        on_cluster, start_command, server, folder, make_cluster, s3, storage, where):
    folder.write('data.csv', numbered(100))
    out = 'out.csv' if where == 'folder' else s3.bucket + 'late.csv'
    other, going_on = make_cluster(1), threading.Event()
    server.fail(faults.held(going_on), when.first_requests(1))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + other.address, IMPORT, 'data.csv', '--out=' + out, storage])
    server.wait_for(lambda: server.log, 60)
    command.send_to_all(9)
    command.wait()
    result = on_cluster('data.csv', '--out=' + out, storage, '--yes', '--no-resume')
    assert result.code == 0, result
    going_on.set()
    # On a slow machine the worker has given it up by now, since it heard nothing from its client.
    server.wait_for(lambda: not server.in_flight, 60)
    # The worker has no task left once it has committed its part, or has not.
    other.wait_until_idle()
    assert not folder.has(RUN) and not [name for name in s3.names() if '/late.csv.run/' in name]
    assert on_cluster('data.csv', '--out=' + out, storage, '--yes', '--no-resume').code == 0


# --- a directory of parts ---------------------------------------------------------------------

@pytest.mark.parametrize('names', [
    ['notes.txt'], ['part-00000.csv', 'notes.txt'], ['part-00000.csv.bak'], ['_SUCCESS'], ['part-0.csv'],
    ['part-00000.csv']])
def test_parts_never_replace_what_is_not_theirs(on_cluster, server, folder, s3, storage, names):
    folder.write('data.csv', numbered(10))
    os.mkdir(folder('parts'))
    for name in names:
        folder.write('parts/' + name, b'mine\n')
        s3.files.pipe_file(s3.bucket + 'parts/' + name, b'mine\n')
    before, objects = tree(folder), s3.names()
    for out in ('parts/', s3.bucket + 'parts/'):
        result = on_cluster('data.csv', '--out=' + out, '--yes', storage)
        assert (result.code, server.log) == (2, []), result
        assert 'parts/ contains more than parts of an output' in result.err and 'by hand' in result.err
    assert (tree(folder), s3.names()) == (before, objects)
    s3.files.rm(s3.bucket + 'parts/', recursive=True)


def test_a_link_or_folder_in_the_place_of_a_part_is_left_alone(on_cluster, server, folder):
    folder.write('data.csv', numbered(10))
    os.makedirs(folder('parts/part-00000.csv'))
    os.symlink('../data.csv', folder('parts/part-00001.csv'))
    before = tree(folder)
    result = on_cluster('data.csv', '--out=parts/', '--yes')
    assert (result.code, server.log, tree(folder)) == (2, [], before), result


@pytest.fixture
def score_while(start_command, server, cluster, storage):
    """`score_while(out, change)`: the result of a run to `out`; `change()` is called in the middle of it."""
    def run(out, change):
        server.delay = 0.5
        command = start_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + cluster.address, '--n_samples=10', IMPORT, 'data.csv',
            '--out=' + out, storage])
        server.wait_for(lambda: server.answered, 60)
        change()
        server.delay = 0
        return command.wait(60)
    return run


@pytest.mark.parametrize('where', ['folder', 'store'])
@pytest.mark.parametrize('name', ['part-00000.csv', 'part-00009.csv'])
def test_a_part_of_others_that_appears_during_a_run_is_left_alone(
        on_cluster, score_while, folder, s3, storage, where, name):
    folder.write('data.csv', numbered(100))
    out = 'parts/' if where == 'folder' else s3.bucket + 'appears-' + name + '/'

    def put():
        if where == 'folder':
            os.mkdir(folder('parts'))
            folder.write('parts/' + name, b'mine\n')
        else:
            s3.files.pipe_file(out + name, b'mine\n')
    result = score_while(out, put)
    assert result.code == 1 and out + name + ' appeared during the run' in result.err, result
    if where == 'folder':
        assert os.listdir(folder('parts')) == [name] and folder.read('parts/' + name) == b'mine\n'
        os.remove(folder('parts/' + name))
    else:
        assert s3.files.cat_file(out + name) == b'mine\n'
        s3.files.rm_file(out + name)
    result = on_cluster('data.csv', '--n_samples=10', '--out=' + out, '--resume', storage)
    assert result.code == 0, result
    assert (folder.read('parts/part-00000.csv') if where == 'folder' else
            s3.files.cat_file(out + 'part-00000.csv')) == predicted(100)


@pytest.mark.parametrize('where', ['folder', 'store'])
def test_a_file_of_others_that_appears_under_the_name_of_the_output_is_left_alone(
        on_cluster, score_while, folder, s3, storage, where):
    folder.write('data.csv', numbered(100))
    out = 'appears.csv' if where == 'folder' else s3.bucket + 'appears.csv'

    def put():
        if where == 'folder':
            folder.write(out, b'mine\n')
        else:
            s3.files.pipe_file(out, b'mine\n')
    result = score_while(out, put)
    assert result.code == 1 and out + ' appeared during the run' in result.err, result

    def content():
        return folder.read(out) if where == 'folder' else s3.files.cat_file(out)
    assert content() == b'mine\n'
    assert on_cluster('data.csv', '--n_samples=10', '--out=' + out, '--resume', '--yes', storage).code == 0
    assert content() == predicted(100)


@pytest.mark.parametrize('options', [[], ['--skip_row_id'], ['--output_delimiter=;', '--keep_cols=x']])
def test_fewer_parts_replace_more(on_cluster, folder, s3, storage, options):
    folder.write('data.csv', numbered(40000))
    folder.write('small.csv', numbered(10))
    there = s3.bucket + 'few{0}/'.format(len(options))
    for out in ('parts/', there):
        assert on_cluster('data.csv', '--out=' + out, storage, *options).code == 0
        result = on_cluster('small.csv', '--out=' + out, '--yes', storage, *options)
        assert result.code == 0, result
    assert os.listdir(folder('parts')) == ['part-00000.csv']
    assert [each.rpartition('/')[2] for each in s3.names() if there[5:] in each] == ['part-00000.csv']


# --- the bad rows -----------------------------------------------------------------------------

@pytest.mark.parametrize('before, after', [('bad.csv', 'bad.csv.gz'), ('bad.csv.gz', 'bad.csv')])
def test_bad_rows_that_are_renamed_are_copied_as_text(on_cluster, server, folder, before, after):
    folder.write('data.csv', numbered(40000))
    server.fail(faults.status(422), when.holds('5'))
    server.fail(faults.status(403), when.holds('39000'))
    options = ['data.csv', '--n_samples=1000', '--n_concurrent=1']
    assert on_cluster(*options + ['--bad_rows=' + before]).code == 1
    server.heal()
    server.fail(faults.status(422), when.holds('39990'))
    result = on_cluster(*options + ['--resume', '--bad_rows=' + after])
    assert result.code == 3, result
    rows = [line.split(',')[0] for line in folder.read(after).decode('ascii').splitlines()]
    assert rows == ['row_id', '5', '39990']
