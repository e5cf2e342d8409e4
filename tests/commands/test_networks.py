"""What networks do between a client and a server that is well."""

from __future__ import absolute_import, division, unicode_literals

import os
import socket
import sys
import zlib

import pytest

import faults
import when
from datarobot_batch_scoring.demo import app
from scoring import LOG, MODEL, PROJECT, QUICK, WHOLE, numbered, predicted

EIGHT = ('--n_samples=2', '--n_concurrent=8')


def heavy(rows, size=40000):
    """A dataset of rows of so many bytes, about."""
    return b'x,text\n' + b''.join(
        '{0},{1}\n'.format(n, 'a' * size).encode('ascii') for n in range(rows))


# --- a slow uplink ---------------------------------------------------------


def test_what_moves_is_never_late_however_slow(score, server, folder, make_proxy):
    proxy = make_proxy(rate=400000)
    score.well(heavy(40), '--n_samples=40', '--timeout=1', env={'HTTP_PROXY': proxy.url})
    assert folder.read() == predicted(40)
    assert len(server.log) == 1


def test_without_n_samples_no_batch_is_too_large_to_be_sent_within_the_timeout(
        score, server, folder, make_proxy):
    proxy = make_proxy(rate=1000000)
    score.well(heavy(160), '--n_concurrent=1', '--timeout=1', env={'HTTP_PROXY': proxy.url})
    assert folder.read() == predicted(160)
    assert set(server.answered.values()) == set([1])
    assert max(len(each.sent) for each in server.batches) < 1000000


def test_an_uplink_on_which_nothing_moves_halves_the_batch_at_the_second_time(
        score, server, folder, make_proxy):
    proxy = make_proxy(most=100000)
    score.well(heavy(16), '--n_samples=8', '--n_concurrent=1', '--timeout=0.5',
               env=dict(QUICK, HTTP_PROXY=proxy.url))
    assert folder.read() == predicted(16)
    log = folder.read(LOG).decode('utf-8')
    reason = 'no request data could be sent for 0.5 seconds'
    assert 'rows 0 to 7: ' + reason in log
    # After the first halves the size that failed is a ceiling.
    assert len(proxy.log) <= 2 + 2 + 8 + 2


# --- interim answers -------------------------------------------------------


@pytest.mark.parametrize('codes', [(100,), (102,), (103,), (100, 102, 103) * 5])
def test_interim_answers_are_passed_over(score, server, folder, codes):
    server.fail(faults.interim(*codes))
    score.well(numbered(16), *EIGHT)
    assert folder.read() == predicted(16)
    assert len(server.log) == 8


def test_interim_answers_do_not_put_the_deadline_off(score, server, folder):
    server.fail(faults.interim_without_end(0.1), when.one_in(4))
    score.well(numbered(16), '--timeout=0.5', *EIGHT, env=QUICK)
    assert folder.read() == predicted(16)


def test_interim_answers_without_end_are_a_failed_try(score, server, folder):
    server.fail(faults.interim_without_end(0), when.one_in(4))
    score.well(numbered(16), *EIGHT, env=QUICK)
    assert folder.read() == predicted(16)
    assert 'only interim responses' in folder.read(LOG).decode('utf-8')


# --- packed answers --------------------------------------------------------


@pytest.mark.parametrize('size, rest', [(100, b''), (1, b''), (1 << 20, b'\0' * 512)])
def test_a_gzip_answer_of_several_members_is_read_whole(score, server, folder, size, rest):
    server.fail(faults.gzip_members(size, rest))
    score.well(numbered(16), '--n_samples=8')
    assert folder.read() == predicted(16)
    assert len(server.log) == 2


def test_what_follows_a_gzip_answer_and_is_none_makes_it_wrong(score, server, folder):
    server.fail(faults.gzip_members(rest=b'garbage'))
    result = score(numbered(4), WHOLE, env=QUICK)
    assert (result.code, result.stray) == (1, False)
    assert 'unexpected data follows the compressed response' in result.err
    assert len(server.log) == 11 and not folder.has('out.csv')


def test_the_last_member_may_not_be_cut_off(score, server):
    server.fail(faults.gzip_members(rest=b'\x1f\x8b\x08'))
    result = score(numbered(4), '--n_retry=0')
    assert result.code == 1 and 'the compressed response was truncated' in result.err


