"""Two reports are compared: what changed is printed, and shown on a page."""

from __future__ import absolute_import, unicode_literals

import hashlib
import json
import os
import re
import subprocess
import sys
import xml.dom.minidom

import pytest

import faults
from datarobot_batch_scoring.compat import WINDOWS
from places import ROOT
from scoring import numbered


@pytest.fixture
def compare(folder):
    """Runs the comparison: (exit code, standard output, standard error), both as text."""
    def compare(*words, **more):
        process = subprocess.Popen(
            [sys.executable, '-m', 'datarobot_batch_scoring.report'] + list(words),
            cwd=folder.path, env=dict(os.environ, PYTHONPATH=str(ROOT), PYTHONIOENCODING=str('utf-8')),
            stdout=more.get('stdout', subprocess.PIPE), stderr=subprocess.PIPE)
        printed = [(each or b'').decode('utf-8') for each in process.communicate()]
        return process.returncode, printed[0], printed[1]
    return compare


@pytest.fixture
def report(make_server, score, folder):
    """Scores a dataset (bytes) and returns the name of its report."""
    def report(name, data, shape='regression', *options, **more):
        score.server = make_server(shape=shape, **more)
        result = score(data, '--yes', '--no-resume', '--report={0}.json'.format(name), *options)
        assert result.code == 0, result.err
        return name + '.json'
    return report


def numbers(*values):
    return b'x\n' + b''.join('{0}\n'.format(each).encode('ascii') for each in values)


def rows_of(printed, title):
    """{name: rest of the line} of a section."""
    section = printed.partition('\n' + title + '\n')[2].partition('\n\n')[0]
    lines = [re.split(' {2,}', line.strip()) for line in section.splitlines()]
    return {line[0]: line[1:] for line in lines}


# --- what the report has --------------------------------------------------------------

def test_a_report_says_when_with_what_and_of_which_input(score, server, folder):
    data = numbered(20)
    score.well(data, '--report=report.json')
    found = json.loads(folder.read('report.json').decode('ascii'))
    assert found['exit_code'] == 0
    assert found['input'] == {'sha256': hashlib.sha256(data).hexdigest()}
    assert sorted(found['versions']) == ['requests', 'system', 'urllib3']
    stamp = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z'
    assert re.match(stamp, found['began']) and re.match(stamp, found['ended'])
    assert found['began'] <= found['ended']


@pytest.mark.skipif(WINDOWS, reason='pipes and shells of Unix')
def test_the_digest_of_a_stream_is_that_of_what_came(run_command, server, folder):
    data = b'x,pad\n' + b''.join(b'%d,%s\n' % (n, b'.' * 80) for n in range(20000))
    folder.write('data', data)
    for options in (['--n_samples=500'], ['--rows=7']):
        result = run_command('batch_scoring_sse', [
            '--host=' + server.url, '--report=report.json', '--yes', 'flats', '-'] + options,
            prefix=['sh', '-c', 'cat data | "$0" "$@"'])
        assert result.code == 0, result.err
        found = json.loads(folder.read('report.json').decode('ascii'))['input']['sha256']
        assert found == (hashlib.sha256(data).hexdigest() if 'n_samples' in options[0] else None)


def test_what_did_not_read_the_whole_input_has_no_digest_of_it(score, server, folder):
    server.fail(faults.status(422), when=lambda record: record.first == '8')
    options = ['--report=report.json', '--n_samples=4', '--n_concurrent=1']
    assert score(numbered(12), *options).code == 1
    found = json.loads(folder.read('report.json').decode('ascii'))
    assert (found['exit_code'], found['input']) == (1, {'sha256': None})
    server.heal()
    server.fail(faults.status(422), when=lambda record: '8' in record.keys)
    assert score(None, '--resume', '--yes', '--bad_rows=bad.csv', *options).code == 3
    found = json.loads(folder.read('report.json').decode('ascii'))
    assert (found['exit_code'], found['input']) == (
        3, {'sha256': hashlib.sha256(numbered(12)).hexdigest()})


def test_the_quantiles_of_a_column_lie_where_its_numbers_do(score, folder):
    score.well(numbers(*range(1, 1001)), '--report=report.json')
    found = json.loads(folder.read('report.json').decode('ascii'))['prediction_columns']['y']
    quantiles = [found['quantiles'][name] for name in ('p5', 'p25', 'p50', 'p75', 'p95')]
    assert quantiles == pytest.approx([50, 250, 500, 750, 950], abs=16)
    assert (found['count'], found['mean']) == (1000, 500.5)


