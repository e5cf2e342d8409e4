"""Datasets that are not CSV: JSON Lines and Parquet, which are sent as the CSV with the same values."""

from __future__ import absolute_import, unicode_literals

import collections
import gzip
import io
import json
import os
import random
import signal
import struct

import pytest

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from scoring import IMPORT, WHOLE, as_csv

ONE_BY_ONE = ['--n_samples=1', '--n_concurrent=2']


def gzipped(data):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb', mtime=0) as target:
        target.write(data)
    return packed.getvalue()


def json_lines(names, rows):
    return ''.join(json.dumps(collections.OrderedDict(zip(names, row))) + '\n' for row in rows).encode('ascii')


def sent(server):
    """The records that the server got, as lists of text, and the header first."""
    bodies = sorted(server.batches, key=lambda each: float(each.first))
    records = [list(read_records(each.body, b',')) for each in bodies]
    assert all(each[0] == records[0][0] for each in records)
    return records[0][:1] + [record for each in records for record in each[1:]]


def assert_refused(result, folder, *words):
    """Exit code 2, a line with these words, no traceback and no output."""
    assert (result.code, result.out, result.stray) == (2, '', False), result
    assert 'Traceback' not in result.err and len(result.err.splitlines()) <= 3
    assert [word for word in words if word not in result.err] == []
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


# --- JSON Lines ---------------------------------------------------------------------

@pytest.mark.parametrize('value, text', [
    ('1', '1'),
    ('1.50', '1.50'), ('1e400', '1e400'), ('-0', '-0'), ('1' * 30, '1' * 30),
    ('true', 'true'), ('false', 'false'), ('null', ''), ('""', ''), ('"a,b"', 'a,b'),
    (r'"a\nb\r\nc"', 'a\nb\r\nc'),
    (r'"say \"hi\""', 'say "hi"'), (r'"\u00e9\ud83d\ude00"', '\xe9\U0001f600'), ('"\xe9"', '\xe9'), (' "  x "', '  x '),
    ('[1, 2.0, {"b": null}]', '[1,2.0,{"b":null}]'), ('{"b": {"c": "\xe9"}}', '{"b":{"c":"\xe9"}}'),
    ('NaN', 'NaN'), ('"\\u001a"', '\x1a'), ('[' * 99 + ']' * 99, '[' * 99 + ']' * 99)])
def test_a_value_of_json_lines_reaches_the_server_as_its_text(score, server, value, text):
    line = '{"x": 1, "v": ' + value + '}\n'
    score.well(line.encode('utf-8'))
    assert sent(server) == [['x', 'v'], ['1', text]]


@pytest.mark.parametrize('pack', [bytes, gzipped], ids=['plain', 'gzipped'])
@pytest.mark.parametrize('data', [
    b'{"x":1,"a":"p"}\n{"a":"q","x":2}\n{"x":3}', b'\xef\xbb\xbf{"x":1,"a":"p"}\r\n{"a":"q","x":2}\r\n{"x":3}\r\n',
    b' { "x" : 1, "a" : "p" }\n{"a":"q","x":2}\n{"x":3,"a":null}\n'])
def test_keys_may_be_in_any_order_and_missing(score, server, data, pack):
    score.well(pack(data))
    assert sent(server) == [['x', 'a'], ['1', 'p'], ['2', 'q'], ['3', '']]


def test_blank_lines_are_dropped_with_a_warning_of_the_line(score, server):
    result = score(b'\n{"x":1}\n\n \n{"x":2}\n')
    assert result.code == 0 and 'Line 1 of the dataset is blank' in result.err
    assert sent(server) == [['x'], ['1'], ['2']]


def test_a_lone_column_may_be_empty(score, server):
    score.well(b'{"x":1}\n{"x":null}\n{"x":" "}\n{}\n', '--n_samples=9')
    assert sent(server) == [['x'], ['1'], [''], [' '], ['']]


