"""Files as people really have them: read as they are meant, or refused for what is the matter."""

from __future__ import absolute_import, unicode_literals

import bz2
import io
import os
import tarfile
import zipfile

import pytest

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from scoring import IMPORT, WHOLE, numbered, predicted
from test_input import assert_refused, gzipped, long_rows, sent


def header_sent(server):
    return list(read_records(server.batches[0].body, b','))[0]


CITIES = [['x', 'city'], ['1', 'Rome'], ['2', 'Oslo']]


# --- a line that names the delimiter -------------------------------------------

@pytest.mark.parametrize('first', [
    'sep=;', '"sep=;"', 'SEP=;', '\ufeffsep=;', '\ufeff"sep=;"', '"\ufeffsep=;"', 'sep=;\n\ufeff'])
@pytest.mark.parametrize('line_end', ['\n', '\r\n', '\r'])
def test_a_line_that_names_the_delimiter_is_no_record(score, server, first, line_end):
    text = first + '\nx;city\n1;Rome\n2;Oslo\n'
    score.well(text.replace('\ufeff\n', '\ufeff').replace('\n', line_end).encode('utf-8'))
    assert sent(server) == CITIES


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-32', 'utf-8-sig'])
@pytest.mark.parametrize('options', [[], ['--skip_dialect'], ['--fast']])
@pytest.mark.parametrize('name, delimiter', [
    ('\\t', '\t'), ('\t', '\t'), ('!', '!'), (' ', ' '), (':', ':'), (',', ',')])
def test_any_delimiter_can_be_named_in_any_encoding(
        score, server, name, delimiter, encoding, options):
    text = 'sep={0}\nx;city\n1;Rome\n2;Oslo\n'.format(name).replace(';', delimiter)
    score.well(text.encode(encoding), *options)
    assert sent(server) == CITIES


def test_an_option_is_believed_before_the_line(score, server):
    score.well(b'sep=,\nx;city\n1;Rome\n2;Oslo\n', '--delimiter=;')
    assert sent(server) == CITIES


@pytest.mark.parametrize('header', [b'sep=x,city', b'sep=;x,city', b'sep=,city', b'"sep=;",city'])
def test_a_header_that_begins_like_that_line_is_a_header(score, server, header):
    score.well(header + b'\n1,Rome\n2,Oslo\n', '--delimiter=,')
    assert header_sent(server) == [name.strip('"') for name in header.decode('ascii').split(',')]


def test_the_line_counts_in_messages_and_a_run_resumes_behind_it(score, server, folder):
    data = b'sep=;\r\n' + numbered(100).replace(b',', b';')
    options = ['--n_samples=10', '--n_concurrent=1']
    result = score(data.replace(b'town 57', b'town;57'), *options)
    assert result.code == 1 and 'Line 60 of the dataset has 3 fields' in result.err
    score.well(data, '--resume', *options)
    assert folder.lines() == ['row_id;y'] + ['{0};{0}'.format(n) for n in range(100)]
    assert set(server.answered.values()) == set([1])


@pytest.mark.parametrize('data', [b'sep=;', b'sep=;\n', b'sep=;\nx;city', b'sep=;\n\n\n'])
def test_without_rows_the_line_is_a_usage_error(score, folder, data):
    assert_refused(score(data), folder, 'data.csv')


# --- which delimiter it is --------------------------------------------------------

@pytest.mark.parametrize('options', [[], ['--keep_cols=nosuch']])
def test_a_header_of_more_than_a_megabyte_is_read_and_not_shown(score, server, folder, options):
    names = ['column_{0:05d}_{1}'.format(n, 'x' * 60) for n in range(19999)] + ['x']
    rows = ['1;' * 19999 + '{0}'.format(n) for n in range(3)]
    result = score('\n'.join([';'.join(names)] + rows).encode('ascii'), *options)
    if options:
        assert_refused(result, folder, 'column_00000', 'and 19990 more')
        assert len(result.err) < 2000
    else:
        assert (result.code, result.err) == (0, '')
        assert len(header_sent(server)) == 20000


