"""Each option does what it says, on the command line and in the ini file alike."""

from __future__ import absolute_import, unicode_literals

import base64
import io
import json
import os
import re

import pytest

import faults
import when
from datarobot_batch_scoring.settings import table
from datarobot_batch_scoring.demo.app import Account
from scoring import DEPLOYMENT, IMPORT, LOG, MODEL, PROJECT, numbered

HERE = os.path.dirname(os.path.abspath(__file__))
TOKEN = {'api_token': 'test-token'}


def as_words(settings):
    """Settings as words of the command line; flags have the value 'yes'."""
    flags = set(each.name for each in table.OPTIONS if not each.takes_value)
    return ['--' + name if name in flags else '--{0}={1}'.format(name, value)
            for name, value in sorted(settings.items())]


def as_ini(settings):
    """Settings as the text of an ini file."""
    return '[batch_scoring]\n' + ''.join(
        '{0} = {1}\n'.format(*pair) for pair in sorted(settings.items()))


@pytest.fixture(params=['command line', 'ini file'])
def start(request, start_command, folder):
    """`start(server, option=value, ...)` starts to score data.csv with these settings.

    `data` is written there first, `command` is which to run. A token goes
    with it where no credentials are among the settings.
    """
    def start(server, data=numbered(10), command='batch_scoring', **settings):
        folder.write('data.csv', data)
        settings = dict((name.replace('no_resume', 'no-resume'), settings[name])
                        for name in settings)
        settings.setdefault('host', server.url)
        if not set(settings) & set(['api_token', 'password']) and command != 'batch_scoring_sse':
            settings.update(TOKEN)
        slots = {'batch_scoring': [('project_id', PROJECT), ('model_id', MODEL)],
                 'batch_scoring_deployment_aware': [('deployment_id', DEPLOYMENT)],
                 'batch_scoring_sse': [] if settings.get('protocol') in ('drum', 'mlflow') else [
                     ('import_id', IMPORT)]}[command]
        slots = slots + [('dataset', 'data.csv')]
        if request.param == 'ini file':
            words = []
            settings.update(slots)
            folder.write('batch_scoring.ini', as_ini(settings).encode('utf-8'))
        else:
            words = as_words(settings) + [value for _, value in slots]
        return start_command(command, words)
    return start


@pytest.fixture
def run(start):
    """The same to its end: `run(server, option=value, ...)` is a `Result`."""
    return lambda server, **settings: start(server, **settings).wait()


TWINS = 'warning: Several output columns have the same name: {0}.\n'


def assert_well(result, err=''):
    assert (result.code, result.err, result.stray) == (0, err, False)


def authorization(record):
    kind, _, value = record.headers['authorization'].partition(' ')
    return kind, base64.b64decode(value).decode('utf-8') if kind == 'Basic' else value


# --- server ----------------------------------------------------------------------

@pytest.mark.parametrize('command, path', [
    ('batch_scoring', '/predApi/v1.0/{0}/{1}/predict'.format(PROJECT, MODEL)),
    ('batch_scoring_deployment_aware',
     '/predApi/v1.0/deployments/{0}/predictions'.format(DEPLOYMENT)),
    ('batch_scoring_sse', '/predApi/v1.0/{0}/predict'.format(IMPORT))])
def test_a_path_in_the_host_is_dropped_and_each_command_has_its_own(run, server, command, path):
    assert_well(run(server, command=command, host=server.url + '/old/path',
                    n_samples='1000'))
    assert [each.target for each in server.log] == [path]


def test_user_is_sent_lower_cased_and_stripped(run, server):
    assert_well(run(server, user='  Me@Example.COM ', api_token='test-token'))
    assert authorization(server.log[0]) == ('Basic', 'me@example.com:test-token')


def test_api_token_alone_is_sent_as_a_bearer(run, server):
    assert_well(run(server, api_token='test-token'))
    assert authorization(server.log[0]) == ('Bearer', 'test-token')


@pytest.mark.parametrize('more, method', [({}, 'GET'), ({'create_api_token': 'yes'}, 'POST')])
def test_password_buys_a_token(run, make_server, more, method):
    server = make_server(account=Account('me', 'pass word;#%', 'bought', None))
    assert_well(run(server, user='Me', password='pass word;#%', n_samples='100', **more))
    first, second = server.log
    assert (first.method, first.target) == (method, '/predApi/v1.0/api_token')
    assert authorization(first) == ('Basic', 'me:pass word;#%')
    assert authorization(second)[1].startswith('me:')


