"""Where a setting comes from: command line, environment, ini file, default."""

from __future__ import absolute_import, unicode_literals

import pytest

from scoring import LOG, MODEL, PROJECT, Folder, numbered

INI = '''[batch_scoring]
host = {0}
project_id = ''' + PROJECT + '''
model_id = ''' + MODEL + '''
api_token = ini-token
'''


@pytest.fixture
def run(run_command, server, folder):
    """`run(ini, word, ...)` scores ten rows with an ini file of these lines more."""
    def run(ini, *words, **more):
        server.application.account = server.application.account._replace(api_token=None)
        folder.write('data.csv', numbered(10))
        content = INI.format(server.url) + ini
        folder.write('batch_scoring.ini', content.encode(more.pop('encoding', 'utf-8')))
        return run_command('batch_scoring', words, **more)
    return run


def token(server):
    return server.log[-1].headers['authorization']


def test_the_environment_is_above_the_ini_file_and_below_the_command_line(run, server):
    env = {'DATAROBOT_API_TOKEN': 'env-token', 'DATAROBOT_KEY': 'env-key'}
    assert run('', 'data.csv').code == 0
    assert token(server) == 'Bearer ini-token'
    assert run('datarobot_key = ini-key', 'data.csv', '--yes', env=env).code == 0
    assert token(server) == 'Bearer env-token'
    assert server.log[-1].headers['datarobot-key'] == 'env-key'
    assert run('', 'data.csv', '--yes', '--api_token=word-token', env=env).code == 0
    assert token(server) == 'Bearer word-token'


def test_the_ini_file_of_the_working_directory_hides_the_one_at_home(run, server, home, folder):
    Folder(home).write('batch_scoring.ini', (INI.format(server.url).replace(
        'ini-token', 'home-token') + 'out = home.csv').encode('ascii'))
    assert run('', 'data.csv').code == 0
    assert token(server) == 'Bearer ini-token'
    assert folder.has('out.csv') and not folder.has('home.csv')


def test_the_ini_file_at_home_counts_where_there_is_no_other(
        run_command, server, home, folder):
    Folder(home).write('batch_scoring.ini', (
        INI.format(server.url) + 'out = home.csv').encode('ascii'))
    folder.write('data.csv', numbered(10))
    server.application.account = server.application.account._replace(api_token=None)
    result = run_command('batch_scoring', ['data.csv'])
    assert (result.code, result.err) == (0, '')
    assert len(folder.lines('home.csv')) == 11


@pytest.mark.parametrize('line_end', ['\n', '\r\n'])
def test_the_ini_file_may_have_a_byte_order_mark_and_literal_values(
        run, server, folder, line_end):
    ini = 'pred_name = 100 %(sure)s; \u6771 # really\ndataset_filepath = data.csv\n'
    result = run(ini.replace('\n', line_end), encoding='utf-8-sig')
    assert (result.code, result.err) == (0, '')
    assert folder.records()[0] == ['row_id', '100 %(sure)s; \u6771 # really']


@pytest.mark.parametrize('line, words', [
    ('n_samples = many', ['batch_scoring.ini', 'n_samples', "'many'", '1 or more']),
    ('compress = perhaps', ['batch_scoring.ini', 'compress', "'perhaps'", 'yes/no']),
    ('delimiter = x', ['batch_scoring.ini', 'delimiter', "'x'", 'one of']),
    ('encoding = utf-9', ['batch_scoring.ini', 'encoding', "'utf-9'"]),
    ('timeout = -1', ['batch_scoring.ini', 'timeout', "'-1'", 'above 0'])])
def test_a_bad_value_is_one_line_with_file_key_value_and_what_is_allowed(
        run, server, line, words):
    result = run(line, 'data.csv')
    assert (result.code, result.err.count('\n'), server.log) == (2, 1, [])
    assert [word for word in words if word not in result.err] == []


def test_an_unknown_key_is_a_warning_that_suggests_the_nearest(run, folder):
    result = run('n_sample = 4\nimport_id = mine\n', 'data.csv')
    assert result.code == 0
    assert result.err == (
        "warning: The ini file batch_scoring.ini has an unknown key 'n_sample'. Did you mean n_samples?\n")


@pytest.mark.parametrize('ini, words, target', [
    ('', ['data.csv'], MODEL), ('', [PROJECT, 'c' * 24, 'data.csv'], 'c' * 24),
    ('dataset = nowhere.csv', ['data.csv'], MODEL), ('dataset = data.csv', [], MODEL)])
def test_positionals_fill_what_the_ini_file_leaves_empty_or_replace_all(
        run, server, ini, words, target):
    result = run(ini, *words)
    assert (result.code, result.err) == (0, '')
    assert server.log[0].target == '/predApi/v1.0/{0}/{1}/predict'.format(PROJECT, target)


@pytest.mark.parametrize('ini, words', [
    ('', []), ('', [MODEL, 'data.csv']), ('dataset = data.csv', [MODEL, 'data.csv']),
    ('', [PROJECT, MODEL, 'data.csv', 'more'])])
def test_any_other_number_of_positionals_is_a_usage_error(run, server, ini, words):
    result = run(ini, *words)
    assert (result.code, result.out, server.log) == (2, '', [])
    assert '<dataset_filepath>' in result.err and 'Traceback' not in result.err


def test_an_unknown_key_is_in_the_log_and_the_closing_line_too(run_command, server, folder):
    folder.write('data.csv', numbered(3))
    folder.write('batch_scoring.ini', '[batch_scoring]\nhost = {0}\nkep_cols = city\n'.format(
        server.url).encode('ascii'))
    result = run_command('batch_scoring_sse', ['flats', 'data.csv'])
    line = "The ini file batch_scoring.ini has an unknown key 'kep_cols'. Did you mean keep_cols?"
    assert (result.code, result.err) == (0, 'warning: ' + line + '\n')
    assert result.out.endswith('; batch_scoring.ini has unknown keys: kep_cols\n')
    assert 'WARNING ' + line in folder.read(LOG).decode('utf-8')
