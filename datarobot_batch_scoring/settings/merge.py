"""Merges what the command line, environment and ini file say into `Settings`."""

from __future__ import absolute_import, unicode_literals

import collections

from datarobot_batch_scoring.compat import to_text
from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.console.masking import without_credentials
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.protocols.datarobot import FAMILY
from datarobot_batch_scoring.settings import inifile, secret_files, servers, streams, trust
from datarobot_batch_scoring.settings.arguments import see_help
from datarobot_batch_scoring.settings.options import (
    COMMANDS, SLOT_KINDS, SLOTS, STANDALONE, ini_key, ini_keys, options_of)
from datarobot_batch_scoring.settings.values import TRUE, Refused, check, nearest

_Settings = collections.namedtuple('Settings', [
    'command',             # one of options.COMMANDS
    'project_id', 'model_id', 'deployment_id', 'import_id',  # text or None
    'dataset',             # path, or values.STREAM: standard input
    'host',                # 'https://name:port', maybe with user:password@; and with a path for
                           # protocols other than DataRobot's
    'user',                # lower-cased, or None
    # At most one of the two is set; neither is while the password has yet to be
    # asked for, nor for a command without credentials.
    'password', 'api_token',
    'create_api_token',    # bool; if true, `password` is the one that counts
    'datarobot_key',       # text or None
    'api_version',         # 'predApi/v1.0', 'api/v1' or 'api/v2'
    'protocol',            # 'datarobot', 'drum' or 'mlflow'
    'ca_bundle',           # path or None
    'no_verify_ssl',       # bool
    'out',                 # path, or values.STREAM: standard output
    'keep_cols',           # tuple of column names, maybe empty; ('*',): all of them
    'pred_cols',           # tuple of classes; empty: all of them
    'class_names',         # tuple of names for the values of a row; empty: not given
    'max_prediction_explanations',  # int, 0 for none
    'pred_name', 'pred_threshold', 'pred_decision',  # column name or None
    'output_delimiter',    # one character, or None: the same as the input's
    'skip_row_id',         # bool
    'bad_rows',            # path, or None: a refused row ends the run
    'max_bad_rows',        # int
    'n_samples',           # rows per batch, or None: batches are sized by the answers
    'n_concurrent',        # int, 1 or more; `values.UpTo`: to be found
    'n_retry',             # int, -1 for no limit; None if not given
    'timeout',             # seconds, a float
    'compress',            # bool
    'delimiter',           # one character, or None: detect it
    'encoding',            # Python's name of a codec, or None: detect it
    'rows',                # (first, last): numbers of rows, `last` not among them; None: all
    'skip_dialect', 'fast',  # bool
    'field_size_limit',    # characters
    'scheduler',           # address of a Dask scheduler, 'local', 'local:<n>', or None
    'storage_options',     # path or None
    'resume',              # True, False, or None: ask
    'yes', 'no',           # bool, never both
    'dry_run', 'verbose', 'stdout',  # bool
    'log',                 # path, or None: its usual name
    'report',              # path or None
    'ini',                 # path of the ini file that was read, or None
    'unknown_keys',        # tuple of keys in it that mean nothing
    'warnings',            # tuple of the lines that `load` warned of
])


class Settings(_Settings, streams.Streams):
    """What the user chose."""

    __slots__ = ()


# If one source sets both of a pair, the first wins; otherwise the one from the
# higher source does.
RIVALS = (('api_token', 'password'), ('auto_sample', 'n_samples'))
OPPOSITES = (('yes', 'no'), ('resume', 'no-resume'), ('ca_bundle', 'no_verify_ssl'),
             ('log', 'stdout'))

# The environment variables in which `requests` finds the certificates to trust.
CERTIFICATES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE')

# One source of settings: `values` is a dict of option or slot name to text,
# True or, after `_checked`, the value itself; None clears what lower sources
# say. `naming` turns a name into what messages call it. `trusted` is false if
# anyone but the user and root may have written the source.
Source = collections.namedtuple('Source', ['name', 'values', 'naming', 'trusted'])
Source.__new__.__defaults__ = (True,)