def test_create_api_token_is_ignored_with_a_warning_by_the_standalone_command(run, server):
    result = run(server, command='batch_scoring_sse', create_api_token='yes')
    assert_well(result, 'warning: --create_api_token is ignored: batch_scoring_sse sends no '
                        'credentials.\n')
    assert 'authorization' not in server.log[0].headers


def test_datarobot_key_is_sent_as_a_header(run, server):
    assert_well(run(server, datarobot_key='the-key'))
    assert server.log[0].headers['datarobot-key'] == 'the-key'


def test_api_version_is_part_of_the_path_and_of_the_output(run, server, folder):
    assert_well(run(server, data=b'x\n1.50\n', api_version='api/v1'))
    assert server.log[0].target == '/api/v1/{0}/{1}/predict'.format(PROJECT, MODEL)
    assert folder.lines() == ['row_id,', '0,1.50']


def test_protocol_and_class_names_are_those_of_the_server(run, make_server, folder):
    server = make_server(shape='binary')
    assert_well(run(server, data=b'x\n0.25\n', command='batch_scoring_sse', protocol='mlflow',
                    class_names='yes,no'))
    assert [each.target for each in server.log] == ['/ping', '/invocations']
    assert folder.lines()[0] == 'row_id,yes,no' and folder.lines()[1].startswith('0,0.25,')


def test_types_are_those_of_the_file_and_the_request_format_may_be_csv(run, server, folder):
    folder.write('types.json', b'{"x": "number"}')
    assert_well(run(server, data=b'x\n1\n', command='batch_scoring_sse', protocol='mlflow', types='types.json'))
    assert server.batches[0].body == b'{"dataframe_split":{"columns":["x"],"data":[[1.0]]}}'
    assert_well(run(server, data=b'x\n1\n', command='batch_scoring_sse', protocol='mlflow', request_format='csv',
                    yes='yes'))
    assert server.batches[1].body == b'x\n1\n'


def test_outputs_are_those_that_are_requested(run, server):
    server.about['/v2/models/' + IMPORT] = {'inputs': []}
    assert_well(run(server, data=b'x\n1\n', command='batch_scoring_sse', protocol='v2', outputs='a,b'))
    assert b'"outputs":[{"name": "a"}, {"name": "b"}]' in server.batches[0].body


def test_headers_go_with_every_request(run, server):
    assert_well(run(server, header='X-Tenant: seventeen'))
    assert set(each.headers['x-tenant'] for each in server.log) == set(['seventeen'])


def test_a_client_certificate_must_be_there_with_its_key(run, server):
    result = run(server, client_cert='none.pem', client_key='none.pem')
    assert (result.code, result.stray, server.log) == (2, False, [])
    assert '--client_cert: the file cannot be read: No such file' in result.err


def test_rates_limit_what_is_sent(run, server):
    assert_well(run(server, rows_per_second='1000', requests_per_second='100'))


def test_ca_bundle_is_trusted(run, make_server, certs):
    server = make_server(tls=os.path.join(certs, 'localhost.pem'))
    # 2.7 knows no addresses in certificates.
    host = 'https://localhost:{0}'.format(server.port)
    assert_well(run(server, host=host, ca_bundle=os.path.join(certs, 'ca.pem')))


def test_without_its_authority_a_server_is_not_trusted(run, make_server, certs):
    server = make_server(tls=os.path.join(certs, 'localhost.pem'))
    result = run(server, n_retry='0')
    assert (result.code, server.log) == (1, [])
    assert 'certificate' in result.err.lower()


def test_no_verify_ssl_trusts_everyone(run, make_server, certs):
    server = make_server(tls=os.path.join(certs, 'elsewhere.pem'))
    # `server.url` is not https.
    host = 'https://127.0.0.1:{0}'.format(server.port)
    result = run(server, host=host, no_verify_ssl='yes')
    assert_well(result, 'warning: The certificate of {0} is not checked: another server could '
                        'answer in its place.\n'.format(host))


# --- output ----------------------------------------------------------------------

def test_out_names_the_output(run, server, folder):
    assert_well(run(server, out='there.csv'))
    assert len(folder.lines('there.csv')) == 11
    assert not folder.has('out.csv')