FAULTY = [
    (b'{"x":3,"q":1}', 'key q'), (b'{"x":3,"x":4}', 'key x is duplicated'),
    (b'{"x":' + b'[' * 10000 + b']' * 10000 + b'}', 'deeper than 100'),
    (b'{"x":[' * 51 + b']}' * 51, 'deeper than 100'),
    (b'{"x":3', 'not a JSON object'), (b'[3]', 'not a JSON object'), (b'x', 'not a JSON object'),
    (b'{"x":"\xe9"}', ''), (br'{"x":"\ud800"}', ''), (br'{"x":"\u0000"}', 'NUL')]


@pytest.mark.parametrize('line, words', FAULTY, ids=['{0}'.format(n) for n in range(len(FAULTY))])
def test_a_record_that_cannot_be_sent_is_named_by_its_line(score, server, folder, line, words):
    data = b'{"x":"1\\n1"}\n\n{"x":2}\n' + line + b'\n{"x":5}\n'
    result = score(data, '--n_samples=1', '--encoding=utf-8')
    assert result.code == 1 and 'Traceback' not in result.err
    assert 'ine 4' in result.err and words in result.err, result.err
    assert folder.lines()[0] == 'row_id,y' and len(folder.lines()) <= 3


@pytest.mark.parametrize('line, words', FAULTY, ids=['{0}'.format(n) for n in range(len(FAULTY))])
def test_a_record_that_cannot_be_sent_is_set_aside_with_its_line_and_columns(score, server, folder, line, words):
    data = b'{"x":"1\\n1"}\n\n{"x":2}\n' + line + b'\n{"x":5}\n'
    result = score(data, '--bad_rows=bad.csv', '--encoding=utf-8')
    assert (result.code, len(folder.records())) == (3, 5), result
    header, (row, number, reason, x) = folder.records('bad.csv')
    assert header == ['row_id', 'line', 'reason', 'x'] and (row, number) == ('2', '4')
    assert words in reason and 'Line 4' in reason and x in ('', '3', '4', '\ufffd')
    assert folder.records()[2:] == [['1', '2'], ['2', ''], ['3', '5']]


@pytest.mark.parametrize('option, reason', [
    ('--encoding=cp1252', 'byte 0x81 does not fit the encoding cp1252'),
    ('--encoding=utf-8', 'byte 0x81 is not UTF-8')])
def test_bytes_that_do_not_fit_the_encoding_of_json_lines_are_set_aside(score, folder, option, reason):
    assert score(b'{"x":1}\n{"x":"\x81"}\n', '--bad_rows=bad.csv', option).code == 3
    assert folder.records('bad.csv')[1][:2] == ['1', '2'] and reason in folder.lines('bad.csv')[1]


@pytest.mark.parametrize('data, word', [
    (b'{}\n{"x":1}\n', 'without keys'), (b'{"x":1,"x":2}\n', 'duplicated'), (b'{"x":' + b'[' * 200, 'deeper'),
    (b'{"x":1\n', 'not a JSON object'), (b'{"x":"' + b'a' * (70 << 20) + b'"}', 'longer than 64 MiB')])
def test_a_first_line_without_columns_is_a_usage_error(score, folder, data, word):
    assert_refused(score(data), folder, 'ine 1', word)


def test_a_column_may_look_like_the_beginning_of_json(score, server):
    score.well(b'{x,"{""a"":1",x\n1,Rome,2\n')
    assert sent(server) == [['{x', '{"a":1', 'x'], ['1', 'Rome', '2']]


# --- Parquet ------------------------------------------------------------------------

@pytest.fixture
def parquet():
    """`parquet({name: array}, ...)` gives the bytes of a file."""
    pyarrow = pytest.importorskip('pyarrow')
    from pyarrow import parquet as module

    def made(columns, **options):
        target = io.BytesIO()
        module.write_table(pyarrow.table(columns), target, **options)
        return target.getvalue()
    return made


