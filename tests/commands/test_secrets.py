"""Passwords, tokens and keys show up nowhere, whatever goes wrong."""

from __future__ import absolute_import, unicode_literals

import base64
import io
import json
import os
import sys
from xml.sax.saxutils import escape

import pytest
from six.moves.urllib.parse import quote, quote_plus

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.demo import app
from datarobot_batch_scoring.server import server_messages
from processes import command_lines
from scoring import LOG, MODEL, PROJECT, QUICK, Folder, numbered, predicted

USER = 'canary@example.com'
PASSWORD = 'p&ss w/rd+canary'
TOKEN = 'token+canary/12=='
KEY = 'key&canary%20/?'
PROXY_USER, PROXY_PASSWORD = 'gateuser', 'gate&canary'
SECRETS = [PASSWORD, TOKEN, KEY, PROXY_PASSWORD]
PAIRS = [(USER, PASSWORD), (USER, TOKEN), (PROXY_USER, PROXY_PASSWORD)]


def in_base64(content):
    return base64.b64encode(content.encode('ascii')).decode('ascii').rstrip('=')


def forms(secrets, pairs):
    return list(secrets) + [form(secret) for secret in secrets for form in (
        in_base64, quote, quote_plus, lambda each: quote(each, str('')))] + [
        in_base64(':'.join(pair)) for pair in pairs]


FORMS = forms(SECRETS, PAIRS)


@faults.fault
def echo_back(exchange, code, *secrets):
    """A status whose message holds all that the request brought, and all forms of `secrets`."""
    pieces = list(exchange.record.headers.values()) + forms(secrets, ())
    # Messages are cut: each begins with other pieces.
    start = exchange.record.number * 7 % len(pieces)
    said = ' '.join(pieces[start:] + pieces[:start])
    exchange.send(code, json.dumps({'message': said}).encode('ascii'))


@faults.fault
def page_of(exchange, code, *secrets):
    """The same in HTML."""
    said = ' '.join(list(exchange.record.headers.values()) + forms(secrets, ()))
    exchange.send(code, ('<html><p>' + said).encode('ascii'))


PATHS = {
    'all is well': (None, 0),
    'retried': (faults.status(503), 0),
    'echoed, and retried': (echo_back(503, TOKEN, KEY), 0),
    'echoed, and the end': (echo_back(401, TOKEN, KEY), 1),
    'echoed as a page, and the end': (page_of(400, TOKEN, KEY), 1),
    'echoed as an answer': (echo_back(200, TOKEN, KEY), 1),
    'echoed as labels': (faults.other_labels(' '.join(forms([TOKEN, KEY], ()))), 1),
    'echoed in a redirect': (faults.redirect('http://else/?q=' + quote_plus(KEY)), 1),
    'cut off': (faults.reset(), 0),
}


def searched(folder, *texts):
    """Everything that a person or another program could read."""
    yield '\n'.join(texts).encode('utf-8')
    for path, _, names in os.walk('{0}'.format(folder.path)):
        for name in names:
            with io.open(os.path.join(path, name), 'rb') as source:
                yield source.read()


def expect_no_secret(folder, *texts):
    for content in searched(folder, *texts):
        found = [form for form in FORMS if form.encode('ascii') in content]
        assert found == [], content.decode('utf-8', 'replace')


@pytest.fixture
def secret_server(make_server):
    return make_server(account=app.Account(USER, PASSWORD, TOKEN, KEY))


@pytest.fixture
def start(start_command, folder, home):
    """Starts `batch_scoring` whose secrets are in the environment and the ini file only."""
    def started(server, *options, **more):
        folder.write('data.csv', numbered(40))
        env = dict({'DATAROBOT_KEY': KEY}, **QUICK)
        env.update(more.pop('env', {}))
        Folder(home).write('batch_scoring.ini', '[batch_scoring]\nuser={0}\npassword={1}\n'.format(
            USER, PASSWORD).encode('utf-8'))
        return start_command('batch_scoring', (
            '--host=' + server.url, PROJECT, MODEL, 'data.csv', '--n_samples=2',
            '--n_concurrent=2', '--n_retry=3') + options, env=env, **more)
    return started


