"""The report says what the run did, whatever became of it."""

from __future__ import absolute_import, unicode_literals

import hashlib
import json
import os
import re
import signal
import xml.dom.minidom

import pytest

import faults
from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.report import charts
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.demo.app import Account
from scoring import IMPORT, LOG, MODEL, PROJECT, WHOLE, numbered


@pytest.fixture
def read(folder):
    """Reads a report as plain data."""
    def read(name='report.json'):
        return json.loads(folder.read(name).decode('ascii'))
    return read


def texts(folder, name='report.html'):
    """The words of a page, which must be well-formed and need nothing else."""
    page = folder.read(name).decode('utf-8')
    assert not re.search(r'<script|<link|<img|@import|url\(|\bon\w+=', page)
    assert 'prefers-color-scheme: dark' in page
    body = page[page.index('<body>'):page.index('</html>')].replace('&middot;', '-')
    document = xml.dom.minidom.parseString(body.encode('utf-8'))
    return [node.data.strip() for node in walk(document) if node.nodeType == node.TEXT_NODE]


def walk(node):
    yield node
    for child in node.childNodes:
        for each in walk(child):
            yield each


def total(parts, name):
    return sum(each[name] for each in parts)


# --- figures -----------------------------------------------------------------------

def test_the_json_has_every_figure_of_the_run(score, server, read, folder):
    server.fail(faults.status(503), when=lambda record: record.first == '5' and record.tries == 1)
    server.fail(faults.status(413), when=lambda record: len(record.rows) > 5)
    score.well(numbered(20) + b',nothing\n', '--n_samples=10', '--report=report.json')
    found = read()
    assert (found['outcome'], found['reason'], found['version']) == ('complete', [], __version__)
    assert (found['rows'], found['rows_scored'], found['null_values']) == (21, 21, 1)
    answered = [each for each in server.log if each.status == 200]
    assert found['batches'] == len(answered)
    assert found['requests'] == len(server.log)
    assert found['retries'] == {'503': 1}
    assert found['splits'] == len([each for each in server.log if each.status == 413])
    assert found['seconds'] > 0
    assert found['mean_rows_per_second'] == pytest.approx(21 / found['seconds'], rel=0.01)
    assert sum(rows for _, rows in found['rows_per_second']) > 0
    assert [second for second, _ in found['concurrency']] == [
        second for second, _ in found['rows_per_second']]
    assert 0 < max(rows for _, rows in found['batch_rows']) <= 5
    assert sorted(found['suits']) == ['n_concurrent', 'n_samples']
    assert found['bytes'] == {
        'read': os.path.getsize(folder('data.csv')), 'output': os.path.getsize(folder('out.csv')),
        'sent': sum(len(each.sent) for each in server.log),
        'received': found['bytes']['received']}
    assert found['bytes']['received'] > 21 * len('{"rowId": 0}')


def test_latencies_and_throughput_account_for_all_requests_and_rows(make_server, score, read):
    score.server = make_server(delay=0.05)
    score.well(numbered(40), '--n_samples=2', '--report=report.json')
    found = read()
    latency = found['latency']
    assert 0.05 <= latency['p50'] <= latency['p90'] <= latency['p95'] <= latency['p99']
    assert latency['p99'] <= latency['max'] * 1.01 < found['seconds']
    assert total(found['latency_histogram'], 'requests') == 20
    assert total(found['throughput'], 'rows') == 40
    assert found['throughput'][0]['from'] == 0
    assert found['throughput'][-1]['to'] == pytest.approx(found['seconds'], abs=0.01)


def test_a_regression_is_summed_up(score, read):
    score.well(b'x\n' + b''.join(b'%d\n' % n for n in range(1, 101)) + b'NaN\n',
               '--n_samples=7', '--report=report.json')
    found = read()['predictions']
    assert (found['count'], found['missing']) == (100, 1)
    assert (found['least'], found['mean'], found['most']) == (1, 50.5, 100)
    assert total(found['histogram'], 'rows') == 100


@pytest.mark.parametrize('name', ['report.json', 'report.html'])
@pytest.mark.parametrize('numbers', [
    ['1', '1.7976931348623157e308'], ['-1.7976931348623157e308', '1.7976931348623157e308'],
    ['1.7976931348623157e308'] * 2, ['-1.7976931348623157e308'] * 2, ['5e-324', '1e-310']])