def load(command, given, positionals, environ, folders, warn):
    """The `Settings` for a command line that `arguments.parse` has read.

    `environ` is a mapping like `os.environ`, `folders` are searched in turn for
    the ini file, and `warn` is called with a line of text. Raises `UsageError`.
    """
    warnings, unknown = [], []

    def tell(line):
        warnings.append(line)
        warn(line)
    settings = _loaded(command, given, positionals, environ, folders, tell, unknown)
    return settings._replace(unknown_keys=tuple(unknown), warnings=tuple(warnings))


def _loaded(command, given, positionals, environ, folders, warn, unknown):
    ini = _ini_source(command, inifile.find(folders), warn, unknown)
    typed = Source('the command line', given, _on_command_line)
    protocol = servers.spoken(command, [typed, ini])
    servers.refuse_unknown(command, typed, protocol)
    servers.drop_unknown(command, ini, protocol, warn)
    environment = _environ_source(command, environ, protocol)
    _keep_certificates_checked(ini, environ, warn)
    given = dict(given, **servers.fill_slots(command, positionals, ini, protocol))
    settings = _combined(command, [
        typed._replace(values=given), environment, ini, _defaults(command)], protocol, warn)
    if not ini.trusted and not given.get('host') and not settings.dry_run:
        _keep_from_unknown_host(settings, given, environment, ini)
    if settings.verbose:
        _warn_of_process_list(command, given, warn)
    return settings._replace(ini=ini.name)


def make(command, environ=None, **options):
    """The `Settings` for a run from Python, checked like those of a command line.

    `options` have the names of arguments and long options, as in the ini file:
    `dataset='data.csv'`, `n_samples=1000`, `verbose=True`. None is the same as
    nothing, `resume=False` as `no_resume=True`; names of columns or classes may be lists. No
    ini file is read, and the environment only where it is given (`os.environ`,
    say). Raises `UsageError`.
    """
    if command not in COMMANDS:
        raise UsageError("There is no command '%s': it must be one of %s." % (
            command, ', '.join(COMMANDS)))
    values = {}
    for name, value in options.items():
        key = ini_key(to_text(name))
        kind = ini_keys(command).get(key)
        if kind is None:
            meant = nearest(key, sorted(ini_keys(command)))
            raise UsageError("The command %s has no setting '%s'%s" % (
                command, key, '. Did you mean %s?' % meant if meant else '.'))
        if value is not None:
            values['no-resume' if key == 'no_resume' else key] = _as_typed(kind, value)
    source = Source('the settings', values, ini_key)
    protocol = servers.spoken(command, [source])
    servers.refuse_unknown(command, source, protocol)
    missing = [slot for slot in servers.needed_slots(command, protocol) if slot not in values]
    if missing:
        raise UsageError('The command %s needs the setting %s.' % (
            command, ' and the setting '.join(missing)))
    return _combined(command, [
        source, _environ_source(command, environ or {}, protocol), _defaults(command)],
        protocol, LOGGER.warning)


def _as_typed(kind, value):
    """A Python value as an ini file would have it."""
    if value is True or value is False:
        return 'yes' if value else 'no'
    if kind == 'names' and isinstance(value, (list, tuple)):
        return ','.join('"%s"' % to_text(each).replace('"', '""') for each in value)
    if isinstance(value, bytes):
        return to_text(value)
    return '%s' % (value,)


def _combined(command, sources, protocol, warn):
    sources = [_checked(command, each, protocol, warn) for each in sources]
    servers.warn_of_unsent_id(command, sources, protocol, warn)
    values = _merge(sources)
    if values.get('create_api_token'):
        _prefer_password(command, values, sources, warn)
    settings = _assembled(command, values)
    _check_together(settings)
    return settings._replace(host=protocol.base(settings.host, settings))