# --- what is printed ---------------------------------------------------------------------

def test_numbers_that_moved_are_shown_with_their_index(compare, report):
    code, printed, errors = compare(
        report('old', numbers(*range(100))), report('new', numbers(*range(50, 170)) + b'NaN\n'))
    assert (code, errors) == (0, '')
    assert printed.startswith('old.json -> new.json\n\nThe runs\n')
    assert rows_of(printed, 'Rows')['rows'] == ['100', '121', '+21 (+21.0%)']
    assert rows_of(printed, 'The runs')['SHA-256 of the dataset'][2] == 'differs'
    column = rows_of(printed, 'Predictions: y')
    assert column['mean'] == ['49.5', '109.5', '+60 (+121.2%)']
    assert (column['min'], column['max']) == (
        ['0', '50', '+50'], ['99', '169', '+70 (+70.7%)'])
    assert column['missing'] == ['0', '1', '+1']
    assert float(column['p50'][1]) == pytest.approx(109.5, abs=4)
    assert re.search(r'Population stability index \d\.\d{3}: changed a lot\.\n', printed)


def test_two_runs_of_one_dataset_hardly_changed(compare, report):
    for shape in ('regression', 'binary', 'multiclass'):
        code, printed, _ = compare(report('old', numbered(200), shape),
                                   report('new', numbered(200), shape, '--n_samples=7'))
        assert code == 0
        assert rows_of(printed, 'The runs')['SHA-256 of the dataset'][2] == 'the same'
        assert rows_of(printed, 'The runs')['n_samples'] == ['7', 'differs']
        found = re.findall(r'Population stability index (.*)\n', printed)
        assert found and set(found) == {'0.000: hardly changed.'}


def test_classes_that_became_more_frequent_are_shown(compare, report, folder):
    report('old', numbered(100), 'multiclass', labels=['a', 'b'])
    report('new', numbered(100), 'multiclass', labels=['b', 'c\u202e'])
    for name, counts in (('old.json', {'a': 75, 'b': 25}), ('new.json', {'b': 30, 'c\u202e': 70})):
        found = json.loads(folder.read(name).decode('ascii'))
        found['predictions']['classes'] = counts
        folder.write(name, json.dumps(found).encode('ascii'))
    code, printed, _ = compare('old.json', 'new.json')
    assert code == 0
    found = rows_of(printed, 'Predictions by class')
    assert found['a'] == ['75 (75.0%)', '0 (0.0%)', '-75.0 points']
    assert found['b'] == ['25 (25.0%)', '30 (30.0%)', '+5.0 points']
    assert found['c\\u202e'] == ['0 (0.0%)', '70 (70.0%)', '+70.0 points']
    assert rows_of(printed, 'Predictions: a') == {'column': ['yes', 'no', 'only before']}


def test_a_number_target_has_no_classes_to_compare(compare, report, folder):
    code, printed, _ = compare('--out=change.html', report('old', numbered(100)),
                               report('new', numbered(100), 'multiclass', labels=['a', 'b']))
    assert code == 0
    found = rows_of(printed, 'Predictions by class')
    assert found and all(len(row) == 2 and row[0] == '-' for row in found.values())
    assert 'points' not in printed and '<svg' not in folder.read('change.html').decode('utf-8')


def test_classes_that_answers_have_as_texts_are_compared_once(compare, report, folder):
    """A report of texts beside one of other texts, of numbers, and of texts with a number."""
    made = {}
    for name, shape, form in (
            ('old', 'multiclass', 'texts'), ('new', 'multiclass', 'texts'),
            ('numbers', 'regression', 'numbers'), ('more', 'multiclass', 'labelled')):
        labels = ['a', 'b', 'c'] if name == 'old' else ['b', 'c', 'd']
        report(name, numbered(100), shape, '--protocol=mlflow', form=form,
               labels=None if shape == 'regression' else labels)
        found = json.loads(folder.read(name + '.json').decode('ascii'))
        made[name] = found['predictions'].get('classes')
    code, printed, errors = compare('--out=change.html', 'old.json', 'new.json')
    assert (code, errors) == (0, '')
    found = rows_of(printed, 'Predictions by class')
    assert set('abcd') <= set(found)
    assert found['a'][:2] == ['{0} ({0}.0%)'.format(made['old']['a']), '0 (0.0%)']
    assert found['d'][:2] == ['0 (0.0%)', '{0} ({0}.0%)'.format(made['new']['d'])]
    assert printed.count('Predictions') == 1
    code, printed, errors = compare('--out=change.html', 'numbers.json', 'new.json')
    assert (code, errors) == (0, '')
    assert rows_of(printed, 'Predictions by class')['d'][0] == '-'
    assert rows_of(printed, 'Predictions: prediction')['count'][:2] == ['100', '0']
    code, printed, errors = compare('more.json', 'new.json')
    assert (code, errors) == (0, '')
    assert rows_of(printed, 'Predictions by class')['d'][0] == rows_of(
        printed, 'Predictions by class')['d'][1]