def test_the_largest_and_smallest_numbers_are_reported(score, folder, name, numbers):
    score.well(('x\n' + '\n'.join(numbers) + '\n').encode('ascii'), '--report=' + name)
    assert [record[1] for record in folder.records()[1:]] == numbers
    if name.endswith('.html'):
        assert not re.search(r'"-?(inf|nan)', folder.read(name).decode('utf-8'))
        return
    found = json.loads(folder.read(name).decode('ascii'), parse_constant=pytest.fail)
    histogram = found['predictions']['histogram']
    assert total(histogram, 'rows') == 2
    assert histogram[0]['from'] <= float(numbers[0]) <= histogram[-1]['to']


@pytest.mark.parametrize('shape', ['binary', 'multiclass'])
@pytest.mark.parametrize('options', [(), ('--api_version=api/v1',), ('--pred_decision=said',)])
def test_predictions_are_counted_by_the_class_that_the_server_predicts(
        make_server, score, read, shape, options):
    server = score.server = make_server(shape=shape)
    score.well(numbered(50), '--n_samples=9', '--report=report.json', *options)
    expected = {}
    for record in server.log:
        for row in record.rows:
            label = '{0}'.format(server.echo.prediction(row))
            expected[label] = expected.get(label, 0) + 1
    assert read()['predictions'] == {'classes': expected}


def test_each_label_of_a_multilabel_prediction_is_counted(make_server, score, read):
    server = score.server = make_server(shape='multilabel')
    score.well(numbered(50), '--n_samples=9', '--report=report.json')
    expected = {}
    for record in server.log:
        for row in record.rows:
            for label in server.echo.prediction(row) or ['']:
                expected[label] = expected.get(label, 0) + 1
    assert read()['predictions'] == {'classes': expected}


def test_a_class_with_the_name_of_a_list_is_one_class(make_server, score, read):
    labels = ['[0, 10]', '[10, 20]', '[3]']
    server = score.server = make_server(shape='multiclass', labels=labels)
    score.well(numbered(30), WHOLE, '--report=report.json')
    chosen = [server.echo.prediction(row) for row in server.log[0].rows]
    assert read()['predictions'] == {'classes': {
        label: chosen.count(label) for label in labels}}


NAMES = ['1', '[2]', 'a, "b"']


@pytest.mark.parametrize('protocol', ['drum', 'mlflow'])
@pytest.mark.parametrize('form', ['texts', 'labelled'])
def test_classes_that_the_answer_has_as_texts_are_counted(
        make_server, score, read, folder, protocol, form):
    score.server = make_server(shape='multiclass', form=form, labels=NAMES)
    score.well(numbered(50) + b'null,none\n', '--n_samples=9', '--report=report.json',
               '--protocol=' + protocol, ids=[])
    written = [record[1] for record in folder.records()[1:]]
    assert len(written) == 51 and set(written) == set(NAMES + [''])
    expected = dict((name, written.count(name)) for name in NAMES)
    found = read()
    assert found['predictions'] == {'classes': expected}
    column = found['prediction_columns']['prediction' if form == 'texts' else 'label']
    assert (column['count'], column['missing'], column['classes']) == (0, 1, expected)
    if form == 'labelled':
        score_column = found['prediction_columns']['score']
        assert (score_column['count'], score_column['missing']) == (50, 1)
        assert 'classes' not in score_column
    assert found['null_values'] == (1 if form == 'texts' else 2)


@pytest.mark.parametrize('body, numbers, missing, classes', [
    (b'[1, "low"]', 1, 0, {'low': 1}), (b'["", null]', 0, 1, {'': 1}),
    (b'[true, false]', 0, 0, {'true': 1, 'false': 1}), (b'["NaN", 2]', 1, 1, None),
    (b'[NaN, null]', 0, 2, None), (b'["1", "2"]', 0, 0, {'1': 1, '2': 1}),
    (b'[ "x" ,"\\u0078"]', 0, 0, {'x': 2}), (b'[{"a": "2"}, {"a": null}]', 0, 1, {'2': 1})])
def test_a_value_is_a_number_a_text_or_missing(
        score, server, read, body, numbers, missing, classes):
    server.fail(faults.garbage(b'{"predictions": ' + body + b'}'),
                when=lambda record: record.rows)
    score.well(numbered(2), WHOLE, '--report=report.json', '--protocol=mlflow', ids=[])
    found = read()
    column = list(found['prediction_columns'].values())[0]
    assert (column['count'], column['missing'], column.get('classes')) == (
        numbers, missing, classes)
    assert found['predictions'].get('classes') == classes


