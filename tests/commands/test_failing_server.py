"""Against a server that fails in every way, every row is scored and none is lost or doubled."""

from __future__ import absolute_import, division, unicode_literals

import re
import socket

import pytest

import faults
import when
from datarobot_batch_scoring.demo import app
from scoring import LOG, MODEL, PROJECT, QUICK, WHOLE, numbered, predicted

ROWS = 64
EIGHT = ('--n_samples=2', '--n_concurrent=8')

# Each must be the same to the output as no fault at all. Times are in seconds.
STRIKES = {
    'a reset before the request is read': faults.reset(),
    'a reset instead of an answer': faults.reset(),
    'a reset in the answer': faults.reset_in_body(),
    'a reset after the answer': faults.reset_at_next(),
    'a closed connection': faults.hang_up(),
    'a closed connection after the answer': faults.silent_close(),
    'one byte missing': faults.truncated(),
    'half of the answer': faults.truncated(60),
    'a length that is too small': faults.wrong_length(-1),
    'a length that is too large': faults.wrong_length(1),
    'a chunk of a size below zero': faults.negative_chunk(),
    'garbage with 200': faults.garbage(),
    'nothing with 200': faults.garbage(b''),
    'JSON that is something else': faults.garbage(b'[]'),
    'JSON nested without end': faults.garbage(b'[' * 200000),
    'HTML with 200': faults.html(),
    'HTML with 502': faults.html(502),
    'no HTTP': faults.not_http(),
    'one row too few': faults.rows_too_few(),
    'one row too many': faults.rows_too_many(),
    'doubled ids': faults.doubled_ids(),
    'shifted ids': faults.shifted_ids(),
    'no ids': faults.without_ids(),
    'an answer that is no UTF-8': faults.garbage(b'{"data": "\xff"}'),
    'a gzip answer that breaks off': faults.gzipped(missing=12),
    'a gzip answer without its check sum': faults.gzipped(missing=8),
    'gzip that is none': faults.status(200, headers=[('Content-Encoding', 'gzip')]),
    'chunks without the last': faults.chunked(20, complete=False),
    'a wait in seconds': faults.retry_after(0),
    'a wait up to a date': faults.retry_after(0, 503, as_date=True),
    'a wait that is nonsense': faults.retry_after('soon', 503),
    'a wait up to a year that no clock knows': faults.retry_after(
        'Mon, 01 Jan 99999999 00:00:00 GMT', 503),
}
STRIKES.update(('status {0}'.format(code), faults.status(code))
               for code in (408, 425, 429, 500, 502, 503, 504, 507, 570, 599))

LATE = {
    'an answer that never comes': faults.never(),
    'half of a status line': faults.half_a_head(),
    'an answer that drips in': faults.drip(0.3),
    'headers that drip in': faults.drip(0.3, in_head=True),
}

# What is odd, and none the less right.
ODD = {
    'gzipped': faults.gzipped(),
    'in chunks': faults.chunked(10),
    'in a chunk, with a length that is too small': faults.chunked_with_length(-9),
    'in a chunk, with a length that is too large': faults.chunked_with_length(9),
    'up to the end of the connection': faults.close_delimited(),
    'with a length of a superscript': faults.odd_length('\xb2'),
    'with a length of too many digits': faults.odd_length('9' * 5000),
}


@pytest.mark.parametrize('name', sorted(STRIKES))
def test_one_batch_in_four_fails_and_the_output_is_whole(score, server, folder, name):
    striking = when.one_in(4)
    # Of two pages before the first good answer the second would end the run.
    server.fail(STRIKES[name], lambda record: record.number > 8 and striking(record),
                early='before' in name)
    result = score(numbered(ROWS), *EIGHT, env=QUICK)
    assert (result.code, result.err, result.stray) == (0, '', False)
    assert folder.read() == predicted(ROWS)
    assert len(server.log) > ROWS // 2 or name.endswith('after the answer')
    assert not folder.has('out.csv.shelve')


