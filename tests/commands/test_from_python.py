"""Scoring from Python: in scripts, threads, notebooks, and where it cannot be done."""

from __future__ import absolute_import, unicode_literals

import io
import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest

import faults
from datarobot_batch_scoring import make_settings, score
from datarobot_batch_scoring.console import logs
from datarobot_batch_scoring.compat import PY2, WINDOWS
from datarobot_batch_scoring.errors import DatasetError, Interrupted, ScoringError, UsageError
from places import ROOT
from scoring import IMPORT, MODEL, PROJECT, numbered

EXPECTED = ['row_id,y'] + ['{0},{0}'.format(n) for n in range(10)]

SCRIPT = '''
import sys, threading
from datarobot_batch_scoring import make_settings, score
from datarobot_batch_scoring.errors import ScoringError

def settings():
    return make_settings('batch_scoring_sse', import_id='flats', dataset='data.csv',
                         host=sys.argv[-1], n_samples=5, yes=True)

def show_score():
    try:
        print('scored %d' % score(settings()).scored)
    except ScoringError as error:
        print(type(error).__name__, str(error))
'''
GUARDED = SCRIPT + "\nif __name__ == '__main__':\n    show_score()\n    show_score()\n"
UNGUARDED = SCRIPT + '\nshow_score()\n'
SPAWN = '''
import multiprocessing
if multiprocessing.current_process().name == 'MainProcess':
    multiprocessing.set_start_method('{0}')
'''


@pytest.fixture
def settings(server, folder):
    """Makes settings for ten rows against `server`, with out.csv beside them."""
    folder.write('data.csv', numbered(10))

    def made(**options):
        options = dict(dict(host=server.url, import_id=IMPORT, dataset=folder('data.csv'),
                            out=folder('out.csv'), n_samples=5), **options)
        return make_settings('batch_scoring_sse', **options)
    return made