def test_out_that_ends_in_gz_is_gzipped(run, server, folder):
    assert_well(run(server, out='there.csv.gz'))
    assert folder.read_raw('there.csv.gz').startswith(b'\x1f\x8b')
    assert len(folder.lines('there.csv.gz')) == 11


def test_keep_cols_come_before_the_predictions_in_the_order_given(run, server, folder):
    data = b'x,"to,wn" ,y\n1,"a ""b""",5\n2,"c\r\nd",\n'
    assert_well(run(server, data=data, keep_cols='y,"to,wn"'), TWINS.format('y'))
    assert folder.records() == [
        ['row_id', 'y', 'to,wn', 'y'], ['0', '5', 'a "b"', '1'], ['1', '', 'c\r\nd', '2']]


@pytest.mark.parametrize('settings, name', [
    ({'keep_cols': 'city,city'}, 'city'), ({'keep_cols': 'city', 'pred_name': 'city'}, 'city'),
    ({'keep_cols': 'x', 'pred_decision': 'x'}, 'x'), ({'pred_name': 'row_id'}, 'row_id')])
def test_two_columns_of_one_name_are_told_before_anything_is_sent(
        start, server, folder, settings, name):
    server.fail(faults.held(server.flag))
    command = start(server, **settings)
    server.wait_for(lambda: command.err() or not command.running())
    assert command.err() == TWINS.format(name) and server.answered == {}
    server.flag.set()
    assert_well(command.wait(), TWINS.format(name))


@pytest.mark.parametrize('more', [dict(send_cols='x'), dict(drop_cols='city')])
def test_columns_may_be_left_out_of_what_is_sent(run, server, more):
    assert_well(run(server, data=b'x,city\n1,a\n2,b\n', **more))
    assert set(line for each in server.batches for line in each.body.split()) == set([b'x', b'1', b'2'])


def test_keep_cols_may_be_all_of_them(run, server, folder):
    data = b'x,"to,wn",*\n1,"a ""b""",5\n2,"c\r\nd",\n'
    assert_well(run(server, data=data, keep_cols='*'))
    assert folder.records() == [
        ['row_id', 'x', 'to,wn', '*', 'y'], ['0', '1', 'a "b"', '5', '1'],
        ['1', '2', 'c\r\nd', '', '2']]


def test_keep_cols_that_are_all_may_have_one_name(run, server, folder):
    assert_well(run(server, data=b'x,a,a\n1,2,3\n', keep_cols='*', skip_row_id='yes'),
                TWINS.format('a'))
    assert folder.lines() == ['x,a,a,y', '1,2,3,1']


def test_pred_cols_are_the_classes_that_are_written_in_this_order(run, make_server, folder):
    server = make_server(shape='multiclass')
    assert_well(run(server, pred_cols='c,a', pred_decision='class', n_samples='100'))
    cells = [dict(zip('abc', server.echo.cells(row))) for row in server.log[0].rows]
    decided = [server.echo.prediction(row) for row in server.log[0].rows]
    assert folder.records() == [['row_id', 'c', 'a', 'class']] + [
        ['{0}'.format(number), each['c'], each['a'], decision]
        for number, (each, decision) in enumerate(zip(cells, decided))]


def test_pred_cols_that_are_no_class_end_the_run_which_names_those_there_are(
        run, make_server, folder):
    result = run(make_server(shape='multiclass'), pred_cols='a,d')
    assert (result.code, result.stray) == (1, False)
    assert result.err.splitlines() == [
        '--pred_cols: no class d.', 'The classes are: a, b, c.']
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


def test_a_single_one_of_pred_cols_has_the_name_of_pred_name(run, make_server, folder):
    assert_well(run(make_server(shape='multiclass'), pred_cols='b', pred_name='chance'))
    assert folder.lines()[0] == 'row_id,chance'


def test_pred_name_is_ignored_with_a_warning_for_more_pred_cols(run, make_server, folder):
    result = run(make_server(shape='multiclass'), pred_cols='b,a', pred_name='chance')
    assert_well(result, 'warning: --pred_name is ignored: there are 2 classes.\n')
    assert folder.lines()[0] == 'row_id,b,a'


