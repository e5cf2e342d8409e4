"""Command lines as a user types them, and what comes of each."""

from __future__ import absolute_import, unicode_literals

import io
import os
import re
import subprocess
import sys

import docopt
import pytest

from datarobot_batch_scoring import cli
from datarobot_batch_scoring.settings import merge, options
from datarobot_batch_scoring.settings.arguments import parse
from datarobot_batch_scoring.compat import PY2
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.settings.usage import usage_text

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = 'a' * 24
MODEL = 'b' * 24
DEPLOYMENT = 'c' * 24

# The command, what follows it, and the settings or the words of the error
# that come of it. H, T, U, P, M and D stand for what is in WORDS.
WORDS = {
    'H': '--host=https://example.com', 'T': '--api_token=token',
    'U': '--user=me', 'P': PROJECT, 'M': MODEL, 'D': DEPLOYMENT,
}

GOOD = r"""
batch_scoring P M data.csv H T
    project_id={P} model_id={M} dataset=data.csv host=https://example.com api_token=token user=None password=None
    out=out.csv n_concurrent=4 n_retry=None timeout=30.0 api_version=predApi/v1.0 max_prediction_explanations=0
    keep_cols=() n_samples=None resume=None delimiter=None encoding=None field_size_limit=10485760
    yes=False no=False verbose=False fast=False create_api_token=False

batch_scoring_deployment_aware D data.csv H T
    deployment_id={D} dataset=data.csv project_id=None

batch_scoring_sse some-model_1.0 data.csv H
    import_id=some-model_1.0 dataset=data.csv api_token=None create_api_token=False

# Options stand anywhere, with a blank or an equals sign
batch_scoring -v P --host https://example.com M --api_token token data.csv --out x.csv
    verbose=True dataset=data.csv out=x.csv

# Short flags together
batch_scoring -vy P M data.csv H T
    verbose=True yes=True

# A value may begin with a dash
batch_scoring P M data.csv H T --n_retry -1
    n_retry=-1
batch_scoring P M data.csv H U --password -secret-
    password=-secret-

# A dataset may too, behind --
batch_scoring H T -- P M -data.csv
    dataset=-data.csv

# The last of a repeated option counts
batch_scoring P M data.csv H T --out=a --out=b --n_samples 5 --n_samples 6 -v --verbose
    out=b n_samples=6 verbose=True

# A prefix that fits one option only is that option
batch_scoring P M data.csv H --api_t=abc --verb --keep=a
    api_token=abc verbose=True keep_cols=('a',)

# A path after the host is dropped
batch_scoring P M data.csv T --host=HTTP://me:pw@Example.com:8080/projects/1?a=b
    host=http://me:pw@Example.com:8080
batch_scoring P M data.csv T --host=http://[::1]:8080/
    host=http://[::1]:8080

batch_scoring P M data.csv H T --user=+Me@Example.COM+
    user=me@example.com

batch_scoring P M data.csv H T --keep_cols=a,+b+,"c,d","e""f"
    keep_cols=('a','b','c,d','e"f')

batch_scoring P M data.csv H T --delimiter=tab --output_delimiter=pipe
    delimiter=TAB output_delimiter=|
batch_scoring P M data.csv H T --delimiter=\t --output_delimiter=;
    delimiter=TAB output_delimiter=;

batch_scoring P M data.csv H T --encoding=LATIN-1 --timeout=.5
    encoding=iso8859-1 timeout=0.5

# Both from one source: the token, and batches by size
batch_scoring P M data.csv H U T --password=pw --n_samples=5 --auto_sample
    api_token=token password=None n_samples=None
batch_scoring P M data.csv H U T --password=pw --create_api_token
    api_token=None password=pw create_api_token=True

batch_scoring P M data.csv H T --resume
    resume=True
batch_scoring P M data.csv H T --no-resume
    resume=False
batch_scoring P M data.csv H T --no
    no=True resume=None

# An empty text is as good as none
batch_scoring P M data.csv H T --user= --keep_cols= --pred_name=
    user=None keep_cols=() pred_name=None

# No password is asked for, nothing is sent
batch_scoring P M data.csv H --dry_run
    dry_run=True user=None
"""

