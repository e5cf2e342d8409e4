"""Headers of --header go with every request, and their values are shown nowhere."""

from __future__ import absolute_import, unicode_literals

import io
import os

import pytest

import faults
import when
from processes import command_lines
from scoring import MODEL, PROJECT, numbered
from datarobot_batch_scoring.demo.app import Account

CANARY = 'canary-value-17'


def headers_of(server, name):
    return [exchange.headers.get(name) for exchange in server.log]


def everything(folder, result):
    texts = [result.out.encode('utf-8'), result.err.encode('utf-8')]
    for path, _, names in os.walk('{0}'.format(folder.path)):
        for name in names:
            if name not in ('batch_scoring.ini', 'headers.txt'):
                with io.open(os.path.join(path, name), 'rb') as source:
                    texts.append(source.read())
    return b'\n'.join(texts)


def test_every_request_has_them_token_and_readiness_too(make_server, score, folder):
    score.server = make_server(account=Account('me', 'pw', 'bought', None))
    score.well(numbered(3), '--header=X-Tenant: ' + CANARY, '--header=Host: models.example.com', '--user=me',
               '--password=pw', command='batch_scoring', ids=[PROJECT, MODEL])
    assert set(headers_of(score.server, 'x-tenant')) == set([CANARY])
    assert set(headers_of(score.server, 'host')) == set(['models.example.com'])
    score.server = make_server(shape='binary')
    assert score(None, '--protocol=mlflow', '--header=X-Tenant: ' + CANARY, '--yes').code == 0
    assert score.server.log[0].target == '/ping'
    assert set(headers_of(score.server, 'x-tenant')) == set([CANARY])


def test_a_file_has_one_per_line_and_the_command_line_replaces_the_ini_file(score, server, folder):
    folder.write('headers.txt', b'X-One: 1\r\n\r\nX-Two:2 \n')
    folder.write('batch_scoring.ini', b'[batch_scoring]\nheader =\n    X-Ini: a\n    X-More: b\n')
    os.chmod(folder('headers.txt'), 0o600)
    os.chmod(folder('batch_scoring.ini'), 0o600)
    score.well(numbered(3))
    assert set(headers_of(server, 'x-ini')) == set(['a']) and set(headers_of(server, 'x-more')) == set(['b'])
    score.well(None, '--header=@headers.txt', '--header=User-Agent: mine', '--yes')
    sent = server.log[-1].headers
    assert (sent.get('x-one'), sent.get('x-two'), sent.get('user-agent')) == ('1', '2', 'mine')
    assert 'x-ini' not in sent


@pytest.mark.parametrize('header, words', [
    ('Content-Type: text/plain', 'sets Content-Type, which the program sets itself'),
    ('content-md5: x', 'content-md5'), ('Transfer-Encoding: chunked', 'Transfer-Encoding'),
    ('TE: gzip', 'TE'), ('Accept-Encoding: br', 'Accept-Encoding'), ('Expect: 100-continue', 'Expect'),
    ('no colon', '<name>: <value>'), ('bad name: x', '<name>: <value>'), ('X: \xe9', '<name>: <value>'),
    (': x', '<name>: <value>'), ('X: a\nY: b', 'line break'), ('X: a\rY: b', 'line break')])
def test_what_is_no_header_or_the_program_s_own_is_refused(score, server, header, words):
    result = score(numbered(3), '--header=' + header)
    assert (result.code, server.log) == (2, [])
    assert '--header: the value' in result.err and words in result.err
    assert header.partition(':')[2].strip() not in result.err or not header.partition(':')[2].strip()


def test_a_repeated_header_is_refused(score, server):
    result = score(numbered(3), '--header=X-A: 1', '--header=x-a: 2')
    assert result.code == 2 and 'repeats x-a' in result.err


def test_authorization_is_for_runs_without_a_token(score, server):
    score.well(numbered(3), '--header=Authorization: Custom abcdef', command='batch_scoring', ids=[PROJECT, MODEL])
    assert set(headers_of(server, 'authorization')) == set(['Custom abcdef'])
    result = score(None, '--header=Authorization: Custom abcdef', '--api_token=t', '--yes', command='batch_scoring',
                   ids=[PROJECT, MODEL])
    assert result.code == 2 and 'Authorization is set twice: by --header' in result.err


@pytest.mark.parametrize('code', [200, 401, 503])
def test_their_values_are_shown_nowhere_whatever_the_server_repeats(score, server, folder, code):
    if code != 200:
        server.fail(faults.status(code, CANARY), when.first_requests(1))
    result = score(numbered(30), '--header=X-Tenant: ' + CANARY, '--report=r.json', '--verbose', '--n_retry=3')
    assert CANARY.encode('ascii') not in everything(folder, result)


def test_the_list_of_processes_does_not_show_them(start_command, server, folder):
    folder.write('data.csv', numbered(3))
    server.fail(faults.held(server.flag))
    running = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--header=X-Tenant: ' + CANARY, '--header', 'X-B: second-canary',
        'flats', 'data.csv'], fresh=True)
    server.wait_for(lambda: server.scored['0'])
    shown = '\n'.join(command_lines(running.pid))
    server.flag.set()
    assert 'flats' in shown and 'canary' not in shown
    assert running.wait().code == 0


@pytest.mark.skipif(os.name == 'nt' or os.geteuid() != 0, reason='needs another user')
def test_an_ini_file_of_another_user_may_set_none(score, server, folder):
    folder.write('batch_scoring.ini', b'[batch_scoring]\nheader = X-Ini: a\n')
    os.chown(folder('batch_scoring.ini'), 12345, 12345)
    result = score(numbered(3))
    assert (result.code, server.log) == (2, []) and 'header was not sent: other users can modify' in result.err
