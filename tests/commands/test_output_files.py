"""The output file: whose rows it holds, in which order, and when it is replaced."""

from __future__ import absolute_import, unicode_literals

import gzip
import os
import random

import pytest

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from scoring import IMPORT, LOG, Scoring, numbered, unpacked

links = pytest.mark.skipif(WINDOWS, reason='links need rights')


# --- rows ------------------------------------------------------------------------

def test_rows_stand_in_input_order_whatever_order_the_answers_come_in(
        run_command, make_server, folder):
    server = make_server(shape='binary', shuffle=True, delay=(0, 0.02), seed=7)
    score = Scoring(run_command, server, folder)
    score.well(numbered(500), '--n_samples=3', '--n_concurrent=8', '--keep_cols=city')
    assert [record[:2] + record[-1:] for record in folder.records()[1:]] == [
        ['{0}'.format(n), 'town {0}'.format(n), '{0}'.format(n)] for n in range(500)]


def test_100000_rows_with_line_breaks_and_delayed_answers_belong_to_their_numbers(
        run_command, make_server, folder):
    draw = random.Random(3)
    texts = ['"two\r\nlines"', '"a\n\n""b"", c"', 'plain', '', '5" pipe', '"last\n"']
    data = 'text,x,n\n' + ''.join('{0},{1},"{1}\n"\n'.format(
        draw.choice(texts), n) for n in range(100000))
    server = make_server(delay=(0, 0.05), keep_bodies=False)
    score = Scoring(run_command, server, folder)
    score.well(data.encode('utf-8'), '--n_samples=1500', '--n_concurrent=8', '--keep_cols=n',
               timeout=120)
    assert folder.read() == 'row_id,n,y{0}{1}'.format(os.linesep, ''.join(
        '{0},"{0}\n",{0}{1}'.format(n, os.linesep) for n in range(100000))).encode('ascii')
    assert server.max_in_flight == 8
    assert set(server.answered.values()) == set([1])


@pytest.mark.parametrize('values', [['0.10', '1e5', '-0.0', 'NaN', '1E+400', '-Infinity']])
def test_numbers_keep_the_text_that_the_server_sent(score, folder, values):
    score.well(('x\n' + '\n'.join(values) + '\n').encode('ascii'))
    assert [record[1] for record in folder.records()[1:]] == values


def test_nulls_are_empty_fields_and_the_closing_line_counts_them(score, folder):
    result = score.well(b'x,y\n1,a\nnull,b\n,c\n')
    assert folder.lines() == ['row_id,y', '0,1', '1,', '2,']
    assert '2 null values' in result.out


def test_nulls_of_an_only_column_are_rows(score, folder):
    score.well(b'x,y\n1,a\nnull,b\n', '--skip_row_id')
    assert [record for record in folder.records() if record] == [['y'], ['1'], ['']]


def test_labels_are_sorted_as_text_and_quoted_where_needed(run_command, make_server, folder):
    server = make_server(shape='multiclass', labels=['b,"c"', 'a', '10.0', 'two\nlines', '9'])
    Scoring(run_command, server, folder).well(numbered(2))
    assert folder.records()[0] == ['row_id', '10.0', '9', 'a', 'b,"c"', 'two\nlines']
    assert folder.read().startswith(b'row_id,10.0,9,a,"b,""c""","two\nlines"')


@pytest.mark.parametrize('delimiter, character', [
    (',', ','), (';', ';'), ('|', '|'), ('!', '!'), (' ', ' '), ('tab', '\t'), ('pipe', '|'),
    ('\\t', '\t')])
def test_fields_that_hold_the_output_delimiter_are_quoted(score, folder, delimiter, character):
    data = b'x,text\n1,"a, b;c|d!e\tf"\n2,plain\n'
    score.well(data, '--keep_cols=text', '--output_delimiter=' + delimiter)
    expected = '"a, b;c|d!e\tf"'
    assert folder.lines()[1:] == [
        character.join(['0', expected, '1']), character.join(['1', 'plain', '2'])]


# --- gzip ------------------------------------------------------------------------

def test_a_gzip_output_unpacks_to_the_plain_one(score, folder):
    score.well(numbered(100), '--n_samples=7', '--keep_cols=city')
    score.well(numbered(100), '--n_samples=7', '--keep_cols=city', '--out=out.csv.gz')
    assert folder.read('out.csv.gz') == folder.read()
    with gzip.open(folder('out.csv.gz'), 'rb') as source:
        assert source.read() == folder.read()


def test_a_gzip_output_is_whole_up_to_what_is_committed(score, server, folder):
    server.fail(faults.status(400), when=when.holds('50'))
    options = ['--n_samples=10', '--n_concurrent=1', '--out=out.csv.gz']
    assert score(numbered(100), *options).code == 1
    assert len(unpacked(folder.read_raw('out.csv.gz')).splitlines()) == 51
    server.heal()
    score.well(None, '--resume', *options)
    assert folder.lines('out.csv.gz') == ['row_id,y'] + [
        '{0},{0}'.format(n) for n in range(100)]


# --- what was there before -------------------------------------------------------

def test_an_output_is_replaced_only_when_the_first_batch_is_ready(
        start_command, server, folder):
    folder.write('data.csv', numbered(10))
    folder.write('out.csv', b'precious, and longer than what comes' * 100)
    seen = []

    def look(record):
        seen.append(folder.read())
        return False
    server.fail(faults.status(500), when=look)
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.csv', '--n_samples=5', '--n_concurrent=1', '--yes'])
    assert command.wait().code == 0
    assert seen[0].startswith(b'precious')
    assert len(folder.lines()) == 11


@pytest.mark.parametrize('fault', [faults.status(401), faults.redirect('http://else/'),
                                   faults.status(422)])