def columns_of_types():
    """{name: (Arrow array, [text of each value])}."""
    import datetime
    from decimal import Decimal
    import pyarrow as pa
    day, moment = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5, 600000)
    return {
        'x': (pa.array([1, 2, 3], pa.int64()), ['1', '2', '3']),
        'int8': (pa.array([-1, None, 127], pa.int8()), ['-1', '', '127']),
        'uint64': (pa.array([0, None, 2 ** 64 - 1], pa.uint64()), ['0', '', '18446744073709551615']),
        'double': (pa.array([0.1, 52.0, None]), ['0.1', '52.0', '']),
        'special': (pa.array([float('nan'), float('inf'), float('-inf')]), ['NaN', 'Infinity', '-Infinity']),
        'float': (pa.array([0.1, 1.5, None], pa.float32()), ['0.1', '1.5', '']),
        'decimal': (pa.array([Decimal('1.50'), Decimal('0.00'), None]), ['1.50', '0.00', '']),
        'small': (pa.array([Decimal('1E-12'), None, Decimal(0)], pa.decimal128(20, 12)),
                  ['0.000000000001', '', '0.000000000000']),
        'bool': (pa.array([True, None, False]), ['true', '', 'false']),
        'date': (pa.array([day, None, day]), ['2020-01-02', '', '2020-01-02']),
        'local': (pa.array([moment, None, moment.replace(microsecond=0)]),
                  ['2020-01-02T03:04:05.6', '', '2020-01-02T03:04:05']),
        'utc': (pa.array([0, None, 1500], pa.timestamp('ns', 'UTC')),
                ['1970-01-01T00:00:00Z', '', '1970-01-01T00:00:00.0000015Z']),
        'zone': (pa.array([0, None, 1500], pa.timestamp('ms', 'Europe/Berlin')),
                 ['1970-01-01T01:00:00+01:00', '', '1970-01-01T01:00:01.5+01:00']),
        'time': (pa.array([0, None, 1500], pa.time64('us')), ['00:00:00', '', '00:00:00.0015']),
        'text': (pa.array(['a,b', None, 'say "hi"\r\n']), ['a,b', '', 'say "hi"\r\n']),
        'large': (pa.array(['\xe9', None, ''], pa.large_string()), ['\xe9', '', '']),
        'dictionary': (pa.array(['p', 'q\n', None]).dictionary_encode(), ['p', 'q\n', '']),
        'null': (pa.nulls(3), ['', '', '']),
    }


def test_a_value_of_parquet_reaches_the_server_as_its_text(score, server, parquet):
    columns = columns_of_types()
    score.well(parquet({name: array for name, (array, _) in columns.items()}), '--n_samples=9')
    records = sent(server)
    found = dict(zip(records[0], zip(*records[1:])))
    assert found == {name: tuple(texts) for name, (_, texts) in columns.items()}


@pytest.mark.parametrize('protocol', ['v2', 'mlflow'])
def test_columns_are_sent_with_the_types_of_parquet(score, server, folder, parquet, protocol):
    from decimal import Decimal
    import pyarrow as pa
    columns = {
        'x': (pa.array([1, 2]), [1, 2]), 'code': (pa.array(['7', '12']), ['7', '12']),
        'size': (pa.array([1, 2], pa.float32()), [1.0, 2.0]), 'lacks': (pa.array([1, None]), [1.0, None]),
        'id': (pa.array([2 ** 60, 1]), ['{0}'.format(2 ** 60), '1']), 'minus': (pa.array([-1, 2]), [-1, 2]),
        'true': (pa.array(['true', 'false']), ['true', 'false']), 'new': (pa.array([True, False]), [True, False]),
        'amount': (pa.array([Decimal(1), Decimal(10 ** 20)]), ['1', '{0}'.format(10 ** 20)]),
        'day': (pa.array([0, 1], pa.date32()), ['1970-01-01', '1970-01-02'])}
    data = parquet({name: array for name, (array, _) in columns.items()}, row_group_size=1)
    score.well(data, '--protocol=' + protocol, WHOLE, ids=['flats'] if protocol == 'v2' else [])
    request, = server.batches
    body = json.loads(request.body.decode('utf-8').replace('NaN', 'null'))
    if protocol == 'mlflow':
        found = dict(zip(columns, zip(*body['dataframe_split']['data'])))
    else:
        found = dict((each['name'], each['data']) for each in body['inputs'])
    assert dict((name, list(map(repr, values))) for name, values in found.items()) == dict(
        (name, list(map(repr, values))) for name, (_, values) in columns.items())


