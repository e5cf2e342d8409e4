"""Before the night, `--check` says whether everything is right: it sends one row, and writes nothing."""

from __future__ import absolute_import, unicode_literals

import json
import os

import pytest

import faults
import when
from scoring import DEPLOYMENT, IMPORT, MODEL, PROJECT, numbered


@pytest.fixture
def check(run_command, folder):
    """Runs a command with --check on a server; asserts that it wrote nothing."""
    def run(server, *options, **more):
        folder.write('data.csv', more.pop('data', numbered(20)))
        before = folder.state()
        result = run_command(more.pop('command', 'batch_scoring_sse'), [
            '--host=' + server.url, '--check'] + more.pop('ids', [IMPORT]) + ['data.csv'] + list(options), **more)
        assert (folder.state(), sorted(os.listdir(folder.path))) == (before, sorted(before))
        assert not result.stray and '?' not in result.err
        return result
    return run


def test_all_is_right_if_the_first_row_is_scored(check, server):
    result = check(server, '--keep_cols=city')
    assert (result.code, result.err) == (0, '')
    assert result.out == (
        "Check passed: row 0 was scored (2 columns, encoding utf-8, delimiter ','); output columns: "
        'row_id, city, y; nothing was written.\n')
    assert [record.keys for record in server.log] == [['0']]


def test_the_first_row_is_that_of_rows(check, server):
    result = check(server, '--rows=7:9')
    assert result.code == 0 and 'row 7 was scored' in result.out
    assert [record.keys for record in server.log] == [['7']]


@pytest.mark.parametrize('protocol, ids', [('drum', []), ('mlflow', []), ('v2', [IMPORT])])
def test_other_protocols_are_checked_too(check, server, protocol, ids):
    result = check(server, '--protocol=' + protocol, ids=ids)
    assert (result.code, result.err) == (0, '')
    assert [record.keys for record in server.log if record.rows] == [['0']]


@pytest.mark.parametrize('command, ids, options', [
    ('batch_scoring', [PROJECT, MODEL], []), ('batch_scoring_deployment_aware', [DEPLOYMENT], []),
    ('batch_scoring', [PROJECT, MODEL], ['--api_version=api/v1'])])
def test_dedicated_servers_are_checked_too(check, server, command, ids, options):
    result = check(server, '--api_token=t', *options, command=command, ids=ids)
    assert (result.code, result.err) == (0, ''), result


@pytest.mark.parametrize('code', [401, 404, 503, 429, 500])
def test_one_attempt_is_enough_to_see_a_failure(check, server, code):
    server.fail(faults.status(code, 'not now'))
    result = check(server)
    assert (result.code, result.out) == (1, '')
    assert 'not now' in result.err and '--resume' not in result.err
    assert len(server.log) == 1


def test_a_token_is_asked_for_once(check, server):
    server.fail(faults.status(503, 'no tokens'), when=lambda record: 'api_token' in record.target)
    result = check(server, '--user=me', '--password=hunter2222', command='batch_scoring', ids=[PROJECT, MODEL])
    assert result.code == 1 and 'no tokens' in result.err and 'hunter2222' not in result.err
    assert len(server.log) == 1


def test_a_rejected_row_is_a_failure_with_bad_rows_too(check, server):
    server.fail(faults.status(422, 'bad row'))
    result = check(server, '--bad_rows=bad.csv')
    assert result.code == 1
    assert 'rejected row 0, line 2 of the dataset, with status 422' in result.err


@pytest.mark.parametrize('earlier', ['out.csv', 'report.json'])
def test_what_is_there_is_neither_asked_about_nor_touched(check, server, folder, earlier):
    folder.write(earlier, b'precious')
    assert check(server, '--report=report.json').code == 0


def test_a_host_that_does_not_answer_is_named_at_once(check, server):
    server.stop()
    result = check(server, '--timeout=300')
    assert result.code == 1
    assert result.err.startswith('No connection to {0}: '.format(server.url))


@pytest.mark.parametrize('options', [['--out=-'], ['--scheduler=local'], ['--dry_run'], ['--keep_cols=none'],
                                     ['--rows=99:100'], ['--out=no/such/folder.csv']])
def test_what_cannot_be_checked_is_a_usage_error(check, server, options):
    assert check(server, *options).code == 2
    assert server.log == []


# --- a dataset without rows -------------------------------------------------------


EMPTY = b'x,city\n'


def test_an_empty_dataset_is_an_error(score, folder):
    assert score(EMPTY).code == 2 and not folder.has('out.csv')


@pytest.mark.parametrize('data', [EMPTY, b'x,city', b'x,city\n\n\n'])
@pytest.mark.parametrize('options, expected', [
    ([], b''), (['--class_names=y'], b'row_id,y\n'), (['--class_names=b,a', '--keep_cols=*'], b'row_id,x,city,a,b\n'),
    (['--class_names=b,a', '--skip_row_id', '--output_delimiter=;'], b'a;b\n')])