def test_many_small_members_are_read_in_little_time(score, server, folder):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    nothing = packer.flush()
    server.fail(faults.gzip_members(rest=nothing * 50000))
    score.well(numbered(4), timeout=30)
    assert folder.read() == predicted(4)


# --- a page instead of an answer -------------------------------------------


def test_the_second_page_ends_a_run_that_had_no_answer_before(score, server, folder):
    server.fail(faults.page('Sign in<script>x()</script> to <b>the network</b>'))
    result = score(numbered(20), '--n_samples=2', '--n_concurrent=1')
    assert (result.code, result.stray) == (1, False)
    assert 'it is a page: Sign in to the network' in ' '.join(result.err.split())
    assert 'HTTP_PROXY' in result.err and '--host' in result.err
    assert len(server.log) == 2 and not folder.has('out.csv')


def test_a_page_after_good_answers_is_a_wrong_answer_like_others(score, server, folder):
    server.fail(faults.page(), when.both(lambda record: record.first != '0', when.first_tries(2)))
    score.well(numbered(20), '--n_samples=2', '--n_concurrent=1', env=QUICK)
    assert folder.read() == predicted(20)


def test_a_page_without_end_ends_the_run_after_ten(score, server):
    server.fail(faults.page(), when.holds('2'))
    result = score(numbered(20), '--n_samples=2', '--n_concurrent=1', env=QUICK)
    assert result.code == 1 and 'Sign in to the network' in result.err
    assert server.scored['2'] == 11


# --- a refusal names its rows ----------------------------------------------


@pytest.mark.parametrize('code', [400, 401, 404, 422, 418, 501])
def test_a_refusal_names_rows_and_lines(score, server, code):
    server.fail(faults.status(code, 'not these'), when.holds('5'))
    data = b'x,city\n\n' + numbered(20).split(b'\n', 1)[1]
    result = score(data, '--n_samples=4', '--n_concurrent=1')
    assert result.code == 1
    assert ('The server rejected rows 4 to 7, lines 7 to 10 of the dataset, with status '
            '{0}.'.format(code)) in result.err
    assert 'Server message: not these' in result.err


def test_a_refusal_of_a_single_row_names_the_lines_that_it_takes(score, server):
    server.fail(faults.status(422), when.holds('2'))
    data = b'x,text\n1,a\n2,"b\nc"\n3,d\n'
    result = score(data, '--n_samples=1', '--n_concurrent=1')
    assert 'rejected row 1, lines 3 to 4 of the dataset, with status 422' in result.err


def test_a_refusal_tells_of_the_first_short_line_of_the_batch(score, server):
    server.fail(faults.status(422, 'bad row'), when.holds('12'))
    data = numbered(20).replace(b'13,town 13', b'13')
    result = score(data, '--n_samples=10', '--n_concurrent=1')
    assert 'Line 15 of the dataset has fewer fields than the header' in result.err


@pytest.mark.parametrize('code', [401, 403, 404, 501])
def test_before_any_row_was_accepted_a_refusal_of_the_request_names_no_rows(score, server, code):
    server.fail(faults.status(code, 'No project 5f.'))
    result = score(numbered(20), '--n_samples=4')
    assert result.code == 1
    assert result.err.startswith(
        'The server rejected the request ({0}): No project 5f. No row was scored.\n'.format(code))
    assert 'rows' not in result.err.splitlines()[0]


@pytest.mark.parametrize('code', [400, 422])
def test_a_refusal_that_is_about_rows_names_them_though_none_was_accepted(score, server, code):
    server.fail(faults.status(code))
    assert 'rejected rows 0 to 19, lines 2 to 21' in score(numbered(20), WHOLE).err


def test_a_redirect_shows_its_body(score, server):
    server.fail(faults.status(302, 'moved for good', headers=[('Location', 'http://else/x')]))
    result = score(numbered(3), WHOLE)
    assert 'The server answered the request with a redirect (302)' in result.err
    assert 'http://else/x' in result.err and 'moved for good' in result.err


# --- the request for a token -----------------------------------------------