def test_pred_cols_shape_the_output(run, make_server, folder):
    server = make_server(shape='multiclass')
    break_after(server, 6)
    assert run(server, pred_cols='b', n_samples='2', n_concurrent='1').code == 1
    server.heal()
    result = run(server, pred_cols='b,a', n_samples='2', resume='yes')
    assert result.code == 2 and '--pred_cols was b and is b,a' in result.err
    assert_well(run(server, pred_cols='b', n_samples='2', resume='yes'))
    assert folder.lines()[0] == 'row_id,b' and len(folder.lines()) == 11


@pytest.mark.parametrize('columns', ['x,nowhere', 'y'])
def test_keep_cols_that_are_unknown_or_there_twice_end_the_run(run, server, folder, columns):
    result = run(server, data=b'x,y,y\n1,2,3\n', keep_cols=columns)
    assert (result.code, server.log) == (2, [])
    assert 'x, y, y' in result.err
    assert not folder.has('out.csv')


@pytest.mark.parametrize('typed', ['City', 'CITY', 'citty'])
def test_a_kept_column_that_is_misspelled_is_suggested(run, server, typed):
    result = run(server, keep_cols=typed)
    assert (result.code, server.log) == (2, [])
    assert result.err.splitlines()[-1] == 'Did you mean city? It has the columns: x, city.'


@pytest.mark.parametrize('delimiter', [b' ', b'!', b'^', b':'])
def test_a_header_that_was_read_as_one_column_is_said_to_be_one(run, server, delimiter):
    result = run(server, data=b'x,city\n1,a\n2,b\n'.replace(b',', delimiter), keep_cols='city')
    assert (result.code, server.log) == (2, [])
    hint = 'The header was read as one column. If it has more, set --delimiter.'
    assert result.err.splitlines()[-1].endswith(hint)
    assert hint not in run(server, keep_cols='town').err


def test_a_header_that_was_read_as_one_column_is_said_to_be_one_where_the_server_refuses_it(
        run, server):
    server.fail(faults.status(400))
    hint = 'The header was read as one column. If it has more, set --delimiter.'
    assert hint in run(server, data=b'x^city\n1^a\n2^b\n').err
    result = run(server, data=b'x,city\n1,a\n2,b\n')
    assert 'status 400' in result.err and hint not in result.err


def test_explanation_details_add_a_column_for_what_else_is_in_an_explanation(run, make_server, folder):
    server = make_server(shape='binary')
    assert_well(run(server, max_prediction_explanations='1', explanation_details='yes', n_samples='100'))
    header, first = folder.records()[:2]
    assert len(header) > 5 and header[3:5] == ['explanation_1_feature', 'explanation_1_strength']
    assert len(first) == len(header)


def test_a_check_scores_the_first_row_alone(run, server, folder):
    result = run(server, check='yes')
    assert (result.code, result.stray, folder.has('out.csv')) == (0, False, False), result
    assert [len(each.rows) for each in server.batches] == [1]


def test_a_dataset_without_rows_is_well_if_that_is_said(run, server, folder):
    result = run(server, data=b'x\n', empty_ok='yes')
    assert (result.code, result.stray, server.batches) == (0, False, []), result
    assert folder.has('out.csv')


def test_extra_columns_are_those_that_are_named(run, server, folder):
    assert_well(run(server, extra_cols='deploymentApprovalStatus', n_samples='100'))
    assert folder.records()[:2] == [['row_id', 'y', 'deploymentApprovalStatus'], ['0', '0', 'APPROVED']]


def test_a_query_is_that_of_every_request(run, server):
    assert_well(run(server, query='thresholdHigh=0.8125', n_samples='5'))
    assert [each.target.partition('?')[2] for each in server.log] == ['thresholdHigh=0.8125'] * 2


def test_max_prediction_explanations_adds_padded_columns(run, make_server, folder):
    server = make_server(shape='binary')
    assert_well(run(server, max_prediction_explanations='3', n_samples='100'))
    assert server.log[0].target.endswith('/reasonCodesPredictions?maxCodes=3')
    records = folder.records()
    assert records[0][3:] == [
        'explanation_1_feature', 'explanation_1_strength', 'explanation_2_feature',
        'explanation_2_strength', 'explanation_3_feature', 'explanation_3_strength']
    for row, record in zip(server.log[0].rows, records[1:]):
        expected = []
        for each in server.echo.explanations(row, 3):
            expected += [each['feature'], each['strength'].raw]
        assert record[3:] == expected + [''] * (6 - len(expected))


