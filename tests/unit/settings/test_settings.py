"""What the ini file and the environment add to a command line."""

from __future__ import absolute_import, unicode_literals

import codecs
import pickle

import pytest

from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.settings import inifile, settings
from datarobot_batch_scoring.settings.parse import parse
from datarobot_batch_scoring.errors import UsageError

PROJECT = 'a' * 24
MODEL = 'b' * 24
DEPLOYMENT = 'c' * 24
STANDALONE = 'batch_scoring_sse'

BASE = '''[batch_scoring]
project_id = {0}
model_id = {1}
host = https://ini.example.com
api_token = ini-token
'''.format(PROJECT, MODEL)


class Loader(object):
    """Loads settings from a folder of its own; keeps the warnings."""

    def __init__(self, folder):
        self.folder = folder
        self.warnings = []

    def write(self, content, folder='.'):
        data = content if isinstance(content, bytes) else content.encode('utf-8')
        place = self.folder.ensure(folder, dir=True)
        place.chmod(0o700)
        place.join('batch_scoring.ini').write_binary(data)
        place.join('batch_scoring.ini').chmod(0o600)

    def __call__(self, *words, **more):
        command = more.get('command', 'batch_scoring')
        given, positionals = parse(command, words)
        folders = [str(self.folder), str(self.folder.join('home'))]
        return settings.load(command, given, positionals, more.get('environ', {}),
                             folders, self.warnings.append)

    def error(self, *words, **more):
        with pytest.raises(UsageError) as caught:
            self(*words, **more)
        return caught.value.message.replace(str(self.folder), '.')


@pytest.fixture
def load(tmpdir):
    return Loader(tmpdir)


def test_the_command_line_wins_over_the_ini_file_and_that_over_the_default(load):
    load.write(BASE + 'n_concurrent = 8\ntimeout = 60\n')
    found = load('data.csv', '--timeout=90')
    assert (found.n_concurrent, found.timeout, found.out) == (8, 90.0, 'out.csv')


def test_the_environment_stands_between_command_line_and_ini_file(load):
    load.write(BASE + 'datarobot_key = ini-key')
    environ = {'DATAROBOT_KEY': 'env-key', 'DATAROBOT_API_TOKEN': 'env-token'}
    found = load('data.csv', environ=environ)
    assert (found.datarobot_key, found.api_token) == ('env-key', 'env-token')
    found = load('data.csv', '--datarobot_key=k', '--api_token=t', environ=environ)
    assert (found.datarobot_key, found.api_token) == ('k', 't')


def test_an_empty_environment_variable_counts_as_unset(load):
    load.write(BASE)
    assert load('data.csv', environ={'DATAROBOT_API_TOKEN': ''}).api_token == 'ini-token'


@pytest.mark.parametrize('ini, environ, words, expected', [
    # What is given where; then password and token, of which one counts.
    ('password = p', '', [], ('p', None)),
    ('password = p\napi_token = t', '', [], (None, 't')),
    ('password = p', 't', [], (None, 't')),
    ('api_token = t', '', ['--password=p'], ('p', None)),
    ('', 't', ['--password=p'], ('p', None)),
    ('password = p', '', ['--api_token=t'], (None, 't')),
    ('', '', ['--api_token=t', '--password=p'], (None, 't')),
    ('', '', ['--api_token=t', '--password=p', '--create_api_token'], ('p', None)),
    ('password = p', 't', ['--create_api_token'], ('p', None)),
    ('password = p\ncreate_api_token = yes', '', ['--api_token=t'], ('p', None)),
    ('password = p', '', ['--api_token='], ('p', None)),
])
def test_of_password_and_token_the_higher_source_wins(load, ini, environ, words, expected):
    load.write('[batch_scoring]\n' + ini)
    found = load(PROJECT, MODEL, 'data.csv', '--host=https://x', '--user=me', *words,
                 environ={'DATAROBOT_API_TOKEN': environ})
    assert (found.password, found.api_token) == expected


def test_a_command_line_flag_overrides_its_opposite_in_the_ini_file(load):
    load.write(BASE + 'yes = on\nresume = true\nauto_sample = 1')
    found = load('data.csv', '--no', '--no-resume', '--n_samples=7')
    assert (found.yes, found.no, found.resume, found.n_samples) == (False, True, False, 7)


def test_opposite_flags_in_the_ini_file_are_refused(load):
    load.write(BASE + 'yes = 1\nno = 1')
    assert load.error('data.csv') == (
        './batch_scoring.ini: yes and ./batch_scoring.ini: no exclude each other.')


@pytest.mark.parametrize('word, expected', [
    ('1', True), ('yes', True), ('TRUE', True), ('on', True),
    ('0', False), ('no', False), ('False', False), ('off', False)])
def test_booleans_are_words(load, word, expected):
    load.write(BASE + 'verbose = ' + word)
    assert load('data.csv').verbose is expected


