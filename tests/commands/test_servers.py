"""Servers other than DataRobot's: their routes, credentials, answers, statuses, and their start."""

from __future__ import absolute_import, unicode_literals

import json

import pytest

import faults
import when
from datarobot_batch_scoring import make_settings
from scoring import IMPORT, QUICK, numbered

FOREIGN = ('drum', 'mlflow')
ROUTES = {'drum': '/predictions/', 'mlflow': '/invocations'}
TOKENS = {'DATAROBOT_API_TOKEN': 'vendor-secret', 'DATAROBOT_KEY': 'vendor-key'}


@pytest.fixture
def score_with(score):
    """`score_with('drum', data, ...)`: `score` without an id, mostly in one batch."""
    def run(protocol, data, *options, **more):
        options = ('--protocol=' + protocol, '--n_samples=100') + options
        return score(data, *options, **dict({'ids': []}, **more))
    return run


@pytest.fixture(params=FOREIGN)
def protocol(request):
    return request.param


# --- routes and hosts --------------------------------------------------------------


@pytest.mark.parametrize('path', ['', '/', '/a/b', '/a/b/', '/a/{route}', '/{route}/', '{route}'])
def test_the_path_of_the_host_stands_before_the_route_and_a_pasted_route_is_understood(
        score_with, server, protocol, path):
    path = path.format(route=ROUTES[protocol].strip('/')) if path != '{route}' else ROUTES[protocol]
    result = score_with(protocol, numbered(3), path=path)
    assert (result.code, result.err) == (0, '')
    prefix = '/a/b' if 'b' in path else '/a' if path.startswith('/a') else ''
    assert [record.target for record in server.batches] == [prefix + ROUTES[protocol]]


def test_one_of_many_models_is_named_by_any_id(score, server):
    result = score(numbered(3), '--protocol=drum', command='batch_scoring_deployment_aware',
                   ids=['rent-2'])
    assert (result.code, result.err) == (0, '')
    assert server.batches[0].target == '/deployments/rent-2/predictions'


def test_a_deployment_that_drum_does_not_know_is_a_matter_of_the_host_or_the_id(score, server):
    server.fail(faults.status(404, 'No deployment rent-2'), when=when.path_has('predictions'))
    result = score(numbered(3), '--protocol=drum', command='batch_scoring_deployment_aware',
                   ids=['rent-2'])
    assert result.code == 1
    assert result.err.splitlines() == [
        'The server rejected the request (404): No deployment rent-2. No row was scored.',
        'Check the path in --host, and the deployment id if '
        'there is one.']


@pytest.mark.parametrize('status', [401, 403, 404, 405, 501])
def test_what_to_check_on_a_standalone_server_is_no_option_that_means_nothing_there(
        score, server, status):
    server.fail(faults.status(status))
    result = score(numbered(3))
    assert result.code == 1 and 'rejected the request ({0})'.format(status) in result.err
    hint = result.err.splitlines()[-1]
    assert hint.startswith('Check --host')
    assert not [each for each in ('user', 'token', 'password', 'key', 'api_version') if each in hint]


NOT_SENT = 'warning: {0} is not sent: with --protocol={1}, --host alone selects the model.\n'


@pytest.mark.parametrize('in_ini', [False, True])
def test_an_id_that_is_not_needed_may_be_there_and_a_warning_says_that_it_is_not_sent(
        score_with, server, folder, protocol, in_ini):
    if in_ini:
        folder.write('batch_scoring.ini', b'[batch_scoring]\nimport_id = mine\n')
    result = score_with(protocol, numbered(3), ids=[] if in_ini else [IMPORT])
    named = 'batch_scoring.ini: import_id' if in_ini else '<import_id>'
    assert (result.code, result.err) == (0, NOT_SENT.format(named, protocol))
    assert server.batches[0].target == ROUTES[protocol]


