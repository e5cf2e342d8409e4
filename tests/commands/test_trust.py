"""What others may have written decides nothing in silence: ini files, certificates, open lines."""

from __future__ import absolute_import, unicode_literals

import os
import sys

import pytest

from datarobot_batch_scoring.compat import WINDOWS
from processes import command_lines
from scoring import LOG, MODEL, PROJECT, QUICK, numbered
import faults
import when

TOKEN = 'canary-token'
ENV = {'DATAROBOT_API_TOKEN': TOKEN}
WORDS = [PROJECT, MODEL, 'data.csv']
UNCHECKED = 'is not checked'
UNENCRYPTED = 'unencrypted'

needs_modes = pytest.mark.skipif(WINDOWS, reason='modes of POSIX')
needs_root = pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() != 0, reason='only root gives files away')
needs_proc = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='/proc of Linux')


@pytest.fixture
def open_server(make_server):
    """A server that takes any token, with any key."""
    server = make_server()
    server.application.account = server.application.account._replace(api_token=None)
    return server


@pytest.fixture
def run(run_command, folder):
    def run(*words, **more):
        folder.write('data.csv', numbered(4))
        return run_command('batch_scoring', WORDS + list(words), env=dict(
            QUICK, **more.pop('env', {})), **more)
    return run


@pytest.fixture
def tls_server(make_server, certs):
    server = make_server(tls=os.path.join(certs, 'localhost.pem'))
    server.application.account = server.application.account._replace(api_token=None)
    # 2.7 knows no addresses in certificates.
    server.url = 'https://localhost:{0}'.format(server.port)
    return server


def write_ini(folder, *lines):
    folder.write('batch_scoring.ini', '\n'.join(('[batch_scoring]',) + lines).encode('utf-8'))


# --- TLS -------------------------------------------------------------------------


def test_no_verify_ssl_of_the_ini_file_is_overridden_by_ca_bundle(
        run, tls_server, folder, certs):
    write_ini(folder, 'host = ' + tls_server.url, 'no_verify_ssl = yes')
    result = run('--ca_bundle=' + os.path.join(certs, 'elsewhere.pem'), '--n_retry=0', env=ENV)
    assert (result.code, tls_server.log) == (1, [])
    assert 'certificate' in result.err.lower() and UNCHECKED not in result.err