def test_pred_name_leaves_the_last_class_of_a_binary_target(run, make_server, folder):
    server = make_server(shape='binary', labels=['yes', 'no'])
    assert_well(run(server, pred_name='chance'))
    assert folder.lines()[:2] == ['row_id,chance', '0,0']


def test_pred_name_is_ignored_with_a_warning_for_more_classes(run, make_server, folder):
    result = run(make_server(shape='multiclass'), pred_name='chance')
    assert_well(result, 'warning: --pred_name is ignored: there are 3 classes.\n')
    assert folder.lines()[0] == 'row_id,a,b,c'


def test_pred_threshold_adds_a_column(run, make_server, folder):
    assert_well(run(make_server(shape='binary', threshold=0.25), pred_threshold='least'))
    assert [line.rpartition(',')[2] for line in folder.lines()] == ['least'] + ['0.25'] * 10


def test_pred_threshold_is_an_error_where_the_server_sends_none(run, server, folder):
    result = run(server, pred_threshold='least')
    assert result.code == 1
    assert 'threshold' in result.err and 'Traceback' not in result.err


def test_pred_decision_adds_a_column(run, make_server, folder):
    server = make_server(shape='multiclass')
    assert_well(run(server, pred_decision='class', pred_threshold='', n_samples='100'))
    expected = [server.echo.prediction(row) for row in server.log[0].rows]
    assert [record[-1] for record in folder.records()] == ['class'] + expected


def test_pred_decision_of_a_multilabel_target_is_json(run, make_server, folder):
    server = make_server(shape='multilabel')
    assert_well(run(server, pred_decision='labels', n_samples='100'))
    decided = [json.loads(record[-1]) for record in folder.records()[1:]]
    assert decided == [server.echo.prediction(row) for row in server.log[0].rows]


def test_output_delimiter_stands_in_the_output(run, server, folder):
    assert_well(run(server, output_delimiter='tab', keep_cols='city'))
    assert folder.lines()[:2] == ['row_id\tcity\ty', '0\ttown 0\t0']


def test_skip_row_id_leaves_it_out(run, server, folder):
    assert_well(run(server, skip_row_id='yes'))
    assert folder.lines() == ['y'] + ['{0}'.format(n) for n in range(10)]


def test_bad_rows_are_set_aside_up_to_max_bad_rows(run, server, folder):
    server.fail(faults.status(422), when.holds('3'))
    assert run(server, bad_rows='bad.csv', max_bad_rows='0').code == 1
    result = run(server, bad_rows='bad.csv', max_bad_rows='1', resume='yes')
    assert (result.code, len(folder.lines('bad.csv'))) == (3, 2)
    assert '; 1 row was set aside and is in bad.csv' in result.out


# --- batches and requests --------------------------------------------------------

def test_n_samples_is_the_rows_of_a_batch(run, server):
    result = run(server, n_samples='4')
    assert_well(result)
    assert result.out.startswith('10 rows are in out.csv: 10 scored in 3 batches, 0 retries, ')
    assert sorted(len(each.rows) for each in server.batches) == [2, 4, 4]


def test_auto_sample_counts_more_than_n_samples(run, server):
    assert_well(run(server, n_samples='4', auto_sample='yes'))
    assert max(len(each.rows) for each in server.batches) == 3


def test_n_concurrent_is_reached_and_not_passed(run, make_server):
    server = make_server(delay=lambda record: server.wait_for(
        lambda: server.max_in_flight >= 6 or record.number > 6))
    assert_well(run(server, data=numbered(30), n_concurrent='6', n_samples='1'))
    assert server.max_in_flight == 6


def test_n_retry_is_how_often_a_batch_is_tried_again(run, server):
    server.fail(faults.status(503))
    result = run(server, n_retry='1', n_samples='100')
    assert (result.code, len(server.log)) == (1, 2)
    assert 'Rows 0 to 9' in result.err and '503' in result.err


def test_timeout_is_how_long_an_answer_may_take(run, server):
    server.fail(faults.never(), when=when.first_tries(1))
    assert_well(run(server, timeout='0.5', n_samples='100'))
    assert len(server.log) == 2


def test_compress_gzips_the_requests(run, server, folder):
    assert_well(run(server, compress='on', n_samples='100'))
    assert server.log[0].headers['content-encoding'] == 'gzip'
    assert server.log[0].body == numbered(10)


# --- dataset ---------------------------------------------------------------------