@pytest.mark.parametrize('name', sorted(LATE))
def test_one_answer_in_four_is_late_and_the_output_is_whole(score, server, folder, name):
    server.fail(LATE[name], when.one_in(4))
    result = score(numbered(ROWS), '--timeout=0.4', *EIGHT, env=QUICK)
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(ROWS)


@pytest.mark.parametrize('name', sorted(ODD))
def test_an_answer_may_be_sent_in_other_ways(score, server, folder, name):
    server.fail(ODD[name])
    score.well(numbered(ROWS), *EIGHT)
    assert folder.read() == predicted(ROWS)
    assert len(server.log) == ROWS // 2


@pytest.mark.parametrize('fault', [
    faults.truncated(60), faults.chunked(20, complete=False), faults.negative_chunk()])
def test_of_an_answer_that_breaks_off_the_reason_shows_nothing(score, server, fault):
    server.fail(fault)
    result = score(numbered(2), '--n_retry=0')
    assert (result.code, result.stray) == (1, False)
    assert 'the response was truncated' in result.err and '{' not in result.err


def test_no_packing_is_offered_that_servers_do_in_two_ways(score, server):
    score.well(numbered(2))
    assert server.log[0].headers['accept-encoding'] == 'gzip'


def test_labels_that_change_are_never_written(score, server, folder):
    # With eight in flight, the labels of one batch at least are known by then.
    late = when.both(lambda record: sum(server.answered.values()) > 16, when.one_in(4))
    server.fail(faults.other_labels(), late)
    score.well(numbered(ROWS), *EIGHT, env=QUICK)
    assert folder.read() == predicted(ROWS)


def test_labels_that_differ_are_named_among_many(make_server, score):
    labels = ['class {0}'.format(number) for number in range(3000)]
    server = score.server = make_server(shape='multiclass', labels=labels)
    server.fail(faults.rewritten(lambda rows: [dict(row, predictionValues=[
        dict(each, label='other') if each['label'] == 'class 2999' else each
        for each in row['predictionValues']]) for row in rows]), when.holds('1'))
    result = score(numbered(2), '--n_samples=1', '--n_concurrent=1', env=QUICK)
    assert result.code == 1
    assert 'the labels differ: class 2999 before, other now.' in result.err


def test_nan_is_no_fault(score, server, folder):
    server.fail(faults.values('NaN'), when.holds('3'))
    score.well(numbered(4), '--n_samples=1')
    assert folder.lines() == ['row_id,y', '0,0', '1,1', '2,2', '3,NaN']


def test_faults_of_all_kinds_at_once_with_several_worker_processes(score, server, folder):
    kinds = sorted(STRIKES)
    for name in kinds:
        server.fail(STRIKES[name], when.one_in(3 * len(kinds)), early='before' in name)
    # A worker process more for each 2.5 MiB of input.
    data = b'x,text\n' + b''.join('{0},{1}\n'.format(n, 'long ' * 8000).encode('ascii')
                                  for n in range(160))
    result = score(data, *EIGHT, env=QUICK)
    assert (result.code, result.err, result.stray) == (0, '', False)
    assert folder.read() == predicted(160)


def test_gzip_output_is_the_same_after_faults(score, server, folder):
    server.fail(faults.status(503), when.one_in(4))
    score.well(numbered(ROWS), '--out=out.csv.gz', *EIGHT, env=QUICK)
    assert folder.read('out.csv.gz') == predicted(ROWS)


# --- the end of tries ------------------------------------------------------


def test_a_batch_that_always_fails_ends_the_run_and_resume_completes_it(score, server, folder):
    server.fail(faults.status(500, 'out of luck'), when.holds('10'))
    result = score(numbered(ROWS), '--n_retry=1', '--n_samples=2', '--n_concurrent=2', env=QUICK)
    assert (result.code, result.stray) == (1, False)
    assert 'Rows 10 to 11 ' in result.err and '2 attempts' in result.err
    assert 'status 500: out of luck' in result.err and '--resume' in result.err
    assert server.scored['10'] == 2
    committed = len(folder.lines()) - 1
    assert committed == 10
    server.heal()
    before = dict(server.answered)
    score.well(None, '--n_retry=2', '--n_samples=2', '--n_concurrent=2', '--resume')
    assert folder.read() == predicted(ROWS)
    assert not folder.has('out.csv.shelve')
    # Rows that waited for the batch that failed, and no others.
    again = [key for key in before if server.answered[key] > before[key]]
    assert all(int(key) >= committed and server.answered[key] == 2 for key in again)
    assert all(server.answered['{0}'.format(n)] == 1 for n in range(committed))