@pytest.mark.parametrize('variable', ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'])
def test_no_verify_ssl_of_the_ini_file_is_overridden_by_certificates_of_the_environment(
        run, tls_server, folder, certs, variable):
    write_ini(folder, 'host = ' + tls_server.url, 'no_verify_ssl = yes')
    result = run('--n_retry=0', env=dict(ENV, **{
        variable: os.path.join(certs, 'elsewhere.pem')}))
    assert (result.code, tls_server.log) == (1, [])
    assert 'no_verify_ssl is ignored, since ' + variable in result.err


def test_no_verify_ssl_on_the_command_line_overrides_the_ini_file(run, tls_server, folder):
    write_ini(folder, 'host = ' + tls_server.url, 'ca_bundle = nowhere.pem')
    result = run('--no_verify_ssl', env=ENV)
    assert (result.code, result.err.count('warning:')) == (0, 1)
    assert UNCHECKED in result.err and UNCHECKED in folder.read(LOG).decode('utf-8')


@pytest.mark.parametrize('ini', [True, False])
def test_both_in_one_source_are_a_usage_error(run, server, folder, ini):
    if ini:
        write_ini(folder, 'no_verify_ssl = yes', 'ca_bundle = x.pem')
    result = run('--host=' + server.url, *(() if ini else ('--no_verify_ssl', '--ca_bundle=x.pem')))
    assert (result.code, server.log) == (2, [])
    assert 'exclude each other' in result.err


def test_the_standalone_command_too_warns_of_certificates_that_are_not_checked(
        run_command, tls_server, folder):
    folder.write('data.csv', numbered(4))
    result = run_command('batch_scoring_sse', [
        '--host=' + tls_server.url, '--no_verify_ssl', 'flats', 'data.csv'])
    assert (result.code, result.err.count(UNCHECKED)) == (0, 1)


@pytest.mark.parametrize('host, words, warned', [
    ('http://example.com', ['--api_token=x'], True),
    ('http://127.0.0.1.example.com', ['--api_token=x'], True),
    ('http://u:p@example.com', ['--api_token=x'], True),
    ('http://localhost', ['--api_token=x'], False),
    ('http://127.8.0.1', ['--api_token=x'], False),
    ('http://[::1]', ['--api_token=x'], False),
    ('https://example.com', ['--api_token=x'], False),
    ('http://example.com', ['--api_token=x', '--dry_run'], False)])
def test_credentials_that_go_unencrypted_to_another_host_are_one_warning(
        run, folder, make_proxy, host, words, warned):
    # Nobody is asked: the proxy refuses.
    proxy = make_proxy(407)
    result = run('--host=' + host, '--n_retry=0', *words,
                 env={'HTTP_PROXY': proxy.url, 'HTTPS_PROXY': proxy.url})
    assert result.err.count(UNENCRYPTED) == warned, result.err
    if '--dry_run' not in words:
        assert folder.read(LOG).decode('utf-8').count(UNENCRYPTED) == warned


@pytest.mark.parametrize('host, warned', [
    ('http://example.com', False), ('http://u:pass@example.com', True)])
def test_a_command_without_credentials_does_not_warn(
        run_command, folder, make_proxy, host, warned):
    folder.write('data.csv', numbered(4))
    result = run_command('batch_scoring_sse', [
        '--host=' + host, '--n_retry=0', 'flats', 'data.csv'],
        env={'HTTP_PROXY': make_proxy(407).url})
    assert result.err.count(UNENCRYPTED) == warned


# --- the ini file ------------------------------------------------------------------


def test_log_and_verbose_name_the_ini_file_and_the_host(run, open_server, folder):
    write_ini(folder, 'host = ' + open_server.url.replace('//', '//u:hidden@'))
    line = 'The host is {0}; the ini file is batch_scoring.ini.'.format(open_server.url)
    result = run('--verbose', env=ENV)
    assert result.code == 0 and line in result.err and line in folder.read(LOG).decode('utf-8')
    assert 'hidden' not in result.err
    os.remove(folder('batch_scoring.ini'))
    result = run('--yes', '--host=' + open_server.url, env=ENV)
    assert (result.code, result.err) == (0, '')
    assert 'there is no ini file' in folder.read(LOG).decode('utf-8')


def _writable_file(folder):
    os.chmod(folder('batch_scoring.ini'), 0o602)
    return 'chmod go-w batch_scoring.ini'


def _writable_for_the_group(folder):
    os.chmod(folder('batch_scoring.ini'), 0o620)
    return 'chmod go-w batch_scoring.ini'


def _writable_folder(folder):
    os.chmod(folder.path, 0o777)
    return 'chmod o-w .'


def _link_into_a_writable_folder(folder):
    os.mkdir(folder('with space'))
    os.chmod(folder('with space'), 0o777)
    os.rename(folder('batch_scoring.ini'), folder('with space/x.ini'))
    os.symlink('with space/x.ini', folder('batch_scoring.ini'))
    return "chmod o-w 'with space'"


def _of_another(folder):
    os.chown(folder('batch_scoring.ini'), 4321, -1)
    return 'belongs to user 4321'


def _link_of_another(folder):
    os.rename(folder('batch_scoring.ini'), folder('mine.ini'))
    os.symlink('mine.ini', folder('batch_scoring.ini'))
    os.lchown(folder('batch_scoring.ini'), 4321, -1)
    return 'is a link of user 4321'


STRANGE = [_writable_file, _writable_for_the_group, _writable_folder,
           _link_into_a_writable_folder,
           pytest.param(_of_another, marks=needs_root),
           pytest.param(_link_of_another, marks=needs_root)]


@needs_modes
@pytest.mark.parametrize('name', ['DATAROBOT_API_TOKEN', 'DATAROBOT_KEY'])
@pytest.mark.parametrize('make_strange', STRANGE)
def test_a_host_that_only_others_may_have_named_gets_no_secret_of_the_environment(
        run, open_server, folder, make_strange, name):
    write_ini(folder, 'host = ' + open_server.url)
    expected = make_strange(folder)
    result = run(*([] if 'TOKEN' in name else ['--api_token=x']), env={name: TOKEN})
    assert (result.code, open_server.log) == (2, [])
    assert 'warning: ' in result.err and expected in result.err, result.err
    assert name in result.err and TOKEN not in result.err
    assert not folder.has('out.csv')
    # Whoever names the host knows it; the warning stays.
    result = run('--host=' + open_server.url, '--api_token=x', env={name: TOKEN})
    assert result.code == 0 and expected in result.err


@needs_modes
def test_an_ini_file_in_a_folder_where_each_owns_what_he_writes_is_trusted(
        run, open_server, folder):
    write_ini(folder, 'host = ' + open_server.url)
    os.chmod(folder.path, 0o1777)
    assert (run(env=ENV)[:3:2]) == (0, '')


@needs_modes
@pytest.mark.parametrize('line, mode, warned', [
    ('api_token = t', 0o640, True), ('api_token = t', 0o604, True), ('api_token = t', 0o600, False),
    ('datarobot_key = k', 0o644, True), ('password = p', 0o644, True),
    ('api_token = @token.txt', 0o644, False), ('n_samples = 5', 0o644, False)])
def test_secrets_that_others_may_read_are_a_warning(
        run, server, folder, line, mode, warned):
    write_ini(folder, 'host = ' + server.url, 'user = me', line)
    folder.write('token.txt', b'x')
    os.chmod(folder('token.txt'), 0o600)
    os.chmod(folder('batch_scoring.ini'), mode)
    result = run('--dry_run')
    assert result.code == 0
    assert ('Other users can read batch_scoring.ini, which contains secrets. Run: chmod go= '
            'batch_scoring.ini' in result.err) == warned


@needs_modes
def test_an_ini_file_of_others_names_no_file_with_a_secret(run, open_server, folder):
    folder.write('mine.txt', b'private')
    os.chmod(folder('mine.txt'), 0o600)
    write_ini(folder, 'host = ' + open_server.url, 'api_token = @mine.txt')
    _writable_file(folder)
    result = run()
    assert (result.code, open_server.log) == (2, [])
    assert 'the file after the @ was not read' in result.err and 'private' not in result.err


# --- secrets in files and in the list of processes ------------------------------------

OPTIONS = {'api_token': 'Bearer canary', 'datarobot_key': 'canary'}


@pytest.mark.parametrize('content', [
    b'canary', b'canary\n', b'canary\r\n', b'\xef\xbb\xbfcanary\n'])
@pytest.mark.parametrize('name', sorted(OPTIONS))
@pytest.mark.parametrize('source', ['command line', 'environment', 'ini file'])
def test_a_secret_is_read_from_a_file(run, open_server, folder, content, name, source):
    folder.write('secret.txt', content)
    os.chmod(folder('secret.txt'), 0o600)
    words, env = ['--host=' + open_server.url, '--verbose'], {}
    if source == 'command line':
        words.append('--{0}=@secret.txt'.format(name))
    elif source == 'environment':
        env['DATAROBOT_' + name.upper().replace('DATAROBOT_', '')] = '@secret.txt'
    else:
        write_ini(folder, name + ' = @secret.txt')
    if name == 'datarobot_key':
        env['DATAROBOT_API_TOKEN'] = 't'
    result = run(*words, env=env)
    assert (result.code, 'warning' in result.err) == (0, False), result.err
    header = 'authorization' if name == 'api_token' else 'datarobot-key'
    assert open_server.log[-1].headers[header] == OPTIONS[name]
    assert 'canary' not in result.err + folder.read(LOG).decode('utf-8')


def test_a_password_that_begins_with_the_sign_is_read_from_a_file(
        run, make_server, folder):
    from datarobot_batch_scoring.demo.app import Account
    server = make_server(account=Account('me', '@pass word \u00e9', 'bought', None))
    folder.write('secret.txt', '@pass word \u00e9\n'.encode('utf-8'))
    os.chmod(folder('secret.txt'), 0o600)
    result = run('--host=' + server.url, '--user=me', '--password=@secret.txt')
    assert (result.code, result.err) == (0, '')


@pytest.mark.parametrize('content, words', [
    (None, 'cannot be read'), (b'', 'is empty'), (b'\n', 'is empty'), (b'\xff', 'is not UTF-8'),
    (b'x' * 70000, 'is larger than 65536 bytes'), ('folder', 'cannot be read')])
def test_a_file_that_gives_no_secret_is_a_usage_error_without_its_name(
        run, server, folder, content, words):
    if content == 'folder':
        os.mkdir(folder('canary.txt'))
    elif content is not None:
        folder.write('canary.txt', content)
    result = run('--host=' + server.url, '--user=me', '--password=@canary.txt')
    assert (result.code, server.log) == (2, [])
    assert words in result.err and 'Traceback' not in result.err
    # It may be a password.
    assert 'canary' not in result.err or content not in (None, 'folder')


@needs_modes
def test_a_file_with_a_secret_that_others_may_read_is_a_warning(run, open_server, folder):
    folder.write('a b.txt', b'x')
    os.chmod(folder('a b.txt'), 0o644)
    result = run('--host=' + open_server.url, '--api_token=@a b.txt')
    assert (result.code, result.err) == (
        0, "warning: --api_token: other users can read the file a b.txt. Run: chmod go= 'a b.txt'\n")


def test_verbose_says_what_to_use_in_place_of_options(run, open_server):
    words = ['--host=' + open_server.url, '--api_token=canary', '--datarobot_key=k']
    result = run('--verbose', *words)
    assert result.code == 0 and 'can show --api_token and --datarobot_key. Use @<file>' in result.err
    assert run('--yes', *words).err == ''


@needs_proc
@pytest.mark.parametrize(
    'method', [None, 'spawn'] if sys.version_info[0] > 2 else [None])
def test_no_list_of_processes_shows_what_was_given_as_an_option(
        start_command, open_server, folder, method):
    folder.write('data.csv', numbered(4))
    open_server.fail(faults.held(open_server.flag), when.path_has('predict'))
    command = start_command('batch_scoring', [
        '--host=' + open_server.url.replace('//', '//u:canary-a@'), '--pass=canary-b',
        '--password', 'canary-c\u00e9', '--user=me', '--api_token', 'canary-d', '--datarobot_key=canary-e',
        '--datarobot_key=k', '--keep_cols=city'] + WORDS, start_method=method, fresh=True)
    open_server.wait_for(lambda: open_server.scored['0'])
    lines = command_lines(command.pid)
    assert len(lines) > 2 and any('--keep_cols=city ' + PROJECT in each for each in lines)
    assert not any('canary' in line or 'key=k ' in line for line in lines)
    open_server.flag.set()
    assert command.wait().code == 0