@pytest.mark.parametrize('line, expected', [
    ('resume = yes', True), ('resume = no', False), ('no-resume = yes', False),
    ('no_resume = yes', False), ('no-resume = no', None), ('', None)])
def test_resume_has_three_states(load, line, expected):
    load.write(BASE + line)
    assert load('data.csv').resume is expected


@pytest.mark.parametrize('line, message', [
    ('n_concurrent = many',
     "n_concurrent: 'many' is not allowed: it must be a whole number, 1 or more, "
     'auto or auto:<max>.'),
    ('verbose = maybe',
     "verbose: 'maybe' is not allowed: it must be one of 1/0, yes/no, true/false, on/off."),
    ('datarobot_key = a b',
     'datarobot_key: the value is not allowed: it must be ASCII characters without spaces.'),
])
def test_a_bad_value_names_the_file_the_key_and_what_is_allowed(load, line, message):
    load.write(BASE + line)
    assert load.error('data.csv') == './batch_scoring.ini: ' + message


def test_a_bad_token_in_the_environment_names_the_variable(load):
    load.write(BASE)
    assert load.error('data.csv', environ={'DATAROBOT_API_TOKEN': 'a b'}) == (
        'Environment variable DATAROBOT_API_TOKEN: the value is not allowed: '
        'it must be ASCII characters without spaces.')


def test_an_unknown_key_is_a_warning_with_the_nearest_known_one(load):
    load.write(BASE + 'n_concurent = 3\nqqq = 4')
    assert load('data.csv').n_concurrent == 4
    assert [line.partition('.ini has an ')[2] for line in load.warnings] == [
        "unknown key 'n_concurent'. Did you mean n_concurrent?", "unknown key 'qqq'."]


def test_keys_of_the_other_commands_are_passed_over(load):
    load.write(BASE + 'deployment_id = anything at all\nuser = me')
    found = load('model', 'data.csv', command='batch_scoring_sse')
    assert (found.import_id, found.project_id, found.user) == ('model', None, None)
    assert load('data.csv').deployment_id is None
    assert load.warnings == []


def test_sse_takes_create_api_token_with_a_warning(load):
    found = load('m', 'd.csv', '--host=https://x', '--create_api_token',
                 command='batch_scoring_sse')
    assert found.create_api_token is False
    assert load.warnings == [
        '--create_api_token is ignored: batch_scoring_sse sends no credentials.']


def test_sse_reads_no_credentials_from_the_environment(load):
    found = load('m', 'd.csv', '--host=https://x', command='batch_scoring_sse',
                 environ={'DATAROBOT_API_TOKEN': 't', 'DATAROBOT_KEY': 'k'})
    assert (found.api_token, found.datarobot_key) == (None, None)
    assert not found.needs_password


def test_the_working_directory_comes_before_home(load):
    load.write(BASE.replace('ini.', 'home.'), folder='home')
    assert load('data.csv').host == 'https://home.example.com'
    load.write(BASE)
    assert load('data.csv').host == 'https://ini.example.com'


def test_the_file_may_have_a_byte_order_mark_and_any_line_end(load):
    load.write(codecs.BOM_UTF8 + BASE.replace('\n', '\r\n').encode('utf-8'))
    assert load('data.csv').host == 'https://ini.example.com'


@pytest.mark.parametrize('value', [
    '100%', '%(x)s', 'a;b', 'a ; b', 'a # b', '"quoted"', 'a = b: c', 'gr\xfc\xdfe', '\u65e5'])
def test_values_are_literal(load, value):
    load.write(BASE + 'pred_name = ' + value)
    assert load('data.csv').pred_name == value


def test_a_value_goes_on_in_a_line_that_is_indented_deeper(load):
    load.write('# keys may be indented\n[batch_scoring]\n  host = https://x\n'
               '  api_token = t\n\n  ; a comment\n  keep_cols = a,\n    b,\n    "c,d"\n')
    found = load(PROJECT, MODEL, 'data.csv')
    assert (found.host, found.keep_cols) == ('https://x', ('a', 'b', 'c,d'))


@pytest.mark.parametrize('content, message', [
    ('host = x', 'line 1 comes before the section [batch_scoring].'),
    ('[other]\nhost = x\nhost', 'has no section [batch_scoring].'),
    ('[batch_scoring]\nhost = x\nhost = y', 'line 3 sets host again.'),
    ('[batch_scoring]\ndataset = x\ndataset_filepath = y', 'line 3 sets dataset again.'),
    ('[batch_scoring]\n[other]\n[batch_scoring]', 'line 3 opens the section [batch_scoring] again.'),
    ('[batch_scoring]\nhost', "line 2 is not of the form 'key = value'."),
    ('[batch_scoring\nhost = x', "line 1 has a '[' without a ']'."),
    (b'[batch_scoring]\nuser = \xff', 'is not UTF-8 in line 2.'),
])
def test_a_broken_file_is_one_clear_line(load, content, message):
    load.write(content)
    assert load.error('data.csv').partition('.ini')[2].lstrip(', ') == message


