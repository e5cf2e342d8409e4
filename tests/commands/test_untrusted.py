"""What a server sends is shown without what a terminal obeys, and never fills the memory."""

from __future__ import absolute_import, unicode_literals

import json
import sys
import zlib

import pytest

import faults
import when
from scoring import LOG, QUICK, WHOLE, numbered, predicted

# A tag is beyond U+FFFF.
UNSEEN = '\xad\u061c\u200b\u200d\u2060\u2066\ufeff\U000e0041'
NASTY = ('\x1b]0;title\x07\x1b[31mred\x1b[0m\r\nforged line\x00\x08\x9b2J\u202ekcab\u2028next' +
         UNSEEN)
LONG = 'long ' * 20000

# In KiB: many times what a small run needs, much less than what the server sends.
LITTLE_MEMORY = ['sh', '-c', 'ulimit -v 1500000; exec "$0" "$@"']

needs_limits = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='limits of Linux')


def everything(result, folder):
    """What a person may read: both streams and the log."""
    log = folder.read(LOG).decode('utf-8') if folder.has(LOG) else ''
    return result.out + result.err + log


def expect_harmless(result, folder):
    text = everything(result, folder)
    shown = [each for each in text if each != '\n' and (
        each < ' ' or '\x7f' <= each <= '\x9f' or each in '\u200e\u200f\u2028\u2029\u202e')]
    assert shown == []
    assert not any(each in text for each in UNSEEN)
    assert not any(line.startswith('forged') for line in text.splitlines())
    assert 'Traceback' not in text
    assert max(map(len, text.splitlines())) < 2000


MESSAGES = {
    'JSON': lambda said: faults.status(422, said),
    'plain text': lambda said: faults.status(422, body=said.encode('utf-8')),
    'HTML': lambda said: faults.status(
        422, body=('<html><script>evil()</script><b>' + said).encode('utf-8')),
    'a message that is no text': lambda said: faults.status(422, {'list': [said]}),
    'a reason to retry': lambda said: faults.status(503, said),
    'labels': lambda said: faults.other_labels(said),
    'a place to redirect to': lambda said: faults.redirect(
        'http://else/' + said.replace('\r\n', '').encode('utf-8').decode('latin-1')),
    'no HTTP': lambda said: faults.not_http(
        said.replace('\r\n', '').encode('utf-8')[:60000] + b'\r\n\r\n'),
    'garbage': lambda said: faults.garbage(said.encode('utf-8')),
    'a row id': lambda said: faults.garbage(json.dumps({'data': [
        {'rowId': said, 'predictionValues': [{'label': 'y', 'value': 1}]}] * 2}).encode('utf-8')),
}


HALVES = [b'a \\ud83d z', b'a \\ude00 z', b'a \\ude00\\ud83d z', b'a z \\ud83d']
PAIR = b'a \\ud83d\\ude00 z'


@pytest.mark.parametrize('said', HALVES + [PAIR])
@pytest.mark.parametrize('status, options, code', [
    (422, ['--bad_rows=bad.csv'], 3), (422, [], 1), (400, ['--bad_rows=bad.csv'], 3),
    (503, ['--n_retry=1'], 1)])
def test_half_a_surrogate_pair_in_a_reason_is_a_replacement_character(
        score, server, folder, said, status, options, code):
    server.fail(faults.status(status, body=b'{"message": "' + said + b'"}'), when.holds('1'))
    shown = said.decode('ascii').replace('\\ud83d\\ude00', '\U0001f600').replace(
        '\\ud83d', '\ufffd').replace('\\ude00', '\ufffd')
    for kind in 'json', 'html':
        result = score(numbered(3), '--n_samples=1', '--report=report.' + kind, '--yes',
                       '--no-resume', env=QUICK, *options)
        assert (result.code, result.stray) == (code, False), result
        assert 'Traceback' not in everything(result, folder)
        assert shown in everything(result, folder)
        assert folder.has('report.' + kind)
        if code == 3:
            assert shown in folder.read('bad.csv').decode('utf-8')
            assert result.err == ''


@pytest.mark.parametrize('said', [NASTY, LONG, NASTY * 500])
@pytest.mark.parametrize('kind', sorted(MESSAGES))
def test_a_message_is_shown_harmless_and_cut(score, server, folder, kind, said):
    if kind == 'a place to redirect to' and len(said) > 50000:
        said = said[:50000]
    server.fail(MESSAGES[kind](said), lambda record: record.first != '0')
    result = score(numbered(6), '--n_samples=2', '--n_concurrent=1', '--n_retry=1', '--verbose',
                   env=QUICK)
    assert (result.code, result.stray) == (1, False)
    expect_harmless(result, folder)