def needs_cluster(settings):
    """True if the run is one for a Dask cluster, of this machine's own maybe."""
    return bool(settings.scheduler) or '://' in settings.dataset or '://' in settings.out


def needs_password(settings):
    """True if the password has yet to be asked for.

    Without any credentials, the workers of a cluster have them from their environment.
    """
    return _wants_credentials(settings) and protocols.of(settings).gives_tokens


def _wants_credentials(settings):
    return (settings.command != STANDALONE and settings.protocol == FAMILY
            and not settings.dry_run and '://' not in (settings.scheduler or '')
            and not settings.password and not settings.api_token)


def _on_command_line(name):
    return '<%s>' % name if name in SLOT_KINDS else '--' + name


def _environ_source(command, environ, protocol):
    names = servers.variables(options_of(command), command, protocol)
    values = dict((name, to_text(environ[variable]))
                  for name, variable in names.items() if environ.get(variable))
    return Source('the environment', values,
                  lambda name: 'Environment variable ' + names[name])


def _ini_source(command, path, warn, unknown):
    values = {}
    mine = ini_keys(command)
    known = set(key for each in COMMANDS for key in ini_keys(each))
    found, status = inifile.read(path) if path else ({}, None)
    for key, value in found.items():
        if key in mine:
            values['no-resume' if key == 'no_resume' else key] = value
        elif key not in known:
            meant = nearest(key, sorted(mine))
            unknown.append(key)
            warn("The ini file %s has an unknown key '%s'%s" % (
                path, key, '. Did you mean %s?' % meant if meant else '.'))
    ours = not path or trust.is_ours(path, status, warn)
    if path and _holds_secrets(command, values) and trust.may_be_read_by_others(status):
        warn('Others can read {0}, which contains secrets. Run: {1}'.format(
            path, trust.private(path)))
    return Source(path, values, lambda name: '%s: %s' % (path, name), ours)


def _holds_secrets(command, values):
    secrets = [values.get(each.name, '') for each in options_of(command) if each.secret]
    return '@' in values.get('host', '') or any(
        each and not each.startswith(secret_files.SIGN) for each in secrets)


def _keep_certificates_checked(ini, environ, warn):
    """A lower source must not weaken a higher one."""
    named = [each for each in CERTIFICATES if environ.get(each)]
    if named and ini.values.get('no_verify_ssl', '').lower() in TRUE:
        del ini.values['no_verify_ssl']
        warn('{0}: no_verify_ssl is ignored, since {1} gives the certificates to trust.'.format(
            ini.name, named[0]))


def _keep_from_unknown_host(settings, given, environment, ini):
    for name in ('api_token', 'datarobot_key'):
        if getattr(settings, name) and name in environment.values and not given.get(name):
            raise UsageError(
                '{1} is not sent to the host in {0}, since others can change '
                'that file.'.format(ini.name, environment.naming(name)),
                hint='Give --host on the command line, or fix the file as the warning says.')


def _warn_of_process_list(command, given, warn):
    seen = [each.long for each in options_of(command) if each.secret and given.get(each.name)
            and not given[each.name].startswith(secret_files.SIGN)]
    if seen:
        warn('The list of processes and the shell history can show {0}. Use @<file>, '
             'the environment or the ini file instead.'.format(' and '.join(seen)))


def _defaults(command):
    values = dict((each.name, each.default) for each in options_of(command)
                  if each.default is not None)
    return Source('the defaults', values, _on_command_line)