def test_from_python_the_warning_about_such_an_id_is_in_the_log(protocol, caplog):
    make_settings('batch_scoring_sse', host='http://127.0.0.1', dataset='data.csv',
                  protocol=protocol, import_id='mine')
    assert [record.getMessage() for record in caplog.records] == [
        'import_id is not sent: with --protocol={0}, --host alone selects the model.'.format(
            protocol)]


def test_without_a_dataset_no_id_is_asked_for(run_command, protocol):
    result = run_command('batch_scoring_sse', [
        '--protocol=' + protocol, '--host=http://127.0.0.1'])
    assert result.code == 2
    assert result.err.startswith('An argument is missing: <dataset_filepath>.\nUsage: ')


def test_a_serverless_deployment_has_its_route_and_names_explanations_so(score, server, folder):
    result = score(numbered(20), '--n_samples=20', '--api_version=api/v2', '--api_token=test-token', '--user=me',
                   '--max_prediction_explanations=2', command='batch_scoring_deployment_aware',
                   ids=['5f' + '0' * 22])
    assert (result.code, result.err) == (0, '')
    record = server.batches[0]
    assert record.target == '/api/v2/deployments/5f' + '0' * 22 + '/predictions?maxExplanations=2'
    assert record.headers['authorization'] == 'Bearer test-token'
    assert 'feature 0' in folder.read().decode('utf-8')


@pytest.mark.parametrize('code', [307, 308])
@pytest.mark.parametrize('absolute', [True, False])
def test_a_redirect_that_differs_by_a_slash_is_followed_once_for_all(
        score_with, server, code, absolute):
    home = server.url if absolute else ''
    server.fail(faults.redirect(home + '/predictions', code), when=when.path_has('/predictions/'))
    server.fail(answers_like_the_route('/predictions/'), when=when.path_has('/predictions'))
    result = score_with('drum', numbered(8), '--n_samples=2', '--n_concurrent=1')
    assert (result.code, result.err) == (0, '')
    assert [record.target for record in server.batches] == ['/predictions/'] + ['/predictions'] * 4


def answers_like_the_route(path):
    """The good answer of another route."""
    @faults.fault
    def strike(exchange):
        exchange.record.target = path
        status, body = exchange.good_answer()
        exchange.record.target = path.rstrip('/')
        exchange.send(status, body)
    return strike()


@pytest.mark.parametrize('to', [
    'http://localhost:{port}/predictions', 'https://127.0.0.1:{port}/predictions',
    'http://127.0.0.1:1/predictions', '/predictions?a=1', '/prediction', '//evil/predictions',
    'http://me@127.0.0.1:{port}/predictions', 'http://127.0.0.1:x/predictions', ''])
def test_any_other_redirect_ends_the_run(score_with, server, to):
    server.fail(faults.redirect(to.format(port=server.port), 308), when=when.path_has('predictions'))
    result = score_with('drum', numbered(3), '--api_token=hunter2')
    assert result.code == 1 and 'with a redirect (308)' in result.err
    assert len(server.batches) == 1


def test_datarobot_servers_are_not_followed_anywhere(score, server):
    server.fail(faults.redirect('/predApi/v1.0/{0}/predict/'.format(IMPORT), 308))
    result = score(numbered(3))
    assert result.code == 1 and 'with a redirect (308)' in result.err


# --- credentials -------------------------------------------------------------------


def test_no_datarobot_credential_goes_to_another_vendors_server(score_with, server, folder, protocol):
    folder.write('batch_scoring.ini', b'[batch_scoring]\napi_token = ini-secret\nuser = me\n'
                 b'password = pw-secret\ndatarobot_key = key-secret\n')
    result = score_with(protocol, numbered(3), env=TOKENS)
    assert result.code == 0
    sent = ['{0}'.format(sorted(record.headers.items())) for record in server.log]
    assert sent and 'secret' not in ''.join(sent) and 'datarobot-key' not in ''.join(sent)
    assert not any('authorization' in record.headers for record in server.log)
    assert 'api_token is not sent: the file does not set protocol = ' + protocol in result.err
    assert 'secret' not in result.err