def test_no_tries_after_the_first(score, server):
    server.fail(faults.status(500))
    result = score(numbered(2), WHOLE, '--n_retry=0')
    assert result.code == 1 and len(server.log) == 1
    assert 'could not be scored in 1 attempt: ' in result.err


@pytest.mark.parametrize('options', [(), ('--bad_rows=bad.csv',)])
def test_an_outage_uses_up_few_retries_with_few_requests(score, server, options):
    """A request that finds the server still down counts for every batch that waits."""
    server.fail(faults.status(503), lambda record: int(record.first) >= 40)
    result = score(numbered(400), '--n_retry=2', '--n_samples=10', '--n_concurrent=2', '--timeout=3',
                   *options, env=QUICK)
    assert (result.code, result.stray) == (1, False)
    assert 'could not be scored in 3 attempts: status 503' in result.err
    failed = [record for record in server.batches if record.status == 503]
    # Two at once in each of two processes, then probes; rows that may be to blame are split once.
    assert len(failed) <= (16 if not options else 40)


def test_ten_wrong_answers_end_the_run_whatever_n_retry_says(score, server, folder):
    server.fail(faults.shifted_ids())
    result = score(numbered(5), WHOLE, '--n_retry=-1', env=QUICK)
    assert (result.code, result.stray) == (1, False)
    assert '5 rows were sent and 5 predictions received, but none has row id 0' in result.err
    assert len(server.log) == 11
    assert not folder.has('out.csv')


def test_n_retry_counts_wrong_answers_too(score, server):
    server.fail(faults.shifted_ids())
    result = score(numbered(5), WHOLE, '--n_retry=3', env=QUICK)
    assert result.code == 1 and len(server.log) == 4


# --- how often, and when ---------------------------------------------------


def started_with_ten_rows_scored(start_command, server, folder, event):
    """A run with two rows a batch and four at once that waits for `event`."""
    server.fail(faults.held(event), lambda record: int(record.first) >= 10)
    folder.write('data.csv', numbered(200))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--n_samples=2', '--n_concurrent=4'])
    server.wait_for(lambda: server.in_flight == 4 and len(server.answered) == 10)
    return command


def retries_in(result):
    words = result.out.split()
    return int(words[words.index('retries,') - 1])


def told(result):
    """The lines that tell of a server that fails for more than five seconds, and of its return."""
    return set(line for line in result.err.splitlines() if line.startswith((
        'warning: No rows scored for ', 'The server recovered')))


def test_an_outage_of_five_seconds_costs_few_requests(start_command, server, folder):
    command = started_with_ten_rows_scored(start_command, server, folder, server.flag)
    server.go_down()
    server.heal()
    server.stopping.wait(5)
    server.come_back()
    result = command.wait()
    assert result.code == 0 and set(result.err.splitlines()) == told(result)
    assert retries_in(result) <= 60
    assert folder.read() == predicted(200)


def test_five_seconds_of_503_cost_few_requests(start_command, server, folder):
    command = started_with_ten_rows_scored(start_command, server, folder, server.flag)
    server.heal()
    server.fail(faults.status(503))
    server.flag.set()
    server.stopping.wait(5)
    server.heal()
    result = command.wait()
    assert result.code == 0 and set(result.err.splitlines()) == told(result)
    assert 0 < retries_in(result) <= 60
    assert len(server.log) <= 100 + 60
    assert folder.read() == predicted(200)