def test_statistics_that_parquet_lacks_are_made_up_for_by_its_values(score, server, parquet):
    data = parquet({'x': [1, 2], 'lacks': [1, None]}, write_statistics=False)
    score.well(data, '--protocol=mlflow', WHOLE, ids=[])
    assert b'[[1,1.0],[2,NaN]]' in server.batches[0].body


def test_a_record_that_cannot_be_sent_says_nothing_of_the_types(score, server):
    data = b'{"code":"a","x":1}\n{"code":"b","x":2,"q":3}\n{"code":"c","x":3}\n'
    assert score(data, '--protocol=mlflow', '--bad_rows=bad.csv', ids=[]).code == 3
    rows = [json.loads(each.body.decode('utf-8'))['dataframe_split']['data'] for each in server.batches]
    assert sorted(sum(rows, [])) == [['a', 1], ['c', 3]]


def test_columns_that_csv_cannot_hold_are_a_usage_error(score, folder, parquet):
    import pyarrow as pa
    for array, word in [
            (pa.array([b'a']), 'binary'), (pa.array([[1]]), 'list'), (pa.array([{'a': 1}]), 'struct'),
            (pa.array([[('k', 1)]], pa.map_(pa.string(), pa.int64())), 'map'),
            (pa.array([b'abcd'], pa.binary(4)), 'fixed_size_binary'), (pa.array([5], pa.duration('s')), 'duration')]:
        assert_refused(score(parquet({'x': pa.array([1]), 'odd': array})), folder, 'column odd', word)


def test_parquet_is_not_read_from_standard_input(run_command, server, folder, parquet):
    folder.write('data', parquet({'x': [1]}))
    result = run_command('batch_scoring_sse', ['--host=' + server.url, IMPORT, '-'],
                         prefix=['sh', '-c', 'cat data | "$0" "$@"'])
    assert_refused(result, folder, 'standard input', 'Name the file')


def test_a_lone_column_of_nulls_has_its_rows(score, server, parquet):
    score.well(parquet({'x': ['1', None, ' ', '']}), '--n_samples=9')
    assert sent(server) == [['x'], ['1'], [''], [' '], ['']]


def test_many_row_groups_are_read_in_order(score, folder, parquet):
    score.well(parquet({'x': list(range(1000))}, row_group_size=7), '--n_samples=100')
    assert folder.records()[1:] == [['{0}'.format(n)] * 2 for n in range(1000)]


@pytest.mark.parametrize('cut', [40, 200, 1000, -1, -8, -9, -100])
def test_a_truncated_parquet_file_is_said_to_be_damaged(score, folder, parquet, cut):
    data = parquet({'x': list(range(1000)), 'text': ['\xe9{0}'.format(n) for n in range(1000)]})[:cut]
    assert_refused(score(data), folder, 'data.csv', 'damaged')


def test_text_of_parquet_that_cannot_be_sent_is_set_aside_with_its_row(score, folder, parquet):
    import pyarrow as pa
    text = pa.Array.from_buffers(pa.string(), 3, [
        None, pa.py_buffer(b'\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0'), pa.py_buffer(b'a\xff\0')])
    data = parquet({'x': pa.array([0, 1, 2]), 'text': text})
    result = score(data)
    assert result.code == 1 and '--bad_rows=<file>' in result.err and 'Traceback' not in result.err
    assert score(data, '--bad_rows=bad.csv', '--resume').code == 3
    assert [(row[0], row[2].partition(': ')[2]) for row in folder.records('bad.csv')[1:]] == [
        ('1', 'byte 0xff does not fit the encoding utf-8.'), ('2', 'it contains a NUL byte.')]
    assert folder.records()[1:] == [['0', '0'], ['1', ''], ['2', '']]