@pytest.mark.parametrize('options, env, ini', [
    (['--api_token=mine'], TOKENS, None),
    ([], dict(TOKENS, BATCH_SCORING_API_TOKEN='mine'), None),
    ([], TOKENS, 'api_token = mine\nprotocol = {0}\n')])
def test_a_token_for_such_a_server_is_sent_as_bearer(
        score_with, server, folder, protocol, options, env, ini):
    if ini:
        folder.write('batch_scoring.ini', (
            '[batch_scoring]\n' + ini.format(protocol)).encode('ascii'))
    result = score_with(protocol, numbered(3), *options, env=env)
    assert (result.code, result.err) == (0, '')
    assert [record.headers.get('authorization') for record in server.log] == [
        'Bearer mine'] * len(server.log)


def test_a_token_for_another_server_does_not_go_to_datarobots(score, server, folder):
    folder.write('batch_scoring.ini', b'[batch_scoring]\nprotocol = drum\napi_token = theirs\n')
    result = score(numbered(3), '--protocol=datarobot', '--dry_run', ids=['5f' + '0' * 22],
                   command='batch_scoring_deployment_aware',
                   env={'BATCH_SCORING_API_TOKEN': 'theirs'})
    assert result.code == 0 and 'api_token is not sent' in result.err


@pytest.mark.parametrize('option', [
    '--user=me', '--password=pw', '--datarobot_key=key', '--create_api_token',
    '--api_version=api/v1', '--max_prediction_explanations=2', '--compress'])
def test_an_option_that_a_protocol_does_not_know_is_refused(score, server, option):
    result = score(numbered(3), '--protocol=drum', option, ids=['any'],
                   command='batch_scoring_deployment_aware')
    assert result.code == 2 and server.log == []
    assert result.err == '{0} is not supported with --protocol=drum.\n'.format(option.partition('=')[0])


def test_in_the_ini_file_such_an_option_is_passed_over_with_a_warning(score_with, server, folder):
    folder.write('batch_scoring.ini', b'[batch_scoring]\ncompress = yes\npred_threshold = t\n'
                 b'max_prediction_explanations = 0\n')
    result = score_with('mlflow', numbered(3))
    assert result.code == 0 and 'content-encoding' not in server.batches[0].headers
    assert result.err.splitlines() == [
        'warning: batch_scoring.ini: {0} is ignored: it is not supported with --protocol=mlflow.'.format(each)
        for each in ('pred_threshold', 'compress')]


# --- answers -----------------------------------------------------------------------


def cells(folder):
    return [line.split(',') for line in folder.lines()]


@pytest.mark.parametrize('form, shape, header', [
    ('numbers', 'regression', ['prediction']),
    ('objects', 'multiclass', ['a', 'b', 'c']),
    ('lists', 'multiclass', ['prediction_0', 'prediction_1', 'prediction_2']),
])
def test_each_form_of_answer_has_its_columns(
        run_command, make_server, folder, protocol, form, shape, header):
    server = make_server(shape=shape, form=form)
    folder.write('data.csv', numbered(20))
    result = run_command('batch_scoring_sse', [
        '--protocol=' + protocol, '--host=' + server.url, '--n_samples=3', 'data.csv'])
    assert (result.code, result.err) == (0, '')
    rows = [row for record in server.batches for row in record.rows]
    expected = dict((row.key, server.echo.cells(row)[:len(header)]) for row in rows)
    assert cells(folder) == [['row_id'] + header] + [
        ['{0}'.format(n)] + expected['{0}'.format(n)] for n in range(20)]