@pytest.mark.parametrize('given, delimiter', [
    (';', ';'), ('|', '|'), ('!', '!'), ('tab', '\t'), ('\\t', '\t'), ('pipe', '|')])
def test_delimiter_is_believed(run, server, given, delimiter):
    data = 'a,Dx\nb,1D2,c\n'.replace('D', delimiter)
    assert_well(run(server, data=data.encode('ascii'), delimiter=given))
    assert server.log[0].body.decode('ascii').splitlines() == ['"a,",x', '"b,1","2,c"']


def test_encoding_is_believed(run, server, folder):
    data = 'x,city\n1,Plze\u0148\n'
    assert_well(run(server, data=data.encode('cp1250'), encoding='cp1250', keep_cols='city'))
    assert server.log[0].body == data.encode('utf-8')
    assert folder.records()[1] == ['0', 'Plze\u0148', '1']


MULTILINE = b'x,city\n' + b''.join(
    '{0},"town\n\n{0}"\n\n'.format(n).encode('ascii') for n in range(10))


@pytest.mark.parametrize('rows, wanted', [
    ('3', range(3)), ('4:7', range(4, 7)), ('9:100', [9]), ('20', range(10)), ('0:1', [0])])
def test_rows_are_those_that_are_scored_with_the_row_ids_of_the_input(
        run, server, folder, rows, wanted):
    result = run(server, data=MULTILINE, rows=rows, n_samples='2')
    assert (result.code, result.stray) == (0, False)
    assert folder.lines() == ['row_id,y'] + ['{0},{0}'.format(n) for n in wanted]
    assert result.out.startswith('{0} row'.format(len(wanted)))
    assert sum(server.answered.values()) == len(wanted)


def test_rows_that_are_not_there_are_a_usage_error(run, server, folder):
    for more in ({}, {'dry_run': 'yes'}):
        result = run(server, rows='10:12', **more)
        assert (result.code, result.stray, server.log) == (2, False, [])
        assert result.err.startswith('The dataset data.csv has no row 10.')
        assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


def test_rows_may_end_before_what_is_wrong_and_begin_after_it(run, server, folder):
    data = numbered(5) + b'5,town 5,surplus\n' + numbered(4).partition(b'\n')[2] + b'4,"open'
    assert_well(run(server, data=data, rows='5'))
    assert folder.lines()[-1] == '4,4'
    assert_well(run(server, data=data, rows='6:10', yes='yes'))
    assert folder.lines()[1:] == ['6,0', '7,1', '8,2', '9,3']


def test_rows_are_resumed(run, server, folder):
    break_after(server, 7)
    words = dict(rows='3:9', n_samples='2', n_concurrent='1')
    result = run(server, **words)
    assert result.code == 1 and '4 rows are in out.csv.' in result.err
    server.heal()
    result = run(server, rows='3:8', n_samples='2', resume='yes')
    assert result.code == 2 and '--rows was 3:9 and is 3:8' in result.err
    result = run(server, resume='yes', **words)
    assert_well(result)
    assert result.out.startswith('6 rows are in out.csv: 2 scored in 1 batch, ')
    assert folder.lines() == ['row_id,y'] + ['{0},{0}'.format(n) for n in range(3, 9)]
    assert all(server.answered['{0}'.format(n)] == 1 for n in range(3, 9))


def test_rows_without_an_end_go_to_the_end(run, server, folder):
    assert_well(run(server, rows='3:'))
    assert folder.lines() == ['row_id,y'] + ['{0},{0}'.format(n) for n in range(3, 10)]


def test_rows_of_a_dry_run_are_counted(run, server):
    result = run(server, rows='2:7', dry_run='yes', n_samples='2')
    assert_well(result)
    assert result.out == ("5 rows; 2 columns, encoding utf-8, delimiter ','; "
                          'nothing was sent or written.\n')


@pytest.mark.parametrize('rows', ['0', '5:5', '7:3', '-1', 'all', ':4', ':'])
def test_rows_that_make_no_sense_are_a_usage_error(run, server, rows):
    result = run(server, rows=rows)
    assert (result.code, server.log) == (2, [])
    assert 'must be a number of rows' in result.err


def test_skip_dialect_takes_commas(run, server):
    data = b'a;x,b\n1;2,3\n'
    assert_well(run(server, data=data, skip_dialect='yes'))
    assert server.log[0].body == data


