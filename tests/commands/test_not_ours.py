"""What is not ours stays whole: files at our names, and outputs of other runs."""

from __future__ import absolute_import, unicode_literals

import os
import stat
import sys

import pytest

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.demo.app import Account
from scoring import IMPORT, PROJECT, MODEL, QUICK, numbered

posix = pytest.mark.skipif(WINDOWS, reason='links and FIFOs')
CHECKPOINT = 'out.csv.shelve'


# --- at the checkpoint's name -------------------------------------------------------

@pytest.mark.parametrize('options', [(), ('--no',), ('--yes',), ('--resume',), ('--no-resume',)])
@pytest.mark.parametrize('content', [b'a note of mine\n', b'\0' * 12288, b'DRBS, I say'])
def test_a_file_of_somebody_elses_is_left_alone(score, server, folder, content, options):
    folder.write(CHECKPOINT, content)
    result = score(numbered(3), *options)
    assert (result.code, server.log, result.stray) == (2, [], False)
    assert 'out.csv.shelve is not a checkpoint of this program' in result.err
    assert folder.read(CHECKPOINT) == content and not folder.has('out.csv')


@posix
@pytest.mark.parametrize('options', [('--no',), ('--yes',), ('--resume',)])
def test_a_link_is_left_alone_and_so_is_what_it_leads_to(score, server, folder, options):
    folder.write('precious', b'')
    os.symlink('precious', folder(CHECKPOINT))
    result = score(numbered(3), *options)
    assert (result.code, server.log) == (2, [])
    assert 'out.csv.shelve is not a checkpoint' in result.err
    assert os.path.islink(folder(CHECKPOINT)) and folder.read('precious') == b''


@posix
def test_a_dangling_link_makes_no_file(score, server, folder):
    os.symlink('nowhere', folder(CHECKPOINT))
    assert score(numbered(3), '--yes').code == 2
    assert os.path.islink(folder(CHECKPOINT)) and not folder.has('nowhere')


@posix
def test_a_fifo_is_not_waited_for(score, server, folder):
    os.mkfifo(folder(CHECKPOINT))
    result = score(numbered(3), '--yes')
    assert (result.code, server.log) == (2, [])
    assert 'out.csv.shelve is not a checkpoint' in result.err
    assert stat.S_ISFIFO(os.stat(folder(CHECKPOINT)).st_mode)


def test_an_empty_file_of_ones_own_is_what_a_killed_run_leaves(score, folder):
    folder.write(CHECKPOINT, b'')
    score.well(numbered(3))
    assert not folder.has(CHECKPOINT)


# --- what would be replaced -----------------------------------------------------------

@posix
@pytest.mark.parametrize('what, options', [
    ('output', ['--out=there']), ('report', ['--report=there.json']),
    ('log', [])])
def test_a_fifo_in_the_place_of_a_file_is_refused_at_the_start(
        score, server, folder, what, options):
    name = {'output': 'there', 'report': 'there.json',
            'log': 'datarobot_batch_scoring_main.log'}[what]
    os.mkfifo(folder(name))
    result = score(numbered(3), '--yes', *options)
    assert (result.code, server.log) == (2, [])
    assert 'The {0} {1} is not a regular file.'.format(what, name) in result.err


def test_a_report_that_exists_is_asked_about_like_an_output(score, server, folder):
    folder.write('report.json', b'of last month')
    result = score(numbered(3), '--report=report.json', '--no')
    assert (result.code, server.log) == (2, [])
    assert 'the report was kept' in result.err
    assert folder.read('report.json') == b'of last month' and not folder.has('out.csv')
    score.well(numbered(3), '--report=report.json', '--yes')
    assert folder.read('report.json').startswith(b'{')


@posix
@pytest.mark.parametrize('stream', ['stdout', 'stderr'])
def test_an_output_that_is_the_standard_output_is_refused(folder, server, stream, home):
    import subprocess
    folder.write('data.csv', numbered(3))
    with open(folder('shown'), 'wb') as shown:
        ended = subprocess.Popen(
            [sys.executable, '-m', 'datarobot_batch_scoring.batch_scoring_sse', '--yes',
             '--host=' + server.url, '--out=/dev/' + stream, IMPORT, 'data.csv'],
            cwd=folder.path, env=dict(os.environ, HOME=home), **{str(stream): shown})
        assert ended.wait() == 2
    assert server.log == []


# --- between the question and the lock -------------------------------------------------

@pytest.fixture
def token_server(make_server):
    return make_server(account=Account('ann', 'pw', 'bought', None))


def start_with_password(start_command, server, *options, **more):
    return start_command('batch_scoring', [
        '--host=' + server.url, '--user=ann', '--password=pw', PROJECT, MODEL, 'data.csv'] +
        list(options), **more)


def test_a_run_that_waits_for_its_token_holds_the_lock(start_command, token_server, folder):
    folder.write('data.csv', numbered(3))
    token_server.fail(faults.status(503), when=when.first_requests(1))
    first = start_with_password(start_command, token_server,
                                env={'BATCH_SCORING_TEST_FIRST_WAIT': '4'})
    token_server.wait_for(lambda: len(token_server.log) == 1)
    second = start_with_password(start_command, token_server, '--no', env=QUICK).wait()
    assert (second.code, 'Another run is writing out.csv' in second.err) == (2, True)
    assert first.wait().code == 0


def test_an_output_that_came_after_the_question_is_not_overwritten(
        start_command, token_server, folder):
    folder.write('data.csv', numbered(3))

    def meanwhile(record):
        folder.write('out.csv', b'of another program')
        return False
    token_server.fail(faults.status(503), when=meanwhile)
    result = start_with_password(start_command, token_server).wait()
    assert (result.code, 'Another run wrote out.csv in the meantime' in result.err) == (1, True)
    assert folder.read() == b'of another program'
