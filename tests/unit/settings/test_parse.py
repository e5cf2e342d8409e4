"""Command lines as a user types them, and what comes of each."""

from __future__ import absolute_import, unicode_literals

import re

import docopt
import pytest

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.settings import settings, table
from datarobot_batch_scoring.settings.parse import parse, usage_text

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

# Dashes for underscores, or the other way round
batch_scoring P M data.csv H --api-token=abc --keep-cols=a --no-verify_ssl --no_resume
    api_token=abc keep_cols=('a',) no_verify_ssl=True resume=False
batch_scoring P M data.csv H T --skip-r --n-samples 5 --n_samples=6
    skip_row_id=True n_samples=6

# A path after the host is dropped
batch_scoring P M data.csv T --host=HTTP://me:pw@Example.com:8080/projects/1
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

# Other protocols keep the path of the host, and need no id and no credentials
batch_scoring_sse data.csv --protocol=mlflow --host=http://x:5000/a/b/
    import_id=None protocol=mlflow host=http://x:5000/a/b
batch_scoring_sse data.csv --protocol=mlflow --host=http://me:pw@x/invocations
    host=http://me:pw@x
batch_scoring_sse rent/versions/2 data.csv --protocol=v2 --host=https://x/a/v2 --outputs=p --types=t.json
    import_id=rent/versions/2 host=https://x/a outputs=('p',) types=t.json
batch_scoring_sse data.csv --protocol=mlflow H --request_format=csv
    request_format=csv outputs=()
batch_scoring_sse data.csv --protocol=mlflow H --scheduler=local
    scheduler=local request_format=json
batch_scoring_sse any-id data.csv --protocol=drum --host=https://x/predict/ --api_token=t
    host=https://x api_token=t
batch_scoring_deployment_aware rent-2 data.csv --protocol=drum --host=https://x/p/deployments/rent-2/predictions
    deployment_id=rent-2 host=https://x/p api_token=None
batch_scoring_deployment_aware rent-2 data.csv --protocol=drum --host=https://x/predictions
    host=https://x
batch_scoring_sse m data.csv --host=https://x/old/path
    host=https://x protocol=datarobot class_names=()
batch_scoring_deployment_aware P data.csv H T --api_version=api/v2
    api_version=api/v2
batch_scoring_sse data.csv --protocol=mlflow H --class_names=no,yes
    class_names=('no','yes')

# No password is asked for, nothing is sent
batch_scoring P M data.csv H --dry_run
    dry_run=True user=None
"""

BAD = r"""
batch_scoring P M data.csv H T --hots=x
    Unknown option --hots. Did you mean --host?
batch_scoring P M data.csv H T --pasword=hunter2
    Unknown option --pasword. Did you mean --password?
batch_scoring P M data.csv H T --qqq
    Unknown option --qqq.
batch_scoring P M data.csv T -host=https://example.com
    Unknown option -host. Did you mean --host?
batch_scoring P M data.csv H -xsecret
    Unknown option -x.
batch_scoring P M data.csv H T --pred=x
    The option --pred could be any of --pred_cols, --pred_name, --pred_threshold, --pred_decision
batch_scoring P M data.csv H T --verbose=yes
    The option --verbose takes no value.
batch_scoring P M data.csv H T --out
    The option --out needs a value: --out=<file>.
batch_scoring P M data.csv T --host=https://u:pw@example.com/p?a=secret
    --host: 'https://example.com/p' has a query: pass what follows the ? with --query.
batch_scoring P M data.csv H T --out --verbose
    The option --out needs a value: --out=<file>.
batch_scoring P M data.csv H T --keep-cols --skip-row-id
    The option --keep_cols needs a value: --keep_cols=<a,b>.
batch_scoring P M data.csv H T --kep-cols=a
    Unknown option --kep-cols. Did you mean --keep_cols?
batch_scoring_sse m data.csv H --datarobot-key=secret
    The command batch_scoring_sse does not take the option --datarobot-key.
batch_scoring P M data.csv H T --yes --no
    --yes and --no exclude each other.
batch_scoring P M data.csv H T --resume --no-resume
    --resume and --no-resume exclude each other.
batch_scoring H T
    Arguments are missing: <project_id> <model_id> <dataset_filepath>.
batch_scoring P data.csv H T
    An argument is missing: <model_id>; the command line has
batch_scoring P M H T
    An argument is missing: <dataset_filepath>; the command line has
