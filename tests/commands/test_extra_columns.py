"""What else a response has: details of explanations, extra columns, texts; from each kind of server."""

from __future__ import absolute_import, unicode_literals

import json
import os
import re
import signal
import time
from collections import OrderedDict

import pytest

import faults
import when
from datarobot_batch_scoring.compat import PY2
from scoring import DEPLOYMENT, QUICK, WHOLE, as_csv, numbered

TOKEN = '--api_token=test-token'


@pytest.fixture
def score_drum(score):
    """Scores with `--protocol=drum`."""
    def run(data, *options, **more):
        return score(data, '--protocol=drum', *options, ids=[], **more)
    return run


def extended(change, when=None):
    """A fault that changes the rows of a good answer in the form of predApi/v1.0: `change(row, n)`.

    `n` is the number in column x of the row.
    """
    @faults.fault
    def strike(exchange):
        route, rows = exchange.good_rows()
        for row, sent in zip(rows, exchange.record.rows):
            change(row, int(sent.key))
        exchange.send(200, exchange.server.echo.wrap(rows, route))
    return strike()


def with_output(row, n):
    """Extra output of a model, of every kind, and what the server adds itself."""
    row['passthroughValues'] = OrderedDict([('city', 'town {0}'.format(n))])
    row['extraModelOutput'] = OrderedDict([
        ('tokens', n * 3), ('note', 'say "{0}",\nplease'.format(n)), ('list', [n, None, 'x']),
        ('nothing', None)])


def expected_extras(n):
    return ['APPROVED', '{{"city":"town {0}"}}'.format(n), '{0}'.format(n * 3),
            'say "{0}",\nplease'.format(n), '[{0},null,"x"]'.format(n), '']


ALL_NAMES = ['deploymentApprovalStatus', 'passthroughValues', 'tokens', 'note', 'list', 'nothing']


# --- details of explanations -----------------------------------------------------------


def explain(*explanations):
    """A change that gives row n these explanations; functions are called with n."""
    def change(row, n):
        row['predictionExplanations'] = [
            OrderedDict((key, value(n) if callable(value) else value) for key, value in each.items())
            for each in explanations[:n % (len(explanations) + 1)]]
    return change


XEMP = [
    OrderedDict([('feature', 'area, m\xb2'), ('strength', lambda n: n + 0.5), ('featureValue', lambda n: n),
                 ('label', 1.0), ('qualitativeStrength', '+++')]),
    OrderedDict([('feature', 'city'), ('strength', -0.25), ('featureValue', lambda n: 'to"wn {0}'.format(n)),
                 ('label', 1.0), ('qualitativeStrength', '--')]),
    OrderedDict([('feature', 'words'), ('strength', 0.1), ('featureValue', lambda n: ['a', n]),
                 ('label', 0.0), ('qualitativeStrength', '+')]),
]


def explained_cells(explanations, n, count, with_label):
    cells = []
    for each in (explanations[:n % (len(explanations) + 1)] + [None] * count)[:count]:
        keys = ['feature', 'strength', 'featureValue', 'qualitativeStrength'] + ['label'] * with_label
        values = [each.get(key) if each else None for key in keys]
        values = [value(n) if callable(value) else value for value in values]
        cells += ['' if value is None else json.dumps(value, separators=(',', ':')) if isinstance(
            value, (list, float, int)) else value for value in values]
    return cells


@pytest.mark.parametrize('shape, labelled', [('regression', False), ('binary', False), ('multiclass', True)])
@pytest.mark.parametrize('route', ['predictions', 'predictionExplanations'])
def test_details_follow_each_strength_and_the_label_where_there_are_more_than_two_classes(
        run_command, make_server, folder, shape, labelled, route):
    server = make_server(shape=shape)
    if route == 'predictionExplanations':
        server.fail(faults.status(404), when.path_has('maxExplanations'))
    server.fail(extended(explain(*XEMP)))
    folder.write('data.csv', numbered(20))
    result = run_command('batch_scoring_deployment_aware', [
        '--host=' + server.url, TOKEN, '--n_samples=3', '--max_prediction_explanations=3', '--explanation_details',
        DEPLOYMENT, 'data.csv'])
    assert (result.code, result.err) == (0, '')
    parts = ['feature', 'strength', 'value', 'qualitative_strength'] + ['label'] * labelled
    header, rows = folder.records()[0], folder.records()[1:]
    labels = len(server.echo.labels)
    assert header[1 + labels:] == ['explanation_{0}_{1}'.format(n, part) for n in (1, 2, 3) for part in parts]
    for n, row in enumerate(rows):
        assert row[1 + labels:] == explained_cells(XEMP, n, 3, labelled)


