"""The one table of all options: parser, help, validation and docs read it."""

from __future__ import absolute_import, unicode_literals

import collections

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
    'dataset': 'path',
}
# Other names that a slot has in usage texts and in the ini file.
SLOT_ALIASES = {'dataset_filepath': 'dataset'}

GROUPS = ('Server', 'Output', 'Batches and requests', 'Dataset',
          'Resume and questions', 'What is shown')


class Option(collections.namedtuple('Option', [
        'name',      # the long option without its dashes, and the ini key
        'kind',      # a key of `values.KINDS`; a 'flag' takes no value
        'metavar',   # stands for the value in the help; None for a flag
        'default',   # as it would be typed, or None
        'group',     # one of GROUPS
        'help',      # one sentence or two
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
            'User name. With a token and no user, the token is sent alone.',
            commands=DEDICATED),
    _option('password', 'password', 'pwd', None, 'Server',
            'Gets a token for the user. Asked for where neither it nor a '
            'token is given.',
            commands=DEDICATED, secret=True),
    _option('api_token', 'token', 'token', None, 'Server',
            'The token itself. Also read from DATAROBOT_API_TOKEN.',
            commands=DEDICATED, secret=True, environ='DATAROBOT_API_TOKEN'),
    _flag('create_api_token', 'Server',
          'Have the server make a new token, which ends the old one. Needs '
          'the password.',
          commands=DEDICATED),
    _flag('create_api_token', 'Server',
          'Taken and ignored: this command sends no credentials.',
          commands=(STANDALONE,)),
    _option('datarobot_key', 'token', 'key', None, 'Server',
            'Key of a dedicated prediction instance. Also read from '
            'DATAROBOT_KEY.',
            commands=DEDICATED, secret=True, environ='DATAROBOT_KEY'),
    _option('api_version', 'api_version', 'v', 'predApi/v1.0', 'Server',
            'predApi/v1.0 or api/v1.'),
    _option('ca_bundle', 'path', 'path', None, 'Server',
            'File or folder of the certificate authorities to trust.'),
    _flag('no_verify_ssl', 'Server',
          "Do not check the server's certificate."),

    _option('out', 'path', 'file', 'out.csv', 'Output',
            'Where the results go; a name that ends in .gz is gzipped.'),
    _option('keep_cols', 'names', 'a,b', None, 'Output',
            'Input columns to repeat before the predictions, in this order. '
            'A name with a comma is quoted as in CSV.'),
    _option('max_prediction_explanations', 'not_negative', 'n', '0', 'Output',
            'Explanations of each prediction, at most. Not with api/v1.'),
    _option('pred_name', 'text', 'name', None, 'Output',
            'Names the prediction column; of a binary target only the last '
            'class is written.'),
    _option('pred_threshold', 'text', 'name', None, 'Output',
            'Adds a column of this name with the prediction threshold.'),
    _option('pred_decision', 'text', 'name', None, 'Output',
            'Adds a column of this name with the predicted value or class.'),
    _option('output_delimiter', 'delimiter', 'd', None, 'Output',
            'Delimiter of the output, as for --delimiter. Without it, that '
            'of the input.'),
    _flag('skip_row_id', 'Output', 'Leave out the row_id column.'),

    _option('n_samples', 'positive', 'rows', None, 'Batches and requests',
            'Rows in a batch. Without it, batches are cut by size.'),
    _flag('auto_sample', 'Batches and requests',
          'Batches of about 2.5 MiB, even with --n_samples.'),
    _option('n_concurrent', 'positive', 'n', '4', 'Batches and requests',
            'Requests in flight, at most.'),
    _option('n_retry', 'retries', 'n', None, 'Batches and requests',
            'Tries after the first of a batch; -1, the default, is without '
            'end.'),
    _option('timeout', 'seconds', 's', '30', 'Batches and requests',
            'Seconds to connect, and again for an answer.'),
    _flag('compress', 'Batches and requests', 'Gzip the requests.'),

    _option('delimiter', 'delimiter', 'd', None, 'Dataset',
            'One of , ; | ! or a space or a tab, or the word tab or pipe. '
            'Without it, detected.'),
    _option('encoding', 'encoding', 'codec', None, 'Dataset',
            'Any codec that Python has, such as utf-8 or latin-1. Without '
            'it, detected.'),
    _flag('skip_dialect', 'Dataset',
          'Detect nothing: a comma, or what --delimiter says.'),
    _flag('fast', 'Dataset',
          'A promise that no field holds a line break, for speed. Where it '
          'is broken the run ends.'),
    _option('field_size_limit', 'positive', 'chars', '10485760', 'Dataset',
            'Longest field that is accepted.'),

    _flag('resume', 'Resume and questions',
          'Go on where an earlier run ended.'),
    _flag('no-resume', 'Resume and questions',
          'Start anew, whatever an earlier run left.'),
    _flag('yes', 'Resume and questions', 'Answer yes to every question.',
          short='y'),
    _flag('no', 'Resume and questions', 'Answer no to every question.',
          short='n'),
    _flag('dry_run', 'Resume and questions',
          'Read and cut the whole dataset; send and write nothing.'),

    _flag('verbose', 'What is shown', 'Show the state while running.',
          short='v'),
    _flag('stdout', 'What is shown',
          'Log to the standard output and not to a file.'),
    _option('report', 'report', 'file', None, 'What is shown',
            'Write an account of the run to a .json or .html file.'),
    _flag('help', 'What is shown', 'Show this text.', short='h',
          in_ini=False),
    _flag('version', 'What is shown', 'Show the version.', in_ini=False),
)


def options_of(command):
    """The options that a command takes, in the order of the table."""
    return tuple(each for each in OPTIONS if command in each.commands)


def ini_keys(command):
    """Every key that the ini file may hold for a command, with its kind.

    The keys stand as `inifile.read` gives them: with underscores.
    """
    keys = dict((ini_key(each.name), each.kind)
                for each in options_of(command) if each.in_ini)
    keys.update((slot, SLOT_KINDS[slot]) for slot in SLOTS[command])
    return keys


def ini_key(name):
    """The one spelling of a key: `no-resume` and `no_resume` are the same."""
    key = name.strip().lower().replace('-', '_')
    return SLOT_ALIASES.get(key, key)
