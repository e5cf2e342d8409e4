"""The one table of options.

Parser, `Settings`, stubs, help, completions, the tables of README and docs, the keys of the ini
file, what is secret, who knows an option and what a resume compares are all made of it.
"""

from __future__ import absolute_import, unicode_literals

import collections

from datarobot_batch_scoring.server.protocols.base import (
    API_V1, COMMANDS, DATAROBOT, DEPLOYMENT, DRUM, MLFLOW, PREDAPI, PROJECT, STANDALONE, V2)
from datarobot_batch_scoring.settings.values import DELIMITERS_SHOWN, check

DEDICATED = (PROJECT, DEPLOYMENT)

# The positional arguments of each command, in order, and the kinds of their values.
POSITIONALS = {
    PROJECT: ('project_id', 'model_id', 'dataset'),
    DEPLOYMENT: ('deployment_id', 'dataset'),
    STANDALONE: ('import_id', 'dataset'),
}
POSITIONAL_KINDS = collections.OrderedDict([
    ('project_id', 'object_id'),
    ('model_id', 'object_id'),
    ('deployment_id', 'object_id'),
    ('import_id', 'import_id'),
    ('dataset', 'stream'),
])
IDS = tuple(POSITIONAL_KINDS)[:-1]
# Other names for a positional argument in usage texts and in the ini file.
ALIASES = {'dataset_filepath': 'dataset'}


class Option(collections.namedtuple('Option', [
        'name',        # the long option without its dashes, and the ini key
        'kind',        # a key of `values.KINDS`; a 'flag' takes no value
        'metavar',     # stands for the value in the help; None for a flag
        'help',        # one or two sentences
        'group',       # the heading in the help
        'default',     # as it would be typed, or None
        'short',       # one letter, or None
        'commands',    # those that take it
        'protocols',   # those that know it, by --protocol or --api_version; None: all
        'required',    # whether there is no run without it
        'repeated',    # whether it may be given several times; its values are then lines of one text
        'secret',      # whether its value is never shown, and may be @<file>
        'environ',     # the environment variable that sets it, or None
        'in_ini',      # whether the ini file and Python may set it
        'is_setting',  # whether `Settings` has a field for it
        'output',      # whether it shapes the output, so that it must not change before a resume
        'overrides',   # the option that does not count beside it
        'excludes',    # the option that must not be given with it
        'by_command'])):  # {command: {field: what it is for that command}}
    """One option of the command line."""

    __slots__ = ()

    @property
    def long(self):
        """The option as it is typed."""
        return '--' + self.name

    @property
    def takes_value(self):
        return self.kind != 'flag'

    def is_known_to(self, protocol):
        """Whether a `base.Protocol` has a use for it."""
        return self.protocols is None or bool({protocol.name, protocol.family}.intersection(self.protocols))


def _option(name, kind, metavar, help, **more):
    fields = dict(
        group=None, default=None, short=None, commands=COMMANDS, protocols=None, required=False,
        repeated=False, secret=False, environ=None, in_ini=True, is_setting=True, output=False,
        overrides=None, excludes=None, by_command={})
    fields.update(more)
    return Option(name, kind, metavar, help, **fields)


def _flag(name, help, **more):
    return _option(name, 'flag', None, help, **more)