BAD = r"""
batch_scoring P M data.csv H T --hots=x
    unknown option --hots: did you mean --host?
batch_scoring P M data.csv H T --pasword=hunter2
    unknown option --pasword: did you mean --password?
batch_scoring P M data.csv H T --qqq
    unknown option --qqq
batch_scoring P M data.csv T -host=https://example.com
    unknown option -host: did you mean --host?
batch_scoring P M data.csv H -xsecret
    unknown option -x
batch_scoring P M data.csv H T --pred=x
    --pred could be any of --pred_name, --pred_threshold, --pred_decision
batch_scoring P M data.csv H T --verbose=yes
    --verbose takes no value
batch_scoring P M data.csv H T --out
    --out needs a value: --out=<file>
batch_scoring P M data.csv H T --out --verbose
    --out needs a value: --out=<file>
batch_scoring P M data.csv H T --yes --no
    --yes and --no exclude each other
batch_scoring P M data.csv H T --resume --no-resume
    --resume and --no-resume exclude each other
batch_scoring H T
    batch_scoring takes <project_id> <model_id> <dataset_filepath>; the command line has 0 of them
batch_scoring P data.csv H T
    batch_scoring takes <project_id> <model_id> <dataset_filepath>; the command line has 2 of them
batch_scoring P M my data.csv H T
    too many arguments: batch_scoring takes <project_id> <model_id> <dataset_filepath>
batch_scoring P abc data.csv H T
    <model_id>: 'abc' is not allowed: it must be 24 hexadecimal digits
batch_scoring_deployment_aware cc data.csv H T
    <deployment_id>: 'cc' is not allowed: it must be 24 hexadecimal digits
batch_scoring_sse a/b data.csv H
    <import_id>: 'a/b' is not allowed
batch_scoring_sse .. data.csv H
    <import_id>: '..' is not allowed
batch_scoring P M data.csv T
    --host is missing
batch_scoring P M data.csv T --host=example.com
    --host: 'example.com' has no scheme: write https://... or http://...
batch_scoring P M data.csv T --host=me:secret@example.com
    --host: 'example.com' has no scheme
batch_scoring P M data.csv T --host=ftp://me:secret@example.com
    --host: 'ftp://example.com' is not allowed: it must be a URL
batch_scoring P M data.csv T --host=https://example.com:port
    --host: 'https://example.com:port' is not allowed
batch_scoring P M data.csv T --host=https://
    --host: 'https://' is not allowed
batch_scoring P M data.csv H
    --user is missing, and --password or --api_token
batch_scoring P M data.csv H --password=pw
    --user is missing: a password needs one
batch_scoring P M data.csv H T --create_api_token
    --user is missing: a password needs one
batch_scoring P M data.csv H --api_token=secr\u00e9t
    --api_token: the value is not allowed: it must be ASCII characters without spaces
batch_scoring P M data.csv H T --n_samples=0
    --n_samples: '0' is not allowed: it must be a whole number, 1 or more
batch_scoring P M data.csv H T --n_concurrent=1_0
    --n_concurrent: '1_0' is not allowed
batch_scoring P M data.csv H T --n_concurrent=
    --n_concurrent: '' is not allowed
batch_scoring P M data.csv H T --n_retry=-2
    --n_retry: '-2' is not allowed
batch_scoring P M data.csv H T --timeout=0
    --timeout: '0' is not allowed: it must be a number of seconds above 0
batch_scoring P M data.csv H T --timeout=nan
    --timeout: 'nan' is not allowed
batch_scoring P M data.csv H T --field_size_limit=99999999999
    --field_size_limit: '99999999999' is not allowed
batch_scoring P M data.csv H T --delimiter=x
    --delimiter: 'x' is not allowed: it must be one of , ; | ! or a space
batch_scoring P M data.csv H T --output_delimiter=,,
    --output_delimiter: ',,' is not allowed
batch_scoring P M data.csv H T --encoding=utf-9
    --encoding: 'utf-9' is not allowed: it must be a text codec
batch_scoring P M data.csv H T --encoding=hex
    --encoding: 'hex' is not allowed
batch_scoring P M data.csv H T --encoding=rot13
    --encoding: 'rot13' is not allowed
batch_scoring P M data.csv H T --encoding=undefined
    --encoding: 'undefined' is not allowed
batch_scoring P M data.csv H T --keep_cols="a
    --keep_cols: '"a' is not allowed
batch_scoring P M data.csv H T --report=report.txt
    --report: 'report.txt' is not allowed: it must be a name that ends in .json or .html
batch_scoring P M data.csv H T --out=
    --out: '' is not allowed
batch_scoring P M data.csv H T --api_version=v2
    --api_version: 'v2' is not allowed: it must be predApi/v1.0 or api/v1
batch_scoring P M data.csv H T --api_version=api/v1 --max_prediction_explanations=3
    --max_prediction_explanations is not possible with --api_version=api/v1
batch_scoring_sse m data.csv H --api_token=secret
    batch_scoring_sse does not take the option --api_token
batch_scoring_sse m data.csv H --user=me
    batch_scoring_sse does not take the option --user
"""


