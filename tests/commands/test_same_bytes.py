"""The same rows give the same bytes, however the file holds them and however they are sent."""

from __future__ import absolute_import, unicode_literals

import gzip
import io
import itertools

import pytest

from datarobot_batch_scoring.dataset.csv_bytes import read_records
from scoring import Scoring, as_csv

WESTERN = ['Malm\xf6', 'na\xefve', '5" pipe', 'say "hi"', '', ' spaces ', 'a\r\nb', 'a\rb',
           'a, b', 'a; b', 'a|b', 'a\tb', 'a!b', '"', 'two\n\nlines', '\xbd', '\xff']
EASTERN = ['\u6771\u4eac', '\u30bd\u8868\u80fd', 'a,\u5341', '\u30bd"\u30bd"', 'a\r\n\u4e88', '\uff71',
           '', '5" pipe', 'a;|!\tb']
OPTIONS = ['--output_delimiter=,', '--keep_cols=text,x']


def records(texts, rows=61):
    """A header and rows whose numbers the server predicts."""
    pairs = zip(range(rows), itertools.cycle(texts))
    return [['text', 'x', 'more']] + [[each, '{0}.50'.format(n), each[::-1]] for n, each in pairs]


def dataset(texts, delimiter=',', line_end='\r\n'):
    return as_csv(records(texts), delimiter, line_end)


@pytest.fixture
def scored(run_command, make_server, folder):
    """`scored(data, option, ...)`: the output's bytes for a dataset (bytes)."""
    def scored(data, *options):
        server = make_server(shape='binary', shuffle=True)
        options = list(options) or ['--n_samples=20']
        Scoring(run_command, server, folder).well(data, '--yes', '--no-resume', *(
            OPTIONS + options))
        return folder.read()
    return scored


@pytest.fixture(scope='module')
def expected():
    """What the output is for WESTERN and EASTERN: made once, by the first that asks."""
    return {}


def check(scored, expected, texts, name, data, *options):
    if name not in expected:
        expected[name] = scored(dataset(texts).encode('utf-8'))
        assert [row[1:3] for row in parsed(expected[name])[1:]] == [
            row[:2] for row in records(texts)[1:]]
    assert scored(data, *options) == expected[name]


def parsed(data):
    return list(read_records(data, b','))


def gzipped(data):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb') as target:
        target.write(data)
    return packed.getvalue()


@pytest.mark.parametrize('encoding, declared, pack', [
    ('utf-8', False, gzipped), ('utf-8-sig', False, bytes), ('utf-16', False, bytes),
    ('utf-16', False, gzipped), ('utf-16-be', True, bytes), ('latin-1', True, bytes),
    ('latin-1', True, gzipped)])
def test_western_text_in_any_encoding_and_packing(scored, expected, encoding, declared, pack):
    options = ['--encoding=' + encoding] if declared else []
    check(scored, expected, WESTERN, 'western', pack(dataset(WESTERN).encode(encoding)), *options)


@pytest.mark.parametrize('encoding, declared, pack', [
    ('utf-8', False, gzipped), ('utf-8-sig', False, bytes), ('utf-16', False, bytes),
    ('cp932', True, bytes), ('cp932', True, gzipped), ('euc_jp', True, bytes)])
def test_eastern_text_in_any_encoding_and_packing(scored, expected, encoding, declared, pack):
    options = ['--encoding=' + encoding] if declared else []
    check(scored, expected, EASTERN, 'eastern', pack(dataset(EASTERN).encode(encoding)), *options)


@pytest.mark.parametrize('encoding', ['utf-8', 'cp932'])
@pytest.mark.parametrize('delimiter', [';', '\t', '|', '!'])
def test_any_delimiter(scored, expected, encoding, delimiter):
    data = dataset(EASTERN, delimiter).encode(encoding)
    named = ['--delimiter=!'] if delimiter == '!' else []
    check(scored, expected, EASTERN, 'eastern', data, '--encoding=' + encoding, *named)


@pytest.mark.parametrize('line_end', ['\n', '\r'])
@pytest.mark.parametrize('delimiter', [',', ';'])
def test_any_line_end(scored, expected, line_end, delimiter):
    data = dataset(WESTERN, delimiter, line_end).encode('utf-8')
    check(scored, expected, WESTERN, 'western', data)


@pytest.mark.parametrize('n_samples, n_concurrent', [
    (1, 8), (2, 1), (7, 3), (60, 2), (61, 8), (1000, 1)])
def test_any_batch_size_and_concurrency(scored, expected, n_samples, n_concurrent):
    check(scored, expected, WESTERN, 'western', dataset(WESTERN).encode('utf-8'),
          '--n_samples={0}'.format(n_samples), '--n_concurrent={0}'.format(n_concurrent))


@pytest.mark.parametrize('options', [['--compress'], ['--auto_sample'], ['--delimiter=,'],
                                     ['--skip_dialect'], ['--stdout']])
def test_options_that_do_not_shape_the_output(scored, expected, options):
    check(scored, expected, WESTERN, 'western', dataset(WESTERN).encode('utf-8'), *options)


@pytest.mark.parametrize('encoding', ['utf-8', 'latin-1'])
def test_batches_that_are_cut_by_size(scored, encoding):
    # Three batches, and an end of a piece that was read in every place of a record.
    rows = [['text', 'x']] + [['a\xf6\r\n"' * (n % 97), '{0}'.format(n)] for n in range(9000)]
    data = as_csv(rows).encode(encoding)
    assert len(data) > 2 << 20
    by_size = scored(data, '--encoding=' + encoding, '--n_concurrent=2')
    assert [row[1:3] for row in parsed(by_size)] == [
        row[:2] for row in [['text', 'x']] + rows[1:]]
    assert scored(data, '--encoding=' + encoding, '--n_samples=2000') == by_size
