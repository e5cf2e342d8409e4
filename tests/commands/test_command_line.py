"""Help, version and usage errors, as they come out of a command."""

from __future__ import absolute_import, unicode_literals

import io
import os
import re
import subprocess
import sys

import pytest

from datarobot_batch_scoring.compat import PY2
from datarobot_batch_scoring.settings import table
from datarobot_batch_scoring.settings.parse import usage_text
from places import ROOT

PROJECT = 'a' * 24
MODEL = 'b' * 24


def run(command, words, folder, environ=None, **more):
    """Runs a command as a process; returns exit code, output and errors."""
    environ = dict(os.environ, HOME=str(folder), PYTHONPATH=ROOT,
                   **(environ or {}))
    for name in ('DATAROBOT_API_TOKEN', 'DATAROBOT_KEY'):
        environ.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, '-m', 'datarobot_batch_scoring.' + command] + words,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=str(folder), env=dict((str(k), str(v)) for k, v in environ.items()), **more)
    output, errors = process.communicate(b'')
    return process.returncode, output.decode('utf-8'), errors.decode('utf-8')


@pytest.mark.parametrize('command', table.COMMANDS)
def test_help_goes_to_standard_output(command, tmpdir):
    code, output, errors = run(command, ['--help'], tmpdir)
    assert (code, errors) == (0, '')
    assert output.replace('\r\n', '\n') == usage_text(command)


@pytest.mark.parametrize('command', table.COMMANDS)
def test_version_goes_to_standard_output(command, tmpdir):
    code, output, errors = run(command, ['--version'], tmpdir)
    assert (code, errors) == (0, '')
    assert re.match(r'%s \d+\.\d+\.\d+\s+\Z' % command, output)


@pytest.mark.parametrize('command', table.COMMANDS)
def test_a_usage_error_is_two_lines_and_exit_code_2(command, tmpdir):
    code, output, errors = run(command, ['--hots=x'], tmpdir)
    assert (code, output) == (2, '')
    assert errors.splitlines() == [
        'Unknown option --hots. Did you mean --host?',
        'See %s --help for all arguments and options.' % command]


def test_without_a_terminal_a_missing_password_is_a_usage_error(tmpdir):
    words = [PROJECT, MODEL, 'data.csv', '--host=https://example.com', '--user=me']
    code, output, errors = run('batch_scoring', words, tmpdir)
    assert (code, output) == (2, '')
    assert errors.splitlines()[0] == '--password or --api_token is missing.'


def test_a_warning_comes_before_the_error_it_explains(tmpdir):
    write_ini(tmpdir, 'hosst = https://example.com')
    words = [PROJECT, MODEL, 'data.csv', '--api_token=x']
    code, _, errors = run('batch_scoring', words, tmpdir)
    assert code == 2
    assert errors.splitlines()[:2] == [
        "warning: The ini file batch_scoring.ini has an unknown key 'hosst'. Did you mean host?",
        '--host is missing: set the prediction server, such as https://example.com.']


def write_ini(folder, *lines):
    with io.open(str(folder.join('batch_scoring.ini')), 'w', encoding='utf-8') as target:
        target.write('\n'.join(('[batch_scoring]',) + lines))
    folder.join('batch_scoring.ini').chmod(0o600)


def test_what_the_terminal_cannot_show_is_escaped(tmpdir):
    words = ['\xe9', MODEL, 'data.csv', '--host=https://example.com', '--api_token=x']
    words = [word.encode('utf-8') for word in words] if PY2 else words
    # On 3.6 and older a C locale is ASCII, and the argument undecodable.
    environ = {'PYTHONIOENCODING': 'ascii', 'LC_ALL': 'C.UTF-8'}
    code, _, errors = run('batch_scoring', words, tmpdir, environ)
    assert code == 2
    assert errors.splitlines()[0] == (
        "<project_id>: '\\xe9' is not allowed: it must be 24 hexadecimal digits.")


def test_control_characters_in_a_message_are_escaped(tmpdir):
    words = ['\x1b[31m', MODEL, 'data.csv', '--host=https://example.com', '--api_token=x']
    code, _, errors = run('batch_scoring', words, tmpdir)
    assert code == 2
    assert "'\\x1b[31m' is not allowed" in errors