def test_skip_dialect_takes_the_delimiter_that_is_given(run, server):
    assert_well(run(server, data=b'a;x\n1;2\n', skip_dialect='yes', delimiter=';'))
    assert server.log[0].body == b'a,x\n1,2\n'


def test_fast_gives_the_same_output(run, server, folder):
    data = b'x,city\n1,"a, b"\n2,5" pipe\n3,"c ""d"""\n'
    assert_well(run(server, data=data, fast='yes', keep_cols='city'))
    assert folder.records()[1:] == [
        ['0', 'a, b', '1'], ['1', '5" pipe', '2'], ['2', 'c "d"', '3']]


def test_field_size_limit_is_the_longest_field_accepted(run, server):
    data = b'x,city\n1,' + b'a' * 20 + b'\n2,"b\n' + b'b' * 19 + b'"\n'
    result = run(server, data=data, field_size_limit='20', n_samples='1000')
    assert (result.code, server.answered) == (1, {})
    assert 'line 3 is longer than 20 characters' in result.err and 'quote' in result.err


# --- resume and questions --------------------------------------------------------

def break_after(server, rows):
    """Has a server refuse every row from this one on."""
    server.fail(faults.status(400), when=lambda record: int(record.first or 0) >= rows)


def test_resume_goes_on(run, server, folder):
    break_after(server, 6)
    assert run(server, n_samples='2', n_concurrent='1').code == 1
    server.heal()
    assert_well(run(server, n_samples='2', n_concurrent='1', resume='yes'))
    assert len(folder.lines()) == 11
    assert set(server.answered.values()) == set([1])


def test_no_resume_starts_anew(run, server, folder):
    break_after(server, 6)
    assert run(server, n_samples='2', n_concurrent='1').code == 1
    server.heal()
    assert_well(run(server, n_samples='2', n_concurrent='1', no_resume='yes', yes='yes'))
    assert len(folder.lines()) == 11
    assert server.answered['0'] == 2


def test_yes_answers_every_question(run, server, folder):
    folder.write('out.csv', b'precious')
    assert_well(run(server, yes='true'))
    assert len(folder.lines()) == 11


def test_no_answers_every_question(run, server, folder):
    folder.write('out.csv', b'precious')
    assert run(server, no='1').code == 2
    assert (folder.read(), server.log) == (b'precious', [])


def test_check_sends_one_row_and_leaves_nothing(run, server, folder):
    result = run(server, check='yes')
    assert_well(result)
    assert result.out.startswith('Check passed: ')
    assert set(folder.state()) - set(['batch_scoring.ini']) == set(['data.csv'])
    assert [record.keys for record in server.log] == [['0']]


def test_empty_ok_makes_a_dataset_without_rows_a_success(run, server, folder):
    assert_well(run(server, data=b'x,city\n', empty_ok='yes'))
    assert (folder.read(), server.log) == (b'', [])


def test_dry_run_reads_everything_and_leaves_nothing(run, server, folder):
    result = run(server, dry_run='yes', n_samples='4')
    assert_well(result)
    assert result.out.startswith('10 rows; 2 columns')
    assert set(folder.state()) - set(['batch_scoring.ini']) == set(['data.csv'])
    assert not folder.has(LOG)
    assert server.log == []


@pytest.mark.parametrize('data, understood', [
    (b'x;note\n1;20 \xb0C\n2;21 \xb0C\n', "2 columns, encoding cp1252, delimiter ';'"),
    (b'\xff\xfe' + 'x\ty\n1\t2\n'.encode('utf-16-le'),
     "2 columns, encoding utf-16-le, delimiter '\\t'"),
    (b'x\n1\n', '1 column, encoding utf-8, no delimiter')], ids=['guess', 'utf-16', 'column'])
def test_dry_run_says_as_what_the_dataset_was_read(run, server, data, understood):
    result = run(server, data=data, dry_run='yes')
    assert result.code == 0
    assert '; {0}; nothing was sent'.format(understood) in result.out
    assert ('Assuming that the encoding' in result.err) == ('cp1252' in understood)


def test_dry_run_finds_what_is_wrong(run, server, folder):
    result = run(server, data=numbered(10) + b'1,2,3\n', dry_run='yes')
    assert (result.code, server.log) == (1, [])
    assert 'Line 12 of the dataset has 3 fields, but the header has 2.' in result.err