def test_numbers_have_separators_and_no_exponents(compare, report, folder):
    name = report('old', numbers(*range(100)))
    found = json.loads(folder.read(name).decode('ascii'))
    for name, speed, mean, quantile in (
            ('old.json', 57400.25, 999.96, 1228), ('new.json', 2080.4, 0.03125, 1268.7)):
        found['mean_rows_per_second'] = speed
        found['prediction_columns']['y'].update(mean=mean, least=-0.0, most=123456789.5)
        found['prediction_columns']['y']['quantiles']['p75'] = quantile
        folder.write(name, json.dumps(found).encode('ascii'))
    code, printed, _ = compare('old.json', 'new.json')
    assert code == 0
    assert rows_of(printed, 'Rows')['rows per second'] == ['57,400', '2,080', '-55,320 (-96.4%)']
    column = rows_of(printed, 'Predictions: y')
    assert column['p75'] == ['1,228', '1,269', '+40.7 (+3.3%)']
    assert column['mean'] == ['1,000', '0.03125', '-999.9 (-100.0%)']
    assert (column['min'], column['max']) == (['0', '0'], ['123,456,790', '123,456,790'])


def test_a_report_of_part_of_the_rows_is_said_to_be_one(compare, score, server, report, folder):
    server.fail(faults.status(422), when=lambda record: record.first == '4')
    score.server = server
    assert score(numbered(8), '--n_samples=4', '--n_concurrent=1').code == 1
    server.heal()
    score.well(None, '--n_samples=4', '--resume', '--report=part.json')
    code, printed, _ = compare('part.json', report('whole', numbered(8)))
    assert code == 0
    assert 'The predictions in part.json cover its last run only.\n' in printed
    assert 'whole.json are' not in printed


def test_a_report_of_an_earlier_version_can_be_compared(compare, report, folder):
    report('old', numbers(*range(100)))
    found = json.loads(folder.read('old.json').decode('ascii'))
    for name in ('prediction_columns', 'ended', 'exit_code', 'input', 'versions'):
        del found[name]
    del found['predictions']['quantiles']
    folder.write('old.json', json.dumps(found).encode('ascii'))
    code, printed, errors = compare('old.json', 'old.json')
    assert (code, errors) == (0, '')
    assert rows_of(printed, 'Predictions: prediction')['mean'] == ['49.5', '49.5']


# --- the page ---------------------------------------------------------------------------

@pytest.mark.parametrize('shape, bars', [('regression', 0), ('multiclass', 6)])
def test_the_page_has_both_distributions_in_one_chart(compare, report, folder, shape, bars):
    code, _, errors = compare('--out=change.html', report('old', numbered(100), shape),
                              report('new', numbered(150), shape))
    assert (code, errors) == (0, '')
    page = folder.read('change.html').decode('utf-8')
    assert not re.search(r'<script|<link|<img|@import|url\(|\bon\w+=', page)
    assert 'prefers-color-scheme: dark' in page
    charts = re.findall(r'<svg .*?</svg>', page, re.DOTALL)
    assert len(charts) == (1 if shape == 'regression' else 4)
    for chart in charts:
        xml.dom.minidom.parseString(chart.encode('utf-8'))
        assert 'class="before"' in chart and 'class="bar"' in chart
    assert len(re.findall('<rect class="(?:before|bar)"', charts[0])) == (bars or len(
        re.findall(r'before, [0-9.]+% after', charts[0])))
    shares = [float(each) for each in re.findall(r'([0-9.]+)% before', charts[-1])]
    assert sum(shares) == pytest.approx(100, abs=1)


@pytest.mark.parametrize('one, other', [
    (['5'], ['7']), (['1e-300'], ['1e300']), (['-1.7e308'], ['1.7e308']), (['0'], ['NaN']), (['1'] * 3, ['1'])])
