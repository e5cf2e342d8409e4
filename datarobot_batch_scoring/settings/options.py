"""The one table of options, read by the parser, help, validation and docs."""

from __future__ import absolute_import, unicode_literals

import collections

from datarobot_batch_scoring.settings.values import DELIMITERS_SHOWN

PROJECT = 'batch_scoring'
DEPLOYMENT = 'batch_scoring_deployment_aware'
STANDALONE = 'batch_scoring_sse'
COMMANDS = (PROJECT, DEPLOYMENT, STANDALONE)
DEDICATED = (PROJECT, DEPLOYMENT)

# The positional arguments of each command, in order.
SLOTS = {
    PROJECT: ('project_id', 'model_id', 'dataset'),
    DEPLOYMENT: ('deployment_id', 'dataset'),
    STANDALONE: ('import_id', 'dataset'),
}
SLOT_KINDS = {
    'project_id': 'object_id',
    'model_id': 'object_id',
    'deployment_id': 'object_id',
    'import_id': 'import_id',
    'dataset': 'stream',
}
# Other names for a slot in usage texts and in the ini file.
SLOT_ALIASES = {'dataset_filepath': 'dataset'}

GROUPS = ('Server', 'Output', 'Batches and requests', 'Dataset', 'Cluster',
          'Resume and questions', 'Messages and reports')


class Option(collections.namedtuple('Option', [
        'name',      # the long option without its dashes, and the ini key
        'kind',      # a key of `values.KINDS`; a 'flag' takes no value
        'metavar',   # stands for the value in the help; None for a flag
        'default',   # as it would be typed, or None
        'group',     # one of GROUPS
        'help',      # one or two sentences
        'short',     # one letter, or None
        'commands',  # the commands that take it
        'secret',    # its value is never shown
        'environ',   # the environment variable that sets it, or None
        'in_ini'])):  # whether the ini file may set it
    """One option of the command line."""

    __slots__ = ()

    @property
    def long(self):
        """The option as it is typed."""
        return '--' + self.name

    @property
    def takes_value(self):
        return self.kind != 'flag'


def _option(name, kind, metavar, default, group, help, short=None,
            commands=COMMANDS, secret=False, environ=None, in_ini=True):
    return Option(name, kind, metavar, default, group, help, short,
                  commands, secret, environ, in_ini)


def _flag(name, group, help, **more):
    return _option(name, 'flag', None, None, group, help, **more)