def test_a_deployment_configuration_makes_drum_answer_as_datarobot_does(
        run_command, make_server, folder):
    server = make_server(shape='binary', form='data', shuffle=True)
    folder.write('data.csv', numbered(20))
    result = run_command('batch_scoring_sse', [
        '--protocol=drum', '--host=' + server.url, '--n_samples=3', '--pred_threshold=t',
        '--pred_decision=d', 'data.csv'])
    assert (result.code, result.err) == (0, '')
    assert cells(folder)[0] == ['row_id', '0.0', '1.0', 't', 'd']
    assert [row[2] for row in cells(folder)[1:]] == ['{0}'.format(n) for n in range(20)]


@pytest.fixture
def score_body(score_with, server, folder):
    """Scores two rows with a server that answers with a body; the output's lines or the error."""
    def run(body, *options, **more):
        server.fail(faults.garbage(body), when=when.path_has('invocations'))
        more.setdefault('env', QUICK)
        result = score_with('mlflow', numbered(2), *options, **more)
        return folder.lines() if result.code == 0 else (result.code, result.err)
    return run


@pytest.mark.parametrize('body, options, expected', [
    (b'{"predictions": [0.10, 1e5]}', [], ['row_id,prediction', '0,0.10', '1,1e5']),
    (b'{"predictions": [NaN, -Infinity]}', ['--pred_name=p'], ['row_id,p', '0,NaN', '1,-Infinity']),
    (b'{"predictions": ["a, b", null]}', [], ['row_id,prediction', '0,"a, b"', '1,']),
    (b'{"predictions": [true, false]}', ['--pred_decision=d'],
     ['row_id,prediction,d', '0,true,true', '1,false,false']),
    (b'{"predictions": [[0.1, 0.9], [0.2, 0.8]]}', ['--class_names=yes,no'],
     ['row_id,yes,no', '0,0.1,0.9', '1,0.2,0.8']),
    (b'{"predictions": [[0.1, 0.9], [0.2, 0.8]]}', ['--class_names=yes,no', '--pred_name=p'],
     ['row_id,p', '0,0.1', '1,0.2']),
    (b'{"predictions": [[0.1, 0.9], [0.2, 0.8]]}', ['--pred_name=p'],
     ['row_id,p', '0,0.9', '1,0.8']),
    (b'{"predictions": [[0.1, 0.9], [0.2, 0.8]]}', ['--class_names=a,b', '--pred_cols=b'],
     ['row_id,b', '0,0.9', '1,0.8']),
    (b'{"predictions": [[1,2,3,4,5,6,7,8,9,10,11],[1,2,3,4,5,6,7,8,9,10,11]]}', [],
     ['row_id,' + ','.join('prediction_{0}'.format(n) for n in range(11)),
      '0,1,2,3,4,5,6,7,8,9,10,11', '1,1,2,3,4,5,6,7,8,9,10,11']),
    (b'{"predictions": [{"b": 1.0, "a": [1, 2]}, {"a": NaN, "b": "x"}], "more": {}}', [],
     ['row_id,a,b', '0,"[1,2]",1.0', '1,NaN,x']),
])
def test_values_keep_their_text_and_their_order(score_body, body, options, expected):
    assert score_body(body, *options) == expected


@pytest.mark.parametrize('body, options, code, said', [
    (b'{"predictions": [[0.1, 0.9], [0.2, 0.8]]}', ['--class_names=a,b,c'], 1,
     '--class_names has 3 names, but a row of the response has 2 values.'),
    (b'{"predictions": [1, 2]}', ['--class_names=a,b'], 1,
     '--class_names has 2 names, but a row of the response has 1 values.'),
    (b'{"predictions": [{"x": 1}, {"x": 2}]}', ['--class_names=a'], 1,
     '--class_names: the response has its own names.'),
    (b'{"predictions": [[1, 2], [3, 4]]}', ['--pred_decision=d'], 1,
     '--pred_decision: the server returns values only, no class.'),
    (b'{"predictions": [1]}', [], 1,
     'could not be scored in 2 attempts: the response is invalid: 2 rows were sent and 1 predictions'),
    (b'{"predictions": [1, 2, 3]}', [], 1, '2 rows were sent and 3 predictions received'),
    (b'{"predictions": [1, [2]]}', [], 1, 'the labels differ: prediction before, prediction_0 now'),
    (b'{"predictions": [[], []]}', [], 1, 'the response is malformed: a row has no values'),
    (b'{"outputs": [1, 2]}', [], 1, 'the response has no list "predictions"'),
])
def test_an_answer_that_does_not_fit_ends_the_run_with_the_difference(
        score_body, body, options, code, said):
    ended, err = score_body(body, *options)
    assert ended == code and said in err