_BY_GROUP = (
    ('Server', (
        _option('host', 'host', 'host',
                'Scheme and host of the prediction server, such as https://example.com:8080; the port is '
                'optional. A path is used only with --protocol. Required.', required=True),
        _option('user', 'user', 'user',
                'User name. Without it, the token is sent alone, as current servers prefer.',
                commands=DEDICATED, protocols=(DATAROBOT,)),
        _option('password', 'password', 'pwd',
                'Password, to get a token for the user; @<file> reads it from a file. Prompted for if there is '
                'neither a password nor a token.',
                commands=DEDICATED, protocols=(PREDAPI, API_V1), secret=True),
        _option('api_token', 'token', 'token',
                'The token, or @<file> to read it from a file. Also read from '
                'DATAROBOT_API_TOKEN. Other users may see command lines.',
                secret=True, environ='DATAROBOT_API_TOKEN', overrides='password',
                by_command={
                    DEPLOYMENT: dict(
                        help='The token, or @<file> to read it from a file. Also read from '
                             'DATAROBOT_API_TOKEN; with drum, only from '
                             'BATCH_SCORING_API_TOKEN. Other users may see command lines.'),
                    STANDALONE: dict(
                        help='With drum, mlflow or v2, a token to send as Bearer, or @<file> to '
                             'read it from a file. Also read from BATCH_SCORING_API_TOKEN.',
                        environ='BATCH_SCORING_API_TOKEN', protocols=(DRUM, MLFLOW, V2))}),
        _flag('create_api_token',
              'Create a new token, which replaces the old one. Requires the password.',
              protocols=(PREDAPI, API_V1),
              by_command={STANDALONE: dict(
                  help='Accepted but ignored: this command sends no credentials.',
                  protocols=None)}),
        _option('datarobot_key', 'token', 'key',
                'Key of a dedicated prediction instance, or @<file>. Also read '
                'from DATAROBOT_KEY.',
                commands=DEDICATED, protocols=(DATAROBOT,), secret=True, environ='DATAROBOT_KEY'),
        _option('api_version', 'api_version', 'v',
                'predApi/v1.0 or api/v1.',
                default=PREDAPI, protocols=(DATAROBOT,), output=True,
                by_command={DEPLOYMENT: dict(
                    help='predApi/v1.0, api/v1, or api/v2 for serverless deployments.')}),
        _option('protocol', 'protocol', 'name',
                'Only datarobot with this command.',
                default=DATAROBOT, output=True,
                by_command={
                    DEPLOYMENT: dict(
                        help='datarobot, or drum for a portable prediction server with many '
                             'models. The path of --host is then used.'),
                    STANDALONE: dict(
                        help='datarobot, drum (DRUM, portable prediction server), mlflow '
                             '(MLflow, MLServer) or v2 (Open Inference Protocol: MLServer, KServe, '
                             'Triton). With the last three, the path of --host is used; with v2 the id '
                             'is the model name; the others need none.')}),
        _option('request_format', 'request_format', 'f',
                'json, with column types, or csv, whose types MLflow guesses per request '
                '(mlflow only).',
                default='json', commands=(STANDALONE,), protocols=(MLFLOW,), output=True),
        _option('outputs', 'names', 'a,b',
                'Outputs of the model to request, in this order (v2 only). Default: all.',
                commands=(STANDALONE,), protocols=(V2,), output=True),
        _option('query', 'query', 'a=1&b=2',
                'Query to append to the URL of each prediction request, unchanged, such as thresholdHigh=0.8. '
                'Its values are never shown.', output=True),
        _option('header', 'headers', 'name: value',
                'A header for every request, or @<file> with one per line. May be given several times. '
                'Its value is never shown.', repeated=True, secret=True),
        _option('client_cert', 'path', 'pem',
                'PEM file with the client certificate, and optionally its key.', secret=True),
        _option('client_key', 'path', 'pem',
                'PEM file with the unencrypted key of the client certificate, if it is separate.', secret=True),
        _option('ca_bundle', 'path', 'path',
                'File or directory of trusted certificate authorities.',
                excludes='no_verify_ssl'),
        _flag('no_verify_ssl', "Do not check the server's certificate."),
    )),
    ('Output', (
        _option('out', 'stream', 'file',
                'Output file: CSV, or JSON Lines if the name ends in .jsonl; gzipped if it ends in .gz. - is '
                'standard output.', default='out.csv'),
        _option('keep_cols', 'names', 'a,b',
                'Input columns to put before the predictions, in this order; * '
                'means all. Quote a name with a comma as in CSV.', output=True),
        _option('send_cols', 'names', 'a,b',
                'Input columns to send, in this order. Default: all.', output=True, excludes='drop_cols'),
        _option('drop_cols', 'names', 'a,b',
                'Input columns that are not sent. Kept columns and bad rows have them all the '
                'same.', output=True),
        _option('pred_cols', 'names', 'a,b',
                'Classes to write predictions for, in this order. Default: all.', output=True),
        _option('class_names', 'names', 'a,b',
                'Names for the values of responses that are lists, in order '
                '(drum, mlflow and v2; with --empty_ok, any). Default: prediction_0 and so on.',
                protocols=(DRUM, MLFLOW, V2), output=True),
        _option('max_prediction_explanations', 'not_negative', 'n',
                'Max explanations per prediction, two columns each: feature and strength. Not with api/v1.',
                default='0', protocols=(DATAROBOT,), output=True),
        _flag('explanation_details',
              'Add to each explanation the value of the feature and the strength in words, and for more than '
              'two classes the class.',
              protocols=(DATAROBOT,), output=True),
        _option('extra_cols', 'names', 'a,b',
                'Other members of each response row, such as extra model output, to append as the '
                'last columns; * means all in the first batch.',
                protocols=(DATAROBOT, DRUM, MLFLOW), output=True),
        _option('pred_name', 'text', 'name',
                "Name of the prediction column. For a binary target, only the last class, in lexical order, is "
                "written; with more classes, the option is ignored. Default: the server's name; with api/v1, a "
                "regression has none.", output=True),
        _option('pred_threshold', 'text', 'name',
                'Add a column with this name for the prediction threshold.',
                protocols=(DATAROBOT, DRUM), output=True),
        _option('pred_decision', 'text', 'name',
                'Add a column with this name for the predicted value or class.',
                protocols=(DATAROBOT, DRUM, MLFLOW), output=True),
        _option('output_delimiter', 'delimiter', 'd',
                "Output delimiter. Default: the dataset's."),
        _flag('skip_row_id', 'Leave out the row_id column.', output=True),
        _option('bad_rows', 'path', 'file',
                'File for rows that the server rejects or that cannot be sent, with the reason. In the output, '
                'their predictions are empty.'),
        _option('max_bad_rows', 'not_negative', 'n',
                'Stop after more bad rows than this; the run can be resumed.', default='100'),
    )),
    ('Batches and requests', (
        _option('n_samples', 'positive', 'rows',
                "Rows per batch. Default: sized from the server's response times.", output=True),
        _flag('auto_sample',
              'Even with --n_samples, size batches from response times: about two seconds each, max 2.5 MiB and '
              '20,000 rows.',
              is_setting=False, overrides='n_samples'),
        _option('n_concurrent', 'concurrency', 'n',
                "Max requests in flight; the number of the server's cores is a good value. auto tunes it, up to "
                "64 (auto:<max> raises or lowers that).", default='4'),
        _option('rows_per_second', 'rate', 'n',
                'Max rows sent per second, evenly spread, over all processes.'),
        _option('requests_per_second', 'rate', 'n',
                'Max requests sent per second, likewise; retries and token requests count.'),
        _option('n_retry', 'retries', 'n',
                'Retries per batch. Default: -1, no limit.'),
        _option('timeout', 'seconds', 's',
                'Seconds to connect; from the last byte sent to the last byte received; and without progress '
                'while a request is sent.', default='30'),
        _flag('compress', 'Gzip the requests.', protocols=(DATAROBOT,)),
    )),
    ('Dataset', (
        _option('delimiter', 'delimiter', 'd',
                DELIMITERS_SHOWN.capitalize() + '. Detected by default.'),
        _option('encoding', 'encoding', 'codec',
                'Any Python codec, such as utf-8, latin-1 or cp932. Detected by default.'),
        _option('types', 'path', 'file',
                'JSON file with column types (string, integer, number or boolean), such as {"zip": '
                '"string"}, for mlflow and v2. Other columns are detected.',
                commands=(STANDALONE,), protocols=(MLFLOW, V2)),
        _option('rows', 'rows', 'n',
                'Score only the first n rows or, with <first>:<last> in place of n, '
                'those from row id first up to, but not including, last (or the end).', output=True),
        _flag('empty_ok',
              'Accept a dataset without rows; the output has a header if --class_names names '
              'the predictions, otherwise it is empty.'),
        _flag('skip_dialect', 'Detect nothing: use a comma, or --delimiter if given.'),
        _flag('fast',
              'Faster: assumes no field contains a line break; fails if one does.'),
        _option('field_size_limit', 'positive', 'chars',
                'Max length of a field.', default='10485760'),
    )),
    ('Cluster', (
        _option('scheduler', 'scheduler', 'address',
                'Score on a Dask cluster: address of its scheduler, tcp://<host>:<port> or tls://<host>:<port>, '
                'or local or local:<n> for processes on this machine.'),
        _option('storage_options', 'path', 'file',
                'JSON file of fsspec options for dataset and output URLs, one object per scheme, such as {"s3": '
                '{...}}.'),
    )),
    ('Resume and questions', (
        _option('profile', 'text', 'name',
                'A section of the ini file whose keys override those of [batch_scoring].',
                in_ini=False, is_setting=False),
        _flag('resume', 'Continue where an earlier run ended.', excludes='no-resume'),
        _flag('no-resume', 'Start over, ignoring any checkpoint.', is_setting=False),
        _flag('yes', 'Answer yes to every question.', short='y', excludes='no'),
        _flag('no', 'Answer no to every question.', short='n'),
        _flag('check',
              'Score only the first row and write nothing, to check host, TLS, token, id and columns.',
              excludes='dry_run'),
        _flag('dry_run', 'Read and check the whole dataset, but send and write nothing.'),
    )),
    ('Messages and reports', (
        _flag('verbose', 'Show progress while running.', short='v'),
        _flag('stdout', 'Log to standard output instead of a file.'),
        _option('log', 'path', 'file',
                'Log file. Default: datarobot_batch_scoring_main.log in the working directory.', excludes='stdout'),
        _option('report', 'report', 'file',
                'Report file, .json or .html.'),
        _flag('help', 'Show this text.', short='h', in_ini=False, is_setting=False),
        _flag('version', 'Show the version.', in_ini=False, is_setting=False),
    )),
)