def cases(table):
    """The command, its arguments and the expected text of each case."""
    for block in re.findall(r'^(batch_\S+)(.*)\n((?:    .*\n)+)', table, re.M):
        command, line, expected = block
        words = [WORDS.get(word, word.replace('+', ' ').replace('\\u00e9', '\xe9'))
                 for word in line.split()]
        yield command, words, expected.replace('\n    ', ' ').strip()


def load(command, words, tmpdir, environ=None):
    given, positionals = parse(command, words)
    return merge.load(command, given, positionals, environ or {},
                      [str(tmpdir)], lambda line: None)


def shown(value):
    """A setting as the table writes it: text as it is, names in brackets."""
    if isinstance(value, tuple):
        names = ["'%s'" % each for each in value]
        return '(%s)' % (','.join(names) + (',' if len(names) == 1 else ''))
    return 'TAB' if value == '\t' else '%s' % (value,)


@pytest.mark.parametrize('command, words, expected', list(cases(GOOD)))
def test_a_command_line_gives_these_settings(command, words, expected, tmpdir):
    found = load(command, words, tmpdir)
    for pair in expected.format(**WORDS).split():
        field, _, value = pair.partition('=')
        assert '%s=%s' % (field, shown(getattr(found, field))) == pair


@pytest.mark.parametrize('command, words, expected', list(cases(BAD)))
def test_a_wrong_command_line_is_refused_in_these_words(
        command, words, expected, tmpdir):
    with pytest.raises(UsageError) as caught:
        load(command, words, tmpdir)
    assert caught.value.message.startswith(expected)
    assert 'secret' not in ' '.join(caught.value.lines())
    assert 'hunter2' not in ' '.join(caught.value.lines())


@pytest.mark.parametrize('command', options.COMMANDS)
def test_docopt_reads_from_the_usage_text_just_the_options_of_the_table(command):
    read = docopt.parse_defaults(usage_text(command))
    expected = [(each.short and '-' + each.short, each.long, each.takes_value)
                for each in options.options_of(command)]
    assert [(each.short, each.long, bool(each.argcount)) for each in read] == expected


@pytest.mark.parametrize('command', options.COMMANDS)
def test_a_usage_text_fits_80_columns(command):
    assert max(len(line) for line in usage_text(command).split('\n')) <= 80


@pytest.mark.parametrize('command', options.COMMANDS)
@pytest.mark.parametrize('words', [['--help'], ['-h'], ['x', '--host', 'y', '-vh'],
                                   ['1', '2', '3', '4', '5', '--help']])
def test_help_is_given_whatever_else_was_typed(command, words):
    assert parse(command, words)[0] == {'help': True}


def test_the_first_of_help_and_version_counts():
    assert parse('batch_scoring', ['--version', '--help'])[0] == {'version': True}


def run(command, words, folder, environ=None, **more):
    """Runs a command as a process; returns exit code, output and errors."""
    environ = dict(os.environ, HOME=str(folder), PYTHONPATH=os.path.dirname(HERE),
                   **(environ or {}))
    for name in ('DATAROBOT_API_TOKEN', 'DATAROBOT_KEY'):
        environ.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, '-m', 'datarobot_batch_scoring.' + command] + words,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=str(folder), env=dict((str(k), str(v)) for k, v in environ.items()), **more)
    output, errors = process.communicate(b'')
    return process.returncode, output.decode('utf-8'), errors.decode('utf-8')


@pytest.mark.parametrize('command', options.COMMANDS)
def test_help_goes_to_standard_output(command, tmpdir):
    code, output, errors = run(command, ['--help'], tmpdir)
    assert (code, errors) == (0, '')
    assert output.replace('\r\n', '\n') == usage_text(command)


@pytest.mark.parametrize('command', options.COMMANDS)
def test_version_goes_to_standard_output(command, tmpdir):
    code, output, errors = run(command, ['--version'], tmpdir)
    assert (code, errors) == (0, '')
    assert re.match(r'%s \d+\.\d+\.\d+\s+\Z' % command, output)


