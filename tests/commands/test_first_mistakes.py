"""What goes wrong in the first hours is said in words that lead to the cause."""

from __future__ import absolute_import, unicode_literals

import re
import signal
import socket
from contextlib import closing

import pytest

import faults
from datarobot_batch_scoring import make_settings
from datarobot_batch_scoring.errors import UsageError
from scoring import IMPORT, LOG, MODEL, PROJECT, QUICK, numbered


def unused_port():
    with closing(socket.socket()) as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


def run(run_command, folder, host, *options, **more):
    folder.write('data.csv', numbered(10))
    return run_command('batch_scoring_sse', ['--host=' + host, IMPORT, 'data.csv'] + list(options), **more)


# --- host and port ----------------------------------------------------------------


def test_a_host_that_does_not_exist_ends_the_run_at_once(run_command, folder):
    # Without the end, for as long as --timeout.
    result = run(run_command, folder, 'http://no-such-host.invalid', '--timeout=500')
    if 'Temporary failure' in result.err:
        pytest.skip('the resolver cannot tell')
    assert (result.code, result.out) == (1, '')
    assert result.err.startswith('No connection to http://no-such-host.invalid: ')
    assert 'Check --host: no host has that name.' in result.err


def test_a_host_that_does_not_exist_gives_no_token_at_once(run_command, folder):
    folder.write('data.csv', numbered(10))
    result = run_command('batch_scoring', [
        '--host=http://no-such-host.invalid', '--user=me', '--password=pw', '--timeout=500', PROJECT, MODEL,
        'data.csv'])
    if 'Temporary failure' in result.err:
        pytest.skip('the resolver cannot tell')
    assert result.code == 1 and 'Check --host: no host has that name.' in result.err


def test_what_is_waited_for_is_said_after_a_second_and_until_when(run_command, folder):
    host = 'http://127.0.0.1:{0}'.format(unused_port())
    result = run(run_command, folder, host, '--timeout=4')
    assert result.code == 1
    assert re.match(
        r'warning: Waiting for {0}: Connection refused. Retrying until [0-9:]{{8}}.\n'.format(host), result.err)


# --- other servers, several files, names ------------------------------------------


@pytest.mark.parametrize('body', [b'{"detail":"Not Found"}', b'<!doctype html>\n<title>404 Not Found</title>\n<h1>Not'])
def test_the_404_of_a_server_of_another_kind_suggests_its_protocol(score, server, body):
    server.fail(faults.status(404, body=body))
    assert '--protocol=drum or --protocol=mlflow' in score(numbered(3)).err


def test_a_404_of_datarobot_suggests_no_protocol(score, server):
    server.fail(faults.status(404, 'No such import'))
    assert 'mlflow' not in score(numbered(3)).err


@pytest.mark.parametrize('before', [[IMPORT], ['--protocol=drum']])
def test_several_files_are_not_taken_for_ids(run_command, server, folder, before):
    for name in ('a.csv', 'b.csv'):
        folder.write(name, numbered(3))
    result = run_command('batch_scoring_sse', ['--host=' + server.url] + before + ['a.csv', 'b.csv'])
    assert (result.code, server.log) == (2, [])
    assert result.err.startswith('There are several datasets: a.csv, b.csv.\nGive one file; loop over the others')


def test_an_output_with_the_name_of_another_format_is_warned_of(score, folder):
    result = score(numbered(3), '--out=q.parquet')
    assert result.code == 0
    assert result.err == 'warning: q.parquet will be CSV despite its name.\n'
    assert folder.lines('q.parquet')[0] == 'row_id,y'


# --- from Python ------------------------------------------------------------------


def test_a_mistake_in_the_settings_has_one_traceback():
    with pytest.raises(UsageError) as raised:
        make_settings('batch_scoring_sse', host='example.com', import_id=IMPORT, dataset='data.csv')
    assert 'has no scheme' in raised.value.message
    assert getattr(raised.value, '__suppress_context__', True)


def test_an_open_file_is_no_name_of_one(folder):
    folder.write('data.csv', numbered(3))
    with open(folder('data.csv')) as dataset, pytest.raises(UsageError) as raised:
        make_settings('batch_scoring_sse', host='https://example.com', import_id=IMPORT, dataset=dataset)
    assert raised.value.message.startswith('dataset: a Python object of type ')
    assert raised.value.message.endswith(' is not allowed: it must be a file name, or -.')


# --- the log ----------------------------------------------------------------------


def test_the_log_begins_with_the_version_and_the_command_line_without_secrets(run_command, server, folder):
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--api_token=hunter2222', '--keep_cols=x, city', PROJECT, MODEL, 'data.csv'])
    assert result.code == 0
    first = folder.lines(LOG)[0]
    assert re.search(r' INFO datarobot_batch_scoring [0-9.]+, Python [0-9.]+\S*: batch_scoring --host=http', first)
    assert 'hunter2222' not in first and "'--keep_cols=x, city'" in first and first.endswith(' data.csv')


def test_after_an_interruption_the_last_line_says_how_to_go_on(start_command, server, folder):
    folder.write('data.csv', numbered(40))
    server.fail(faults.never(), when=lambda record: record.first == '20')
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv', '--n_samples=2', '--n_concurrent=1'])
    server.wait_for(lambda: server.log and server.log[-1].first == '20')
    command.send(signal.SIGINT)
    result = command.wait()
    assert result.code == 130
    assert result.err.splitlines() == [
        'Interrupted.', '20 rows are in out.csv. To continue, rerun with --resume.']


def test_once_rows_were_accepted_a_refusal_names_rows(score, server, folder):
    server.fail(faults.status(403, 'no'), when=lambda record: record.first == '4')
    result = score(numbered(10), '--n_samples=2', '--n_concurrent=1', env=QUICK)
    assert 'rejected rows 4 to 5, lines 6 to 7' in result.err