def test_with_empty_ok_it_has_an_output_without_rows(score, server, folder, data, options, expected):
    result = score(data, '--empty_ok', *options)
    assert (result.code, result.err, server.log) == (0, '', [])
    assert result.out == 'The dataset has no rows: nothing was sent, and out.csv {0}.\n'.format(
        'has only a header' if expected else 'is empty')
    assert folder.read() == expected.replace(b'\n', os.linesep.encode('ascii'))
    assert not folder.has('out.csv.shelve')


def test_with_empty_ok_a_dry_run_and_the_file_of_bad_rows_have_no_rows_either(score, folder):
    result = score(EMPTY, '--empty_ok', '--dry_run')
    assert (result.code, result.err) == (0, '') and result.out.startswith('0 rows; ')
    folder.write('bad.csv', b'those of yesterday')
    score.well(None, '--empty_ok', '--bad_rows=bad.csv', '--yes')
    assert folder.lines('bad.csv') == ['row_id,line,reason,x,city']


def test_with_empty_ok_the_names_of_lists_keep_their_order(score, folder):
    score.well(EMPTY, '--empty_ok', '--protocol=mlflow', '--class_names=b,a', '--out=out.csv.gz', ids=[])
    assert folder.read('out.csv.gz') == 'row_id,b,a{0}'.format(os.linesep).encode('ascii')


def test_with_empty_ok_standard_output_is_empty_too(score):
    result = score(EMPTY, '--empty_ok', '--out=-', '--class_names=y')
    assert (result.code, result.out) == (0, 'row_id,y\n')


def test_with_empty_ok_an_output_that_is_there_is_asked_about(score, folder):
    folder.write('out.csv', b'precious')
    assert score(EMPTY, '--empty_ok', stdin='n\n').code == 2
    assert folder.read() == b'precious'
    assert score(EMPTY, '--empty_ok', stdin='y\n').code == 0
    assert folder.read() == b''


def test_with_empty_ok_and_rows_class_names_of_datarobot_are_no_matter(score, folder):
    score.well(numbered(3), '--empty_ok', '--class_names=z')
    assert folder.lines()[0] == 'row_id,y'


# --- lines with too few fields, decimal commas ------------------------------------


def test_lines_with_too_few_fields_are_counted_and_named(score, folder):
    data = b'x,city\n' + b''.join(b'%d\n' % n if n % 4 == 3 else b'%d,t\n' % n for n in range(20))
    result = score(data, '--n_samples=3', '--report=r.json')
    assert result.code == 0
    assert '; 5 lines had fewer fields than the header: lines 5, 9, 13, ...' in result.out
    assert json.loads(folder.read('r.json').decode('ascii'))['short_lines'] == {'count': 5, 'first': [5, 9, 13]}
    assert '; 5 lines had fewer fields than the header: lines 5, 9, 13, ...' in score(None, '--dry_run').out
    one = score(b'x,city\n1,a\n2\n', '--yes')
    assert '; 1 line had fewer fields than the header: line 3' in one.out


def test_lines_of_runs_before_count_too(score, server, folder):
    server.fail(faults.status(400), when.holds('15'))
    data = b'x,city\n' + b''.join(b'%d\n' % n if n % 4 == 3 else b'%d,t\n' % n for n in range(20))
    assert score(data, '--n_samples=3', '--n_concurrent=1').code == 1
    server.heal()
    result = score(None, '--n_samples=3', '--resume')
    assert '; 5 lines had fewer fields than the header: lines 5, 9, 13, ...' in result.out


@pytest.mark.parametrize('data, columns', [
    (b'x;rent;n\n1;65,2;a\n2;70,15;b\n3;80;c\n', 'rent'), (b'x\trent\n1\t-0,5\n', 'rent'),
    (b'x,rent\n1,"65,2"\n', 'rent'), (b'x;a;b\n1;1,5;2,25\n', 'a, b')])
@pytest.mark.parametrize('options', [[], ['--dry_run']])
def test_columns_with_decimal_commas_are_warned_of(score, data, columns, options):
    result = score(data, *options)
    assert result.code == 0
    assert result.err.startswith('warning: Numbers with decimal commas in {0}: '.format(columns))


@pytest.mark.parametrize('data', [
    b'x;rent\n1;65.2\n', b'x;text\n1;65,2 m\n2;a\n', b'x;n\n1;1,000\n2;2,000\n', b'x;n\n1;\n', b'x,n\n1,2\n'])
def test_other_columns_are_not(score, data):
    score.well(data)


@pytest.mark.parametrize('name, meant', [('ansi', 'cp1252'), ('windows1252', 'cp1252'), ('Win-1250', 'cp1250')])
def test_what_people_call_the_codecs_of_windows_is_understood(score, name, meant):
    result = score(numbered(2), '--encoding=' + name)
    assert result.code == 2
    assert result.err == "--encoding: '{0}' is not allowed: Python calls it {1}.\n".format(name, meant)


def test_of_encodings_that_fit_the_one_in_widest_use_comes_first(score):
    result = score('x,ort\n1,Köln\n2,Öl\n3,Üb\n'.encode('cp1252'))
    assert result.code == 2
    assert "could be 'Köln' (cp1252)" in result.err or "(cp1252), " in result.err.partition('could be')[2][:40]
    assert '--encoding=' not in result.err
