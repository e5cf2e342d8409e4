"""What is in the file reaches the server, or the user learns why it does not."""

from __future__ import absolute_import, unicode_literals

import codecs
import gzip
import io
import os

import pytest

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from scoring import IMPORT, WHOLE, numbered

ACCENTS = 'x,city\n1,Malm\xf6\n2,Besan\xe7on\n3,K\xf8benhavn\n'
JAPANESE = 'x,city\n1,\u6771\u4eac\n2,\u5927\u962a\n3,\u672d\u5e4c\u30bd\n'


def gzipped(data):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb', mtime=0) as target:
        target.write(data)
    return packed.getvalue()


def long_rows(count):
    """A dataset of a kilobyte a row: what is behind the sample is soon reached."""
    return b'x,text\n' + b''.join('{0},{1}\n'.format(n, 'a{0}'.format(n * n) * 120).encode(
        'ascii') for n in range(count))


def sent(server):
    """The records that the server got, as lists of text, and the header first."""
    bodies = sorted(server.batches, key=lambda each: float(each.first))
    records = [list(read_records(each.body, b',')) for each in bodies]
    assert all(each[0] == records[0][0] for each in records)
    return records[0][:1] + [record for each in records for record in each[1:]]


def parsed(content):
    return list(read_records(content.encode('utf-8'), b','))


def assert_refused(result, folder, *words):
    """Exit code 2, a line with these words, no traceback and no output."""
    assert (result.code, result.out, result.stray) == (2, '', False)
    assert 'Traceback' not in result.err and len(result.err.splitlines()) <= 3
    assert [word for word in words if word not in result.err] == []
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


# --- encodings -------------------------------------------------------------------

@pytest.mark.parametrize('content, encoding', [
    (ACCENTS, 'utf-8'), (JAPANESE, 'utf-8'), (ACCENTS, 'utf-8-sig'), (JAPANESE, 'utf-16'),
    (ACCENTS, 'utf-32')])
def test_unicode_is_detected(score, server, content, encoding):
    score.well(content.encode(encoding))
    assert sent(server) == parsed(content)


@pytest.mark.parametrize('mark, encoding', [
    (codecs.BOM_UTF16_BE, 'utf-16-be'), (codecs.BOM_UTF32_BE, 'utf-32-be')])
def test_big_endian_text_with_a_mark_is_detected(score, server, mark, encoding):
    score.well(mark + JAPANESE.encode(encoding))
    assert sent(server) == parsed(JAPANESE)


@pytest.mark.parametrize('content, encoding', [
    (ACCENTS, 'latin-1'), (ACCENTS, 'cp850'), (JAPANESE, 'cp932'), (JAPANESE, 'utf-16-le'),
    (JAPANESE, 'utf-7'), (JAPANESE, 'iso2022_jp')])
def test_an_encoding_that_is_named_is_believed(score, server, content, encoding):
    score.well(content.encode(encoding), '--encoding=' + encoding)
    assert sent(server) == parsed(content)