OPTIONS = (
    _option('host', 'host', 'host', None, 'Server',
            'Scheme and host of the prediction server, such as '
            'https://example.com:8080. Required.'),
    _option('user', 'user', 'user', None, 'Server',
            'User name. A token without a user is sent alone.',
            commands=DEDICATED),
    _option('password', 'password', 'pwd', None, 'Server',
            'Used to get a token for the user; @<file> reads it from a file. '
            'Asked for if neither a password nor a token is given.',
            commands=DEDICATED, secret=True),
    _option('api_token', 'token', 'token', None, 'Server',
            'The token, or @<file> to read it from a file. Also read from '
            'DATAROBOT_API_TOKEN. Other users may see what is typed here.',
            commands=(PROJECT,), secret=True, environ='DATAROBOT_API_TOKEN'),
    _option('api_token', 'token', 'token', None, 'Server',
            'The token, or @<file> to read it from a file. Also read from '
            'DATAROBOT_API_TOKEN; with drum, only from '
            'BATCH_SCORING_API_TOKEN. Other users may see what is typed here.',
            commands=(DEPLOYMENT,), secret=True, environ='DATAROBOT_API_TOKEN'),
    _option('api_token', 'token', 'token', None, 'Server',
            'With drum or mlflow, a token to send as Bearer, or @<file> to '
            'read it from a file. Also read from BATCH_SCORING_API_TOKEN.',
            commands=(STANDALONE,), secret=True, environ='BATCH_SCORING_API_TOKEN'),
    _flag('create_api_token', 'Server',
          'Have the server create a new token, which replaces the old one. '
          'Needs the password.',
          commands=DEDICATED),
    _flag('create_api_token', 'Server',
          'Accepted but ignored: this command sends no credentials.',
          commands=(STANDALONE,)),
    _option('datarobot_key', 'token', 'key', None, 'Server',
            'Key of a dedicated prediction instance, or @<file>. Also read '
            'from DATAROBOT_KEY.',
            commands=DEDICATED, secret=True, environ='DATAROBOT_KEY'),
    _option('api_version', 'api_version', 'v', 'predApi/v1.0', 'Server',
            'predApi/v1.0 or api/v1.', commands=(PROJECT, STANDALONE)),
    _option('api_version', 'api_version', 'v', 'predApi/v1.0', 'Server',
            'predApi/v1.0, api/v1, or api/v2 for serverless deployments.',
            commands=(DEPLOYMENT,)),
    _option('protocol', 'protocol', 'name', 'datarobot', 'Server',
            'Only datarobot here; the other commands know more.',
            commands=(PROJECT,)),
    _option('protocol', 'protocol', 'name', 'datarobot', 'Server',
            'datarobot, or drum for a portable prediction server with many '
            'models. The path of --host then counts.',
            commands=(DEPLOYMENT,)),
    _option('protocol', 'protocol', 'name', 'datarobot', 'Server',
            'datarobot, drum (DRUM, portable prediction server) or mlflow '
            '(MLflow, MLServer). With the last two, the path of --host '
            'counts, and no id is needed.',
            commands=(STANDALONE,)),
    _option('ca_bundle', 'path', 'path', None, 'Server',
            'File or folder of the certificate authorities to trust.'),
    _flag('no_verify_ssl', 'Server',
          "Do not check the server's certificate."),

    _option('out', 'stream', 'file', 'out.csv', 'Output',
            'Where the results go; gzipped if the name ends in .gz. - is '
            'standard output.'),
    _option('keep_cols', 'names', 'a,b', None, 'Output',
            'Input columns to put before the predictions, in this order; * '
            'is all of them. Quote a name with a comma as in CSV.'),
    _option('pred_cols', 'names', 'a,b', None, 'Output',
            'Classes whose predictions are written, in this order. Without '
            'it, all.'),
    _option('class_names', 'names', 'a,b', None, 'Output',
            'Names for the values of answers that are lists, in their order '
            '(drum and mlflow). Without it, prediction_0 and so on.'),
    _option('max_prediction_explanations', 'not_negative', 'n', '0', 'Output',
            'Maximum number of explanations per prediction. Not with api/v1.'),
    _option('pred_name', 'text', 'name', None, 'Output',
            'Names the prediction column; for a binary target, only the last '
            'class is written. Without it, the column of a regression has no '
            'name with api/v1.'),
    _option('pred_threshold', 'text', 'name', None, 'Output',
            'Adds a column with this name for the prediction threshold.'),
    _option('pred_decision', 'text', 'name', None, 'Output',
            'Adds a column with this name for the predicted value or class.'),
    _option('output_delimiter', 'delimiter', 'd', None, 'Output',
            'Like --delimiter, but for the output. Without it, the '
            'delimiter of the input.'),
    _flag('skip_row_id', 'Output', 'Leave out the row_id column.'),
    _option('bad_rows', 'path', 'file', None, 'Output',
            'Where rows go that the server refuses, with the reason. In the '
            'output, their predictions are empty.'),
    _option('max_bad_rows', 'not_negative', 'n', '100', 'Output',
            'With more such rows the run ends; it can be resumed.'),

    _option('n_samples', 'positive', 'rows', None, 'Batches and requests',
            'Rows per batch. Without it, batches are sized by what the server '
            'shows.'),
    _flag('auto_sample', 'Batches and requests',
          'Even with --n_samples, size batches by what the server shows.'),
    _option('n_concurrent', 'concurrency', 'n', '4', 'Batches and requests',
            'Maximum number of requests in flight; auto finds the best, up to '
            '64 or that of auto:<most>.'),
    _option('n_retry', 'retries', 'n', None, 'Batches and requests',
            'Retries per batch; -1, the default, means no limit.'),
    _option('timeout', 'seconds', 's', '30', 'Batches and requests',
            'Seconds to connect, and again to get an answer.'),
    _flag('compress', 'Batches and requests', 'Gzip the requests.'),

    _option('delimiter', 'delimiter', 'd', None, 'Dataset',
            DELIMITERS_SHOWN.capitalize() + '. Detected by default.'),
    _option('encoding', 'encoding', 'codec', None, 'Dataset',
            'Any Python codec, such as utf-8 or latin-1. Detected by '
            'default.'),
    _option('rows', 'rows', 'n', None, 'Dataset',
            'Score only the first n rows or, with <first>:<last> in place of n, '
            'those from row id first up to, but not including, last.'),
    _flag('skip_dialect', 'Dataset',
          'Detect nothing: use a comma, or --delimiter if given.'),
    _flag('fast', 'Dataset',
          'For speed: a promise that no field contains a line break. If one '
          'does, the run ends.'),
    _option('field_size_limit', 'positive', 'chars', '10485760', 'Dataset',
            'Longest field to accept.'),

    _option('scheduler', 'scheduler', 'address', None, 'Cluster',
            "Score on a Dask cluster: its scheduler's address, tcp:// or tls://, "
            'or local or local:<n> for processes of this machine.'),
    _option('storage_options', 'path', 'file', None, 'Cluster',
            'JSON with what fsspec wants for the URLs of dataset and output, '
            'an object a scheme, such as {"s3": {...}}.'),

    _flag('resume', 'Resume and questions',
          'Continue where an earlier run ended.'),
    _flag('no-resume', 'Resume and questions',
          'Start over, whatever an earlier run left.'),
    _flag('yes', 'Resume and questions', 'Answer yes to every question.',
          short='y'),
    _flag('no', 'Resume and questions', 'Answer no to every question.',
          short='n'),
    _flag('dry_run', 'Resume and questions',
          'Read and cut the whole dataset, but send and write nothing.'),

    _flag('verbose', 'Messages and reports', 'Show the status while running.',
          short='v'),
    _flag('stdout', 'Messages and reports',
          'Log to standard output instead of a file.'),
    _option('log', 'path', 'file', None, 'Messages and reports',
            'Where the log goes. Without it, '
            'datarobot_batch_scoring_main.log in this folder.'),
    _option('report', 'report', 'file', None, 'Messages and reports',
            'Write a report on the run to a .json or .html file.'),
    _flag('help', 'Messages and reports', 'Show this text.', short='h',
          in_ini=False),
    _flag('version', 'Messages and reports', 'Show the version.', in_ini=False),
)


def options_of(command):
    """The options that a command takes, in the order of the table."""
    return tuple(each for each in OPTIONS if command in each.commands)


def ini_keys(command):
    """Every key that the ini file may hold for a command, with its kind.

    The keys are as `inifile.read` returns them: with underscores.
    """
    keys = dict((ini_key(each.name), each.kind)
                for each in options_of(command) if each.in_ini)
    keys.update((slot, SLOT_KINDS[slot]) for slot in SLOTS[command])
    return keys


def ini_key(name):
    """The one spelling of a key: `no-resume` and `no_resume` are the same."""
    key = name.strip().lower().replace('-', '_')
    return SLOT_ALIASES.get(key, key)