def test_shap_has_no_qualitative_strength_and_a_value_may_be_null(score, server, folder):
    def change(row, n):
        row.pop('reasonCodes')
        explain({'feature': 'a', 'strength': 1.5, 'featureValue': None})(row, n)
    server.fail(extended(change))
    result = score(numbered(4), WHOLE, '--max_prediction_explanations=1', '--explanation_details')
    assert result.code == 0
    assert [row[2:] for row in folder.records()[1:]] == [['', '', '', ''], ['a', '1.5', '', '']] * 2


def test_explanations_beyond_the_number_asked_for_are_dropped_with_one_warning(score, server, folder):
    server.fail(extended(explain(*XEMP)))
    result = score(numbered(20), '--n_samples=2', '--max_prediction_explanations=2')
    assert result.code == 0
    assert result.err == (
        'warning: The server sends more explanations per row than --max_prediction_explanations; '
        'only the first 2 are written.\n')
    assert len(folder.records()[0]) == 6


def test_details_need_explanations(score, server, folder):
    result = score(numbered(2), '--explanation_details')
    assert (result.code, server.log) == (2, [])
    assert '--max_prediction_explanations' in result.err


# --- extra columns ---------------------------------------------------------------------


def test_extra_columns_come_last_in_the_order_asked_for(score, server, folder):
    server.fail(extended(with_output))
    score.well(numbered(20), '--n_samples=3', '--extra_cols=note,tokens,passthroughValues,list,nothing',
               '--pred_decision=d', '--keep_cols=city')
    records = folder.records()
    assert records[0] == ['row_id', 'city', 'y', 'd', 'note', 'tokens', 'passthroughValues', 'list', 'nothing']
    for n, row in enumerate(records[1:]):
        approval, through, tokens, note, items, nothing = expected_extras(n)
        assert row == ['{0}'.format(n), 'town {0}'.format(n)] + ['{0}'.format(n)] * 2 + [
            note, tokens, through, items, nothing]


@pytest.mark.parametrize('method', [None] if PY2 else [None, 'spawn'])
def test_a_star_is_all_that_the_batch_of_the_first_row_has_in_its_order(
        start_command, server, folder, method):
    def change(row, n):
        with_output(row, n)
        if n >= 2:
            row['extraModelOutput']['late'] = n
            row['later'] = n
    # Others would answer sooner.
    server.delay = lambda record: 0.4 if record.first == '0' else 0
    server.fail(extended(change))
    folder.write('data.csv', numbered(40))
    result = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--n_samples=2', '--n_concurrent=8', '--extra_cols=*', 'flats', 'data.csv'],
        start_method=method).wait()
    assert result.code == 0
    assert result.err == (
        'warning: --extra_cols: what the first batch did not have is left out: late, later.\n')
    records = folder.records()
    assert records[0] == ['row_id', 'y'] + ALL_NAMES
    assert [row[2:] for row in records[1:]] == [expected_extras(n) for n in range(40)]
    assert sorted(record.time for record in server.batches)[1] >= server.batches[0].finished


def test_a_star_of_a_server_that_has_nothing_else_adds_no_column(score_drum, folder):
    score_drum.well = score_drum
    result = score_drum(numbered(4), '--extra_cols=*')
    assert (result.code, result.err) == (0, '')
    assert folder.records()[0] == ['row_id', 'prediction']


def test_a_name_absent_from_every_row_ends_the_run_after_two_attempts_and_is_named(score, server, folder):
    server.fail(extended(with_output))
    result = score(numbered(8), WHOLE, '--extra_cols=tokens,bandd')
    assert (result.code, result.stray) == (1, False)
    assert 'no row has "bandd" (--extra_cols); there is: deploymentApprovalStatus, ' in result.err
    assert len(server.batches) == 2 and not folder.has('out.csv')


