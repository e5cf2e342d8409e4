"""Of two runs on one output only one writes, whatever is suspended, killed, or on another machine."""

from __future__ import absolute_import, unicode_literals

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from datarobot_batch_scoring.cluster import engine, members
from datarobot_batch_scoring.compat import monotonic
from scoring import IMPORT, numbered, predicted

pytest.importorskip('distributed')
pytest.importorskip('s3fs')

ROWS = 400
# More of them take the same time each.
ROUNDS = int(os.environ.get('BATCH_SCORING_TEST_ROUNDS', 2))
LEASE = 4
SHORT = {'BATCH_SCORING_TEST_LEASE': '{0}'.format(LEASE)}
NAMED = 'It is process {0} on {1}.'


@pytest.fixture
def start(start_command, server, folder, cluster):
    """`start(option, ...)` starts to score `numbered(ROWS)`, one small request at a time."""
    def start(*options, **more):
        on = more.pop('on', '--scheduler=' + cluster.address)
        return start_command('batch_scoring_sse', [
            '--host=' + server.url, '--n_samples=10', '--n_concurrent=1', IMPORT, 'data.csv'] + [
                each for each in (on,) + options if each], **more)
    folder.write('data.csv', numbered(ROWS))
    server.delay = 0.1
    return start


@pytest.fixture
def to_s3(start, s3, folder):
    """`to_s3(option, ...)` is `start` with an output in a bucket, and a lease that is short."""
    def to_s3(*options, **more):
        return start('--storage_options=storage.json', '--out={0}out.csv'.format(s3.bucket), *options,
                     **dict({'env': SHORT}, **more))
    folder.write('storage.json', json.dumps(s3.options).encode('ascii'))
    yield to_s3
    left = s3.files.find(s3.bucket)
    if left:
        s3.files.rm(left)


def wide(rows):
    """A dataset of many parts."""
    return b'x,text\n' + b''.join(b'%d,%s\n' % (row, b'a' * 2000) for row in range(rows))


def output_of(s3):
    return s3.files.cat_file(s3.bucket + 'out.csv')


def scores(server, rows):
    """Waits until so many more are scored."""
    known = sum(server.answered.values())
    server.wait_for(lambda: sum(server.answered.values()) >= known + rows, 60)


def is_refused(result, out, holder=None):
    lines = result.err.splitlines()
    assert (result.code, lines[0]) == (2, 'Another run is writing {0}.'.format(out)), result
    if holder:
        assert lines[1] == NAMED.format(holder.pid, socket.gethostname())
    assert 'Traceback' not in result.err


def completes(command, folder=None):
    result = command.wait(120)
    assert (result.code, result.err) == (0, ''), result
    if folder:
        assert folder.read() == predicted(ROWS)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='no other system tells who has a lock')
@pytest.mark.parametrize('first, second', [
    (True, True), (True, False), (False, True), (False, False)],
    ids=['both on clusters', 'cluster first', 'cluster second', 'no cluster'])
def test_a_file_is_written_by_one_run_whatever_runs_there(start, server, folder, first, second):
    held = start(*['--out=out.csv'], **({} if first else {'on': None}))
    scores(server, 20)
    held.send_to_all(signal.SIGSTOP)
    result = start('--out=out.csv', '--yes', **({} if second else {'on': None})).wait(60)
    is_refused(result, 'out.csv', held)
    held.send_to_all(signal.SIGCONT)
    server.delay = 0
    completes(held, folder)


def test_a_suspended_run_keeps_its_file_for_longer_than_a_lease(start, server, folder):
    held = start('--out=out.csv', env=SHORT)
    scores(server, 20)
    held.send_to_all(signal.SIGSTOP)
    time.sleep(2 * LEASE)
    is_refused(start('--out=out.csv', '--yes', env=SHORT).wait(60), 'out.csv', held)
    held.send_to_all(signal.SIGCONT)
    server.delay = 0
    completes(held, folder)
    assert sorted(each for each in os.listdir(folder.path) if each.startswith('out')) == ['out.csv']


def test_a_suspended_run_goes_on_if_no_other_has_come(to_s3, server, s3):
    held = to_s3()
    scores(server, 20)
    held.send_to_all(signal.SIGSTOP)
    time.sleep(2 * LEASE)
    held.send_to_all(signal.SIGCONT)
    server.delay = 0
    completes(held)
    assert output_of(s3) == predicted(ROWS)


def test_a_run_that_is_suspended_until_its_workers_give_it_up_goes_on(start, server, folder):
    # Many parts, of which few are scored until then.
    folder.write('data.csv', wide(1200))
    server.delay = 0.6
    held = start('--out=out.csv')
    scores(server, 20)
    held.send_to_all(signal.SIGSTOP)
    # Longer than a process of the cluster waits for its client.
    time.sleep(max(engine.PATIENCE, members.WITHOUT_ANY) + 5)
    held.send_to_all(signal.SIGCONT)
    server.delay = 0
    completes(held)
    assert folder.read() == predicted(1200)


def test_a_suspended_run_whose_output_was_taken_over_touches_nothing(to_s3, server, s3):
    held = to_s3()
    scores(server, 20)
    held.send_to_all(signal.SIGSTOP)
    time.sleep(2 * LEASE)
    second = to_s3('--no-resume', '--yes')
    scores(server, 20)
    held.send_to_all(signal.SIGCONT)
    result = held.wait(60)
    lines = result.err.splitlines()
    assert result.code == 1 and lines[:2] == [
        'This run lost its lease on {0}out.csv: another run took over.'.format(s3.bucket),
        NAMED.format(second.pid, socket.gethostname())], result
    server.delay = 0
    completes(second)
    assert output_of(s3) == predicted(ROWS)
    assert [each for each in s3.names() if '.run/' in each] == []