def test_an_output_stays_when_nothing_could_be_scored(score, server, folder, fault):
    server.fail(fault)
    folder.write('out.csv', b'precious')
    assert score(numbered(10), '--yes').code == 1
    assert folder.read() == b'precious'
    assert not folder.has('out.csv.shelve')


def test_a_first_bad_row_leaves_the_output_as_it_was(score, folder):
    folder.write('out.csv', b'precious')
    assert score(b'x,y\n1,2,3\n', '--yes').code == 1
    assert folder.read() == b'precious'


@links
def test_an_output_that_is_a_link_leads_to_its_file(score, folder):
    folder.write('there.csv', b'old')
    os.symlink('there.csv', folder('out.csv'))
    score.well(numbered(10), '--yes')
    assert os.path.islink(folder('out.csv'))
    assert len(folder.lines('there.csv')) == 11


@links
def test_an_output_that_is_a_link_to_itself_is_refused(score, server, folder):
    os.symlink('out.csv', folder('out.csv'))
    result = score(numbered(3), '--yes')
    assert (result.code, server.log) == (2, [])
    assert 'out.csv cannot be written' in result.err and not folder.has('out.csv.shelve')


@links
def test_a_dataset_that_is_a_link_is_followed(score, folder):
    folder.write('there.csv', numbered(10))
    os.symlink('there.csv', folder('data.csv'))
    score.well(None)
    assert len(folder.lines()) == 11


@links
def test_an_output_that_is_a_link_to_nowhere_is_made(score, folder):
    os.symlink('there.csv', folder('out.csv'))
    score.well(numbered(10), '--yes')
    assert len(folder.lines('there.csv')) == 11


# --- files that get in the way of one another ------------------------------------

def assert_refused(result, folder, *words):
    assert (result.code, result.out, result.stray) == (2, '', False)
    assert 'Traceback' not in result.err
    assert [word for word in words if word not in result.err] == []


@pytest.mark.parametrize('options, words', [
    (['--out=data.csv'], ['dataset', 'output']), (['--out=./data.csv'], ['dataset', 'output']),
    (['--report=r.json', '--out=r.json'], ['output', 'report']),
    (['--out=' + LOG], ['output', 'log']), (['--report=out.csv.json', '--out=out.csv.json'], ['output'])])
def test_dataset_output_log_and_report_are_different_files(
        score, server, folder, options, words):
    folder.write('data.csv', numbered(3))
    assert_refused(score(None, '--yes', *options), folder, *words)
    assert (folder.state(), server.log) == ({'data.csv': numbered(3)}, [])


def test_a_report_over_the_dataset_is_refused(run_command, server, folder):
    folder.write('data.json', numbered(3))
    assert_refused(run_command('batch_scoring_sse', [
        '--host=' + server.url, IMPORT, 'data.json', '--report=data.json']), folder, 'dataset',
        'report')
    assert folder.read('data.json') == numbered(3)


def test_with_the_log_on_standard_output_its_name_is_free(score, folder):
    folder.write('data.csv', numbered(3))
    result = score(None, '--stdout', '--out=' + LOG)
    assert result.code == 0
    assert len(folder.lines(LOG)) == 4


@links
@pytest.mark.parametrize('link', [os.symlink, os.link] if not WINDOWS else [])
def test_links_do_not_hide_that_two_files_are_one(score, folder, link):
    folder.write('data.csv', numbered(3))
    link(folder('data.csv'), folder('out.csv'))
    assert_refused(score(None, '--yes'), folder, 'dataset', 'output')
    assert folder.read('data.csv') == numbered(3)


def test_a_folder_that_does_not_exist_is_a_usage_error(score, server, folder):
    assert_refused(score(numbered(3), '--out=no/where/out.csv'), folder, 'no/where')
    assert (server.log, folder.has('no')) == ([], False)


def test_an_output_that_is_a_folder_is_a_usage_error(score, server, folder):
    os.mkdir(folder('out.csv'))
    assert_refused(score(numbered(3), '--yes'), folder,
                   'The output out.csv is a directory.\nName a file in it.')
    assert server.log == []


@pytest.mark.skipif(WINDOWS, reason='a device of Unix')
def test_an_output_that_is_a_device_is_a_usage_error(score, server, folder):
    assert_refused(score(numbered(3), '--yes', '--out=/dev/null'), folder, '/dev/null',
                   'regular file')


@pytest.mark.skipif(WINDOWS or os.geteuid() == 0, reason='root writes everything')
def test_a_folder_that_cannot_be_written_is_a_usage_error(score, server, folder, tmp_path):
    os.mkdir(folder('closed'), 0o500)
    assert_refused(score(numbered(3), '--out=closed/out.csv'), folder, 'closed')
    assert server.log == []


@pytest.mark.parametrize('name, options', [(LOG, []), ('logs', ['--log=logs'])])
def test_a_folder_in_the_place_of_the_log_is_a_warning(score, folder, name, options):
    os.mkdir(folder(name))
    result = score(numbered(3), *options)
    assert (result.code, result.err) == (
        0, 'warning: The log {0} is a directory: name a file in it with --log.\n'.format(name))
    assert len(folder.lines()) == 4


def test_a_name_with_spaces_and_other_scripts_is_a_name(run_command, server, folder):
    folder.write('Stra\xdfe 1.csv', numbered(3))
    # On Python 2 arguments of a process are bytes.
    names = ['Stra\xdfe 1.csv', '--out=\u6771 out.csv']
    result = run_command('batch_scoring_sse', ['--host=' + server.url, IMPORT] + names,
                         env={'LC_ALL': 'C.UTF-8'})
    assert result.code == 0, result.err
    assert len(folder.lines('\u6771 out.csv')) == 4