def test_a_name_absent_from_one_row_or_a_null_object_is_an_empty_field(score, server, folder):
    def change(row, n):
        row['extraModelOutput'] = [{'tokens': n}, {'other': n}, None][n % 3]
    server.fail(extended(change))
    score.well(numbered(9), WHOLE, '--extra_cols=tokens,other')
    assert [row[2:] for row in folder.records()[1:]] == [
        [['{0}'.format(n), ''], ['', '{0}'.format(n)], ['', '']][n % 3] for n in range(9)]


def test_null_objects_in_all_rows_of_a_batch_are_empty_fields(score, server, folder):
    def change(row, n):
        row['extraModelOutput'] = {'tokens': n} if n < 4 else None
    server.fail(extended(change))
    for star in ('tokens', '*'):
        result = score(numbered(8), '--n_samples=4', '--extra_cols=' + star, '--yes', '--no-resume')
        assert result.code == 0, result.err
        assert [row[-1] for row in folder.records()[1:]] == list('0123') + [''] * 4


@pytest.mark.parametrize('names', ['a,a', 'a,', '""'])
def test_names_must_differ_and_not_be_empty(score, server, folder, names):
    result = score(numbered(3), '--extra_cols=' + names)
    assert (result.code, server.log) == (2, [])
    assert result.err.startswith('--extra_cols: ')


def test_columns_of_one_name_are_warned_of(score, server, folder):
    def change(row, n):
        row['extraModelOutput'] = {'y': n}
    server.fail(extended(change))
    result = score(numbered(3), WHOLE, '--extra_cols=y')
    assert result.code == 0
    assert 'Several output columns have the same name: y.' in result.err


def test_bad_rows_have_their_extra_fields_empty(score, server, folder):
    server.fail(faults.status(422, 'no'), when.holds('5'))
    server.fail(extended(with_output))
    result = score(numbered(12), '--n_samples=4', '--bad_rows=bad.csv', '--extra_cols=*')
    assert result.code == 3
    rows = folder.records()[1:]
    assert rows[5] == ['5'] + [''] * 7 and rows[6][2:] == expected_extras(6)


@pytest.mark.parametrize('rejected', [1, 4, 5])
def test_a_first_batch_that_is_rejected_leaves_a_star_to_the_next(score, server, folder, rejected):
    for n in range(rejected):
        server.fail(faults.status(422, 'no'), when.holds('{0}'.format(n)))
    server.fail(extended(with_output))
    result = score(numbered(16), '--n_samples=4', '--bad_rows=bad.csv', '--extra_cols=*')
    assert result.code == 3, result.err
    rows = folder.records()
    assert rows[0][2:] == ALL_NAMES and len(rows) == 17
    assert rows[1][2:] == [''] * 6 and rows[16][2:] == expected_extras(15)


@pytest.mark.parametrize('options', [[], ['--out=out.csv.gz']])
def test_streams_and_gzip_have_them_too(run_command, server, folder, options):
    server.fail(extended(with_output))
    folder.write('data.csv', numbered(8))
    words = options or ['--out=-']
    result = run_command('batch_scoring_sse', [
        '--host=' + server.url, '--n_samples=3', '--extra_cols=*', '--skip_row_id', 'flats', 'data.csv'] + words)
    assert result.code == 0, result.err
    written = folder.read('out.csv.gz').decode('utf-8') if options else result.out
    expected = as_csv([['y'] + ALL_NAMES] + [['{0}'.format(n)] + expected_extras(n) for n in range(8)],
                      line_end=os.linesep)
    assert written == expected


def test_a_report_is_written_with_them(score, server, folder):
    server.fail(extended(with_output))
    score.well(numbered(8), '--extra_cols=*', '--report=r.json', '--query=thresholdHigh=0.75',
               '--max_prediction_explanations=1', '--explanation_details')
    settings = json.loads(folder.read('r.json').decode('utf-8'))['settings']
    assert (settings['extra_cols'], settings['explanation_details']) == (['*'], True)
    assert settings['query'].startswith('thresholdHigh=***** (sha256 ')


# --- resume ----------------------------------------------------------------------------


