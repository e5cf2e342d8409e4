"""The prediction API as current servers have it: routes, arguments, explanations, extra columns, texts."""

from __future__ import absolute_import, unicode_literals

import re

import pytest

import faults
import when
from scoring import DEPLOYMENT, LOG, MODEL, PROJECT, QUICK, WHOLE, numbered, predicted

NEW, OLD = 'predictions?maxExplanations=3', 'predictionExplanations?maxCodes=3'
NOT_ALLOWED = "'maxExplanations': maxExplanations is not allowed key"
TOKEN = '--api_token=test-token'


@pytest.fixture
def deployed(score):
    """Scores with `batch_scoring_deployment_aware`."""
    def run(data, *options, **more):
        return score(data, TOKEN, *options, command='batch_scoring_deployment_aware', ids=[DEPLOYMENT], **more)
    return run


def log(folder):
    return folder.read(LOG).decode('utf-8')


# --- the route of explanations ---------------------------------------------------------


def explained(folder, rows):
    """Asserts that the output has all rows, with explanations."""
    lines = folder.lines()
    assert lines[0] == 'row_id,y,' + ','.join(
        'explanation_{0}_feature,explanation_{0}_strength'.format(n) for n in (1, 2, 3))
    assert [line.split(',')[1] for line in lines[1:]] == ['{0}'.format(n) for n in range(rows)]
    assert ',feature 0,' in '\n'.join(lines)


def targets(server, route):
    return [record for record in server.batches if record.target.endswith(route)]


def test_explanations_come_from_the_current_route(deployed, server, folder):
    result = deployed(numbered(40), '--n_samples=2', '--max_prediction_explanations=3')
    assert (result.code, result.err) == (0, '')
    explained(folder, 40)
    assert len(targets(server, NEW)) == len(server.batches) == 20
    assert 'predictionExplanations' not in log(folder)


@pytest.mark.parametrize('fault', [
    faults.status(404, 'The requested URL was not found on the server.'), faults.status(405, 'Method Not Allowed'),
    faults.status(422, NOT_ALLOWED)], ids=['404', '405', '422'])
def test_a_server_that_knows_only_the_old_route_is_asked_there_after_one_request_per_worker(
        deployed, server, folder, fault):
    server.fail(fault, when.path_has('maxExplanations'))
    result = deployed(numbered(80), '--n_samples=2', '--n_concurrent=8', '--max_prediction_explanations=3')
    assert (result.code, result.err, result.stray) == (0, '', False)
    explained(folder, 80)
    # A worker process per core.
    assert 1 <= len(targets(server, NEW)) <= 2
    assert len(targets(server, OLD)) == 40
    assert len(re.findall('requested at .*/predictionExplanations', log(folder))) == 1


def test_with_bad_rows_the_wrong_route_is_no_reason_to_split_a_batch(deployed, server, folder):
    server.fail(faults.status(422, NOT_ALLOWED), when.path_has('maxExplanations'))
    result = deployed(numbered(20), WHOLE, '--max_prediction_explanations=3', '--bad_rows=bad.csv')
    assert (result.code, result.err) == (0, '')
    explained(folder, 20)
    assert len(server.batches) == 2


def test_a_server_that_knows_neither_is_quoted_about_the_current_one(deployed, server, folder):
    server.fail(faults.status(404, 'no such deployment here'), when.path_has('maxExplanations'))
    server.fail(faults.status(404, 'what is maxCodes?'), when.path_has('maxCodes'))
    result = deployed(numbered(40), '--n_samples=2', '--max_prediction_explanations=3')
    assert (result.code, result.stray) == (1, False)
    assert 'no such deployment here' in result.err and 'maxCodes' not in result.err
    assert len(targets(server, NEW)) <= 2 and len(targets(server, OLD)) <= 8
    assert not folder.has('out.csv')


@pytest.mark.parametrize('knows', ['new', 'old'])
def test_503_first_says_nothing_about_routes(deployed, server, folder, knows):
    server.fail(faults.status(503, 'starting'), when.first_requests(3))
    if knows == 'old':
        server.fail(faults.status(404), when.path_has('maxExplanations'))
    result = deployed(numbered(40), '--n_samples=2', '--max_prediction_explanations=3', env=QUICK)
    assert (result.code, result.err) == (0, '')
    explained(folder, 40)
    lost = 3 if knows == 'new' else 5
    assert len(server.batches) <= 20 + lost