@pytest.mark.parametrize('body', [
    b'\xff\xfe\x00', b'[1, 2]', b'"text"', b'null', b'{"message": null}', b'{"message": {}}',
    b'{"message": ["a"]}', b'[' * 100000, b'{"message": "\\ud800"}', b'<' * 50000, b''])
def test_a_body_that_is_no_message_does_not_matter(score, server, folder, body):
    server.fail(faults.status(400, body=body))
    result = score(numbered(6))
    assert result.code == 1 and 'status 400' in result.err
    assert 'Unexpected error' not in result.err
    expect_harmless(result, folder)


def test_a_token_answer_is_shown_harmless(run_command, server, folder):
    folder.write('data.csv', numbered(6))
    server.fail(faults.status(401, NASTY), when.path_has('api_token'))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=pass', '5f0000000000000000000001',
        '5f0000000000000000000002', 'data.csv'])
    assert result.code == 1 and 'forged' in result.err
    expect_harmless(result, folder)


@pytest.mark.parametrize('body', [
    b'', b'null', b'[]', b'{"api_token": 5}', b'{"api_token": ["a"]}', b'{"api_token": ""}',
    b'{"api_token": null}', b'{}', b'\xff', b'[' * 100000])
def test_a_token_that_is_none_is_refused(run_command, server, folder, body):
    folder.write('data.csv', numbered(6))
    server.fail(faults.garbage(body), when.path_has('api_token'))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=pass', '5f0000000000000000000001',
        '5f0000000000000000000002', 'data.csv'])
    assert (result.code, result.stray) == (1, False)
    assert 'token' in result.err and 'Unexpected error' not in result.err
    expect_harmless(result, folder)


def test_labels_may_be_long_and_odd_where_they_are_right(score, make_server, folder):
    score.server = make_server(labels=['a "b", c\n\u20ac'])
    score.well(numbered(2))
    assert folder.records()[0] == ['row_id', 'a "b", c\n\u20ac']


@pytest.mark.parametrize('where', ['label', 'text'])
def test_a_nul_in_an_answer_is_a_wrong_answer(score, server, folder, where):
    row = {'rowId': 0, 'predictionValues': [{'label': 'y', 'value': 1}], 'prediction': 'a'}
    if where == 'label':
        row['predictionValues'][0]['label'] = 'a\0b'
    else:
        row['prediction'] = 'a\0b'
    server.fail(faults.garbage(json.dumps({'data': [row]}).encode('ascii')))
    result = score(numbered(1), '--n_retry=0', '--pred_decision=d')
    assert (result.code, folder.has('out.csv')) == (1, False)
    assert 'a NUL character' in result.err


# --- too much --------------------------------------------------------------


@faults.fault
def bomb(exchange, mebibytes):
    """An answer of a few KiB that unpacks to so many MiB of blanks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b' ' * (1 << 20)
    first = packer.compress(b'{' + piece) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, equal input gives equal output.
    again = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    exchange.send(200, first + again * mebibytes, [('Content-Encoding', 'gzip')])


@faults.fault
def promised(exchange, length):
    """A few bytes of an answer that announces many more."""
    exchange.keep = False
    exchange.send(200, b'{"data": [', length=length)


TOO_MUCH = {
    'a body without end in chunks': faults.endless(),
    'a body without end': faults.endless(in_chunks=False),
    'a length out of all proportion': promised(1 << 40),
    'a bomb of gzip': bomb(4000),
    'a bomb with an error': bomb(4000),
}


@needs_limits
@pytest.mark.parametrize('name', sorted(TOO_MUCH))
def test_an_answer_that_is_too_large_ends_the_run(score, server, folder, name):
    server.fail(TOO_MUCH[name], when.holds('4'))
    result = score(numbered(6), '--n_samples=2', '--n_concurrent=1', prefix=LITTLE_MEMORY)
    assert (result.code, result.stray) == (1, False)
    assert 'larger than' in result.err and '2 rows' in result.err
    expect_harmless(result, folder)
    server.heal()
    score.well(None, '--n_samples=2', '--resume')
    assert folder.read() == predicted(6)


@faults.fault
def many_lists(exchange, code, start):
    """64 KB that unpack to 66 MB of empty lists."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(start + b'[],' * (22 << 20)) + packer.compress(b'[]]}') + packer.flush()
    exchange.send(code, body, [('Content-Encoding', 'gzip')])


@needs_limits
@pytest.mark.parametrize('code, start', [
    (200, b'{"data": ['), (200, b'{"more": ['), (200, b'[['), (200, b'{"data": [{"rowId": ['),
    (400, b'[[')])