ALL_AT_ONCE = ['--extra_cols=*', '--explanation_details', '--max_prediction_explanations=2',
               '--query=thresholdHigh=0.75', '--bad_rows=bad.csv', '--n_samples=3']


@pytest.mark.parametrize('name, change', [
    ('query', ['--query=thresholdHigh=0.5']), ('extra_cols', ['--extra_cols=tokens']),
    ('explanation_details', None)])
def test_a_resume_with_another_is_refused(score, server, folder, name, change):
    server.fail(faults.status(401, 'no'), when.holds('7'))
    server.fail(extended(with_output))
    assert score(numbered(12), *ALL_AT_ONCE).code == 1
    before = folder.state()
    words = [word for word in ALL_AT_ONCE if not word.startswith('--' + name)] + (change or [])
    result = score(None, '--resume', *words)
    assert result.code == 2 and 'cannot be resumed: --{0} was '.format(name) in result.err
    assert folder.state() == before and '0.75' not in result.err and '0.5' not in result.err
    server.heal()
    server.fail(extended(with_output))
    assert score(None, '--resume', *ALL_AT_ONCE).code == 0
    assert len(folder.records()) == 13


def test_after_kills_the_output_is_the_same_with_all_of_them_at_once(start_command, server, folder):
    def change(row, n):
        with_output(row, n)
        explain(*XEMP[:2])(row, n)
    server.fail(faults.status(422, 'no'), when.holds('11'))
    server.fail(extended(change))
    server.delay = 0.02
    folder.write('data.csv', numbered(90))
    words = ['--host=' + server.url, 'flats', 'data.csv', '--n_concurrent=3'] + ALL_AT_ONCE
    assert start_command('batch_scoring_sse', words + ['--out=whole.csv']).wait().code == 3
    expected = folder.read('whole.csv')
    kills = 0
    for number in range(40):
        command = start_command('batch_scoring_sse', words + ['--resume', '--yes'])
        # While the server has had only some of the batches: another number of them each time.
        asked = len(server.batches) + 2 + 3 * (number % 5)
        while command.running() and len(server.batches) < asked:
            time.sleep(0.002)
        if not command.running():
            break
        for role in ('writer', 'network', 'batcher'):
            for pid in command.living(role)[:1]:
                if number % 3 == ('writer', 'network', 'batcher').index(role):
                    os.kill(pid, signal.SIGKILL)
        command.send(signal.SIGKILL)
        command.wait()
        kills += 1
    assert command.wait().code == 3 and kills > 2
    assert folder.read() == expected


# --- DRUM, FastRAG -----------------------------------------------------------------------


@faults.fault
def split_table(exchange, form, first=False, columns=('band', 'note'), cut=0):
    """What DRUM or FastRAG answers if the model has extra output (observed), beside the rows."""
    values = [int(row.key) for row in exchange.record.rows]
    rows = {
        'numbers': lambda n: n, 'texts': lambda n: 'text {0}'.format(n),
        'objects': lambda n: OrderedDict([('no', n), ('yes', 1 - n)]),
        'rag': lambda n: OrderedDict([('prediction', 'no'), ('predictionValues', [
            {'label': 'no', 'value': n}, {'label': 'yes', 'value': 1 - n}]), ('predictionThreshold', None)]),
        'rag regression': lambda n: OrderedDict([('prediction', n), ('predictionValues', None)]),
    }[form]
    extra = OrderedDict([('columns', list(columns)), ('index', list(range(len(values)))),
                         ('data', [['b{0}'.format(n), None if n % 2 else 'x' * 200] for n in values[cut:]])])
    members = [('predictions', [rows(n) for n in values]), ('extraModelOutput', extra)]
    exchange.send(200, json.dumps(OrderedDict(members[::-1] if first else members)).encode('ascii'))


FORMS = {'numbers': ['prediction'], 'texts': ['prediction'], 'objects': ['no', 'yes'], 'rag': ['no', 'yes'],
         'rag regression': ['prediction']}