@pytest.fixture
def buy(run_command, make_server, folder):
    """Runs `batch_scoring` with a password against `buy.server`."""
    def run(*options, **more):
        folder.write('data.csv', numbered(2))
        return run_command('batch_scoring', [
            '--host=' + run.server.url, '--user=u', '--password=p', PROJECT, MODEL,
            'data.csv'] + list(options), **more)
    run.server = make_server(account=app.Account('u', 'p', 'test-token', None))
    return run


FIRST_TOKEN = when.both(when.path_has('api_token'), when.first_requests(1))


@pytest.mark.parametrize('create', [(), ('--create_api_token',)])
@pytest.mark.parametrize('fault', [
    faults.drip(0.1), faults.drip(0.1, in_head=True), faults.never(),
    faults.interim_without_end(0.1)])
def test_a_token_that_drips_in_is_asked_for_again(buy, folder, fault, create):
    buy.server.fail(fault, FIRST_TOKEN)
    # The first contact is made only by an answer.
    result = buy('--timeout=0.5', '--n_retry=3', *create, env=QUICK)
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(2)


def test_a_token_comes_after_interim_answers(buy, folder):
    buy.server.fail(faults.interim(100, 103), when.path_has('api_token'))
    result = buy()
    assert (result.code, result.err) == (0, '')


def test_a_server_that_gives_no_token_is_tried_for_as_long_as_the_timeout(buy, folder):
    buy.server.go_down()
    result = buy('--timeout=1', env=QUICK)
    assert (result.code, result.stray) == (1, False)
    assert 'No connection to' in result.err and 'for an API token' in result.err
    assert folder.read(LOG).decode('utf-8').count('No API token yet') > 2


def test_a_page_for_a_token_is_shown(buy):
    buy.server.fail(faults.page(), when.path_has('api_token'))
    result = buy()
    assert result.code == 1
    assert 'Sign in to the network' in result.err and 'HTTP_PROXY' in result.err


# --- SOCKS -----------------------------------------------------------------


@pytest.mark.parametrize('name', ['HTTP_PROXY', 'ALL_PROXY'])
@pytest.mark.parametrize('command', ['batch_scoring', 'batch_scoring_sse'])
def test_a_socks_proxy_without_its_package_is_a_usage_error(run_command, folder, name, command):
    folder.write('data.csv', numbered(2))
    # Even where it is installed.
    folder.write('socks.py', b'raise ImportError()')
    ids = [PROJECT, MODEL, '--user=u', '--password=p'] if command == 'batch_scoring' else ['flats']
    result = run_command(command, ['--host=http://x.example'] + ids + ['data.csv'],
                         env={name: 'socks5://me:secret@127.0.0.1:9', 'PYTHONPATH': folder.path})
    assert (result.code, result.stray) == (2, False), result.err
    assert 'SOCKS' in result.err and 'PySocks' in result.err and 'secret' not in result.err
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


# --- few file descriptors --------------------------------------------------

needs_limits = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='limits of Linux')


@needs_limits
@pytest.mark.parametrize('heavily', [False, True])
def test_with_few_file_descriptors_fewer_requests_are_in_flight(
        score, server, folder, heavily):
    data = heavy(160) if heavily else numbered(160)
    result = score(data, '--n_samples=1', '--n_concurrent=60',
                   prefix=['sh', '-c', 'ulimit -n 32; exec "$0" "$@"'])
    assert (result.code, result.stray) == (0, False), result.err
    assert 'Limiting concurrency to' in result.err and 'ulimit -n' in result.err
    assert 'retries' in result.out and ' 0 retries' in result.out
    assert folder.read() == predicted(160)


@needs_limits
def test_few_file_descriptors_are_made_more_where_the_system_lets_it(start_command, server, folder):
    folder.write('data.csv', numbered(60))
    server.fail(faults.held(server.flag))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--n_samples=1', '--n_concurrent=60'],
        prefix=['sh', '-c', 'ulimit -S -n 32; exec "$0" "$@"'])
    server.wait_for(lambda: server.in_flight == 60)
    server.flag.set()
    result = command.wait()
    assert (result.code, result.err) == (0, '')


# --- many at once ----------------------------------------------------------