@pytest.mark.parametrize('source', ['a password', 'a token'])
@pytest.mark.parametrize('option', ['--verbose', '--stdout'])
@pytest.mark.parametrize('path', sorted(PATHS))
def test_no_path_shows_a_secret(start, secret_server, folder, path, option, source):
    fault, code = PATHS[path]
    if fault:
        # Once something is scored.
        secret_server.fail(fault, when.both(
            lambda record: record.rows and record.first not in ('0', '2', '4'),
            when.first_tries(1)))
    env = {'DATAROBOT_API_TOKEN': TOKEN} if source == 'a token' else {}
    if code and 'echoed as' in path:
        options = (option, '--n_retry=0')
    else:
        options = (option,)
    result = start(secret_server, *options, env=env).wait()
    assert (result.code, result.stray) == (code, False), result.err
    assert 'Traceback' not in result.out + result.err
    expect_no_secret(folder, result.out, result.err)
    if code == 0:
        assert folder.read() == predicted(40)
        authorization = secret_server.log[-1].headers['authorization']
        assert authorization.startswith('Basic ' + in_base64(USER + ':' + TOKEN))


@pytest.mark.parametrize('code', [200, 400, 401, 404, 500])
@pytest.mark.parametrize('option', ['--verbose', '--create_api_token'])
def test_no_failure_of_the_token_request_shows_the_password(
        start, secret_server, folder, code, option):
    secret_server.fail(echo_back(code, PASSWORD, KEY), when.path_has('api_token'))
    result = start(secret_server, option, '--n_retry=0').wait()
    assert (result.code, result.stray) == (1, False)
    expect_no_secret(folder, result.out, result.err)


@pytest.mark.parametrize('code', [403, 503])
def test_a_message_is_not_cut_in_the_middle_of_a_secret(start, secret_server, folder, code):
    for length in (server_messages.SHOWN_TEXT - 12, server_messages.SHOWN_TEXT - 9):
        secret_server.heal()
        secret_server.fail(faults.status(code, 'x' * length + TOKEN), when.path_has('predict'))
        result = start(secret_server, '--n_retry=0', '--yes', '--report=report.json',
                       env={'DATAROBOT_API_TOKEN': TOKEN}).wait()
        assert (result.code, 'xxx' in result.err) == (1, True)
        for shown in (result.err, folder.read('report.json').decode('ascii'),
                      folder.read(LOG).decode('utf-8')):
            assert TOKEN[:8] not in shown


@pytest.mark.parametrize('form', [
    json.dumps, lambda said: json.dumps({'message': said}), lambda said: said,
    lambda said: json.dumps({'message': {'said': said}}),
    lambda said: '<p>{0}</p>'.format(escape(said, {'"': '&quot;'}))])
def test_a_password_is_masked_before_a_message_is_made_printable(
        run_command, make_server, folder, form):
    password = 'two  spaces\ta<b>"\\hunter2&more'
    folder.write('data.csv', numbered(4))
    folder.write('batch_scoring.ini', '[batch_scoring]\nuser=me\npassword={0}\n'.format(
        password).encode('ascii'))
    server = make_server()
    server.fail(faults.status(401, body=form('You sent ' + password).encode('ascii')))
    result = run_command('batch_scoring', [
        '--host=' + server.url, '--verbose', PROJECT, MODEL, 'data.csv'])
    assert (result.code, 'You sent' in result.err) == (1, True), result.err
    assert 'hunter2' not in result.err + folder.read(LOG).decode('utf-8')