def test_a_run_whose_scored_parts_another_has_removed_says_that_it_was_taken_over(to_s3, server, s3):
    held = to_s3('--keep_cols=x')
    # The processes of the cluster go on, and commit the last part.
    scores(server, ROWS - 10)
    held.send_to_all(signal.SIGSTOP)
    time.sleep(2 * LEASE)
    completes(to_s3('--no-resume', '--yes'))
    held.send_to_all(signal.SIGCONT)
    result = held.wait(60)
    assert result.code == 1 and result.err.startswith('This run lost its lease on {0}out.csv'.format(s3.bucket)), result
    assert output_of(s3) == predicted(ROWS)
    assert [each for each in s3.names() if '.run/' in each] == []


@pytest.mark.parametrize('number', range(ROUNDS))
def test_a_run_suspended_at_any_moment_leaves_the_output_to_the_one_that_took_it_over(
        to_s3, server, s3, folder, number):
    dice = random.Random(number)
    # Several parts: the stop falls between two of them as well.
    folder.write('data.csv', wide(ROWS))
    server.delay = 0.06
    held = to_s3('--keep_cols=x', '--yes')
    _wait_for(lambda: _has_lease(s3, held))
    rows = dice.randrange(ROWS + 1)
    server.wait_for(lambda: sum(server.answered.values()) >= rows, 60)
    time.sleep(dice.uniform(0, 1))
    _send(held, signal.SIGSTOP)
    time.sleep(2 * LEASE)
    # Only now, so that nothing is on the way. At its very end it has nothing left to lose but its lease.
    left = [name.partition('/')[2] for name in s3.names()]
    has_ended = left == ['out.csv'] and output_of(s3).count(b'\n') == ROWS + 1
    has_all = 'out.csv' in left and all(
        name == 'out.csv' or name.startswith('out.csv.run/lock-') for name in left)
    second = to_s3('--no-resume', '--yes')
    if dice.random() < 0.5:
        completes(second)
        _send(held, signal.SIGCONT)
    else:
        _wait_for(lambda: _has_lease(s3, second))
        time.sleep(dice.uniform(0, 2))
        _send(held, signal.SIGCONT)
        completes(second)
    result = held.wait(60)
    if has_ended:
        assert (result.code, result.err) == (0, ''), result
    else:
        # It is refused where it had just put its lease, and has not looked yet whether it is the only one.
        assert has_all and result.code == 0 or (result.code, result.err.partition(s3.bucket)[0]) in (
            (1, 'This run lost its lease on '), (2, 'Another run is writing ')), (result, left)
    assert output_of(s3) == predicted(ROWS)
    assert [each for each in s3.names() if '.run/' in each] == []


def _send(command, number):
    try:
        command.send_to_all(number)
    except ProcessLookupError:
        # It has just ended.
        pass


def _has_lease(s3, command):
    try:
        assert command.running(), command.err()
        return any(json.loads(s3.files.cat_file(name))['pid'] == command.pid
                   for name in s3.files.glob(s3.bucket + 'out.csv.run/lock-*'))
    except FileNotFoundError:
        # It is the time at which an old one is removed.
        return False


def _wait_for(condition):
    end = monotonic() + 60
    while not condition():
        assert monotonic() < end, 'waited in vain'
        time.sleep(0.02)


def test_of_runs_that_start_together_one_writes_and_all_others_are_told(start, server, folder):
    server.delay = 0.5
    commands = [start('--out=out.csv', '--yes') for _ in range(8)]
    server.wait_for(lambda: server.answered, 120)
    server.delay = 0
    results = [command.wait(120) for command in commands]
    assert sorted(result.code for result in results) == [0] + [2] * 7, results
    for result in results:
        if result.code:
            is_refused(result, 'out.csv')
    assert folder.read() == predicted(ROWS)


def test_of_runs_that_start_together_in_a_store_one_writes_and_all_others_are_told(to_s3, server, s3):
    server.delay = 0.5
    commands = [to_s3('--yes', env={}) for _ in range(6)]
    server.wait_for(lambda: server.answered, 120)
    server.delay = 0
    results = [command.wait(120) for command in commands]
    assert sorted(result.code for result in results) == [0] + [2] * 5, results
    for result in results:
        if result.code:
            is_refused(result, s3.bucket + 'out.csv')
    assert output_of(s3) == predicted(ROWS)


def _can_unshare():
    words = ['unshare', '--user', '--map-root-user', '--uts', '--pid', '--fork', '--mount-proc', 'true']
    return shutil.which('unshare') and subprocess.call(words, stderr=subprocess.DEVNULL) == 0


@pytest.mark.skipif(not _can_unshare(), reason='needs namespaces')
def test_two_containers_of_one_host_name_are_two_machines(to_s3, server, s3):
    """The pid of the one that holds the output means nothing in the other."""
    prefix = ['unshare', '--user', '--map-root-user', '--uts', '--pid', '--fork', '--mount-proc', 'sh', '-c',
              'hostname one-name; for i in $(seq 40); do true & done; wait; exec "$@"', 'sh']
    held = to_s3(prefix=prefix, env={})
    scores(server, 20)
    # On a busy machine it takes the other longer to begin than this one to end.
    server.delay = 10
    other = to_s3('--yes', env={}, prefix=prefix[:-2] + ['hostname one-name; exec "$@"', 'sh']).wait(60)
    is_refused(other, s3.bucket + 'out.csv')
    server.delay = 0
    completes(held)
    assert output_of(s3) == predicted(ROWS)