@pytest.mark.skipif(os.name == 'nt', reason='/dev/full is a device of Linux')
@pytest.mark.parametrize('stream', ['stdout', 'stderr'])
@pytest.mark.parametrize('word', ['--help', '--version', '--hots'])
def test_of_a_stream_that_takes_nothing_there_is_no_traceback(word, stream, tmpdir):
    with open('/dev/full', 'wb') as full:
        other = 'stderr' if stream == 'stdout' else 'stdout'
        process = subprocess.Popen(
            [sys.executable, '-m', 'datarobot_batch_scoring.batch_scoring', word],
            cwd=ROOT, **{str(stream): full, str(other): subprocess.PIPE})
        told = b''.join(part or b'' for part in process.communicate())
    lost = word != '--hots' and stream == 'stdout'
    assert process.returncode == (2 if word == '--hots' else 1 if lost else 0)
    assert b'Traceback' not in told and b'Errno' not in told
    assert not lost or told == b'Standard output cannot be written: No space left on device.\n'


@pytest.mark.skipif(os.name == 'nt', reason='a pipe of Unix')
def test_a_reader_that_has_seen_enough_is_no_error(tmpdir):
    script = '{ "$0" -m datarobot_batch_scoring.batch_scoring --help; echo $? >&2; } | true'
    process = subprocess.Popen(['sh', '-c', script, sys.executable], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate() == (b'', b'0\n')


def test_the_package_says_its_version(tmpdir):
    told = subprocess.check_output(
        [sys.executable, '-m', 'datarobot_batch_scoring', '--version'], cwd=ROOT)
    assert re.match(br'datarobot_batch_scoring \d+\.\d+\.\d+\s+\Z', told)


@pytest.mark.parametrize('words, code', [([], 0), (['--help'], 0), (['data.csv'], 2)])
def test_the_package_says_what_commands_there_are(words, code, tmpdir):
    process = subprocess.Popen([sys.executable, '-m', 'datarobot_batch_scoring'] + words, cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told = process.communicate()
    assert process.returncode == code and told[code == 0] == b''
    for command in table.COMMANDS:
        assert '  {0}\n'.format(command) in told[code != 0].decode('ascii').replace('\r\n', '\n')


@pytest.mark.skipif(os.name == 'nt', reason='file descriptors of Unix')
@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&- >&- 2>&-'])
def test_a_closed_stream_is_no_error(closed, tmpdir):
    script = '"$0" -m datarobot_batch_scoring.batch_scoring --help ' + closed
    process = subprocess.Popen(
        ['sh', '-c', script, sys.executable], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, b'')


@pytest.mark.parametrize('word, said', [
    ('\u2013out=x.csv', '\u2013out begins with an en dash'),
    ('\u2014password=secret', '\u2014password begins with an em dash'),
    ('-\u2013out', 'begins with an en dash'), ('\u2212\u2212n_samples=3', 'begins with a dash'),
    ('\u2013verb', 'begins with an en dash')])
def test_a_dash_for_two_hyphens_is_said_as_what_it_is(word, said, tmpdir):
    words = [PROJECT, MODEL, 'data.csv', '--host=https://example.com', word]
    words = [each.encode('utf-8') for each in words] if PY2 else words
    environ = {'PYTHONIOENCODING': 'utf-8', 'LC_ALL': 'C.UTF-8'}
    code, _, errors = run('batch_scoring', words, tmpdir, environ)
    assert code == 2
    assert said in errors and 'write --' + word.partition('=')[0].strip('-\u2013\u2014\u2212') in errors
    assert 'secret' not in errors


def test_a_file_whose_name_begins_with_a_dash_is_a_file(tmpdir):
    words = [PROJECT, MODEL, '\u2013 data.csv', '--host=https://example.com', '--api_token=x']
    words = [each.encode('utf-8') for each in words] if PY2 else words
    code, _, errors = run('batch_scoring', words, tmpdir, {
        'PYTHONIOENCODING': 'utf-8', 'LC_ALL': 'C.UTF-8'})
    assert code == 2 and 'The dataset \u2013 data.csv cannot be read' in errors