def test_a_parquet_file_whose_pages_are_overwritten_is_said_to_be_damaged(score, folder, parquet):
    data = parquet({'x': list(range(100000))}, compression='zstd', row_group_size=1000)
    middle = len(data) // 2
    result = score(data[:middle] + b'\xff' * 1000 + data[middle + 1000:], '--n_samples=1000')
    assert result.code == 1 and 'damaged' in result.err and 'Traceback' not in result.err
    assert folder.records()[1:] == [['{0}'.format(n)] * 2 for n in range(len(folder.records()) - 1)]


FOOTERS = int(os.environ.get('BATCH_SCORING_TEST_FOOTERS', 8))


@pytest.mark.parametrize('seed', range(FOOTERS))
def test_a_parquet_file_whose_footer_lies_gives_the_right_rows_or_none_but_those(score, folder, parquet, seed):
    rows, dice = 60, random.Random(seed)
    data = parquet({
        'x': list(range(rows)), 'text': ['t{0}'.format(n) for n in range(rows)],
        'z': list(range(rows, 2 * rows))}, row_group_size=20, store_schema=seed % 2 == 0)
    size, = struct.unpack(str('<I'), data[-8:-4])
    lying = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 4])):
        place = dice.randrange(len(data) - 8 - size, len(data) - 4)
        lying[place] = dice.choice([lying[place] ^ 1 << dice.randrange(8), dice.randrange(256)])
    result = score(bytes(lying), '--keep_cols=text,z', '--n_samples=5')
    said = result.out + result.err
    assert result.code in (0, 1, 2) and 'Traceback' not in said and 'terminate' not in said, (seed, result)
    expected = [['row_id', 'text', 'z', 'y']] + [
        ['{0}'.format(n), 't{0}'.format(n), '{0}'.format(n + rows), '{0}'.format(n)] for n in range(rows)]
    if result.code == 0:
        assert folder.records() == expected, seed
    else:
        assert len(result.err.splitlines()) < 4, result
        found = folder.records() if folder.has('out.csv') else []
        assert found == expected[:len(found)], seed


@pytest.mark.skipif(WINDOWS, reason='ulimit')
@pytest.mark.parametrize('pack', [bytes, gzipped], ids=['plain', 'gzipped'])
@pytest.mark.parametrize('lines, code', [([], 2), ([b'{"x":1}', b'{"x":2}'], 1)])
def test_a_line_of_a_gigabyte_ends_the_run_within_a_gigabyte_of_memory(score, folder, lines, code, pack):
    with io.open(folder('data.csv'), 'wb') as target:
        beginning = b''.join(line + b'\n' for line in lines) + b'{"x":"'
        if pack is gzipped:
            target.write(gzipped(beginning) + 64 * gzipped(b'a' * (1 << 24)))
        else:
            target.write(beginning)
            target.truncate(1 << 30)
    result = score(None, '--n_samples=1', prefix=['sh', '-c', 'ulimit -v 1048576; exec "$0" "$@"'])
    assert (result.code, 'is longer than 64 MiB' in result.err, 'Traceback' in result.err) == (
        code, True, False), result
    os.remove(folder('data.csv'))


# --- all of them --------------------------------------------------------------------

TABLES = int(os.environ.get('BATCH_SCORING_TEST_TABLES', 10))