@pytest.mark.parametrize('form', ['objects', 'lists'])
@pytest.mark.parametrize('name', ['report.json', 'report.html'])
def test_where_the_server_names_no_class_each_column_has_its_numbers(
        make_server, score, read, folder, form, name):
    score.server = make_server(shape='multiclass', form=form, labels=['a', '<b>', 'c'])
    score.well(numbered(50), '--n_samples=9', '--report=' + name, '--protocol=mlflow', ids=[])
    labels = folder.records()[0][1:]
    if name == 'report.html':
        assert [words for words in texts(folder) if words.startswith('Predictions')] == [
            'Predictions: ' + label for label in labels]
        return
    found = read()
    assert found['predictions'] is None
    assert sorted(found['prediction_columns']) == labels
    assert [each['count'] for each in found['prediction_columns'].values()] == [50] * 3


def test_the_output_is_the_same_with_and_without_a_report(make_server, score, folder):
    score.server = make_server(shape='binary')
    options = ['--n_samples=9', '--pred_threshold=t']
    score.well(numbered(30), '--report=report.html', *options)
    with_report = folder.read()
    score.well(None, '--yes', *options)
    assert folder.read() == with_report


# --- settings and secrets ----------------------------------------------------------

@pytest.mark.parametrize('name', ['report.json', 'report.html'])
def test_settings_are_shown_without_secrets(run_command, server, folder, name):
    folder.write('data.csv', numbered(3))
    server.fail(faults.status(422, 'no to hidden-key'), when=lambda record: record.first == '2')
    result = run_command('batch_scoring', [
        '--host=' + server.url.replace('//', '//guest:hidden-pass@'), '--user=me',
        '--api_token=test-token', '--datarobot_key=hidden-key', '--n_samples=2',
        '--keep_cols=city', '--report=' + name, PROJECT, MODEL, 'data.csv'])
    assert result.code == 1
    words = folder.read(name).decode('utf-8')
    for shown in [PROJECT, MODEL, 'data.csv', 'city', server.url, 'no to *****']:
        assert shown in words
    for hidden in ['hidden', 'test-token', 'guest']:
        assert hidden not in words


def test_the_page_has_no_setting_without_a_value(score, folder):
    score.well(numbered(9), '--rows=3:5', '--keep_cols=x,city', '--report=report.html')
    found = texts(folder)
    assert found[found.index('rows', found.index('Settings')) + 1] == '3:5'
    assert found[found.index('keep_cols') + 1] == 'x, city'
    assert 'class_names' not in found and 'pred_cols' not in found


def test_the_json_has_each_setting_that_is_no_secret(score, server, read):
    score.well(numbered(3), '--n_samples=2', '--report=report.json')
    found = read()['settings']
    assert (found['command'], found['import_id'], found['host'], found['n_samples']) == (
        'batch_scoring_sse', IMPORT, server.url, 2)
    assert not set(found) & set(['password', 'api_token', 'datarobot_key'])


# --- runs that end early -------------------------------------------------------------

def test_a_run_that_fails_has_a_report_with_the_reason(score, server, read):
    server.fail(faults.status(422, 'cannot'), when=lambda record: record.first == '4')
    result = score(numbered(6), '--n_samples=2', '--n_concurrent=1', '--report=report.json')
    assert result.code == 1
    found = read()
    assert (found['outcome'], found['rows'], found['rows_scored']) == ('failed', 4, 4)
    assert '422' in found['reason'][0] and 'cannot' in found['reason'][1]


def test_a_run_without_a_token_has_a_report_with_the_reason(
        run_command, make_server, folder, read):
    server = make_server(account=Account('me', 'right-word', 'test-token', None))
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--user=me', '--password=wrong-word', '--report=report.json',
        PROJECT, MODEL, 'data.csv'])
    assert result.code == 1
    found = read()
    assert (found['outcome'], found['rows'], found['batches']) == ('failed', 0, 0)
    assert found['reason'] == result.err.splitlines()
    assert (found['predictions'], found['latency'], found['throughput']) == (None, {}, [])


@pytest.mark.skipif(WINDOWS, reason='signals of Unix')
@pytest.mark.parametrize('number, outcome', [
    (signal.SIGINT, 'interrupted'), (signal.SIGTERM, 'terminated')])