@pytest.mark.parametrize('as_date', [False, True])
def test_retry_after_is_kept_and_the_others_go_on(score, server, folder, as_date):
    failing = when.both(when.holds('0'), when.first_tries(1))
    server.fail(faults.retry_after(2, as_date=as_date), failing)
    score.well(numbered(20), '--n_samples=2', env=QUICK)
    first, second = [each for each in server.log if each.first == '0']
    # A date has no parts of a second.
    assert second.time - first.time >= (1 if as_date else 2)
    assert all(each.time < second.time for each in server.log if each is not second)


def test_retry_after_is_kept_for_a_token_too(run_command, make_server, folder):
    server = make_server(account=app.Account('u', 'p', 'test-token', None))
    server.fail(faults.retry_after(2), when.both(when.path_has('api_token'), when.number(1)))
    folder.write('data.csv', numbered(2))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=p', PROJECT, MODEL, 'data.csv'])
    assert (result.code, result.err) == (0, '')
    assert server.log[1].time - server.log[0].time >= 2


def test_a_server_that_fails_is_asked_for_a_token_again_and_again(run_command, make_server, folder):
    server = make_server(account=app.Account('u', 'p', 'test-token', None))
    server.fail(faults.status(503), when.both(when.path_has('api_token'), when.first_requests(8)))
    folder.write('data.csv', numbered(2))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--user=u', '--password=p', WHOLE, PROJECT, MODEL, 'data.csv'],
        env=QUICK)
    assert (result.code, result.err) == (0, '')
    assert len(server.log) == 10


# --- the first contact -----------------------------------------------------

BRIEFLY = ('--n_samples=2', '--timeout=1')


def expect_no_contact(result, folder, *words):
    assert (result.code, result.stray) == (1, False)
    for word in words:
        assert word in result.err
    assert 'Traceback' not in result.err + result.out
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')
    with open(folder(LOG)) as log:
        tries = [line for line in log if '; next retry in ' in line]
    assert 1 < len(tries) <= 20


def test_nobody_listens(score, make_server, folder):
    score.server = make_server()
    score.server.stop()
    result = score(numbered(20), *BRIEFLY)
    expect_no_contact(result, folder, '127.0.0.1:{0}'.format(score.server.port), 'refused')


def test_the_name_of_the_host_is_unknown(score, server, folder):
    server.url = 'http://nowhere.invalid'
    result = score(numbered(20), *BRIEFLY)
    expect_no_contact(result, folder, 'nowhere.invalid')


def test_tls_fails(score, make_server, certs, folder):
    score.server = make_server(tls=certs + '/localhost.pem')
    result = score(numbered(20), *BRIEFLY)
    expect_no_contact(result, folder, '127.0.0.1', 'TLS', 'certificate')
    assert '--ca_bundle' in result.err or 'TLS options' in result.err
    assert score.server.log == []


def test_the_certificate_is_of_another_host(score, make_server, certs, folder):
    score.server = make_server(tls=certs + '/elsewhere.pem')
    result = score(numbered(20), '--ca_bundle=' + certs + '/ca.pem', *BRIEFLY)
    expect_no_contact(result, folder, '127.0.0.1', 'TLS')


def test_the_proxy_refuses_a_tunnel(score, make_server, make_proxy, certs, folder):
    score.server = make_server(tls=certs + '/localhost.pem')
    proxy = make_proxy(refuse=407)
    result = score(numbered(20), *BRIEFLY, env={'HTTPS_PROXY': proxy.url})
    expect_no_contact(result, folder, '127.0.0.1', 'proxy', '407')


@pytest.mark.parametrize('command', ['batch_scoring', 'batch_scoring_sse'])
@pytest.mark.parametrize('proxy', ['http://', 'http://me:secret@', 'http://[::1'])
def test_a_proxy_that_is_no_url_is_a_usage_error(run_command, folder, command, proxy):
    folder.write('data.csv', numbered(2))
    ids = [PROJECT, MODEL, '--user=u', '--password=p'] if command == 'batch_scoring' else ['flats']
    result = run_command(command, ['--host=http://x.example'] + ids + ['data.csv'],
                         env={'HTTP_PROXY': proxy})
    assert (result.code, result.stray) == (2, False), result.err
    assert 'HTTP_PROXY' in result.err and 'secret' not in result.err
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