@pytest.fixture
def run_script(server, folder):
    """Runs a script in a process of its own: (exit code, standard output, standard error)."""
    def run(script, stdin=False):
        folder.write('data.csv', numbered(10))
        folder.write('script.py', script.encode('ascii'))
        with io.open(folder('script.py'), 'rb') as source:
            process = subprocess.Popen(
                [sys.executable, '-' if stdin else 'script.py', server.url], cwd=folder.path,
                env=dict(os.environ, PYTHONPATH=str(ROOT)), stdin=source,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = process.communicate()
        return process.returncode, out.decode('ascii').splitlines(), err.decode('utf-8')
    return run


def in_thread(target):
    """What `target()` gives, or raises, in a thread."""
    found = []

    def run():
        try:
            found.append((target(), None))
        except Exception as error:
            found.append((None, error))
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def logging_state():
    logger = logs.LOGGER
    return (logger.level, logger.propagate, list(logger.handlers), list(logger.filters),
            list(logging.getLogger().handlers))


# --- settings --------------------------------------------------------------------

@pytest.mark.parametrize('given, expected', [
    ({}, None), ({'resume': None}, None), ({'resume': True}, True), ({'resume': 'yes'}, True),
    ({'no_resume': True}, False), ({'resume': False}, False)])
def test_resume_can_be_true_false_or_open(settings, given, expected):
    assert settings(**given).resume is expected


def test_paths_may_be_objects(settings, tmp_path):
    assert settings(dataset=tmp_path / 'a.csv').dataset == os.path.join(str(tmp_path), 'a.csv')


@pytest.mark.parametrize('given, said', [
    ({'n_sample': 5}, "has no setting 'n_sample'. Did you mean n_samples?"),
    ({'help': True}, "has no setting 'help'"),
    ({'datarobot_key': 'k'}, "has no setting 'datarobot_key'"),
    ({'n_samples': 0}, "n_samples: '0' is not allowed"),
    ({'n_samples': True}, "n_samples: 'yes' is not allowed"),
    ({'verbose': 'perhaps'}, "verbose: 'perhaps' is not allowed"),
    ({'dataset': None}, 'batch_scoring_sse needs the setting dataset.'),
    ({'yes': True, 'no': True}, 'yes and no exclude each other'),
    ({'host': None}, '--host is missing')])
def test_a_wrong_setting_is_a_usage_error_that_names_it(settings, given, said):
    with pytest.raises(UsageError) as raised:
        score(settings(**given))
    assert said in str(raised.value)


def test_without_credentials_nobody_is_asked_for_them(server, folder):
    folder.write('data.csv', numbered(10))
    with pytest.raises(UsageError) as raised:
        score(make_settings('batch_scoring', host=server.url, user='me', project_id=PROJECT,
                            model_id=MODEL, dataset=folder('data.csv'), out=folder('out.csv')))
    assert 'neither password nor api_token' in str(raised.value)


def test_settings_cross_to_other_processes(settings):
    found = settings(keep_cols=['city'])
    assert pickle.loads(pickle.dumps(found)) == found


# --- scoring ---------------------------------------------------------------------

def test_it_scores_and_says_what_it_did(settings, folder):
    result = score(settings())
    assert (result.out, result.rows, result.scored, result.batches) == (
        folder('out.csv'), 10, 10, 2)
    assert (result.retries, result.nulls) == (0, 0)
    assert folder.lines() == EXPECTED


def test_it_shows_nothing_and_leaves_no_log_file(run_script, folder):
    script = SCRIPT + "\nif __name__ == '__main__':\n    score(settings())\n"
    assert run_script(script) == (0, [], '')
    assert sorted(os.listdir(folder.path)) == ['data.csv', 'out.csv', 'script.py']


def test_handlers_of_signals_and_of_logging_are_what_they_were(settings, server):
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = [signal.getsignal(each) for each in numbers], logging_state()
    score(settings())
    server.fail(faults.status(422))
    with pytest.raises(ScoringError):
        score(settings(resume=False, yes=True))
    assert ([signal.getsignal(each) for each in numbers], logging_state()) == before


def test_what_happens_goes_to_logging_without_secrets(make_server, folder, caplog):
    server = make_server()
    server.fail(faults.status(503, 'not with test-token'), when=lambda record: record.tries == 1)
    server.fail(faults.status(422, 'never with test-token'))
    folder.write('data.csv', numbered(10))
    caplog.set_level(logging.INFO, 'datarobot_batch_scoring')
    with pytest.raises(ScoringError) as raised:
        score(make_settings('batch_scoring', host=server.url, user='me', api_token='test-token',
                            project_id=PROJECT, model_id=MODEL, dataset=folder('data.csv'),
                            out=folder('out.csv')))
    assert 'status 503: not with *****' in caplog.text
    assert 'never with *****' in caplog.text
    assert 'test-token' not in caplog.text + str(raised.value)
    assert getattr(raised.value, '__context__', None) is None


def test_a_line_that_cannot_be_sent_is_an_error_of_the_dataset(settings, folder):
    chosen = settings()
    folder.write('data.csv', numbered(10) + b'10,1,2,3\n')
    with pytest.raises(DatasetError) as raised:
        score(chosen)
    assert raised.value.message.startswith('Line 12 of the dataset has 4 fields')


def test_an_output_that_is_there_needs_an_answer(settings, folder):
    folder.write('out.csv', b'mine')
    with pytest.raises(UsageError) as raised:
        score(settings())
    assert 'exists' in raised.value.message and 'yes or no' in raised.value.hint
    assert folder.read() == b'mine'
    score(settings(yes=True))
    assert folder.lines() == EXPECTED


def test_a_checkpoint_that_is_there_needs_an_answer(settings, server, folder):
    server.fail(faults.status(422), when=lambda record: record.first == '5')
    with pytest.raises(ScoringError) as raised:
        score(settings(n_concurrent=1))
    assert raised.value.exit_code == 1 and '422' in raised.value.message
    server.heal()
    with pytest.raises(UsageError) as raised:
        score(settings())
    assert 'Resume, start over or quit?' in raised.value.message and 'resume, no_resume' in raised.value.hint
    result = score(settings(resume=True))
    assert (result.rows, result.scored) == (10, 5)
    assert folder.lines() == EXPECTED


def test_it_works_in_a_thread_where_no_handler_can_be(settings, folder):
    before = signal.getsignal(signal.SIGINT)
    result, error = in_thread(lambda: score(settings()))
    assert error is None and result.rows == 10
    assert signal.getsignal(signal.SIGINT) is before
    assert folder.lines() == EXPECTED


@pytest.mark.skipif(WINDOWS, reason='signals of Unix')
def test_an_interruption_in_the_main_thread_is_an_error_of_ours(settings, server):
    server.fail(faults.never())
    sender = threading.Thread(target=lambda: (
        server.wait_for(lambda: server.in_flight), os.kill(os.getpid(), signal.SIGINT)))
    sender.start()
    with pytest.raises(Interrupted):
        score(settings())
    sender.join()
    assert multiprocessing.active_children() == []


def test_verbose_shows_warnings_on_standard_error(settings, folder, capfd):
    folder.write('data.csv', numbered(9) + b'9\n')
    score(settings(verbose=True))
    shown = capfd.readouterr()
    assert shown[0] == '' and '\nwarning: Line 11 of the dataset has fewer' in shown[1]
    assert folder.lines() == EXPECTED


# --- scripts ---------------------------------------------------------------------

METHODS = [None] if PY2 else [None, 'spawn', 'forkserver']


IMPORTS_SHOWN = SCRIPT + '''
import os
main_process = os.getpid()

class Shown(object):
    def find_spec(self, name, path=None, target=None):
        if os.getpid() != main_process:
            os.write(1, ('child imports %s\\n' % name).encode('ascii'))

if __name__ == '__main__':
    sys.meta_path.insert(0, Shown())
    show_score()
'''


@pytest.mark.skipif(PY2 or multiprocessing.get_start_method() != 'fork', reason='no forks')
def test_forked_processes_import_nothing(run_script):
    """What another thread imports at the moment of a fork can never be imported there."""
    assert run_script(IMPORTS_SHOWN) == (0, ['scored 10'], '')


THREE_AT_ONCE = SCRIPT + '''
def run(name):
    results.append(score(settings()._replace(out=name, n_samples=1, n_concurrent=1)))

if __name__ == '__main__':
    results = []
    threads = [threading.Thread(target=run, args=(name,)) for name in ('a.csv', 'b.csv', 'c.csv')]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sorted((str(result.out), result.rows) for result in results))
'''


def test_several_at_once_do_not_get_in_each_others_way(run_script, server, folder):
    server.fail(faults.held(server.flag))
    go_on = threading.Thread(target=lambda: (
        server.wait_for(lambda: server.in_flight == 3), server.flag.set()))
    go_on.start()
    assert run_script(THREE_AT_ONCE) == (0, ["[('a.csv', 10), ('b.csv', 10), ('c.csv', 10)]"], '')
    go_on.join()
    for name in ('a.csv', 'b.csv', 'c.csv'):
        assert folder.lines(name) == EXPECTED


@pytest.mark.parametrize('method', METHODS)
def test_a_script_scores_twice(run_script, folder, method):
    script = (SPAWN.format(method) if method else '') + GUARDED
    assert run_script(script) == (0, ['scored 10', 'scored 10'], '')
    assert folder.lines() == EXPECTED


@pytest.mark.skipif(PY2 or WINDOWS, reason='only spawned processes import the main module')
@pytest.mark.parametrize('method', ['spawn', 'forkserver'])
def test_an_unguarded_main_module_is_one_error_in_the_parent_alone(run_script, server, method):
    code, out, err = run_script(SPAWN.format(method) + UNGUARDED)
    assert (code, err, server.log) == (0, '', [])
    assert len(out) == 1 and out[0].startswith('UsageError The main module')
    assert "if __name__ == '__main__':" in out[0]


@pytest.mark.skipif(not PY2 and multiprocessing.get_start_method() != 'fork',
                    reason='processes start from a file')
def test_a_script_on_standard_input_scores(run_script, folder):
    assert run_script(UNGUARDED, stdin=True) == (0, ['scored 10'], '')
    assert folder.lines() == EXPECTED


@pytest.mark.skipif(PY2 or WINDOWS, reason='Python 2 forks')
def test_a_script_on_standard_input_says_that_it_cannot_spawn(run_script):
    code, out, err = run_script(SPAWN.format('spawn') + UNGUARDED, stdin=True)
    assert (code, err) == (0, '')
    assert len(out) == 1 and 'standard input' in out[0]


DAEMON = SCRIPT + '''
if __name__ == '__main__':
    import multiprocessing
    process = multiprocessing.Process(target=show_score)
    process.daemon = True
    process.start()
    process.join()
'''


def test_a_daemonic_process_is_told_why_it_cannot(run_script, server):
    code, out, err = run_script(DAEMON)
    assert (code, err, server.log) == (0, '', [])
    assert len(out) == 1 and 'UsageError' in out[0] and 'daemonic' in out[0]


def test_importing_the_package_imports_nothing_else():
    script = ("import sys; before = set(sys.modules); import datarobot_batch_scoring; "
              "print([each for each in sorted(set(sys.modules) - before) "
              "if each.startswith(('datarobot', 'requests', 'multiprocessing', 'trafaret'))])")
    said = subprocess.check_output([sys.executable, '-c', script], cwd=ROOT)
    assert said.decode('ascii').strip() == "['datarobot_batch_scoring']"


def test_what_the_server_said_does_not_run_into_the_hint():
    error = ScoringError('It was refused.', 'Server message: no such column', 'Look at the columns.')
    assert '{0}'.format(error) == 'It was refused. Server message: no such column. Look at the columns.'