GROUPS = tuple(group for group, _ in _BY_GROUP)
OPTIONS = tuple(option._replace(group=group) for group, options in _BY_GROUP for option in options)

# Pairs of options. If one source gives both of the first, the first of them counts, otherwise the
# one from the higher source. No source may give both of the second.
PRECEDENCE = tuple((option.name, option.overrides) for option in OPTIONS if option.overrides)
MUTUALLY_EXCLUSIVE = tuple((option.name, option.excludes) for option in OPTIONS if option.excludes)

# {a setting that must not change before a resume: its default}.
OUTPUT_DEFAULTS = dict((option.name, check(option.kind, option.default) if option.default else None)
                       for option in OPTIONS if option.output)


def options_of(command):
    """The options that a command takes, as it takes them, in the order of the table."""
    return tuple(option._replace(**option.by_command.get(command, {}))
                 for option in OPTIONS if command in option.commands)


def positional_names(positionals):
    """Positional arguments as the usage text writes them."""
    return ['<dataset_filepath>' if name == 'dataset' else '<%s>' % name for name in positionals]


def ini_keys(command):
    """Every key that the ini file may hold for a command, with its kind.

    The keys are as `inifile.read` returns them: with underscores.
    """
    keys = dict((ini_key(option.name), option.kind)
                for option in options_of(command) if option.in_ini)
    keys.update((name, POSITIONAL_KINDS[name]) for name in POSITIONALS[command])
    return keys


def ini_key(name):
    """The one spelling of a key: `no-resume` and `no_resume` are the same."""
    key = name.strip().lower().replace('-', '_')
    return ALIASES.get(key, key)