def test_an_old_server_that_is_busy_at_first_is_not_asked_on_the_current_route_again(deployed, server, folder):
    server.fail(faults.status(404), when.path_has('maxExplanations'))
    server.fail(faults.status(503), when.both(when.path_has('maxCodes'), when.first_requests(4)))
    result = deployed(numbered(40), '--n_samples=2', '--max_prediction_explanations=3', env=QUICK)
    assert (result.code, result.err) == (0, '')
    explained(folder, 40)
    assert len(targets(server, NEW)) <= 2


def test_any_other_422_of_the_current_route_ends_the_run(deployed, server):
    server.fail(faults.status(422, 'This model cannot explain its predictions'))
    result = deployed(numbered(4), WHOLE, '--max_prediction_explanations=3')
    assert result.code == 1 and 'cannot explain its predictions' in result.err
    assert len(server.batches) == 1


@pytest.mark.parametrize('command, ids, route', [
    ('batch_scoring', [PROJECT, MODEL], '/{0}/{1}/reasonCodesPredictions?maxCodes=3'.format(PROJECT, MODEL)),
    ('batch_scoring_sse', ['flats'], '/flats/reasonCodesPredictions?maxCodes=3'),
])
def test_the_other_commands_have_their_route(score, server, command, ids, route):
    words = [TOKEN] if command == 'batch_scoring' else []
    score.well(numbered(4), WHOLE, '--max_prediction_explanations=3', *words, command=command, ids=ids)
    assert [record.target for record in server.batches] == ['/predApi/v1.0' + route]


def test_a_404_of_a_project_names_the_command_for_deployments(score, server):
    server.fail(faults.status(404, 'Not found'))
    result = score(numbered(4), TOKEN, command='batch_scoring', ids=[PROJECT, MODEL])
    assert result.code == 1
    for part in ('batch_scoring_deployment_aware', '6.0', 'May 2020'):
        assert part in result.err
    for command, ids, words in (('batch_scoring_deployment_aware', [DEPLOYMENT], [TOKEN]),
                                ('batch_scoring_sse', ['flats'], [])):
        result = score(numbered(4), *words, command=command, ids=ids)
        assert result.code == 1 and 'May 2020' not in result.err


# --- arguments -------------------------------------------------------------------------


QUERY = 'thresholdHigh=0.8125&passthroughColumns=city&maxNgramExplanations=all%7e'


@pytest.mark.parametrize('command, ids, words, target', [
    ('batch_scoring', [PROJECT, MODEL], [TOKEN], '/predApi/v1.0/{0}/{1}/predict?'.format(PROJECT, MODEL)),
    ('batch_scoring_sse', ['flats'], ['--max_prediction_explanations=2'],
     '/predApi/v1.0/flats/reasonCodesPredictions?maxCodes=2&'),
    ('batch_scoring_deployment_aware', [DEPLOYMENT], [TOKEN],
     '/predApi/v1.0/deployments/{0}/predictions?'.format(DEPLOYMENT)),
    ('batch_scoring_deployment_aware', [DEPLOYMENT], [TOKEN, '--api_version=api/v2'],
     '/api/v2/deployments/{0}/predictions?'.format(DEPLOYMENT)),
    ('batch_scoring_sse', [], ['--protocol=drum'], '/predictions/?'),
    ('batch_scoring_sse', [], ['--protocol=mlflow'], '/invocations?'),
])
def test_a_query_is_sent_as_it_is_with_each_request_for_predictions(
        score, server, folder, command, ids, words, target):
    score.well(numbered(6), '--n_samples=3', '--query=' + QUERY, *words, command=command, ids=ids)
    assert [record.target for record in server.batches] == [target + QUERY] * 2
    assert all('?' not in record.target for record in server.log if not record.rows)


@pytest.mark.parametrize('query', ["a=%7e%2f{}|^`<>\"'\\;,+*!$()[]@:/?", 'a=1&&b', '=', 'a'])
def test_nothing_in_a_query_is_written_in_another_way(score, server, folder, query):
    score.well(numbered(3), WHOLE, '--protocol=drum', '--query=' + query, ids=[])
    assert [record.target for record in server.batches] == ['/predictions/?' + query]


def test_a_query_goes_to_the_old_route_too(deployed, server, folder):
    server.fail(faults.status(404), when.path_has('maxExplanations'))
    result = deployed(numbered(4), WHOLE, '--max_prediction_explanations=3', '--query=thresholdLow=0.1')
    assert (result.code, result.err) == (0, '')
    assert server.batches[-1].target.endswith('/predictionExplanations?maxCodes=3&thresholdLow=0.1')


@pytest.mark.parametrize('query', [
    'a=1 2', 'a=1#b', 'a=\x01', 'a=\x7f', 'a=\xe9', 'maxExplanations=3', 'b=1&maxCodes=3', 'max%45xplanations=1'])