def test_distributions_of_any_kind_can_be_compared(compare, report, folder, one, other):
    code, printed, errors = compare(
        report('old', numbers(*one)), report('new', numbers(*other)), '--out=change.html')
    assert (code, errors) == (0, '')
    assert not re.search(r'\b(inf|nan)\b', printed.lower())
    assert not re.search(r'"-?(inf|nan)', folder.read('change.html').decode('utf-8'))


# --- what cannot be compared ---------------------------------------------------------------

@pytest.mark.parametrize('words, said', [
    ([], 'Expected two reports, got 0.'),
    (['a.json'], 'Expected two reports, got 1.'),
    (['a.json', 'b.json', 'c.json'], 'Expected two reports, got 3.'),
    (['a.json', 'b.json', '--output=x.html'], 'Unknown option --output'),
    (['a.json', 'b.json', '--out'], 'Unknown option --out, or its value is missing.'),
    (['a.json', 'b.json', '--out=x.json'], 'x.json is not allowed: the name must end in .html.'),
    (['none.json', 'b.json'], 'The report none.json cannot be read: No such file'),
    (['.', 'b.json'], 'The report . cannot be read: '),
    (['text', 'text'], 'The report text is not a JSON report of this program.'),
    (['other.json', 'other.json'], 'The report other.json is not a JSON report of this program'),
    (['deep.json', 'deep.json'], 'The report deep.json is not a JSON report of this program'),
    (['half.json', 'half.json'], 'The report half.json is damaged: ')])
def test_what_cannot_be_compared_is_a_usage_error(compare, folder, words, said):
    folder.write('text', b'row_id,y\n')
    folder.write('other.json', b'{"program": "another"}')
    folder.write('deep.json', b'[' * 100000)
    folder.write('half.json', b'{"program": "datarobot_batch_scoring", "settings": {}, "rows": "x"}')
    code, printed, errors = compare(*words)
    assert (code, printed) == (2, '')
    assert said in errors and 'Traceback' not in errors


HUGE = int('9' * 400)
BINS = ('prediction_columns', 'y', 'histogram')
BIN = {'from': 0.0, 'to': 1.0, 'rows': 1}
# Where in a report of a regression another value is put, and which.
HOSTILE = {
    'rows of 400 digits': (('rows',), HUGE),
    'rows of 5000 digits': (('rows',), '@' + '9' * 5000),
    'rows without end': (('rows',), float('inf')),
    'rows that are a list': (('rows',), [1]),
    'rows that are true': (('rows',), True),
    'seconds that are no number': (('seconds',), float('nan')),
    'a latency of 400 digits': (('latency', 'p50'), HUGE),
    'a latency without end': (('latency', 'max'), float('-inf')),
    'a mean of 400 digits': (('prediction_columns', 'y', 'mean'), HUGE),
    'a least without end': (('prediction_columns', 'y', 'least'), float('-inf')),
    'a quantile of 400 digits': (('prediction_columns', 'y', 'quantiles', 'p50'), HUGE),
    'a bin without a start': (BINS, [dict(BIN, **{'from': None})]),
    'a bin without an end': (BINS, [dict(BIN, to=None)]),
    'a bin from minus infinity': (BINS, [dict(BIN, **{'from': float('-inf')})]),
    'a bin to infinity': (BINS, [dict(BIN, to=float('inf'))]),
    'a bin of 400 digits': (BINS, [dict(BIN, to=HUGE)]),
    'a bin with 400 digits of rows': (BINS, [dict(BIN, rows=HUGE)]),
    'a bin with infinite rows': (BINS, [dict(BIN, rows=float('inf'))]),
    'a bin with less than no rows': (BINS, [dict(BIN, rows=-5)]),
    'a bin of no width': (BINS, [dict(BIN, to=0.0)]),
    'a bin that ends before it begins': (BINS, [dict(BIN, to=-1.0)]),
    'no bins': (BINS, None),
    'bins that are an object': (BINS, {'from': 0}),
    '100,000 bins': (BINS, [dict(BIN, **{'from': n, 'to': n + 1}) for n in range(100000)]),
    '100,000 bins that are the same': (BINS, [BIN] * 100000),
    'a class with 400 digits of rows': (('predictions',), {'classes': {'a': HUGE}}),
    'a class with infinite rows': (('predictions',), {'classes': {'a': float('inf')}}),
    'a class with less than no rows': (('predictions',), {'classes': {'a': -1, 'b': 1}}),
    'classes in a list': (('predictions',), {'classes': ['a']}),
    'a setting nested deeply': (('settings', 'dataset'), '@' + '[' * 900 + ']' * 900),
    'a version that is an object': (('version',), {'a': HUGE}),
    'a digest that is a list': (('input', 'sha256'), [1]),
    'settings that are a list': (('settings',), [1]),
}