def test_a_run_that_a_signal_ends_has_a_report(
        start_command, server, folder, read, number, outcome):
    folder.write('data.csv', numbered(6))
    server.fail(faults.held(server.flag), when=lambda record: record.first != '0')
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--n_samples=2', '--report=report.json', IMPORT, 'data.csv'])
    server.wait_for(lambda: server.answered['0'] and server.in_flight)
    command.send(number)
    server.flag.set()
    assert command.wait().code in (130, 143)
    found = read()
    assert (found['outcome'], len(found['reason'])) == (outcome, 2)
    assert found['reason'][1].endswith(' rows are in out.csv. To continue, rerun with --resume.')


def test_a_run_that_is_resumed_tells_its_own_rows_from_all(score, server, read):
    server.fail(faults.status(422), when=lambda record: record.first == '4')
    assert score(numbered(6), '--n_samples=2', '--n_concurrent=1').code == 1
    server.heal()
    score.well(None, '--n_samples=2', '--resume', '--report=report.json')
    found = read()
    assert (found['rows'], found['rows_scored'], found['batches']) == (6, 2, 1)
    assert found['rows_before'] == 4
    # The first run had no report, and kept nothing for that of another.
    assert found['of_the_whole_output'] == [
        'rows', 'bad_rows', 'null_values', 'short_lines', 'bytes.read', 'bytes.output']
    assert found['predictions']['count'] == 2


@pytest.mark.parametrize('shape, form', [
    ('regression', None), ('binary', None), ('multiclass', None), ('multilabel', None),
    ('multiclass', 'lists'), ('multiclass', 'labelled')])
@pytest.mark.parametrize('more', [[], ['--out=out.csv.gz']])
def test_what_is_said_of_the_rows_counts_those_of_earlier_runs(
        make_server, score, read, folder, shape, form, more):
    options = ['--n_samples=3', '--report=report.json', '--bad_rows=bad.csv'] + more
    if form:
        options.append('--protocol=mlflow')
    server = score.server = make_server(shape=shape, form=form)
    server.fail(faults.status(422, 'not 7'), when=lambda record: '7' in record.keys)
    server.fail(faults.status(422, 'not 1'), when=lambda record: '1' in record.keys)
    assert score(numbered(60), *options).code == 3
    expected = read()
    for limit in (1, 5):
        # The first of them ends early, at its second bad row.
        score(None, '--yes', '--max_bad_rows={0}'.format(limit), *options)
        assert read()['rows'] == (7 if limit == 1 else 60)
    found = read()
    assert (found['rows_before'], found['rows_scored']) == (7, 52)
    for name in ('rows', 'bad_rows', 'bad_rows_by_reason', 'predictions', 'null_values'):
        assert found[name] == expected[name], name
    assert list(found['prediction_columns']) == list(expected['prediction_columns'])
    for label, numbers in found['prediction_columns'].items():
        assert numbers['count'] + sum(numbers.get('classes', {}).values()) == 58
        mean = expected['prediction_columns'][label].pop('mean')
        assert numbers.pop('mean') == (mean and pytest.approx(mean))
        assert numbers == expected['prediction_columns'][label]
    assert found['of_the_whole_output'][-3:] == [
        'bad_rows_by_reason', 'predictions', 'prediction_columns']


def test_without_a_report_in_between_predictions_are_of_the_last_run(score, server, read, folder):
    server.fail(faults.status(422), when=lambda record: record.first in ('4', '8'))
    options = ['--n_samples=2', '--n_concurrent=1', '--resume']
    assert score(numbered(12), '--report=report.json', *options).code == 1
    assert read()['predictions']['count'] == 4
    server.rules = []
    server.fail(faults.status(422), when=lambda record: record.first == '8')
    assert score(None, *options).code == 1
    server.heal()
    score.well(None, '--report=again.json', *options)
    found = read('again.json')
    assert (found['rows'], found['rows_before'], found['predictions']['count']) == (12, 8, 4)
    assert 'predictions' not in found['of_the_whole_output']


def test_the_page_of_a_run_that_is_resumed_says_which_figures_are_of_all_rows(
        score, server, folder):
    server.fail(faults.status(422), when=lambda record: record.first == '4')
    assert score(numbered(6), '--n_samples=2', '--n_concurrent=1', '--report=first.html').code == 1
    assert b'cover the whole output' not in folder.read('first.html')
    server.heal()
    score.well(None, '--n_samples=2', '--resume', '--report=report.html')
    assert b'<p>4 rows come from earlier runs. ' in folder.read('report.html')


def test_a_run_that_cannot_begin_leaves_no_report(score, folder):
    assert score(numbered(6), '--keep_cols=none', '--report=report.json').code == 2
    result = score.well(numbered(6), '--dry_run', '--report=report.json')
    assert result.out.endswith('; nothing was sent or written, not even report.json.\n')
    assert not folder.has('report.json')