def test_the_proxy_is_not_there(score, make_proxy, folder):
    proxy = make_proxy()
    proxy.stop()
    result = score(numbered(20), *BRIEFLY, env={'HTTP_PROXY': proxy.url})
    expect_no_contact(result, folder, '127.0.0.1', 'proxy')


def test_n_retry_counts_for_the_first_contact_too(score, make_server, folder):
    score.server = make_server()
    score.server.stop()
    result = score(numbered(2), '--n_retry=5', env=QUICK)
    assert result.code == 1 and '6 attempts' in result.err and 'refused' in result.err


def test_a_server_that_comes_late_is_waited_for_with_endless_retries(
        start_command, make_server, folder):
    server = make_server()
    server.go_down()
    folder.write('data.csv', numbered(20))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--n_retry=-1'], env=QUICK)
    while 'refused' not in log_of(folder):
        assert command.running()
    server.come_back()
    assert command.wait().code == 0
    assert folder.read() == predicted(20)


def log_of(folder):
    return folder.read(LOG).decode('utf-8') if folder.has(LOG) else ''


# --- never retried ---------------------------------------------------------


@pytest.mark.parametrize('code, hint', [
    (400, 'columns'), (401, '--host'), (403, '--host'), (404, '--host'),
    (405, '--host'), (418, '--host'), (422, 'model'), (407, 'proxy'), (501, '--host'),
    (505, '--host'), (999, '--host')])
def test_a_status_that_no_try_can_change_ends_the_run_at_once(score, server, folder, code, hint):
    # All that follow as well: no row is found to blame.
    server.fail(faults.status(code, 'not like that'), lambda record: record.number > 1)
    result = score(numbered(20), '--n_samples=2', '--n_concurrent=1')
    assert (result.code, result.stray) == (1, False)
    assert '{0}'.format(code) in result.err and 'not like that' in result.err
    assert hint in result.err
    assert len(server.log) == 2 or code in (400, 422) and len(server.log) <= 22
    assert folder.lines() == ['row_id,y', '0,0', '1,1']
    server.heal()
    score.well(None, '--n_samples=2', '--resume')
    assert folder.read() == predicted(20)


@pytest.mark.parametrize('code', [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(score, server, make_server, code):
    other = make_server()
    server.fail(faults.redirect(other.url + '/there', code))
    result = score(numbered(2), WHOLE)
    assert result.code == 1 and len(server.log) == 1 and other.log == []
    assert 'redirect' in result.err and other.url + '/there' in result.err


UNREADABLE = {
    'gzip that is none': faults.status(401, headers=[('Content-Encoding', 'gzip')]),
    'gzip of nothing': faults.status(401, body=b'', headers=[('Content-Encoding', 'gzip')]),
    'a length of what never comes': faults.stalled(304),
    'more than an answer may have': faults.status(404, body=b'x' * (5 << 20)),
}


@pytest.mark.parametrize('name', sorted(UNREADABLE))
def test_a_status_counts_even_where_its_text_cannot_be_read(score, server, name):
    server.fail(UNREADABLE[name])
    result = score(numbered(2), WHOLE, timeout=20)
    assert result.code == 1 and len(server.log) == 1
    assert 'The server rejected' in result.err or 'redirect' in result.err


def test_a_status_counts_even_where_its_text_is_late(score, server):
    server.fail(faults.stalled(401))
    result = score(numbered(2), WHOLE, '--timeout=0.3', timeout=20)
    assert result.code == 1 and len(server.log) == 1
    assert '(401)' in result.err


def test_a_gateway_with_a_long_error_page_is_tried_again(score, server, folder):
    server.fail(faults.status(502, body=b'x' * (5 << 20)), when.first_tries(1))
    score.well(numbered(4), '--n_samples=2', env=QUICK)
    assert folder.read() == predicted(4)


@pytest.mark.parametrize('code', [201, 204, 206])
def test_a_success_of_another_kind_is_none(score, server, code):
    server.fail(faults.status(code, body=b''))
    result = score(numbered(2), WHOLE, timeout=20)
    assert result.code == 1 and '{0}'.format(code) in result.err
    assert len(server.log) == 1


# --- connections -----------------------------------------------------------


def test_connections_are_kept(score, server):
    score.well(numbered(100), '--n_samples=2', '--n_concurrent=3')
    assert len(server.log) == 50 and server.connections <= 3


def test_a_server_that_closes_idle_connections(score, server, folder):
    server.fail(faults.silent_close())
    score.well(numbered(ROWS), *EIGHT, env=QUICK)
    assert folder.read() == predicted(ROWS)


@pytest.mark.parametrize('options', [('--n_samples=10',), ('--n_samples=200',), ()])
def test_a_request_that_hangs_holds_up_no_others(start_command, server, folder, options):
    server.fail(faults.held(server.flag), when.both(when.holds('1000'), when.first_tries(1)))
    folder.write('data.csv', numbered(5000))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--n_concurrent=4'] + list(options))
    server.wait_for(lambda: len(server.scored) == 5000 and server.in_flight == 1, timeout=60)
    server.flag.set()
    assert command.wait().code == 0
    assert folder.read() == predicted(5000)


@pytest.mark.parametrize('count', [1, 3, 8])
def test_as_many_requests_are_in_flight_as_asked_for(start_command, server, folder, count):
    server.fail(faults.held(server.flag))
    folder.write('data.csv', numbered(60))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--n_samples=2',
        '--n_concurrent={0}'.format(count)])
    server.wait_for(lambda: server.in_flight == count)
    server.flag.set()
    assert command.wait().code == 0
    assert server.max_in_flight == count