PROFILES = ('[batch_scoring]\nhost = https://base\nimport_id = m\nn_samples = 5\nca_bundle = ca.pem\n'
            '[night]\nhost = https://night\nn_concurrent = 9\nno_verify_ssl = yes\nqqq = 1\n'
            '[drum]\nprotocol = drum\n')


def test_the_keys_of_a_profile_override_those_for_all(load):
    load.write(PROFILES)
    found = load('data.csv', '--profile=night', command=STANDALONE)
    assert (found.host, found.n_samples, found.n_concurrent) == ('https://night', 5, 9)
    # What excludes it is void.
    assert (found.no_verify_ssl, found.ca_bundle) == (True, None)
    assert found.unknown_keys == ('qqq',)
    assert load('data.csv', '--profile=night', '--host=https://typed', command=STANDALONE).host == 'https://typed'
    assert load('data.csv', '--profile=batch_scoring', command=STANDALONE).host == 'https://base'
    assert load('data.csv', command=STANDALONE).n_concurrent == 4


def test_a_profile_of_another_protocol_does_not_get_the_token(load):
    load.write(PROFILES.replace('[night]', 'api_token = t\n[night]'))
    found = load('data.csv', '--profile=drum', command=STANDALONE)
    assert (found.protocol, found.api_token) == ('drum', None)


def test_a_profile_that_is_not_there_is_an_error_that_lists_those_that_are(load):
    load.write(PROFILES)
    error = load.error('data.csv', '--profile=day')
    assert 'has no section [day].' in error
    with pytest.raises(UsageError) as caught:
        load('data.csv', '--profile=day')
    assert caught.value.hint == 'It has the sections: batch_scoring, drum, night.'


def test_profile_is_no_key_of_the_ini_file(load):
    load.write(PROFILES.replace('[night]', 'profile = night\n[night]'))
    assert 'profile' in load('data.csv', command=STANDALONE).unknown_keys


def test_an_empty_file_and_an_empty_value_say_nothing(load):
    load.write('')
    assert inifile.read(str(load.folder.join('batch_scoring.ini')))[0] == {}
    load.write(BASE + 'n_samples =\nverbose =\ndataset =')
    found = load('data.csv')
    assert (found.n_samples, found.verbose, found.dataset) == (None, False, 'data.csv')


@pytest.mark.parametrize('ini, words, expected', [
    # The slots that the ini file fills; the positionals; what comes of them.
    ('', 'P M d', 'P M d'),
    ('P M', 'd', 'P M d'),
    ('d', 'P M', 'P M d'),
    ('P d', 'M', 'P M d'),
    ('P M d', '', 'P M d'),
    ('P M d', 'e', 'P M e'),
    ('P M d', 'N O e', 'N O e'),
    ('P M', 'N O e', 'N O e'),
    ('', 'd', None),
    ('', 'P M', None),
    ('P', 'd', None),
    ('P M', '', None),
    ('P M', 'O d', None),
    ('P M d', 'O e', None),
])
def test_positionals_fill_what_the_ini_file_leaves_empty(load, ini, words, expected):
    ids = {'P': PROJECT, 'M': MODEL, 'N': 'd' * 24, 'O': 'e' * 24}
    keys = {'P': 'project_id = ' + PROJECT, 'M': 'model_id = ' + MODEL,
            'd': 'dataset_filepath = d'}
    load.write('\n'.join(['[batch_scoring]'] + [keys[each] for each in ini.split()]))
    words = [ids.get(each, each) for each in words.split()]
    words += ['--host=https://x', '--api_token=t']
    if expected is None:
        said = load.error(*words)
        assert ('batch_scoring takes <project_id> <model_id> <dataset_filepath>, got ' in said
                or ' missing: <' in said and ('batch_scoring.ini has ' in said) == bool(ini))
    else:
        found = load(*words)
        assert [found.project_id, found.model_id, found.dataset] == [
            ids.get(each, each) for each in expected.split()]


def test_settings_cross_a_process(load):
    load.write(BASE + 'keep_cols = a,b')
    found = load('data.csv')
    assert pickle.loads(pickle.dumps(found, 2)) == found


def test_secrets_are_found_in_settings_host_and_proxies(load):
    found = load(PROJECT, MODEL, 'd.csv', '--host=https://h:h%40pw@x', '--api_token=tok',
                 '--datarobot_key=key', '--user=me')
    environ = {'HTTPS_PROXY': 'http://p:proxypw@proxy:3128', 'http_proxy': 'q:otherpw@proxy',
               'no_proxy': 'a@b'}
    secrets = masking.secrets(found, environ)
    assert set(secrets) >= set([
        'tok', 'key', 'bWU6dG9r', 'h%40pw', 'h@pw', 'proxypw', 'otherpw'])
    assert 'b' not in secrets and 'a' not in secrets
    assert masking.masked('a tok, https://h:h%40pw@x', secrets) == 'a *****, https://h:*****@x'