# --- the file ------------------------------------------------------------------------

@pytest.mark.parametrize('path, said', [
    ('report.txt', '.json or .html'), ('report', '.json or .html'),
    ('nowhere/report.json', 'directory of the report does not exist'),
    ('taken.json', 'The report taken.json is a directory.\nName a file in it.'), ('out.html', 'same file')])
def test_a_report_that_has_no_place_is_a_usage_error(score, server, folder, path, said):
    os.mkdir(folder('taken.json'))
    result = score(numbered(3), '--report=' + path, '--out=out.html')
    assert (result.code, server.log) == (2, [])
    assert said in result.err
    assert not folder.has('out.html')


def test_a_report_that_cannot_be_written_is_a_warning(score, server, folder):
    def taken(record):
        os.mkdir(folder('report.json'))
        return False
    server.fail(faults.status(500), when=taken)
    result = score(numbered(3), WHOLE, '--report=report.json')
    assert result.code == 0
    assert re.match('warning: The report report.json cannot be written: .+\n$', result.err)
    assert 'cannot be written' in folder.read(LOG).decode('utf-8')


# --- the page ------------------------------------------------------------------------

def test_the_page_shows_the_figures_and_charts(make_server, score, server, folder):
    score.server = make_server(shape='multiclass', labels=['<b>', 'a"&\'', 'caf\xe9 \u202e'])
    score.well(numbered(30), '--n_samples=5', '--report=report.html')
    found = texts(folder)
    for words in ['Scoring of data.csv', 'Complete', 'Throughput', 'Request latency',
                  'Batches and requests', 'Predictions by class', '<b>', 'a"&\'', 'caf\xe9 \\u202e',
                  'n_samples', 'ended',
                  'SHA-256 of the dataset', hashlib.sha256(numbered(30)).hexdigest()]:
        assert words in found
    assert found[found.index('exit code') + 1] == '0'
    assert folder.read('report.html').count(b'<svg ') == 5


def test_the_page_shows_classes_that_the_answer_has_as_texts(make_server, score, folder):
    score.server = make_server(shape='multiclass', form='texts', labels=['<b>', 'x'])
    score.well(numbered(30), '--report=report.html', '--protocol=drum', ids=[])
    found = texts(folder)
    assert 'Predictions by class' in found and '<b>' in found
    assert not any('without a number' in words for words in found)


def test_the_page_of_a_regression_shows_how_the_numbers_lie(score, folder):
    score.well(numbered(30) + b'NaN,none\n', '--report=report.html')
    assert '30 numbers: min 0, mean 14.5, max 29; 1 without a number' in texts(folder)


@pytest.mark.parametrize('numbers', [
    ['{0}.5'.format(n) for n in range(1000000, 1000050)], ['250000.125', '250000.1875'],
    ['0.123456'] * 3, ['123456789.1'], ['0', '1e-9'], ['-1', '1']])
def test_the_marks_of_an_axis_are_different_and_have_room(score, folder, numbers):
    score.well(('x\n' + '\n'.join(numbers) + '\n').encode('ascii'), '--report=report.html')
    page = folder.read('report.html').decode('utf-8')
    chart = page[page.index('<h2>Predictions'):].partition('</svg>')[0]
    marks = re.findall(r'x="([0-9.]+)" y="176.0" text-anchor="middle">(.*?)<', chart)
    assert marks
    assert len(set(words for _, words in marks)) == len(marks)
    ends = [float(x) + len(words) * charts.DIGIT / 2.0 for x, words in marks]
    starts = [float(x) - len(words) * charts.DIGIT / 2.0 for x, words in marks]
    assert all(end < start for end, start in zip(ends, starts[1:] + [charts.WIDTH + 1]))
    assert 'numbers: min {0:.10g}, mean'.format(float(numbers[0])) in page


def test_the_page_shows_settings_that_are_zero(score, folder):
    score.well(numbered(3), '--n_retry=0', '--report=report.html')
    found = texts(folder)
    assert found[found.index('n_retry') + 1] == '0'


def test_the_page_of_a_failure_begins_with_the_reason(score, server, folder):
    server.fail(faults.status(422, '<script>alert(1)</script>'))
    assert score(numbered(3), '--report=report.HTML').code == 1
    found = [each for each in texts(folder, 'report.HTML') if each]
    assert found[1] == 'Failed'
    assert 'Server message: <script>alert(1)</script>' in found[:6]


# --- memory --------------------------------------------------------------------------