batch_scoring data.csv H T
    Arguments are missing: <project_id> <model_id>; the command line has data.csv.
batch_scoring abc data.csv H T
    An argument is missing: <dataset_filepath>; the command line has abc, data.csv.
batch_scoring P M my data.csv H T
    Too many arguments: batch_scoring takes <project_id> <model_id> <dataset_filepath>,
    got aaa
batch_scoring P M data.csv H T -o there.csv
    Unknown option -o. Did you mean --out?
batch_scoring P abc data.csv H T
    <model_id>: 'abc' is not allowed: it must be 24 hexadecimal digits.
batch_scoring_deployment_aware cc data.csv H T
    <deployment_id>: 'cc' is not allowed: it must be 24 hexadecimal digits
batch_scoring_sse a/b data.csv H
    <import_id>: 'a/b' is not allowed
batch_scoring_sse .. data.csv H
    <import_id>: '..' is not allowed
batch_scoring P M data.csv T
    --host is missing
batch_scoring P M data.csv T --host=example.com
    --host: 'example.com' has no scheme: it must begin with https:// or http://.
batch_scoring P M data.csv T --host=me:secret@example.com
    --host: 'example.com' has no scheme
batch_scoring P M data.csv T --host=ftp://me:secret@example.com
    --host: 'ftp://example.com' is not allowed: it must be a URL
batch_scoring P M data.csv T --host=https://example.com:port
    --host: 'https://example.com:port' is not allowed
batch_scoring P M data.csv T --host=https://
    --host: 'https://' is not allowed
batch_scoring P M data.csv H
    Credentials are missing: pass --api_token, or --user and --password.
batch_scoring P M data.csv H --password=pw
    --user is missing: a password requires one.
batch_scoring P M data.csv H T --create_api_token
    --user is missing: a password requires one
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
    --delimiter: 'x' is not allowed: it must be one of ! , ; | or the word pipe, space or tab
batch_scoring P M data.csv H T --output_delimiter=,,
    --output_delimiter: ',,' is not allowed
batch_scoring P M data.csv H T --encoding=utf-9
    --encoding: 'utf-9' is not allowed: it must be a Python text codec
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
    --max_prediction_explanations is not supported with --api_version=api/v1.
batch_scoring P M data.csv H T --protocol=drum
    --protocol: 'drum' is not allowed: it must be datarobot with batch_scoring.
batch_scoring_deployment_aware P data.csv H T --protocol=mlflow
    --protocol: 'mlflow' is not allowed: it must be datarobot or drum with
batch_scoring_sse data.csv H --protocol=MLServer
    --protocol: 'MLServer' is not allowed: it must be datarobot, drum, mlflow or v2
batch_scoring_sse data.csv --protocol=v2 H
    An argument is missing: <dataset_filepath>; the command line has data.csv.
batch_scoring_sse a/b data.csv --protocol=v2 H
    <import_id>: 'a/b' is not allowed: it must be the name of a model or <name>/versions/<version>
batch_scoring_sse data.csv --protocol=mlflow H --request_format=xml
    --request_format: 'xml' is not allowed: it must be json or csv
batch_scoring_sse data.csv H
    An argument is missing: <dataset_filepath>; the command line has data.csv.
batch_scoring P M data.csv H T --api_version=api/v2
    --api_version: 'api/v2' is not allowed: it must be predApi/v1.0 or api/v1 with batch_scoring.
batch_scoring_deployment_aware P data.csv H --user=me --password=hunter2 --api_version=api/v2
    --password is not supported with --api_version=api/v2.
batch_scoring_deployment_aware P data.csv H T --create_api_token --api_version=api/v2
    --create_api_token is not supported with --api_version=api/v2.
batch_scoring_deployment_aware P data.csv H --user=me --api_version=api/v2
    Credentials are missing: pass --api_token.
batch_scoring P M data.csv H T --class_names=a,b
    --class_names is not supported with --protocol=datarobot.
batch_scoring_sse m data.csv H --api_token=secret
    --api_token works only with --protocol=drum, --protocol=mlflow or --protocol=v2.
batch_scoring_sse m data.csv H --class_names=a,b
    --class_names works only with --protocol=drum, --protocol=mlflow or --protocol=v2.
batch_scoring P M data.csv H T --output=x
    Unknown option --output. Did you mean --out?
batch_scoring P M data.csv H T --exclude=x
    Unknown option --exclude. Did you mean --drop_cols?