@pytest.mark.parametrize('data, header', [
    (b'customer name\nJohn Smith\nJane Doe\n', ['customer name']),
    (b'oh!no\na!b\nc!d\n', ['oh!no']),
    (b'x,city name\n' + b'1,New York\n' * 5 + b'2,Rio de Janeiro\n', ['x', 'city name']),
    (b'Preis;Menge\n1,5;2,5\n3,0;4,5\n', ['Preis', 'Menge']),
    (b'Preis, EUR;Menge, Stk\n1,5;2,5\n3,0;4,5\n', ['Preis, EUR', 'Menge, Stk']),
    (b'x\tlast, first\n1\tDoe, Jane\n2\tPoe, Ed\n', ['x', 'last, first']),
    (b'x|a;b\n1|2;3\n2|3;4\n', ['x', 'a;b']),
    (b'\t\r\n\t\r\nx,city\r\n1,Rome\r\n', ['x', 'city'])])
def test_what_is_text_is_no_delimiter(score, server, data, header):
    assert score(data).code == 0
    assert header_sent(server) == header


@pytest.mark.parametrize('data, line', [
    (b'x,city name\n1,New York\n2,San Jose\n3,a b,c\n', 4),
    (b'x;price, EUR\n' + b'1;2,5\n' * 20 + b'2;3,5;x\n', 22),
    (b'a,b,c\n1,2,3\n4,5,6,7\n8,9,0\n', 3)])
def test_a_record_that_does_not_fit_is_the_error(score, server, data, line):
    result = score(data, WHOLE)
    assert (result.code, server.answered) == (1, {})
    assert 'Line {0} of the dataset has '.format(line) in result.err


@pytest.mark.parametrize('row', ['{0};town;', '{0};town;;;', '{0};"a;b";'])
def test_a_delimiter_more_at_the_end_of_each_row_is_named_as_that(score, server, row):
    data = 'x;city\n' + ''.join(row.format(n) + '\n' for n in range(5))
    result = score(data.encode('ascii'), WHOLE)
    assert (result.code, server.log) == (1, [])
    assert 'Line 2 of the dataset has ' in result.err
    assert 'ends with a delimiter and the header does not' in result.err and '--delimiter' not in result.err


# --- a quote that is never closed --------------------------------------------------

@pytest.mark.parametrize('tail', [b'"open', b'"open\n', b'"open ""\n6,""b\n7,b\n',
                                  b'"' + b'6,town\n' * 90000], ids='abcd')
@pytest.mark.parametrize('options', [[], ['--n_samples=2'], ['--dry_run']])
def test_an_open_quote_is_an_error_and_nothing_behind_it_is_sent(
        score, server, folder, tail, options):
    result = score(numbered(5) + b'5,"two\nlines"\n6,' + tail, *options)
    assert result.code == 1 and 'Traceback' not in result.err
    assert 'opens on line 9 ' in result.err and 'quote' in result.err
    assert '6' not in server.scored
    if not options:
        score.well(numbered(5) + b'5,"two\nlines"\n6,a\n', '--resume')
        assert folder.lines()[1:] == ['{0},{0}'.format(n) for n in range(7)]
        assert set(server.answered.values()) == set([1])


@pytest.mark.parametrize('data', [b'x,"city\n1,Rome\n', b'"x\n1\n', b'x,city\n"1,Rome\n'])
def test_an_open_quote_in_the_header_is_a_usage_error(score, folder, data):
    assert_refused(score(data, '--delimiter=,'), folder, 'quote', 'line ', 'Close or remove it, then rerun.\n')


@pytest.mark.parametrize('tail', [b'"open', b'"', b'"a""'])
def test_an_open_quote_is_an_error_with_fast_too(score, server, tail):
    result = score(numbered(5) + b'5,' + tail, '--fast')
    assert result.code == 1 and 'opens on line 7 ' in result.err
    assert '5' not in server.scored


@pytest.mark.parametrize('options', [[], ['--fast']])
def test_a_quote_that_is_text_is_not_open(score, server, options):
    data = b'x,y\n1,5" pipe\n2,"a"b"\n3,a"'
    score.well(data, WHOLE, *options)
    assert server.log[0].body == data


# --- marks before and behind the text ---------------------------------------------------