def test_a_connection_that_was_idle_is_opened_anew(start_command, server, folder):
    """Cut while nothing is in flight on it, as a balancer does after a minute."""
    server.fail(faults.held(server.flag), when.holds('5'))
    server.fail(faults.reset_at_next(), when.holds('0'))
    folder.write('data.csv', numbered(6))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--n_samples=1', '--n_concurrent=2'],
        env=QUICK)
    server.wait_for(lambda: len(server.answered) == 5)
    server.flag.set()
    assert command.wait().code == 0
    assert folder.read() == predicted(6)


def test_an_address_where_nothing_answers_is_given_up_in_time(score, folder, server):
    """A listener that never accepts: its queue is full, so connecting takes for ever."""
    deaf = socket.socket()
    deaf.bind(('127.0.0.1', 0))
    deaf.listen(0)
    server.url = 'http://127.0.0.1:{0}'.format(deaf.getsockname()[1])
    waiting = [socket.socket() for _ in range(3)]
    try:
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())
        result = score(numbered(2), '--timeout=0.3', env=QUICK, timeout=20)
    finally:
        for each in waiting + [deaf]:
            each.close()
    assert result.code == 1 and 'too long to connect' in result.err


# --- what the user hears of it ----------------------------------------------


@pytest.mark.parametrize('options', [(), ('--verbose',)])
def test_a_server_that_fails_is_told_with_its_reason_and_so_is_the_end_of_it(
        start_command, server, folder, options):
    folder.write('data.csv', numbered(4))
    server.fail(faults.status(503, message='overloaded'))
    command = start_command(
        'batch_scoring_sse', ['--host=' + server.url, 'flats', 'data.csv'] + list(options),
        env=dict(QUICK, BATCH_SCORING_TEST_SILENCE='0.1'))
    server.wait_for(lambda: 'No rows scored' in command.err() or not command.running())
    server.heal()
    result = command.wait()
    assert result.code == 0
    told = [line for line in result.err.splitlines() if 'scored for' in line or 'recovered' in line]
    assert re.match(r'warning: No rows scored for \d+ s \(since [0-9:]{8}\): status 503: '
                    r'overloaded\. Next retry (now|in \d+ s)\.\Z', told[0]), told
    assert re.match(r'The server recovered after \d+ s\.\Z', told[-1]), told


def test_a_server_that_goes_away_for_a_moment_is_not_worth_a_word(score, server):
    server.fail(faults.status(503), when.first_requests(2))
    score.well(numbered(4), env=QUICK)