def test_an_answer_of_countless_lists_is_wrong_and_takes_little_memory(
        score, server, folder, code, start):
    server.fail(many_lists(code, start))
    result = score(numbered(2400), '--n_retry=0', '--n_samples=1200', '--n_concurrent=2',
                   prefix=['sh', '-c', 'ulimit -v 900000; exec "$0" "$@"'])
    assert (result.code, result.stray) == (1, False)
    assert 'the response is invalid' in result.err or 'status 400' in result.err, result.err
    expect_harmless(result, folder)


@faults.fault
def wide_rows(exchange, values):
    """A good answer of so many values per row, two bytes or so for each."""
    row = '{"rowId": %d, "predictionValues": [' + ', '.join(
        '{"label": "%d", "value": 1}' % n for n in range(values)) + ']}'
    exchange.send(200, ('{"data": [' + ', '.join(
        row % n for n in range(len(exchange.record.rows))) + ']}').encode('ascii'))


@faults.fault
def wide_lists(exchange, values):
    """A good answer whose rows have 200 KB of other values, which differ from row to row."""
    rows = ['{"rowId": %d, "predictionValues": [{"label": "y", "value": 1}], "more": [%s]}' % (
        n, ','.join(['%d' % n] * values)) for n in range(len(exchange.record.rows))]
    exchange.send(200, ('{"data": [' + ', '.join(rows) + ']}').encode('ascii'))


@needs_limits
@pytest.mark.parametrize('fault', [wide_rows(6000), wide_lists(100000)], ids=['labels', 'lists'])
def test_an_answer_of_countless_values_a_row_takes_little_memory(score, server, folder, fault):
    server.fail(fault)
    result = score(numbered(2), '--n_retry=0', '--n_concurrent=1', WHOLE,
                   prefix=['sh', '-c', 'ulimit -v 900000; exec "$0" "$@"'])
    assert (result.code, result.err, result.stray) == (0, '', False)
    assert len(folder.lines()) == 3


@pytest.mark.parametrize('values', [999, 1001, 3000])
def test_rows_of_a_thousand_values_are_scored(score, server, folder, values):
    server.fail(wide_rows(values))
    score.well(numbered(2), WHOLE)
    assert [len(each) for each in folder.records()] == [values + 1] * 3


def test_after_a_good_answer_one_may_be_so_many_times_as_large(score, server, folder):
    server.fail(bomb(8), when.holds('300'))
    result = score(numbered(400), '--n_retry=0', '--n_samples=200', '--n_concurrent=1')
    assert result.code == 1 and 'The response for 200 rows is larger than' in result.err
    server.heal()
    score.well(None, '--n_samples=200', '--resume')


@needs_limits
@pytest.mark.parametrize('fault', [
    faults.endless_head(), faults.not_http(b'HTTP/1.1 200 OK\r\nX: ' + b'x' * 1000000)],
    ids=['headers without end', 'a header without end'])
def test_headers_without_end_are_a_failed_try(score, server, folder, fault):
    server.fail(fault, when.first_requests(1))
    score.well(numbered(6), env=QUICK, prefix=LITTLE_MEMORY)
    assert folder.read() == predicted(6)


@needs_limits
def test_a_token_answer_without_end_ends_the_run(run_command, server, folder):
    folder.write('data.csv', numbered(6))
    server.fail(faults.endless(), when.path_has('api_token'))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=pass', '--timeout=2',
        '5f0000000000000000000001', '5f0000000000000000000002', 'data.csv'],
        prefix=LITTLE_MEMORY, timeout=30)
    assert (result.code, result.stray) == (1, False)
    assert 'token' in result.err and 'Unexpected error' not in result.err


def test_an_answer_of_a_hundred_times_the_usual_size_is_taken(score, server, folder):
    blanks = b' ' * 6000

    @faults.fault
    def padded(exchange):
        code, body = exchange.good_answer()
        exchange.send(code, body.replace(b'{"rowId"', blanks + b'{"rowId"'))
    server.fail(padded())
    score.well(numbered(100))
    assert folder.read() == predicted(100)


# --- input -----------------------------------------------------------------------


@needs_limits
@pytest.mark.parametrize('record, code', [
    (b'",' * (10 << 20), 1), (b'"' * (20 << 20), 0), (b'"a",' * (5 << 20), 1),
    (b'5" pipe,"",' * (2 << 20), 1)])
def test_a_record_of_nothing_but_quotes_takes_little_memory(score, server, folder, record, code):
    result = score(b'x,y\n1,2\n' + record + b'\n', '--dry_run',
                   prefix=['sh', '-c', 'ulimit -v 700000; exec "$0" "$@"'])
    assert (result.code, result.stray) == (code, False), result.err
    assert 'Line 3 of the dataset has' in result.err