@pytest.mark.parametrize('option', ['--class_names=a,b', '--pred_decision=d'])
def test_what_only_an_answer_can_show_is_a_run_that_failed_and_has_its_report(
        score_body, folder, option):
    ended, err = score_body(b'{"predictions": [[1, 2, 3], [4, 5, 6]]}', option,
                            '--report=report.json')
    assert ended == 1
    found = json.loads(folder.read('report.json').decode('utf-8'))
    assert (found['outcome'], found['exit_code']) == ('failed', 1)


def test_threshold_of_drum_needs_one_in_the_answer(score_with):
    result = score_with('drum', numbered(3), '--pred_threshold=t')
    assert result.code == 2
    assert result.err.startswith('--pred_threshold: the server sends no prediction threshold.')


# --- statuses ----------------------------------------------------------------------


def at_fault(said='ERROR: no such column'):
    return faults.status(500, said)


def test_drum_says_error_for_what_the_data_got_wrong_and_one_more_try_is_enough(score_with, server):
    server.fail(at_fault(), when=when.path_has('predictions'))
    result = score_with('drum', numbered(4), env=QUICK)
    assert result.code == 1 and len(server.batches) == 2
    assert 'with status 500.\nServer message: ERROR: no such column\n' in result.err


def test_such_an_error_may_be_an_accident(score_with, server):
    server.fail(at_fault(), when=when.both(when.path_has('predictions'), when.first_tries(1)))
    result = score_with('drum', numbered(8), '--n_samples=2', env=QUICK)
    assert (result.code, result.err) == (0, '')


def test_rows_that_drum_cannot_score_are_set_aside(score_with, server, folder):
    server.fail(at_fault(), when=when.both(when.path_has('predictions'), when.holds('5')))
    result = score_with('drum', numbered(8), '--bad_rows=bad.csv', env=QUICK)
    assert result.code == 3
    assert folder.lines('bad.csv')[1].startswith('5,7,status 500: ERROR: no such column,5,')


def test_the_500_of_a_worker_that_took_too_long_is_a_timeout(score_with, server):
    server.fail(faults.html(500), when=when.both(
        when.path_has('predictions'), when.more_rows_than(2)))
    result = score_with('drum', numbered(8), env=QUICK)
    assert result.code == 0
    assert sorted(len(record.rows) for record in server.batches if record.status == 200) == [2] * 4


def test_513_ends_the_run_since_there_is_no_model(score_with, server):
    server.fail(faults.status(513, 'no model'))
    result = score_with('drum', numbered(4))
    assert result.code == 1 and len(server.batches) == 1
    assert "The server could not load its model: look at the server's own log." in result.err


@pytest.mark.parametrize('protocol, said', [
    ('drum', "ERROR: Pandas failed to read input binary data b'x,city\\n0,town 0\\n"),
    ('drum', 'ERROR: cannot read x,city\n0,town 0\n1,town 1\n'),
    ('mlflow', "Failed to predict data '   x  city\n0  0  town 0'. \nError: Failed to enforce schema "
     "of data '   x  city\n0  0  town 0' with schema '['x': double (required)]'. "
     "Error: Model is missing inputs ['y']."),
])
def test_a_message_that_repeats_the_request_is_cut_before_the_rows(
        score_with, server, protocol, said):
    body = json.dumps({'message': said}).encode('ascii')
    server.fail(faults.status(500 if protocol == 'drum' else 400, body=body),
                when=lambda record: record.rows)
    result = score_with(protocol, numbered(2), env=QUICK)
    assert result.code == 1 and 'Server message: ' in result.err and 'town' not in result.err
    assert protocol == 'drum' or "Model is missing inputs ['y']." in result.err