@pytest.mark.parametrize('command', options.COMMANDS)
def test_a_usage_error_is_two_lines_and_exit_code_2(command, tmpdir):
    code, output, errors = run(command, ['--hots=x'], tmpdir)
    assert (code, output) == (2, '')
    assert errors.splitlines() == [
        'unknown option --hots: did you mean --host?',
        '%s --help shows every argument and option' % command]


def test_without_a_terminal_a_missing_password_is_a_usage_error(tmpdir):
    words = [PROJECT, MODEL, 'data.csv', '--host=https://example.com', '--user=me']
    code, output, errors = run('batch_scoring', words, tmpdir)
    assert (code, output) == (2, '')
    assert errors.splitlines()[0] == '--password or --api_token is missing'


def test_a_warning_comes_before_the_error_it_explains(tmpdir):
    write_ini(tmpdir, 'hosst = https://example.com')
    words = [PROJECT, MODEL, 'data.csv', '--api_token=x']
    code, _, errors = run('batch_scoring', words, tmpdir)
    assert code == 2
    assert errors.splitlines()[:2] == [
        "warning: batch_scoring.ini: unknown key 'hosst': did you mean host?",
        '--host is missing: the prediction server, such as https://example.com']


def write_ini(folder, *lines):
    with io.open(str(folder.join('batch_scoring.ini')), 'w', encoding='utf-8') as target:
        target.write('\n'.join(('[batch_scoring]',) + lines))


def test_what_the_terminal_cannot_show_is_escaped(tmpdir):
    words = ['\xe9', MODEL, 'data.csv', '--host=https://example.com', '--api_token=x']
    words = [word.encode('utf-8') for word in words] if PY2 else words
    # On 3.6 and older a C locale is ASCII, and the argument undecodable.
    environ = {'PYTHONIOENCODING': 'ascii', 'LC_ALL': 'C.UTF-8'}
    code, _, errors = run('batch_scoring', words, tmpdir, environ)
    assert code == 2
    assert errors.splitlines()[0] == (
        "<project_id>: '\\xe9' is not allowed: it must be 24 hexadecimal digits")


def test_control_characters_in_a_message_are_escaped(tmpdir):
    words = ['\x1b[31m', MODEL, 'data.csv', '--host=https://example.com', '--api_token=x']
    code, _, errors = run('batch_scoring', words, tmpdir)
    assert code == 2
    assert "'\\x1b[31m' is not allowed" in errors


@pytest.mark.skipif(os.name == 'nt', reason='/dev/full is a device of Linux')
@pytest.mark.parametrize('stream', ['stdout', 'stderr'])
@pytest.mark.parametrize('word', ['--help', '--hots'])
def test_a_stream_that_takes_nothing_is_no_error(word, stream, tmpdir):
    with open('/dev/full', 'wb') as full:
        other = 'stderr' if stream == 'stdout' else 'stdout'
        process = subprocess.Popen(
            [sys.executable, '-m', 'datarobot_batch_scoring.batch_scoring', word],
            cwd=os.path.dirname(HERE), **{str(stream): full, str(other): subprocess.PIPE})
        told = b''.join(part or b'' for part in process.communicate())
    assert process.returncode == (0 if word == '--help' else 2)
    assert b'Traceback' not in told and b'Errno' not in told


@pytest.mark.skipif(os.name == 'nt', reason='file descriptors of Unix')
@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&- >&- 2>&-'])
def test_a_closed_stream_is_no_error(closed, tmpdir):
    script = '"$0" -m datarobot_batch_scoring.batch_scoring --help ' + closed
    process = subprocess.Popen(
        ['sh', '-c', script, sys.executable], cwd=os.path.dirname(HERE),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, b'')


def test_an_unexpected_error_is_one_line_without_secrets(capsys):
    try:
        raise ValueError('it was tok123')
    except ValueError as error:
        cli._report_bug(error, ['tok123'])
    assert capsys.readouterr()[1] == 'unexpected error: ValueError: it was *****\n'


def test_an_unexpected_error_before_the_settings_are_known_shows_no_text(capsys):
    try:
        raise ValueError('it was tok123')
    except ValueError as error:
        cli._report_bug(error, [])
    assert capsys.readouterr()[1] == 'unexpected error: ValueError\n'