def random_table(dice):
    """(names, columns): the values are numbers, texts, booleans and None, of one type per column."""
    makers = [
        lambda: dice.randrange(-2 ** 60, 2 ** 60), lambda: dice.choice([0.5, 52.0, -0.125, 3.25]),
        lambda: dice.random() < 0.5,
        lambda: ''.join(dice.choice('ab,"\r\n \xe9\u4eac;|\t\'\\') for _ in range(dice.randrange(6)))]
    count = dice.randrange(1, 9)
    columns = [('x', list(range(count)))]
    for number in range(dice.randrange(5)):
        make = dice.choice(makers)
        values = [None if dice.random() < 0.1 else make() for _ in range(count)]
        # A column of nulls has no type.
        columns.append(('c{0}'.format(number), values[:-1] + [make()]))
    return [name for name, _ in columns], [values for _, values in columns]


def text_of(value):
    """A value as CSV has it."""
    if value is None:
        return ''
    return '{0}'.format(value).lower() if isinstance(value, bool) else '{0}'.format(value)


def table_files(names, columns):
    """[bytes of a file] with a table: CSV first, then whatever this interpreter can write."""
    rows = list(zip(*columns))
    yield as_csv([names] + [[text_of(value) for value in row] for row in rows]).encode('utf-8')
    yield json_lines(names, rows)
    yield gzipped(json_lines(names, rows))
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return
    target = io.BytesIO()
    parquet.write_table(pyarrow.table(dict(zip(names, columns))), target, row_group_size=3)
    yield target.getvalue()
    try:
        import polars
    except ImportError:
        return
    target = io.BytesIO()
    polars.DataFrame(dict(zip(names, columns))).write_parquet(target)
    yield target.getvalue()


@pytest.mark.parametrize('seed', range(TABLES))
def test_a_table_gets_the_same_predictions_from_any_file(score, server, folder, seed):
    names, columns = random_table(random.Random(seed))
    found = []
    for data in table_files(names, columns):
        del server.log[:]
        score.well(data, '--keep_cols=*', '--delimiter=,', '--n_samples=3', '--yes')
        found.append((sent(server), folder.records()))
    assert [other for other in found if other != found[0]] == []


KILLS = int(os.environ.get('BATCH_SCORING_TEST_KILLS', 2))


def many_rows(kind):
    """The bytes of a file of 100 rows, with line breaks in them."""
    names = ['x', 'text']
    columns = [['{0}'.format(n) for n in range(100)], ['a\nb {0}'.format(n) for n in range(100)]]
    if kind == 'parquet':
        pyarrow = pytest.importorskip('pyarrow')
        from pyarrow import parquet
        target = io.BytesIO()
        parquet.write_table(pyarrow.table(dict(zip(names, columns))), target, row_group_size=9)
        return target.getvalue()
    data = json_lines(names, zip(*columns))
    return gzipped(data) if kind == 'gzipped' else data


@pytest.mark.skipif(WINDOWS, reason='signals of Unix')
@pytest.mark.parametrize('out', ['out.csv', 'out.jsonl'])
@pytest.mark.parametrize('kind', ['json', 'gzipped', 'parquet'])
def test_after_kills_the_output_ends_up_as_if_nothing_had_happened(
        start_command, score, server, folder, kind, out):
    data = many_rows(kind)
    options = ONE_BY_ONE + ['--keep_cols=text', '--out=' + out]
    score.well(data, *options)
    expected = folder.read(out)
    for kill in range(KILLS):
        server.scored.clear()
        at = 1 + (kill + 1) * 95 // KILLS
        server.fail(faults.never(), when.holds('{0}'.format(at)))
        command = start_command('batch_scoring_sse', [
            '--host=' + server.url, IMPORT, 'data.csv', '--yes',
            '--resume' if kill else '--no-resume'] + options)
        server.wait_for(lambda: server.scored['{0}'.format(at - 1)])
        command.send_to_all(signal.SIGKILL)
        command.wait()
        server.heal()
    server.scored.clear()
    score.well(None, '--resume', *options)
    assert folder.read(out) == expected
    assert not any(server.scored['{0}'.format(n)] for n in range(80))