@pytest.mark.parametrize('named', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le'])
def test_a_byte_order_mark_is_no_text_whatever_codec_is_named(score, server, named):
    if named.startswith('utf-8'):
        data = ACCENTS.encode('utf-8-sig')
    else:
        data = codecs.BOM_UTF16_LE + ACCENTS.encode('utf-16-le')
    score.well(data, '--encoding=' + named)
    assert sent(server) == parsed(ACCENTS)


def test_iso_2022_jp_is_detected(score, server):
    result = score(b'x,city\n0,b\n' + JAPANESE.partition('\n')[2].encode('iso2022_jp'))
    assert result.code == 0
    assert 'if not, set --encoding' in result.err
    assert sent(server)[2:] == parsed(JAPANESE)[1:]


def test_an_escape_character_in_ascii_is_text(score, server):
    score.well(b'x,city\n1,\x1b[31mred\n2,\x1b$5\n')
    assert sent(server)[1:] == [['1', '\x1b[31mred'], ['2', '\x1b$5']]


def test_latin_1_is_detected(score, server):
    content = ('x,note\n1,El ni\xf1o comi\xf3 una pi\xf1a en Espa\xf1a\n2,Ma\xf1ana ser\xe1 otro d\xeda\n'
               '3,La canci\xf3n est\xe1 aqu\xed\n')
    result = score(content.encode('latin-1'))
    assert result.code == 0
    assert 'if not, set --encoding' in result.err
    assert sent(server) == parsed(content)


@pytest.mark.parametrize('content, encoding', [
    ('x,note\n1,20 \xb0C\n2,21 \xb0C\n', 'cp1252'),
    ('x,\u540d\u524d\n1,\u9ad9\u6a4b \u2460\n2,\u3231\u5c71\u7530\n', 'cp932'),
    ('x,note\n1,\u0434\u043e\u0431\u0440\u044b\u0439 \u0434\u0435\u043d\u044c\n', 'koi8-r')])
def test_text_that_makes_sense_in_one_encoding_only_is_sent_as_that(
        score, server, content, encoding):
    result = score(content.encode(encoding))
    assert (result.code, result.stray) == (0, False)
    assert 'Assuming that the encoding of data.csv is {0}; if not, set --encoding'.format(
        encoding) in result.err
    assert sent(server) == parsed(content)


@pytest.mark.parametrize('words, readings', [
    ('Pe\xf1a', ["'1,Pe\xf1a' (cp1252)", "'1,Pe\u0144a' (cp1250)"]),
    ('20 m\xb2', ["'1,20 m\xb2' (cp1252)"]),
    # What a terminal would obey is escaped.
    ('\x1b[2JPe\xf1a', ["'1,\\x1b[2JPe\xf1a' (cp1252)"])])
def test_text_that_makes_sense_in_several_encodings_is_shown_and_not_sent(
        score, server, folder, words, readings):
    result = score('x,note\n1,{0}\n2,{0}\n'.format(words).encode('cp1252'))
    assert_refused(result, folder, 'cannot be detected', 'Line 2 could be',
                   'Set --encoding to the one that reads it correctly.', *readings)
    # No guess to copy.
    assert '\x1b' not in result.err and '--encoding=' not in result.err
    assert server.batches == []


@pytest.mark.parametrize('bad', [b'caf\xe9', b'\xed\xa0\xbd\xed\xb8\x80'])
def test_a_few_bad_bytes_in_utf_8_are_named_and_turn_nothing_else(score, server, bad):
    lines = ['{0},na\xefve caf\xe9'.format(row).encode('utf-8') for row in range(100)]
    lines[60] += bad
    result = score(b'x,note\n' + b'\n'.join(lines) + b'\n', '--n_samples=10', '--n_concurrent=1')
    assert result.code == 1
    assert 'Line 62 of the dataset cannot be read' in result.err
    assert 'does not fit the encoding utf-8' in result.err and '--encoding' in result.err
    assert [row[1] for row in sent(server)[1:]] == ['na\xefve caf\xe9'] * 60


@pytest.mark.parametrize('bad', [b'M\xfcnchen', b'a\0b'])
@pytest.mark.parametrize('form', [b'x;note;area\n{0};{1};50,5\n', b'x,note,area\n{0},"{1}","50,5"\n'])
def test_a_byte_that_cannot_be_read_is_named_beside_decimal_commas_too(score, server, form, bad):
    header, row = form.splitlines(True)
    rows = [row.replace(b'{0}', b'%d' % n).replace(b'{1}', bad if n == 3 else b'town') for n in range(6)]
    result = score(header + b''.join(rows), '--encoding=utf-8', '--n_samples=10')
    assert (result.code, server.batches) == (1, []) and 'Line 5 of the dataset cannot be read' in result.err, result


def test_what_is_ascii_in_its_first_megabytes_and_utf_8_later_is_utf_8(score, server):
    score.well(long_rows(2500) + '2500,Malm\xf6\n'.encode('utf-8'))
    assert sent(server)[-1] == ['2500', 'Malm\xf6']


def test_a_character_that_the_sample_cuts_in_two_is_no_reason_for_another_encoding(
        score, server):
    content = 'x,city\n1,' + '\xf6' * (600 << 10) + '\n2,b\n'
    for shift in ('', ' '):
        score.well(content.replace('1,', '1,' + shift).encode('utf-8'), '--yes', '--n_samples=2')
        assert server.batches[-1].body.decode('utf-8').count('\xf6') == 600 << 10


@pytest.mark.parametrize('bad, encoding, fast', [
    (b'Malm\xf6', 'utf-8', []), (b'Malm\xf6', 'utf-8', ['--fast']),
    (b'\xed\xa0\x80', 'utf-8', []), (b'\x81', 'cp1252', []), (b'\x81\x39', 'cp932', []),
    (b'\xff', 'ascii', ['--fast'])])
def test_bytes_that_do_not_fit_end_the_run_and_once_repaired_it_resumes(
        score, server, folder, bad, encoding, fast):
    options = ['--encoding=' + encoding, '--n_samples=10', '--n_concurrent=1'] + fast
    data = numbered(100).replace(b'town 57', bad)
    result = score(data, *options)
    assert result.code == 1
    assert 'Line 59 of the dataset' in result.err
    assert encoding.replace('-', '') in result.err.replace('-', '')
    assert '--encoding' in result.err and 'Traceback' not in result.err
    score.well(numbered(100), '--resume', *options)
    assert folder.lines() == ['row_id,y'] + ['{0},{0}'.format(n) for n in range(100)]
    assert set(server.answered.values()) == set([1])


def test_bytes_that_do_not_fit_behind_the_sample_name_their_line_too(score):
    result = score(long_rows(2500) + b'1,\xff\n' + long_rows(100))
    assert result.code == 1
    assert 'Line 2502 of the dataset' in result.err and 'utf-8' in result.err


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-32'])
def test_without_a_mark_the_byte_order_is_to_be_named(score, folder, encoding):
    data = ACCENTS.encode(encoding + '-le')
    assert_refused(score(data, '--encoding=' + encoding), folder, 'Line 1', encoding + '-le',
                   encoding + '-be')
    assert_refused(score(data), folder, 'NUL', 'utf-16-le')


@pytest.mark.parametrize('encoding, half', [('utf-7', b'+2AA-'), ('unicode_escape', b'\\ud800')])
def test_half_of_a_surrogate_pair_is_an_error_with_its_line(score, encoding, half):
    result = score(b'x,y\n' + b'1,a\n' * 3 + half + b',b\n', '--encoding=' + encoding)
    assert result.code in (1, 2)
    assert 'Line 5 of the dataset cannot be read' in result.err and '--encoding' in result.err


def test_a_codec_of_host_names_is_no_reason_for_a_traceback(score, folder):
    assert_refused(score(numbered(3), '--encoding=punycode'), folder, 'Line 1', '--encoding')


@pytest.mark.parametrize('encoding', ['utf-16-le', 'utf-32-be'])
def test_a_code_unit_that_is_cut_off_names_its_line(score, encoding):
    result = score(numbered(20).decode('ascii').encode(encoding) + b'\x31',
                   '--encoding=' + encoding)
    assert result.code in (1, 2)
    assert 'Line 22 of the dataset' in result.err and encoding in result.err


def test_a_header_that_does_not_fit_its_encoding_is_a_usage_error(score, folder):
    assert_refused(score(b'x,Malm\xf6\n1,2\n', '--encoding=utf-8'), folder, 'Line 1', 'utf-8',
                   '--encoding')


# --- gzip ------------------------------------------------------------------------

@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16', 'latin-1'])
def test_gzip_is_known_by_its_content(score, server, encoding):
    score.well(gzipped(ACCENTS.encode(encoding)), '--encoding=' + encoding)
    assert sent(server) == parsed(ACCENTS)


def test_a_name_that_ends_in_gz_makes_no_gzip_file(run_command, server, folder):
    folder.write('data.csv.gz', numbered(3))
    result = run_command('batch_scoring_sse', ['--host=' + server.url, IMPORT, 'data.csv.gz'])
    assert (result.code, result.err) == (0, '')
    assert len(folder.lines()) == 4


def test_all_members_of_a_gzip_file_are_read(score, server, folder):
    data = numbered(30)
    score.well(b''.join(gzipped(data[start:start + 100]) for start in range(0, len(data), 100)))
    assert [row[0] for row in sent(server)[1:]] == ['{0}'.format(n) for n in range(30)]


def test_zeros_behind_a_gzip_file_are_padding(score, folder):
    score.well(gzipped(numbered(3)) + b'\0' * 512)
    assert len(folder.lines()) == 4


def test_a_truncated_gzip_file_is_an_error_that_says_so(score, folder):
    packed = gzipped(long_rows(5000))
    result = score(packed[:-1000])
    assert result.code == 1
    assert 'truncated' in result.err and 'Traceback' not in result.err
    score.well(packed, '--resume')
    assert len(folder.lines()) == 5001


@pytest.mark.parametrize('cut', [3, 12, -9, -1])
def test_a_small_truncated_gzip_file_is_an_error_that_says_so(score, folder, cut):
    assert_refused(score(gzipped(numbered(30))[:cut]), folder, 'truncated')


def test_a_damaged_gzip_file_is_an_error_that_says_so(score, folder):
    packed = bytearray(gzipped(numbered(30)))
    packed[-6] ^= 1
    assert_refused(score(bytes(packed)), folder, 'damaged')


# --- delimiters ------------------------------------------------------------------

@pytest.mark.parametrize('delimiter, line_end', [
    (',', '\n'), (',', '\r\n'), (',', '\r'), (';', '\r\n'), ('\t', '\r'), ('|', '\n')])
def test_delimiters_and_line_ends_are_detected(score, server, delimiter, line_end):
    rows = [['x', 'city', 'note'], ['1', 'Rome', '5"pipe'], ['2', 'a"b"', 'c'], ['', '', '']]
    lines = [delimiter.join(row) for row in rows]
    score.well((line_end.join(lines) + line_end).encode('ascii'), WHOLE)
    assert [list(read_records(each.body, b',')) for each in server.batches] == [rows]


def test_a_delimiter_in_quotes_is_not_counted(score, server):
    score.well(b'x;"a,b";c\n1;"2,3,4";5\n2;"3,4";6\n')
    assert sent(server)[0] == ['x', 'a,b', 'c']


def test_a_delimiter_that_is_just_text_is_not_taken(score, server):
    data = b'x;y\n1;a,5\n2;b,5\n3;c\n'
    score.well(data)
    assert sent(server) == [['x', 'y'], ['1', 'a,5'], ['2', 'b,5'], ['3', 'c']]


@pytest.mark.parametrize('data', [
    b'x\n1\n2\n3\n', b'x\r\n1\r\n2\r\n3', b'x\r1\r2\r3\r', b'"x"\n"1"\n2\n3\n', b'x\n1\n\n2\n3'])
def test_a_single_column_is_fine(score, folder, data):
    assert score(data).code == 0
    assert folder.lines() == ['row_id,y', '0,1', '1,2', '2,3']


def test_a_delimiter_with_which_a_quote_takes_in_all_records_is_not_taken(score):
    result = score(b'x,e "q\n1,p\n2,p\n1,2,3\n')
    assert result.code == 1 and 'Line 4 of the dataset has 3 fields' in result.err


def test_a_single_column_may_hold_any_delimiter(score, server):
    score.well(b'text\n"one, two; three"\nfour and five\nsix!\n', WHOLE)
    assert [row.key for row in server.batches[0].rows] == [
        '"one, two; three"', 'four and five', 'six!']


@pytest.mark.parametrize('options', [[], ['--delimiter=;']])
def test_a_single_column_may_hold_quoted_white_space(score, server, options):
    data = b'text\n" "\n"a, b"\n"\t"\n"say ""hi"""\n""\nc\n'
    assert score(data, WHOLE, *options).code == 0
    assert [row.key for row in server.batches[0].rows] == [
        '" "', '"a, b"', '"\t"', '"say ""hi"""', '""', 'c']


def test_a_single_column_may_hold_any_character(score, server):
    text = bytes(bytearray(range(1, 32))).decode('ascii')
    score.well(('text\n"' + text + '"\n"a,\ufdd0"\n').encode('utf-8'), WHOLE)
    assert sent_of_one(server) == [['text'], [text], ['a,\ufdd0']]


def test_the_output_has_the_delimiter_of_the_input(score, folder):
    score.well(b'x;z\n1;a,b\n', '--keep_cols=z')
    assert folder.lines() == ['row_id;z;y', '0;a,b;1']


# --- records ---------------------------------------------------------------------

def test_fields_reach_the_server_exactly_as_they_were(score, server):
    data = (b'x,a,b\r\n1,"two\r\nlines","say ""hi"""\r\n2,"one\nfeed","one\rreturn"\r\n'
            b'3, spaces kept ,"5"" pipe"\r\n4,5" pipe,a"b"c\r\n')
    score.well(data, WHOLE)
    assert server.log[0].body.split(b'\n', 1)[1] == data.split(b'\r\n', 1)[1]


@pytest.mark.parametrize('delimiter', [b';', b'\t', b'|', b' ', b'!'])
def test_fields_keep_their_line_breaks_whatever_the_delimiter(score, server, delimiter):
    data = b'x,a,b\r\n1,"two\r\nlines","say ""hi"""\r\n2,"one\nfeed","one\rreturn"\r\n'
    score.well(data.replace(b'say ', b'say,').replace(b',', delimiter).replace(
        b'say' + delimiter, b'say,'), '--delimiter=' + delimiter.decode('ascii'))
    assert sent(server) == [['x', 'a', 'b'], ['1', 'two\r\nlines', 'say,"hi"'],
                            ['2', 'one\nfeed', 'one\rreturn']]


@pytest.mark.parametrize('end', [b'', b'\n', b'\r', b'\r\n'])
def test_a_last_line_without_a_line_end_is_a_row(score, folder, end):
    score.well(b'x,y\n1,a\n2,b' + end)
    assert folder.lines() == ['row_id,y', '0,1', '1,2']


@pytest.mark.parametrize('data', [
    b'x,y\n\n1,a\n2,b\n', b'x,y\n1,a\n \t\n\n2,b\n', b'x,y\n1,a\n2,b\n\n\n', b'x,y\n1,a\n2,b\n  ',
    b'x,y\r\n1,a\r\n\r\n2,b\r\n', b'x,y\r1,a\r\r2,b\r', b'\n\nx,y\n1,a\n2,b\n'])
def test_blank_lines_are_dropped_with_one_warning(score, server, folder, data):
    result = score(data, '--n_samples=1')
    assert (result.code, result.err.count('\n')) == (0, 1)
    assert result.err.startswith('warning: ') and 'blank' in result.err
    assert folder.lines() == ['row_id,y', '0,1', '1,2']
    assert sorted(row.key for each in server.batches for row in each.rows) == ['1', '2']


def test_blank_lines_in_quotes_are_text(score, server):
    score.well(b'x,y\n1,"a\n\n \nb"\n')
    assert sent(server)[1] == ['1', 'a\n\n \nb']


@pytest.mark.parametrize('blank', [b'\n' * 600, b' ' * 600 + b'\n', b'\t\r\n' * 300])
def test_blank_lines_are_no_field_that_could_be_too_long(score, folder, blank):
    for before in (b'', blank):
        data = before + b'x,y\n1,a\n' + blank + b'2,b\n' + before
        result = score(data, '--field_size_limit=500', '--yes')
        assert result.code == 0 and 'is blank' in result.err
        assert folder.lines() == ['row_id,y', '0,1', '1,2']


def test_blank_lines_of_megabytes_are_dropped(score, folder):
    data = b'x,y\n1,a\n' + (b'\n' * 99 + b' \n') * (120 << 10) + b'2,b\n'
    assert score(data).code == 0
    assert folder.lines() == ['row_id,y', '0,1', '1,2']


@pytest.mark.parametrize('data, options, word', [
    (b'x,y\n1,a\n\n \n"two\nlines",b\n', ['--fast'], 'multiline'),
    (b'x,y\n1,a\n\n \n' + b'2' * 50 + b',b\n', ['--field_size_limit=40'], 'longer')])
def test_the_line_of_a_bad_field_counts_the_blank_lines_before_it(score, data, options, word):
    result = score(data, *options)
    assert result.code == 1
    assert word in result.err and 'ine 5 ' in result.err


def test_a_line_of_tabs_is_a_record_where_tabs_delimit(score, server):
    score.well(b'x\ty\n1\ta\n\t\n', WHOLE)
    assert sent_of_one(server) == [['x', 'y'], ['1', 'a'], ['', '']]


def sent_of_one(server):
    return list(read_records(server.batches[0].body, b','))


def test_header_names_are_stripped(score, server, folder):
    score.well(b' x ,\tcity,"two\nlines "\n1,Rome,a\n', '--keep_cols=city')
    assert sent(server)[0] == ['x', 'city', 'two\nlines']
    assert folder.lines() == ['row_id,city,y', '0,Rome,1']


def test_a_quote_that_does_not_open_a_field_is_text_with_fast_too(score, server, folder):
    data = b'x,y\n1,5" pipe\n2,6" pipe and 7"\n3,"a, ""b"""\n4, "c"\n'
    score.well(data, WHOLE)
    score.well(data, WHOLE, '--fast', '--yes')
    assert server.log[0].body == server.log[1].body == data


@pytest.mark.parametrize('data, line', [
    (b'x,y\n1,a\n2,"b\nc"\n3,d\n', 3), (b'x,y\n1,a\n2,"b\n\n\nc,d"\n', 3), (b'x,y\n1,"a\rb"\n', 2),
    (b'x,y\n1,"a,b"\n2,5" pipe\n3,"c\n4,d"\n', 4), (b'x,y\n1,"open\n2,b\n', 2)])
def test_fast_ends_at_a_field_with_a_line_break(score, server, data, line):
    result = score(data, WHOLE, '--fast')
    assert (result.code, server.answered) == (1, {})
    assert 'multiline' in result.err and 'Line {0} '.format(line) in result.err


def test_fast_ends_at_a_header_with_a_line_break(score, folder):
    result = score(b'x,"y\nz"\n1,a\n', '--fast')
    assert result.code in (1, 2)
    assert 'multiline' in result.err and 'Line 1 ' in result.err
    assert not folder.has('out.csv')


def test_fast_never_writes_a_wrong_row_at_any_batch_size(score, folder):
    data = numbered(30) + b'30,"two\nlines, or ""three"""\n' + numbered(10, 31)[7:]
    for size in range(1, 6):
        result = score(data, '--fast', '--n_samples={0}'.format(size), '--no-resume', '--yes')
        assert result.code == 1
        assert 'multiline' in result.err and 'Line 32 ' in result.err
        rows = folder.lines()[1:] if folder.has('out.csv') else []
        assert rows == ['{0},{0}'.format(n) for n in range(len(rows))] and len(rows) <= 30


# --- what ends a run -------------------------------------------------------------

@pytest.mark.parametrize('position, line', [(0, 1), (9, 2), (20, 3)])
def test_a_nul_byte_is_an_error_with_its_line(score, position, line):
    data = numbered(5)
    result = score(data[:position] + b'\0' + data[position:])
    assert result.code in (1, 2)
    assert 'Line {0} '.format(line) in result.err and 'NUL' in result.err


def test_a_nul_byte_far_behind_ends_the_run_resumable(score, server, folder):
    data = long_rows(2500)
    result = score(data[:-4] + b'\0' + data[-4:], '--n_samples=100')
    assert result.code == 1
    assert 'Line 2501 ' in result.err and 'NUL' in result.err
    score.well(data, '--resume', '--n_samples=100')
    assert len(folder.lines()) == 2501
    assert set(server.answered.values()) == set([1])


@pytest.mark.parametrize('fast', [[], ['--fast']])
def test_a_record_with_too_many_fields_ends_the_run_and_once_repaired_it_resumes(
        score, server, folder, fast):
    options = ['--n_samples=10', '--n_concurrent=1'] + fast
    result = score(numbered(100).replace(b'town 57', b'town, 57'), *options)
    assert result.code == 1
    assert 'Line 59 of the dataset has 3 fields, but the header has 2.' in result.err
    assert set(server.scored) == set('{0}'.format(n) for n in range(50))
    score.well(numbered(100), '--resume', *options)
    assert folder.lines() == ['row_id,y'] + ['{0},{0}'.format(n) for n in range(100)]
    assert set(server.answered.values()) == set([1])


@pytest.mark.parametrize('last', [b'3,c,d', b',,', b'3,"c",'])
def test_a_last_record_without_a_line_end_may_not_have_too_many_fields_either(
        score, server, last):
    result = score(b'x,y\n1,a\n2,b\n' + last, WHOLE)
    assert (result.code, server.log) == (1, [])
    assert 'Line 4 of the dataset has 3 fields' in result.err


def test_the_line_of_a_bad_record_counts_the_breaks_inside_of_fields(score):
    result = score(b'x,y\r\n1,"a\r\nb\rc\nd"\r\n\r\n2,b,c\r\n')
    assert result.code == 1
    assert 'Line 7 of the dataset has 3 fields' in result.err


def test_a_record_with_too_few_fields_is_sent_as_it_is_with_one_warning(score, server, folder):
    data = numbered(100).replace(b'57,town 57', b'57').replace(b'83,town 83', b'83')
    result = score(data, '--n_samples=10', '--n_concurrent=8', '--keep_cols=city')
    assert result.code == 0
    assert result.err.count('\n') == 1
    assert result.err.startswith('warning: Line 59 of the dataset has fewer fields')
    assert ['57'] in sent(server)
    assert folder.records()[58] == ['57', '', '57']


def test_a_file_that_is_not_there_is_a_usage_error(score, folder):
    assert_refused(score(None), folder, 'data.csv', 'No such file')


@pytest.mark.skipif(WINDOWS or os.geteuid() == 0, reason='root reads everything')
def test_a_file_that_cannot_be_read_is_a_usage_error(score, folder):
    folder.write('data.csv', numbered(3))
    os.chmod(folder('data.csv'), 0)
    assert_refused(score(None), folder, 'data.csv', 'ermission')


def test_a_folder_is_no_dataset(score, folder):
    os.mkdir(folder('data.csv'))
    assert_refused(score(None), folder, 'The dataset data.csv is a directory.\nName a file in it.')


@pytest.mark.parametrize('data', [b'', codecs.BOM_UTF8, codecs.BOM_UTF16_LE, gzipped(b''),
                                  b'\n \n', b'\r\n'])
def test_an_empty_file_is_a_usage_error(score, folder, data):
    assert_refused(score(data), folder, 'data.csv')


@pytest.mark.parametrize('data, options', [
    (b'x,y', []), (b'x,y\n', []), (b'x,y\n', ['--dry_run']), (b'x,y\r\n\r\n  \r\n', []),
    (b'"x\n\n",y\n', []), (gzipped(b'x,y\n'), []), ('x,y\n'.encode('utf-16'), [])])
def test_a_file_with_a_header_only_is_a_usage_error(score, folder, data, options):
    assert_refused(score(data, *options), folder, 'data.csv', 'header')


@pytest.mark.parametrize('options', [[], ['--n_samples=1']])
def test_a_quote_that_is_never_closed_is_suspected(score, options):
    data = numbered(3) + b'3,"open\n' + numbered(500, 4)
    result = score(data, '--field_size_limit=1000', *options)
    assert result.code == 1
    assert 'starts on line 5' in result.err and 'quote' in result.err


def test_a_field_of_just_the_limit_is_fine(score, server):
    data = b'x,y\n1,"' + b'ab""' * 500 + b'"\n2,' + '\xf6'.encode('utf-8') * 1500 + b'\n'
    score.well(data, '--field_size_limit=1500')
    assert [len(record[1]) for record in sent(server)[1:]] == [1500, 1500]


def test_a_field_of_just_the_limit_is_fine_where_it_is_written_anew(score, server):
    score.well('x;y\n1;"a, {0}"\n'.format('\xf6' * 1497).encode('utf-8'),
               '--field_size_limit=1500')
    assert len(sent(server)[1][1]) == 1500


def test_a_doubled_quote_in_a_field_that_goes_on_is_one_character(score, server):
    score.well(b'x,y\n1,"' + b'""' * (800 << 10) + b'"\n', '--field_size_limit=1000000')
    assert len(sent(server)[1][1]) == 800 << 10


@pytest.mark.parametrize('quote', [b'', b'"'])
def test_a_header_with_a_field_beyond_the_limit_is_a_usage_error(score, folder, quote):
    data = b'x,' + quote + b'y' * 300 + quote + b'\n1,a\n'
    assert_refused(score(data, '--field_size_limit=200'), folder, 'starts on line 1 ')


def test_a_field_of_megabytes_is_fine(score, server):
    score.well(b'x,y\n1,"' + b'a\n' * (3 << 20) + b'"\n2,b\n')
    assert sorted(server.answered) == ['1', '2']


def test_a_field_beyond_the_default_limit_is_an_error_with_the_line_where_it_starts(score):
    result = score(b'x,y\n1,a\n2,"' + b'a\n' * (6 << 20) + b'"\n3,b\n')
    assert result.code == 1
    assert 'line 3 is longer than 10485760 characters' in result.err