@pytest.mark.parametrize('ini', [True, False])
def test_a_query_that_cannot_be_sent_is_a_usage_error(score, server, folder, query, ini):
    if ini:
        folder.write('batch_scoring.ini', '[batch_scoring]\nquery = {0}\n'.format(query).encode('utf-8'))
    result = score(numbered(3), *([] if ini else ['--query=' + query]))
    assert (result.code, server.log, folder.has('out.csv')) == (2, [], False)
    assert 'query' in result.err and 'Traceback' not in result.err


def test_of_a_query_the_names_are_shown_and_no_value(deployed, server, folder):
    secret = 'hush-hush'
    server.fail(faults.status(503, 'thresholdHigh=0.8125 and passthroughColumns ' + secret), when.both(
        when.holds('1'), when.first_tries(1)))
    server.fail(faults.status(422, "{'thresholdHigh': 0.8125, 'passthroughColumns': '%s'}" % secret), when.holds('3'))
    query = '--query=thresholdHigh=0.8125&passthroughColumns={0}'.format(secret)
    result = deployed(numbered(4), '--n_samples=1', '--n_concurrent=1', query, '--verbose', '--report=r.json',
                      '--timeout=5', env=QUICK)
    assert result.code == 1
    everything = result.err + result.out + ''.join(
        data.decode('utf-8', 'replace') for name, data in folder.state().items() if name != 'data.csv') + log(folder)
    assert secret not in everything and '0.8125' not in everything
    assert 'thresholdHigh' in result.err
    resumed = deployed(None, '--resume', '--n_samples=1',
                       '--query=thresholdHigh=0.9&passthroughColumns={0}'.format(secret))
    assert resumed.code == 2
    assert '--query was thresholdHigh=*****&passthroughColumns=***** (sha256 ' in resumed.err
    assert secret not in resumed.err and '0.9' not in resumed.err
    server.heal()
    again = deployed(None, '--resume', '--n_samples=1', query)
    assert again.code == 0 and folder.read() == predicted(4)


def test_an_argument_that_the_server_does_not_know_points_to_the_query(deployed, server):
    result = deployed(numbered(2), WHOLE, '--query=wd=1')
    assert result.code == 1 and "'wd': wd is not allowed key" in result.err and 'Check --query' in result.err


# --- the number of a request, and what 401 means ------------------------------------------


REQUEST_ID = [('X-DataRobot-Request-ID', 'f00dfeed')]


def test_the_number_of_a_request_is_in_the_log_of_each_failure_and_in_the_final_error(score, server, folder):
    server.fail(faults.status(503, 'busy', headers=REQUEST_ID), when.number(1))
    server.fail(faults.status(200, body=b'{"data": "?"}', headers=REQUEST_ID), when.number(2))
    server.fail(faults.status(422, 'no', headers=REQUEST_ID))
    result = score(numbered(2), WHOLE, env=QUICK)
    assert result.code == 1 and '(request ID f00dfeed)' in result.err
    failures = [line for line in log(folder).splitlines() if '; next retry in ' in line]
    assert len(failures) == 2 and all('(request ID f00dfeed)' in line for line in failures)


def test_it_is_in_the_error_when_retries_are_used_up_and_not_in_the_reason_of_a_bad_row(score, server, folder):
    server.fail(faults.status(503, 'busy', headers=REQUEST_ID))
    result = score(numbered(2), WHOLE, '--n_retry=1', env=QUICK)
    assert result.code == 1 and 'status 503: busy (request ID f00dfeed)' in result.err
    server.heal()
    server.fail(faults.status(422, 'no', headers=REQUEST_ID), when.holds('1'))
    result = score(numbered(4), WHOLE, '--bad_rows=bad.csv', '--no-resume')
    assert result.code == 3
    assert 'status 422: no,' in folder.read('bad.csv').decode('utf-8') and 'f00d' not in folder.read(
        'bad.csv').decode('utf-8')
    assert 'rows 0 to 3: status 422: no (request ID f00dfeed)' in log(folder)


@pytest.mark.parametrize('said, option, others', [
    ('Invalid API token', '--api_token', ['--datarobot_key']),
    ('Invalid Authorization header. No credentials provided.', 'pass --api_token', ['--datarobot_key']),
    ('The datarobot-key header is missing', '--datarobot_key', ['--api_token']),
    ('Something else', '--datarobot_key', []),
])
def test_each_401_points_to_its_option(deployed, server, said, option, others):
    server.fail(faults.status(401, said))
    result = deployed(numbered(2), WHOLE)
    assert result.code == 1 and said in result.err and option in result.err
    assert not any(other in result.err for other in others)