def test_dry_run_finds_what_is_wrong_behind_a_record_with_too_few_fields(run, server):
    data = numbered(10).replace(b'3,town 3', b'3') + b'1,2,3\n'
    result = run(server, data=data, dry_run='yes', n_samples='2')
    assert (result.code, server.log) == (1, [])
    assert 'Line 12 of the dataset has 3 fields, but the header has 2.' in result.err


# --- what is shown ---------------------------------------------------------------

def test_verbose_shows_the_state(start, make_server):
    # The last answer waits for the first line of progress.
    server = make_server(delay=lambda record: record.first == '9' and server.wait_for(
        lambda: ' rows/s' in command.err()))
    command = start(server, verbose='yes', n_samples='1', n_concurrent='1')
    result = command.wait()
    assert result.code == 0
    assert '\n9 rows, ' in result.err


def test_stdout_takes_the_place_of_the_log(run, server, folder):
    result = run(server, stdout='yes')
    assert_well(result)
    assert 'INFO' in result.out
    assert not folder.has(LOG)


def test_log_names_the_log(run, server, folder):
    assert_well(run(server, log='there.log'))
    assert b'10 rows are in out.csv' in folder.read('there.log')
    assert not folder.has(LOG)


def test_log_and_stdout_exclude_each_other(run, server):
    result = run(server, log='there.log', stdout='yes')
    assert (result.code, server.log) == (2, [])
    assert 'log' in result.err and 'stdout exclude each other' in result.err


def test_a_log_that_is_the_output_is_refused(run, server, folder):
    result = run(server, log='out.csv')
    assert (result.code, server.log) == (2, [])
    assert 'The output and the log are the same file: out.csv.' in result.err


def test_a_log_that_cannot_be_written_is_a_warning(run, server):
    assert_well(run(server, log='nowhere/there.log'), 'warning: The log nowhere/there.log cannot '
                'be written: No such file or directory.\n')


def test_a_tilde_is_the_home_directory_in_every_path(run, server, home):
    paths = dict((each.name, '~/' + each.name + ('.json' if each.kind == 'report' else ''))
                 for each in table.OPTIONS if each.kind in ('path', 'report'))
    # These are read.
    for name in ('ca_bundle', 'storage_options', 'client_cert', 'client_key', 'types'):
        paths.pop(name, None)
    server.fail(faults.status(422), when.holds('3'))
    result = run(server, **paths)
    assert (result.code, result.stray) == (3, False), result
    assert sorted(os.listdir(home)) == sorted(each[2:] for each in paths.values())


def test_a_tilde_is_the_home_directory_of_the_dataset_too(run_command, server, folder, home):
    os.rename(os.path.join(home), folder('there'))
    folder.write(os.path.join('there', 'data.csv'), numbered(10))
    assert_well(run_command('batch_scoring_sse', ['--host=' + server.url, IMPORT, '~/data.csv'],
                            env={'HOME': folder('there'), 'USERPROFILE': folder('there')}))
    assert len(folder.lines()) == 11


def test_report_is_an_account_of_the_run(run, server, folder):
    assert_well(run(server, report='report.json'))
    assert json.loads(folder.read('report.json').decode('utf-8'))['rows'] == 10


def test_rows_that_the_server_refuses_go_to_a_file_up_to_a_number(run, server, folder):
    server.fail(faults.status(422), when.holds('1'))
    result = run(server, bad_rows='bad.csv', max_bad_rows='1')
    assert (result.code, result.stray) == (3, False)
    assert len(folder.lines('bad.csv')) == 2


# --- cluster -----------------------------------------------------------------------

def test_a_scheduler_must_be_there_and_what_speaks_to_it(run, server):
    result = run(server, scheduler='tcp://127.0.0.1:9', storage_options='none.json')
    assert (result.code, result.stray, server.log) == (2, False, [])
    try:
        import distributed  # noqa: F401
    except ImportError:
        # Python before 3.9 has none.
        assert result.err.startswith('--scheduler requires ')
    else:
        assert result.err.startswith('The file of --storage_options cannot be read: none.json')


# --- all of them -----------------------------------------------------------------

def test_every_option_that_the_ini_file_takes_is_tried_here():
    with io.open(os.path.join(HERE, 'test_options.py'), encoding='utf-8') as source:
        tried = set(re.findall(r'[(\s](\w+)=', source.read()))
    assert set(table.ini_key(each.name) for each in table.OPTIONS if each.in_ini) <= tried