@pytest.mark.parametrize('count, heavily', [(200, True), (500, False)])
def test_many_requests_at_once_against_a_server_that_takes_ten(
        score, server, folder, count, heavily):
    server.delay = 0.2
    # As long as the first row is not scored, the batcher has nothing to do.
    server.fail(faults.status(503), when.both(when.holds('0'), when.during(0, 8)))
    server.fail(faults.status(503), lambda record: server.in_flight > 10, early=True)
    rows = 2 * count + 10
    data = heavy(rows, 8000 if heavily else 10)
    result = score(data, '--n_samples=1', '--n_concurrent={0}'.format(count), timeout=240)
    assert (result.code, result.err, result.stray) == (0, '', False)
    assert folder.read() == predicted(rows)


@pytest.mark.parametrize('n_retry', [(), ('--n_retry=1',)])
@pytest.mark.parametrize('tls, scheme, said', [
    (None, 'https', 'the server does not use TLS: set --host to http://'),
    ('localhost.pem', 'http', 'the server uses TLS: set --host to https://')])
def test_where_the_other_scheme_works_it_is_named(
        run_command, make_server, certs, folder, tls, scheme, said, n_retry):
    server = make_server(tls=tls and os.path.join(certs, tls))
    folder.write('data.csv', numbered(2))
    result = run_command('batch_scoring_sse', [
        '{0}://localhost:{1}'.format('--host=' + scheme, server.port), 'flats', 'data.csv',
        '--timeout=1'] + list(n_retry), env=QUICK)
    assert (result.code, result.stray) == (1, False)
    assert said in result.err


@pytest.mark.parametrize('words', [
    ['batch_scoring_sse', 'flats'], ['batch_scoring', PROJECT, MODEL, '--user=me', '--password=it']],
    ids=['rows', 'token'])
@pytest.mark.parametrize('tls, scheme, other', [
    (None, 'https', 'http'), ('localhost.pem', 'http', 'https')])
def test_where_the_scheme_is_certainly_the_other_the_run_ends_at_once(
        run_command, make_server, certs, folder, tls, scheme, other, words):
    server = make_server(tls=tls and os.path.join(certs, tls))
    folder.write('data.csv', numbered(2))
    result = run_command(words[0], words[1:] + [
        '--host={0}://localhost:{1}'.format(scheme, server.port), 'data.csv', '--timeout=1000'])
    assert (result.code, result.stray) == (1, False)
    last = result.err.splitlines()[-1]
    assert last.startswith('No connection to {0}://localhost'.format(scheme))
    assert last.endswith(': set --host to {0}://).'.format(other))


def test_tls_that_is_only_cut_off_is_tried_again_even_where_plain_http_is_answered(
        run_command, make_server, certs, folder):
    """As by a load balancer whose servers are starting."""
    server = make_server(tls=os.path.join(certs, 'localhost.pem'))
    serve, cut = server._serve, []

    def balance(connection, number):
        if connection.recv(1, socket.MSG_PEEK) != b'\x16':
            connection.sendall(b'HTTP/1.0 400 Bad Request\r\n\r\n')
        elif len(cut) < 3:
            cut.append(number)
        else:
            serve(connection, number)
        connection.close()
    server._serve = balance
    folder.write('data.csv', numbered(2))
    result = run_command('batch_scoring_sse', [
        '--host=https://localhost:{0}'.format(server.port), 'flats', 'data.csv',
        '--no_verify_ssl', WHOLE], env=QUICK)
    assert (result.code, len(cut)) == (0, 3)
    assert folder.read() == predicted(2)
    assert b'the server does not use TLS' in folder.read(LOG)


def test_where_the_server_is_down_no_other_scheme_is_named(score, server):
    server.go_down()
    result = score(numbered(2), '--n_retry=1', env=QUICK)
    assert result.code == 1 and 'speaks' not in result.err


@pytest.mark.parametrize('words', [
    'The plain HTTP request was sent to HTTPS port', 'Client sent an HTTP request to an HTTPS server.'])
def test_a_server_that_says_in_http_that_it_wants_https_is_understood(score, server, words):
    server.fail(faults.status(400, message=words))
    result = score(numbered(2))
    assert (result.code, result.err.splitlines()[-1]) == (1, 'Write https:// in --host.')