def _checked(command, source, protocol, warn):
    """The source with its texts turned into values."""
    kinds = servers.slot_kinds(command, protocol)
    types = collections.OrderedDict((slot, kinds[slot]) for slot in SLOTS[command])
    types.update((each.name, each.kind) for each in options_of(command))
    secret = set(each.name for each in options_of(command) if each.secret)
    values = {}
    for name in (each for each in types if each in source.values):
        value = source.values[name]
        if value is True:
            values[name] = True
        elif value == '' and _may_be_empty(types[name]):
            values[name] = None
        else:
            if name in secret:
                value = _read_secret(source, name, value, warn)
            values[name] = _value(source.naming(name), types[name], value,
                                  name in secret)
    values = _settle_flags(types, values)
    for one, other in OPPOSITES:
        if one in values and other in values:
            raise UsageError('%s and %s exclude each other.'
                             % (source.naming(one), source.naming(other)))
    return source._replace(values=values)


def _read_secret(source, name, value, warn):
    if not source.trusted and value.startswith(secret_files.SIGN):
        raise UsageError(
            '{0}: the file after the @ is not read, since others can change its name.'.format(
                source.naming(name)), hint='Fix the ini file as the warning says.')
    return secret_files.resolve(source.naming(name), value, warn)


def _may_be_empty(kind):
    # `--user="$UNSET"` means no user.
    return kind in ('text', 'user', 'password', 'token', 'names')


def _value(name, kind, value, secret):
    try:
        return check(kind, value)
    except Refused as refused:
        if secret:
            shown = 'the value'
        elif kind == 'host':
            shown = "'%s'" % without_credentials(value)
        else:
            shown = "'%s'" % value
        raise UsageError('%s: %s %s.' % (name, shown, refused.error))


def _settle_flags(types, values):
    """Drops the flags that are off, but turns `resume = no` into `no-resume`."""
    if values.get('resume') is False:
        values.setdefault('no-resume', True)
    return dict((name, value) for name, value in values.items()
                if types[name] != 'flag' or value)


def _merge(sources):
    """One dict of all values, each from the highest source that has it."""
    merged = {}
    for source in reversed(sources):
        values = dict(source.values)
        for winner, loser in RIVALS:
            if values.get(winner):
                values.pop(loser, None)
        for pair in RIVALS + OPPOSITES:
            for one, other in (pair, pair[::-1]):
                if values.get(one):
                    merged.pop(other, None)
        merged.update(values)
    return merged


def _prefer_password(command, values, sources, warn):
    if command == STANDALONE:
        warn('--create_api_token is ignored: %s sends no credentials.'
             % command)
        values['create_api_token'] = False
        return
    values['api_token'] = None
    values['password'] = next((each.values['password'] for each in sources
                               if each.values.get('password')), None)


def _assembled(command, values):
    fields = dict.fromkeys(Settings._fields)
    fields.update((each.name, False) for each in options_of(command)
                  if each.kind == 'flag')
    fields.update(values)
    fields.update(command=command, keep_cols=fields['keep_cols'] or (),
                  pred_cols=fields['pred_cols'] or (), class_names=fields['class_names'] or (),
                  unknown_keys=(), warnings=(),
                  create_api_token=bool(fields['create_api_token']),
                  resume=_resume(values))
    return Settings(**dict((name, fields[name]) for name in Settings._fields))


def _resume(values):
    if 'resume' in values:
        return True
    return False if 'no-resume' in values else None


def _check_together(settings):
    """Checks what no setting shows by itself."""
    streams.check(settings)
    if not settings.host:
        raise UsageError('--host is missing: give the prediction server, such as '
                         'https://example.com.',
                         hint=see_help(settings.command))
    if (settings.max_prediction_explanations
            and settings.api_version == 'api/v1'):
        raise UsageError('--max_prediction_explanations is not possible with '
                         '--api_version=api/v1.')
    if _wants_credentials(settings) and not needs_password(settings):
        raise UsageError('Credentials are missing: give --api_token.',
                         hint=see_help(settings.command))
    if not settings.user and (settings.password or needs_password(settings)):
        raise UsageError(
            'Credentials are missing: give --api_token, or --user and --password.'
            if needs_password(settings) and not settings.create_api_token else
            '--user is missing: a password needs one.',
            hint=see_help(settings.command))