@pytest.mark.parametrize('status, code', [(None, 0), (401, 1), (503, 0)])
def test_credentials_in_the_host_are_not_shown(run_command, server, folder, status, code):
    folder.write('data.csv', numbered(4))
    if status:
        server.fail(echo_back(status, PROXY_PASSWORD), when.first_requests(1))
    address = '{0}:{1}@127.0.0.1'.format(PROXY_USER, quote_plus(PROXY_PASSWORD))
    folder.write('batch_scoring.ini', '[batch_scoring]\nhost={0}\n'.format(
        server.url.replace('127.0.0.1', address)).encode('ascii'))
    result = run_command('batch_scoring_sse', [
        '--verbose', '--n_retry=1', 'flats', 'data.csv'], env=QUICK)
    assert result.code == code, result.err
    os.remove(folder('batch_scoring.ini'))
    expect_no_secret(folder, result.out, result.err)
    assert server.log[0].headers['authorization'].startswith('Basic ')


@pytest.mark.parametrize('refuse', [None, 407, 502])
@pytest.mark.parametrize('tls', [False, True])
def test_credentials_of_a_proxy_are_not_shown(
        start, make_server, make_proxy, certs, folder, refuse, tls):
    server = make_server(account=app.Account(USER, PASSWORD, TOKEN, KEY),
                         tls=certs + '/localhost.pem' if tls else None)
    server.url = server.url.replace('127.0.0.1', 'localhost') if tls else server.url
    proxy = make_proxy(refuse)
    url = proxy.url.replace('//', '//{0}:{1}@'.format(PROXY_USER, quote_plus(PROXY_PASSWORD)))
    result = start(server, '--verbose', '--n_retry=1', '--ca_bundle=' + certs + '/ca.pem',
                   env={'HTTP_PROXY': url, 'HTTPS_PROXY': url, 'DATAROBOT_API_TOKEN': TOKEN}).wait()
    assert (result.code, result.stray) == (1 if refuse else 0, False), result.err
    expect_no_secret(folder, result.out, result.err)
    sent = [headers.get('proxy-authorization', '') for _, _, headers in proxy.log]
    assert all(each.startswith('Basic ' + in_base64(':'.join(PAIRS[2]))) for each in sent)


def test_a_proxy_that_is_not_there_is_named_without_credentials(start, server, make_proxy, folder):
    proxy = make_proxy()
    proxy.stop()
    url = proxy.url.replace('//', '//{0}:{1}@'.format(PROXY_USER, quote_plus(PROXY_PASSWORD)))
    for env in ({}, {'DATAROBOT_API_TOKEN': TOKEN}):
        result = start(server, '--verbose', '--n_retry=0', env=dict(env, HTTP_PROXY=url)).wait()
        assert result.code == 1 and 'proxy' in result.err.lower()
        expect_no_secret(folder, result.out, result.err)


def test_a_checkpoint_holds_no_secret(start, secret_server, folder):
    secret_server.fail(faults.status(422), when.holds('20'))
    result = start(secret_server, env={'DATAROBOT_API_TOKEN': TOKEN}).wait()
    assert result.code == 1 and folder.has('out.csv.shelve')
    expect_no_secret(folder, result.out, result.err)


@pytest.mark.parametrize('command', [['--help'], ['--nonsense'], ['--dry_run'], []])
def test_usage_errors_show_no_secret(start_command, folder, command):
    folder.write('data.csv', numbered(4))
    env = {'DATAROBOT_KEY': KEY, 'DATAROBOT_API_TOKEN': TOKEN}
    result = start_command('batch_scoring', [
        '--host=nonsense', '--password=' + PASSWORD, '--user=' + USER] + command, env=env).wait()
    expect_no_secret(folder, result.out, result.err)


@pytest.mark.skipif(WINDOWS, reason='no process groups')
@pytest.mark.parametrize(
    'method', [None, 'spawn'] if sys.version_info[0] > 2 else [None])
def test_no_command_line_of_a_process_shows_a_secret(start, secret_server, folder, method):
    secret_server.fail(faults.held(secret_server.flag), when.path_has('predict'))
    command = start(secret_server, start_method=method, fresh=True)
    secret_server.wait_for(lambda: secret_server.scored['0'])
    lines = command_lines(command.pid)
    assert len(lines) > 3 and any('launch.py' in line for line in lines)
    for form in FORMS:
        assert not any(form in line for line in lines)
    secret_server.flag.set()
    assert command.wait().code == 0
