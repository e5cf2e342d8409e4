"""Responses of unusual shapes, reasons that servers hide, waits of hours, and connections gone stale."""

from __future__ import absolute_import, unicode_literals

import os
import signal

import pytest

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from processes import wait_until
from scoring import IMPORT, LOG, QUICK, WHOLE, numbered, predicted

DRUM = pytest.mark.parametrize('protocol', ['mlflow', 'drum'])


@pytest.fixture
def score_other(score):
    """Scores with a server of another vendor: `score_other('mlflow', data, ...)`."""
    def run(protocol, data, *options, **more):
        return score(data, '--protocol=' + protocol, *options, ids=[], **more)
    return run


def respond(server, body):
    server.fail(faults.garbage(body), when=lambda record: record.rows)


# --- responses of another shape ------------------------------------------------------


@pytest.mark.parametrize('names', ['a,a', 'a,', ',b', 'a,"",b', 'a,b,a'])
def test_class_names_must_differ_and_not_be_empty(score_other, server, folder, names):
    result = score_other('mlflow', numbered(3), '--class_names=' + names)
    assert (result.code, server.log, folder.has('out.csv')) == (2, [], False)
    assert result.err.startswith('--class_names: ') and 'Traceback' not in result.err


@DRUM
@pytest.mark.parametrize('rows, body, options, expected', [
    (2, b'[0.10, 2]', [], ['row_id,prediction', '0,0.10', '1,2']),
    (2, b'[[1, 2], [3, 4]]', ['--class_names=b,a'], ['row_id,b,a', '0,1,2', '1,3,4']),
    (2, b'[{"b": 1, "a": 2}, {"a": 3, "b": 4}]', [], ['row_id,a,b', '0,2,1', '1,3,4']),
    (2, b'{"predictions": {"b": [1, 2], "a": ["x", null]}}', [],
     ['row_id,a,b', '0,x,1', '1,,2']),
    (2, b'{"b": [1, 2.50], "a": [3, null]}', [], ['row_id,a,b', '0,3,1', '1,,2.50']),
    (1, b'{"predictions": 7.0}', [], ['row_id,prediction', '0,7.0']),
    (1, b'7.0', ['--pred_name=p'], ['row_id,p', '0,7.0']),
    (1, b'{"predictions": {"b": [1], "a": [2]}}', [], ['row_id,a,b', '0,2,1']),
    (1, b'{"predictions": {"b": 1, "a": 2}}', [], ['row_id,a,b', '0,2,1']),
])
def test_another_shape_is_read_where_it_can_mean_one_thing_only(
        score_other, server, folder, protocol, rows, body, options, expected):
    respond(server, body)
    result = score_other(protocol, numbered(rows), WHOLE, *options)
    assert (result.code, result.err) == (0, '')
    assert folder.lines() == expected


def test_a_bare_list_of_datarobots_rows_is_read(score, server, folder):
    respond(server, b'[%s]' % b', '.join(
        b'{"rowId": %d, "predictionValues": [{"label": "y", "value": %d}]}' % (n, n)
        for n in (1, 0)))
    score.well(numbered(2), WHOLE)
    assert folder.read() == predicted(2)


@DRUM
@pytest.mark.parametrize('rows, body, said', [
    (2, b'7.0', '2 rows were sent and 1 predictions received'),
    (2, b'{"predictions": 7.0}', '2 rows were sent and 1 predictions received'),
    (1, b'{"predictions": [0.1, 0.9]}', '1 rows were sent and 2 predictions received'),
    (2, b'{"predictions": {"a": [1, 2], "b": [1]}}', '2 rows were sent'),
    (2, b'{"a": [1, 2], "b": "x"}', 'no list "predictions"'),
    (1, b'{"errors": ["bad"]}', 'no list "predictions"'),
    (2, b'{"outputs": [1, 2]}', 'no list "predictions"'),
    (2, b'{"a": [1, 2], "b": ["x", "y"]}', 'no list "predictions"'),
    (2, b'{}', 'no list "predictions"'),
    (2, b'"sorry"', 'no list "predictions"'),
    (2, b'{"predictions": null}', 'no list "predictions"'),
    (1, b'{"predictions": null}', 'no list "predictions"'),
    (2, b'null', 'no list "predictions"'),
    (1, b'null', 'no list "predictions"'),
    (1, b'"sorry"', 'no list "predictions"'),
])
def test_any_other_shape_ends_the_run_after_two_attempts(
        score_other, server, folder, protocol, rows, body, said):
    respond(server, body)
    result = score_other(protocol, numbered(rows), WHOLE)
    assert (result.code, result.stray) == (1, False)
    assert said in result.err.replace('predictions" or "data', 'predictions')
    assert len(server.batches) == 2 and not folder.has('out.csv')


@pytest.mark.parametrize('body, said', [
    (b'{"data": [%s]}' % b','.join([b'{"rowId": 0, "predictionValues": []}'] * 9),
     '4 rows were sent and 9 predictions received'),
    (b'{"data": [1, 2, 3, 4]}', 'a prediction is not an object'),
    (b'{"data": [{"rowId": 0}, {"rowId": 1}, {"rowId": 2}, {"rowId": 3}]}', 'predictionValues'),
    (b'{"data": {"a": [1, 2, 3, 4]}}', 'predictionValues'),
    (b'{"detail": "no"}', 'the response has no list "data"'),
])
def test_datarobots_servers_too_get_two_attempts_before_the_first_good_response(
        score, server, folder, body, said):
    respond(server, body)
    result = score(numbered(4), WHOLE)
    assert (result.code, result.stray) == (1, False)
    assert said in result.err and '--host' in result.err
    assert len(server.batches) == 2 and not folder.has('out.csv')