@pytest.mark.parametrize('form', sorted(FORMS))
@pytest.mark.parametrize('first', [True, False])
@pytest.mark.parametrize('names', [['*'], ['note', 'band'], []])
def test_a_table_beside_the_rows_has_a_value_for_each(score_drum, server, folder, form, first, names):
    server.fail(split_table(form, first), when=lambda record: record.rows)
    # More than a megabyte of it in a batch.
    count = 12000 if form == 'numbers' else 20
    result = score_drum(numbered(count), '--n_samples={0}'.format(count * 2 // 3),
                        *['--extra_cols=' + ','.join(names)] if names else [])
    assert (result.code, result.err) == (0, '')
    records = folder.records()
    shown = ['band', 'note'] if names == ['*'] else names
    assert records[0] == ['row_id'] + FORMS[form] + shown
    for n, row in enumerate(records[1:]):
        extra = {'band': 'b{0}'.format(n), 'note': '' if n % 2 else 'x' * 200}
        assert row[len(row) - len(shown):] == [extra[name] for name in shown]


@pytest.mark.parametrize('fault', [
    split_table('numbers', cut=1), split_table('numbers', columns=['band'])], ids=['rows', 'columns'])
def test_a_table_that_does_not_fit_its_rows_is_refused(score_drum, server, folder, fault):
    server.fail(fault, when=lambda record: record.rows)
    result = score_drum(numbered(4), WHOLE, '--extra_cols=band')
    assert result.code == 1 and 'extraModelOutput' in result.err and not folder.has('out.csv')


def test_without_extra_output_a_name_asked_for_is_absent(score_drum, server, folder):
    server.fail(faults.garbage(b'{"extraModelOutput":null,"predictions":[1,2]}'), when=lambda record: record.rows)
    result = score_drum(numbered(2), WHOLE, '--extra_cols=band')
    assert result.code == 1 and 'no row has "band"' in result.err


def test_the_rows_of_fastrag_have_values_threshold_and_decision(score_drum, server, folder):
    server.fail(split_table('rag'), when=lambda record: record.rows)
    result = score_drum(numbered(3), WHOLE, '--pred_threshold=t', '--pred_decision=d')
    assert (result.code, result.err) == (0, '')
    assert folder.lines() == ['row_id,no,yes,t,d'] + ['{0},{0},{1},,no'.format(n, 1 - n) for n in range(3)]


# --- texts -------------------------------------------------------------------------------


def text_of(n):
    """A text of up to 100 KB, with all that CSV must quote."""
    return 'He said: "{0}",\r\n\tand\n{1} \u20ac'.format(n, 'word; ' * (n * 1700 if n < 10 else 5))


def texts(row, n):
    row['prediction'] = text_of(n)
    row['predictionValues'] = [{'label': 'resultText', 'value': text_of(n)}]


@pytest.mark.parametrize('form', ['predapi', 'drum'])
def test_texts_of_a_hundred_kilobytes_are_predictions(score, server, folder, form):
    @faults.fault
    def drum_texts(exchange):
        exchange.send(200, json.dumps({'predictions': [
            text_of(int(row.key)) for row in exchange.record.rows]}).encode('ascii'))
    server.fail(extended(texts) if form == 'predapi' else drum_texts(), when=lambda record: record.rows)
    words = ['--protocol=drum'] if form == 'drum' else []
    score.well(numbered(60)[:-1] + b'\n', '--report=r.json', '--n_samples=7', *words,
               ids=[] if words else ['flats'])
    records = folder.records()
    assert records[0] == ['row_id', 'resultText' if form == 'predapi' else 'prediction']
    assert [row[1] for row in records[1:]] == [text_of(n) for n in range(60)]
    report = json.loads(folder.read('r.json').decode('utf-8'))
    column = list(report['prediction_columns'].values())[0]
    lengths = [len(text_of(n)) for n in range(60)]
    assert column['lengths']['count'] == 60
    assert (column['lengths']['least'], column['lengths']['most']) == (min(lengths), max(lengths))
    assert column['count'] == 0


def test_a_page_of_the_report_shows_the_lengths_of_texts(score, server, folder):
    server.fail(extended(texts))
    score.well(numbered(20), '--report=r.html')
    page = folder.read('r.html').decode('utf-8')
    assert re.search('Text lengths: .*resultText', page) and 'word; word;' not in page


def test_texts_have_no_threshold(score, server):
    server.fail(extended(texts))
    result = score(numbered(4), '--pred_threshold=t', env=QUICK)
    assert result.code == 1 and 'no prediction threshold' in result.err