@pytest.mark.parametrize('text', [
    '\ufeff\ufeffx,city', '\ufeff\ufeff\ufeff"x",city', '"\ufeffx",city',
    '\ufeff"\ufeff\ufeff x ",city'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16'])
def test_byte_order_marks_are_no_part_of_the_first_name(score, server, folder, text, encoding):
    score.well((text + '\n1,Rome\n2,Oslo\n').encode(encoding), '--keep_cols=x')
    assert sent(server) == CITIES
    assert folder.lines() == ['row_id,x,y', '0,1,1', '1,2,2']


@pytest.mark.parametrize('tail', ['\n\x1a', '\x1a', '\n\x1a\n', '\r\n\x1a\r\n', '\n\x1a\x1a'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16', 'utf-16-le', 'cp1252'])
def test_a_ctrl_z_at_the_end_is_dropped_with_one_warning(score, server, tail, encoding):
    result = score(('x,city\n1,Rome\n2,Oslo' + tail).encode(encoding), '--n_samples=1',
                   *(['--encoding=' + encoding] if encoding != 'utf-16' else []))
    assert (result.code, result.err.count('\n')) == (0, 1)
    assert result.err.startswith('warning: Line ') and 'Ctrl-Z' in result.err
    assert sent(server) == CITIES


def test_a_ctrl_z_of_one_byte_ends_a_file_in_utf_16_too(score, server):
    result = score('x,city\n1,Rome\n2,Oslo\n'.encode('utf-16') + b'\x1a')
    assert result.code == 0 and 'Line 4 of the dataset is a Ctrl-Z' in result.err
    assert sent(server) == CITIES


def test_a_ctrl_z_that_is_not_at_the_end_is_text(score, server):
    data = b'x,city\n1,Ro\x1ame\n2,\x1a\n3,\x1ab\n'
    score.well(data, '--n_samples=1')
    assert sent(server) == [['x', 'city'], ['1', 'Ro\x1ame'], ['2', '\x1a'], ['3', '\x1ab']]


# --- other kinds of file -------------------------------------------------------------------

def zipped(*names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as target:
        for name in names:
            target.writestr(str(name), b'x,city\n1,Rome\n')
    return packed.getvalue()


def tarred():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode='w') as target:
        member = tarfile.TarInfo(str('data.csv'))
        member.size = 14
        target.addfile(member, io.BytesIO(b'x,city\n1,Rome\n'))
    return packed.getvalue()


OTHERS = [
    (zipped('data.csv'), 'zip archive'), (zipped('[Content_Types].xml', 'xl/workbook.xml'), 'Excel'),
    (b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' + b'\0' * 504, 'Excel'), (tarred(), 'tar archive'),
    (b'\xfd7zXZ\0\0\x04', 'xz'), (bz2.compress(b'x,city\n1,Rome\n'), 'bzip2'),
    (b'\x28\xb5\x2f\xfd\x04\x00', 'zstd'), (b'PAR1\x15\x04\0\0PAR1', 'Parquet'),
    (b'<!DOCTYPE html>\n<p>Sign in', 'HTML'), (b'\n<html lang="en"><body>', 'HTML'),
    ('\ufeff<!doctype HTML><p>Sign in'.encode('utf-8'), 'HTML'),
    ('<html><p>Sign in'.encode('utf-16'), 'HTML'),
    (b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n', 'Git LFS')]


@pytest.mark.parametrize('pack', [bytes, gzipped], ids=['plain', 'gzipped'])
@pytest.mark.parametrize('data, name', OTHERS, ids=[
    '{0}-{1}'.format(name, number) for number, (_, name) in enumerate(OTHERS)])
def test_a_file_of_another_kind_is_named_as_what_it_is(score, server, folder, data, name, pack):
    assert_refused(score(pack(data), '--encoding=latin-1'), folder, 'data.csv', name)
    assert server.log == []


@pytest.mark.parametrize('name', [b'PK_ID', b'BZh', b'BZh9', b'PAR1', b'<html', b'7z', b'ORC',
                                  b'version https', b'PK'])
def test_a_column_may_be_called_like_the_first_letters_of_another_kind(score, server, name):
    score.well(name + b',city\n1,Rome\n2,PAR1')
    assert header_sent(server) == [name.decode('ascii'), 'city']


@pytest.mark.parametrize('behind', [b'g', b'garbage', b'\0' * 9 + b'x,y\n' * 300])
def test_what_is_behind_a_gzip_file_and_is_no_gzip_is_said(score, folder, behind):
    result = score(gzipped(numbered(30)) + gzipped(numbered(3)[7:]) + behind)
    assert_refused(result, folder, 'is followed by data that is not gzip')
    assert 'truncated' not in result.err


# --- a dataset that changes ---------------------------------------------------------------------

LONG = long_rows(6000)


@pytest.fixture
def score_while(start_command, server, folder):
    """Scores `data` and calls `change` when its first batch is under way: the `Result`."""
    def scored(data, change, *options):
        folder.write('data.csv', data)
        server.fail(faults.held(server.flag), when.holds('0'))
        command = start_command('batch_scoring_sse', [
            '--host=' + server.url, IMPORT, 'data.csv', '--n_samples=100', '--n_concurrent=1'] +
            list(options))
        server.wait_for(lambda: server.log)
        change()
        server.flag.set()
        return command.wait()
    return scored


def rewrite(folder, data):
    def change():
        with io.open(folder('data.csv'), 'r+b') as target:
            target.write(data)
            target.truncate()
        os.utime(folder('data.csv'), (1, 1))
    return change


def replace(folder, data):
    def change():
        folder.write('new.csv', data)
        os.rename(folder('new.csv'), folder('data.csv'))
    return change


@pytest.mark.parametrize('pack', [bytes, gzipped], ids=['plain', 'gzipped'])
@pytest.mark.parametrize('how', [rewrite, replace])
@pytest.mark.parametrize('now', [
    LONG + b'6000,half a rec', LONG[:-700], b'x,text\n1,a\n',
    LONG.replace(b'x,text\n0,', b'x,text\n7,')], ids=['grown', 'cut', 'another', 'altered'])
@pytest.mark.skipif(WINDOWS, reason='no file that is open is changed there')
def test_a_dataset_that_changes_while_it_is_read_ends_the_run(
        score_while, score, server, folder, now, how, pack):
    result = score_while(pack(LONG), how(folder, pack(now)))
    assert result.code == 1 and 'Traceback' not in result.err
    assert 'changed while it was being read' in result.err or pack is gzipped
    assert set(server.scored) <= set('{0}'.format(n) for n in range(6000))
    if len(now) == len(LONG):
        # Its scored rows are others now.
        assert score(None, '--resume', '--n_samples=100').code == 2
    score.well(LONG, '--resume', '--n_samples=100', '--n_concurrent=1')
    assert folder.read() == predicted(6000)


@pytest.mark.parametrize('pack', [bytes, gzipped], ids=['plain', 'gzipped'])
@pytest.mark.parametrize('how', [rewrite, replace])
@pytest.mark.skipif(WINDOWS, reason='no file that is open is changed there')
def test_a_dataset_with_the_text_of_before_is_the_same(score_while, folder, how, pack):
    result = score_while(pack(LONG), how(folder, pack(LONG)))
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(6000)


def test_a_row_that_an_exporter_still_writes_is_not_scored(score_while, score, folder, server):
    """All that there was is read, and the end of the last row comes then."""
    data = numbered(600)
    result = score_while(data[:-4], rewrite(folder, data))
    assert result.code == 1 and 'changed while it was being read' in result.err
    assert '599' not in server.scored
    score.well(None, '--resume', '--n_samples=100', '--n_concurrent=1')
    assert folder.read() == predicted(600)
    assert set(server.answered.values()) == set([1])


def test_a_ctrl_z_behind_a_last_row_that_is_scored_is_no_reason_to_start_anew(
        score, folder, server):
    server.fail(faults.status(400), when.holds('2'))
    options = ['--n_concurrent=1', '--n_samples=1']
    assert score(b'x,city\n1,Rome\n2,Oslo\x1a', *options).code == 1
    server.heal()
    result = score(None, '--resume', *options)
    assert result.code == 0 and 'Ctrl-Z' in result.err
    assert folder.lines() == ['row_id,y', '0,1', '1,2']