def test_a_message_of_many_megabytes_still_tells_what_it_is(score_with, server):
    said = 'ERROR: cannot read b\'x' + 'y' * (3 << 20)
    server.fail(at_fault(said), when=when.path_has('predictions'))
    result = score_with('drum', numbered(4), env=QUICK)
    assert result.code == 1 and len(server.batches) == 2
    assert 'ERROR: cannot read' in result.err and 'yy' not in result.err


# --- readiness ---------------------------------------------------------------------


PINGS = {'drum': '/ping/', 'mlflow': '/ping'}


def test_a_server_is_asked_first_and_waited_for_while_it_loads(score_with, server, protocol):
    server.fail(faults.status(503), when=when.first_requests(3))
    result = score_with(protocol, numbered(4), '--n_concurrent=1', env=QUICK)
    assert result.code == 0
    assert [record.target for record in server.log] == [PINGS[protocol]] * 4 + [ROUTES[protocol]]
    assert not [record for record in server.log[:4] if 'content-type' in record.headers]
    assert all('concurrency/1' in record.headers['user-agent'] for record in server.log)


@pytest.mark.parametrize('fault', [faults.status(404), faults.status(401), faults.html(200)])
def test_whatever_else_is_said_to_a_ping_shows_a_server_that_is_there(score_with, server, fault):
    server.fail(fault, when=when.path_has('ping'))
    assert score_with('mlflow', numbered(4)).code == 0


@pytest.mark.parametrize('fault, said', [
    (faults.status(503), '/ping responds with status 503'),
    (faults.never(), '/ping did not respond within 1 seconds')])
def test_a_server_that_does_not_get_ready_is_named_after_the_timeout(
        score_with, server, fault, said):
    server.fail(fault, when=when.path_has('ping'))
    result = score_with('mlflow', numbered(4), '--timeout=1')
    assert result.code == 1 and server.batches == []
    assert '\n{0} was not ready within 1 seconds: '.format(server.url) in '\n' + result.err
    assert said in result.err


@pytest.mark.parametrize('options', [[], ['--protocol=drum'], ['--protocol=mlflow']])
def test_a_server_that_is_started_after_the_command_scores_all(
        start_command, server, folder, options):
    folder.write('data.csv', numbered(4))
    server.go_down()
    command = start_command('batch_scoring_sse', options + [
        '--host=' + server.url, '--verbose', IMPORT, 'data.csv'])
    server.wait_for(lambda: command.living('network'))
    server.come_back()
    assert command.wait().code == 0


def test_a_wrong_port_is_named_once_the_timeout_is_over(score_with, server, protocol):
    server.go_down()
    result = score_with(protocol, numbered(4), '--timeout=1')
    assert result.code == 1
    assert '\nNo connection to ' + server.url in '\n' + result.err


# --- resume ------------------------------------------------------------------------


@pytest.mark.parametrize('options, path, said', [
    (['--protocol=drum', '--class_names=a'], '/a', '--protocol was mlflow and is drum'),
    (['--protocol=mlflow', '--class_names=b'], '/a', '--class_names was a and is b'),
    (['--protocol=mlflow', '--class_names=a'], '/b', 'the path of --host was /a and is /b')])
def test_what_a_server_is_must_be_the_same_on_a_resume(score, server, options, path, said):
    server.fail(faults.status(400), when=when.holds('5'))
    first = ['--protocol=mlflow', '--class_names=a', '--n_samples=2', '--n_concurrent=1']
    assert score(numbered(8), *first, ids=[], path='/a').code == 1
    result = score(None, '--resume', '--n_samples=2', *options, ids=[], path=path)
    assert result.code == 2 and said in result.err
    server.heal()
    assert score(None, '--resume', *first, ids=[], path='/a').code == 0