batch_scoring P M data.csv H T --batch-size=5
    Unknown option --batch-size. Did you mean --n_samples?
batch_scoring P M data.csv H T --limit=5
    Unknown option --limit. Did you mean --rows?
batch_scoring_sse m data.csv H --colour
    Unknown option --colour.
batch_scoring_sse m data.csv H --user=me
    The command batch_scoring_sse does not take the option --user.
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
    return settings.load(command, given, positionals, environ or {},
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


@pytest.mark.parametrize('words, said', [
    ([PROJECT, MODEL, 'my', 'data.csv'], 'got {0}, {1}, my, data.csv'),
    (['--keep_cols=listing_id,', 'city', PROJECT, MODEL, 'data.csv'],
     'got city, {0}, {1}, data.csv'),
    ([PROJECT, MODEL, 'data.csv', '--', '--verbose'],
     'got {0}, {1}, data.csv, --verbose'),
    # The rest of a password may be a secret too.
    ([PROJECT, MODEL, 'data.csv', '--password=correct', 'horse'],
     'got {0}, {1}, data.csv, *****')])
def test_words_that_are_too_many_are_named(words, said, tmpdir):
    with pytest.raises(UsageError) as caught:
        load('batch_scoring', words, tmpdir)
    assert caught.value.message.endswith(', ' + said.format(PROJECT, MODEL) + '.')


def test_a_file_that_exists_is_no_id(tmpdir):
    tmpdir.join('data.csv').write('x')
    with pytest.raises(UsageError) as caught:
        load('batch_scoring_sse', [str(tmpdir.join('data.csv')), '--host=https://x'], tmpdir)
    assert caught.value.message.startswith('An argument is missing: <import_id>; ')
    assert caught.value.hint.startswith('Usage: batch_scoring_sse [options] <import_id> <dataset_filepath>. ')


@pytest.mark.parametrize('command, words, expected', list(cases(BAD)))
def test_a_wrong_command_line_is_refused_in_these_words(
        command, words, expected, tmpdir):
    with pytest.raises(UsageError) as caught:
        load(command, words, tmpdir)
    assert caught.value.message.startswith(expected)
    assert 'secret' not in ' '.join(caught.value.lines())
    assert 'hunter2' not in ' '.join(caught.value.lines())


@pytest.mark.parametrize('command', table.COMMANDS)
def test_docopt_reads_from_the_usage_text_just_the_options_of_the_table(command):
    read = docopt.parse_defaults(usage_text(command))
    expected = [(each.short and '-' + each.short, each.long, each.takes_value)
                for each in table.options_of(command)]
    assert [(each.short, each.long, bool(each.argcount)) for each in read] == expected


@pytest.mark.parametrize('command', table.COMMANDS)
def test_a_usage_text_fits_80_columns(command):
    assert max(len(line) for line in usage_text(command).split('\n')) <= 80


@pytest.mark.parametrize('command', table.COMMANDS)
@pytest.mark.parametrize('words', [['--help'], ['-h'], ['x', '--host', 'y', '-vh'],
                                   ['1', '2', '3', '4', '5', '--help']])
def test_help_is_given_whatever_else_was_typed(command, words):
    assert parse(command, words)[0] == {'help': True}


def test_the_first_of_help_and_version_counts():
    assert parse('batch_scoring', ['--version', '--help'])[0] == {'version': True}


@pytest.fixture
def repeated(monkeypatch):
    """The option --pred_name may be given several times."""
    changed = tuple(each._replace(repeated=each.name == 'pred_name') for each in table.OPTIONS)
    monkeypatch.setattr(table, 'OPTIONS', changed)


def test_an_option_that_may_be_repeated_has_a_line_for_each_value(repeated):
    words = ['--pred_name=a: 1', '-v', '--pred-name', 'b: 2', '--out=x', '--out=y']
    assert parse('batch_scoring_sse', words)[0] == {
        'pred_name': 'a: 1\nb: 2', 'verbose': True, 'out': 'y'}


@pytest.mark.parametrize('value', ['a\nb', 'a\rb', '\n'])
def test_a_value_of_an_option_that_may_be_repeated_has_no_line_break(repeated, value):
    with pytest.raises(UsageError) as caught:
        parse('batch_scoring_sse', ['--pred_name=' + value])
    assert caught.value.message == '--pred_name: the value contains a line break.'