def test_after_a_good_response_another_shape_may_be_an_accident(score, server, folder):
    server.fail(faults.garbage(b'{"data": [1]}'), when.both(
        lambda record: record.first != '0', when.first_tries(3)))
    score.well(numbered(8), '--n_samples=2', '--n_concurrent=1', env=QUICK)
    assert folder.read() == predicted(8)


# --- what a server says --------------------------------------------------------------


def test_the_last_line_of_a_stack_trace_is_the_reason(score_other, server):
    server.fail(faults.status(400, body=(
        b'{"error_code": "BAD_REQUEST", "message": "Encountered an unexpected error while '
        b'evaluating the model. Verify that the input is compatible with the model for '
        b'inference.", "stack_trace": "Traceback (most recent call last):\\n  File \\"m.py\\", '
        b'line 7, in predict\\n    raise ValueError(1)\\nValueError: columns are missing: '
        b'{\'city\'}\\n"}')), when=lambda record: record.rows)
    result = score_other('mlflow', numbered(3))
    assert result.code == 1
    assert "ValueError: columns are missing: {'city'}" in result.err
    assert 'Encountered an unexpected error' in result.err
    assert 'Traceback' not in result.err and 'm.py' not in result.err


@pytest.mark.parametrize('tail', ['?', '?a=1', '/p?threshold=0.5', '/?a=secret#b'])
def test_a_query_in_the_host_is_refused_and_not_dropped(run_command, server, folder, tail):
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring_sse', ['--host=' + server.url + tail, IMPORT, 'data.csv'])
    assert (result.code, server.log, folder.has('out.csv')) == (2, [], False)
    assert '--host' in result.err and '--query' in result.err and 'secret' not in result.err


# --- waits ---------------------------------------------------------------------------


def test_a_wait_of_hours_that_the_server_asks_for_is_reported_though_others_succeed(
        start_command, server, folder):
    server.fail(faults.retry_after(7200), when.both(when.holds('1'), when.first_tries(1)))
    # Others succeed after that.
    server.delay = lambda record: 0 if '1' in record.keys else 0.3
    folder.write('data.csv', numbered(6))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--n_samples=1', '--n_concurrent=2', IMPORT, 'data.csv'])
    server.wait_for(lambda: len(server.answered) == 5)
    wait_until(lambda: 'Retry-After' in command.err())
    command.send(signal.SIGINT)
    result = command.wait()
    assert result.code == 130
    waiting = [line for line in result.err.splitlines() if 'Retry-After' in line]
    assert len(waiting) == 1
    assert waiting[0].startswith('warning: ') and 'ows 1 to 1' in waiting[0]
    assert '429' in waiting[0] and 'Retry-After' in folder.read(LOG).decode('utf-8')


def test_a_short_wait_is_not_reported(score, server, folder):
    server.fail(faults.retry_after(1), when.both(when.holds('1'), when.first_tries(1)))
    score.well(numbered(6), '--n_samples=1', '--n_concurrent=2')
    assert folder.read() == predicted(6)


# --- connections ---------------------------------------------------------------------


@pytest.mark.parametrize('fault', [faults.silent_close(), faults.reset_at_next()])
def test_a_request_on_a_stale_connection_is_no_attempt(score, server, folder, fault):
    server.fail(fault)
    score.well(numbered(40), '--n_samples=1', '--n_concurrent=2', '--n_retry=0')
    assert folder.read() == predicted(40)


@pytest.mark.parametrize('fault', [
    faults.hang_up(), faults.reset(), faults.reset_in_body(), faults.half_a_head()])
def test_a_connection_lost_before_that_is_one(score, server, fault):
    server.fail(fault, when.number(1))
    result = score(numbered(4), '--n_samples=1', '--n_concurrent=1', '--n_retry=0', '--timeout=1')
    assert result.code == 1 and len(server.log) == 1


def test_a_new_connection_that_is_closed_at_once_is_an_attempt(score, server):
    server.fail(faults.hang_up(), when.holds('3'))
    result = score(numbered(6), '--n_samples=1', '--n_concurrent=1', '--n_retry=0')
    assert result.code == 1
    # Once on the connection that was kept, once on one of its own.
    assert server.scored['3'] == 2


def test_certificates_of_ssl_cert_file_count(run_command, make_server, folder, certs):
    server = make_server(tls=os.path.join(certs, 'localhost.pem'))
    folder.write('data.csv', numbered(4))
    words = ['--host=' + server.url.replace('127.0.0.1', 'localhost'), '--n_retry=0', IMPORT, 'data.csv']
    assert run_command('batch_scoring_sse', words).code == 1
    result = run_command('batch_scoring_sse', words, env={
        'SSL_CERT_FILE': os.path.join(certs, 'ca.pem')})
    assert (result.code, result.err) == (0, '')
    # The other variables are for requests alone, so they count first.
    result = run_command('batch_scoring_sse', words + ['-y'], env={
        'SSL_CERT_FILE': os.path.join(certs, 'ca.pem'),
        'REQUESTS_CA_BUNDLE': os.path.join(certs, 'elsewhere.pem')})
    assert result.code == 1 and 'certificate' in result.err.lower()


# --- files ---------------------------------------------------------------------------


@pytest.mark.skipif(WINDOWS, reason='it has no /dev/null')
def test_dev_null_as_the_log_means_none(score, folder):
    score.well(numbered(4), '--log=/dev/null')
    assert folder.read() == predicted(4)
    assert sorted(folder.state()) == ['data.csv', 'out.csv'] and not folder.has(LOG)