@pytest.mark.parametrize('words', [('old.json', 'bad.json'), ('bad.json', 'old.json')])
@pytest.mark.parametrize('name', sorted(HOSTILE))
def test_a_hostile_report_is_damaged(compare, hostile, folder, name, words):
    path, value = HOSTILE[name]
    hostile(path, value)
    code, printed, errors = compare(*words + ('--out=change.html',))
    assert (code, printed) == (2, ''), printed[:1000]
    assert errors.startswith('The report bad.json is damaged: '), errors[:1000]
    assert len(errors) < 300 and not folder.has('change.html')


@pytest.fixture
def hostile(report, folder):
    """`hostile(names, value)` makes old.json, and bad.json with another value where they lead."""
    def make(path, value):
        found = json.loads(folder.read(report('old', numbered(20))).decode('ascii'))
        place = found
        for each in path[:-1]:
            place = place[each]
        assert path[-1] in place
        raw = '{0}'.format(value)[1:] if '{0}'.format(value).startswith('@') else None
        place[path[-1]] = '@raw@' if raw else value
        text = json.dumps(found)
        folder.write('bad.json', (text.replace('"@raw@"', raw) if raw else text).encode('ascii'))
    return make


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='limits of Linux')
@pytest.mark.parametrize('name', ['100,000 bins', '100,000 bins that are the same',
                                  'rows of 5000 digits', 'a bin of 400 digits'])
def test_a_hostile_report_takes_no_second_of_the_processor(hostile, folder, name):
    hostile(*HOSTILE[name])
    # The interpreter takes a third of that to start.
    process = subprocess.Popen(
        ['sh', '-c', 'ulimit -t 1; exec "$0" "$@"', sys.executable, '-m',
         'datarobot_batch_scoring.report', 'bad.json', 'bad.json'], cwd=folder.path,
        env=dict(os.environ, PYTHONPATH=str(ROOT)), stderr=subprocess.PIPE)
    assert 'is damaged' in process.communicate()[1].decode('utf-8')


def test_a_page_that_cannot_be_written_is_a_usage_error(compare, report):
    name = report('old', numbered(3))
    code, printed, errors = compare(name, name, '--out=nowhere/change.html')
    assert (code, printed) == (2, '')
    assert errors.startswith('The page nowhere/change.html cannot be written: ')


def test_help_says_what_it_takes(compare):
    code, printed, errors = compare('--help')
    assert (code, errors) == (0, '')
    assert 'python -m datarobot_batch_scoring.report [options] <old.json> <new.json>' in printed


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='there is no disk that is full')
def test_a_comparison_that_could_not_be_written_is_not_a_success(compare, report):
    name = report('old', numbered(3))
    with open('/dev/full', 'wb') as full:
        code, _, errors = compare(name, name, stdout=full)
    assert (code, errors.partition(':')[0]) == (1, 'Standard output cannot be written')


# --- a limit ----------------------------------------------------------------------


def test_a_change_beyond_the_limit_is_an_exit_code(compare, report):
    old, new = report('old', numbers(*range(100))), report('new', numbers(*range(50, 150)))
    code, printed, said = compare(old, new, '--fail_above=0.25')
    assert code == 4
    assert re.match(r'Predictions: y: the population stability index [0-9.]+ is larger than 0.25.\n\Z', said)
    assert 'Population stability index' in printed
    assert compare(old, old, '--fail_above', '0.25')[0] == 0
    assert compare(old, new, '--fail_above=99')[0] == 0
    assert compare(old, new)[0] == 0


def test_a_limit_without_an_index_is_a_usage_error(compare, report, folder):
    old = report('old', numbers(1, 2))
    report_data = json.loads(folder.read(old).decode('utf-8'))
    report_data.update(predictions=None, prediction_columns={})
    folder.write('none.json', json.dumps(report_data).encode('ascii'))
    code, _, said = compare('none.json', old, '--fail_above=0.25')
    assert code == 2 and 'no population stability index can be computed' in said


@pytest.mark.parametrize('value', ['x', '-1', '', 'nan'])
def test_a_limit_that_is_no_number_is_a_usage_error(compare, report, value):
    old = report('old', numbers(1, 2))
    assert compare(old, old, '--fail_above=' + value)[0] == 2
