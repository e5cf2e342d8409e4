"""What the user chose, as one tuple: `Settings`, checked and with every default filled in."""

from __future__ import absolute_import, unicode_literals

import collections

from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.protocols.base import API_V1, COMMANDS, DATAROBOT, STANDALONE
from datarobot_batch_scoring.settings import inifile, secrets, servers, sources
from datarobot_batch_scoring.settings.additions import AUTHORIZATION
from datarobot_batch_scoring.settings.table import OPTIONS, POSITIONAL_KINDS, options_of
from datarobot_batch_scoring.settings.values import KINDS, STREAM, TO_THE_END, AutoConcurrency, Rows
from datarobot_batch_scoring.system import is_url

# What a name ends in that promises something else than CSV.
OTHER_FORMATS = (
    '.parquet', '.pq', '.xlsx', '.xls', '.json', '.feather', '.arrow', '.avro', '.zip', '.bz2', '.xz', '.zst')

_OPTIONS = tuple(option for option in OPTIONS if option.is_setting)


class Settings(collections.namedtuple(
        'Settings',
        ['command'] + list(POSITIONAL_KINDS) + [option.name for option in _OPTIONS] + [
            'ini',             # path of the ini file that was read, or None
            'unknown_keys',    # tuple of keys in it that mean nothing
            'warnings',        # tuple of the lines that `load` warned of
            'frame_types'])):  # what `score_frame` knows, like `inspect.Dataset.types`; else None
    """What the user chose.

    The values are those that `values.KINDS` makes; what was not given and has no default is None,
    False for a flag and () for names. At most one of `password` and `api_token` is set; neither is
    while the password has yet to be asked for, nor for a command without credentials. With
    `create_api_token` it is the password. `host` has a path only with protocols other than
    DataRobot's.
    """

    __slots__ = ()

    @property
    def reads_stdin(self):
        """True if the dataset is what comes from standard input."""
        return self.dataset == STREAM

    @property
    def writes_stdout(self):
        """True if the rows go to standard output."""
        return self.out == STREAM

    @property
    def needs_cluster(self):
        """True if the run is one for a Dask cluster, of this machine's own maybe."""
        return bool(self.scheduler) or is_url(self.dataset) or is_url(self.out)

    @property
    def needs_password(self):
        """True if the password has yet to be asked for.

        Without any credentials, the workers of a cluster have them from their environment.
        """
        return _wants_credentials(self) and protocols.of(self).gives_tokens

    @property
    def auto_sample(self):
        """True if the sizes of batches follow the responses: there is no `n_samples`."""
        return self.n_samples is None

    @property
    def auto_concurrent(self):
        """True if the number of requests in flight is to be found, up to `n_concurrent`."""
        return isinstance(self.n_concurrent, AutoConcurrency)

    @property
    def waits_for_server(self):
        """True if, before the first response ever, retries end after `timeout`: no `n_retry` is given."""
        return self.n_retry is None

    @property
    def max_retries(self):
        """Retries of a batch; -1: no limit."""
        return -1 if self.n_retry is None else self.n_retry

    @property
    def wanted_rows(self):
        """The `values.Rows` to score: all, without `rows`."""
        return self.rows or Rows(0, TO_THE_END)

    @property
    def first_row(self):
        """The row id to begin with."""
        return self.wanted_rows.first

    @property
    def secrets(self):
        """The values that must not be shown, each a text."""
        values = [getattr(self, option.name) for option in _OPTIONS if option.secret and option.kind != 'headers']
        more = [addition.secrets for addition in (self.query, self.header) if addition]
        return [value for value in values if value] + [text for texts in more for text in texts]

    @property
    def sends_authorization(self):
        """True if --header has the credentials."""
        return bool(self.header) and AUTHORIZATION in self.header.names


def load(command, given, positionals, environ, folders, warn):
    """The `Settings` for a command line that `parse.parse` has read.

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
    ini = sources.ini_file(command, inifile.find(folders), warn, unknown, given.pop('profile', None))
    typed = sources.command_line(given)
    protocol = servers.select_protocol(command, [typed, ini])
    servers.reject_unsupported(command, typed, protocol)
    servers.drop_unsupported(command, ini, protocol, warn)
    environment = sources.environment(command, environ, protocol)
    sources.keep_certificates_checked(ini, environ, warn)
    given = dict(given, **servers.fill_positionals(command, positionals, ini, protocol))
    settings = _combined(command, [
        sources.command_line(given), environment, ini, sources.defaults(command)], protocol, warn)
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
        raise UsageError('no_command', command=command, commands=', '.join(COMMANDS))
    source = sources.from_python(command, options)
    protocol = servers.select_protocol(command, [source])
    servers.reject_unsupported(command, source, protocol)
    # A frame is a dataset, too: `check_dataset` is for all others.
    _check_given(command, [name for name in servers.needed_positionals(command, protocol)
                           if name not in source.values and name != 'dataset'])
    return _combined(command, [
        source, sources.environment(command, environ or {}, protocol), sources.defaults(command)],
        protocol, LOGGER.warning)


def check_dataset(settings):
    """Raises `UsageError` if settings that `make` has made have no dataset."""
    _check_given(settings.command, [] if settings.dataset else ['dataset'])


def _check_given(command, missing):
    if missing:
        raise UsageError('setting_missing', command=command, settings=' and the setting '.join(missing))


def _combined(command, given, protocol, warn):
    given = [sources.checked(command, source, protocol, warn) for source in given]
    servers.warn_of_unsent_id(command, given, protocol, warn)
    values = sources.merge(given)
    if values.get('create_api_token'):
        _prefer_password(command, values, given, warn)
    settings = _assembled(command, values)
    _check_together(settings)
    if settings.out.lower().endswith(OTHER_FORMATS):
        warn('{0} will be CSV despite its name.'.format(settings.out))
    return settings._replace(host=protocol.base(settings.host, settings))


def _wants_credentials(settings):
    return (settings.command != STANDALONE and settings.protocol == DATAROBOT
            and not settings.dry_run and not is_url(settings.scheduler or '')
            and not settings.password and not settings.api_token and not settings.sends_authorization)


def _keep_from_unknown_host(settings, given, environment, ini):
    for name in [option.name for option in _OPTIONS if option.environ]:
        if getattr(settings, name) and name in environment.values and not given.get(name):
            raise UsageError('untrusted_host', name=environment.naming(name), file=ini.name)


def _warn_of_process_list(command, given, warn):
    seen = [option.long for option in options_of(command) if option.secret and given.get(option.name)
            and not all(line.startswith(secrets.SIGN) for line in given[option.name].split('\n'))]
    if seen:
        warn('The list of processes and the shell history can show {0}. Use @<file>, '
             'the environment or the ini file instead.'.format(' and '.join(seen)))


def _prefer_password(command, values, given, warn):
    if command == STANDALONE:
        warn('--create_api_token is ignored: %s sends no credentials.'
             % command)
        values['create_api_token'] = False
        return
    values['api_token'] = None
    values['password'] = next((source.values['password'] for source in given
                               if source.values.get('password')), None)


def _assembled(command, values):
    fields = dict.fromkeys(Settings._fields)
    fields.update((option.name, KINDS[option.kind].absent) for option in _OPTIONS)
    fields.update((name, value) for name, value in values.items()
                  if name in fields and value is not None)
    fields.update(command=command, unknown_keys=(), warnings=(), resume=_resume(values))
    return Settings(**fields)


def _resume(values):
    if 'resume' in values:
        return True
    return False if 'no-resume' in values else None


def _check_together(settings):
    """Checks what no setting shows by itself."""
    _check_streams(settings)
    if not settings.host:
        raise UsageError('no_host', command=settings.command)
    if settings.max_prediction_explanations and settings.api_version == API_V1:
        raise UsageError(
            'option_impossible', option='--max_prediction_explanations', chosen='--api_version=api/v1')
    for option in ('class_names', 'extra_cols'):
        _check_names(option, getattr(settings, option))
    if settings.explanation_details and not settings.max_prediction_explanations:
        raise UsageError('no_explanations')
    if settings.sends_authorization and (settings.password or settings.api_token):
        raise UsageError('two_authorizations')
    if settings.client_key and not settings.client_cert:
        raise UsageError('client_key_alone')
    if settings.check and (settings.reads_stdin or settings.writes_stdout or settings.needs_cluster):
        raise UsageError('check_file', what='--scheduler' if settings.needs_cluster else 'standard input or output')
    if _wants_credentials(settings) and not settings.needs_password:
        raise UsageError('token_missing', command=settings.command)
    if not settings.user and (settings.password or settings.needs_password):
        raise UsageError(
            'credentials_missing' if settings.needs_password and not settings.create_api_token else 'user_missing',
            command=settings.command)


def _check_names(option, names):
    if '' in names:
        raise UsageError('name_empty', option=option)
    if len(set(names)) < len(names):
        raise UsageError('name_twice', option=option, name=[name for name in names if names.count(name) > 1][0])


def _check_streams(settings):
    if settings.resume and settings.writes_stdout:
        raise UsageError('resume_stdout')
    if settings.resume and settings.reads_stdin:
        raise UsageError('resume_stdin')
    if settings.stdout and settings.writes_stdout:
        raise UsageError('two_stdouts')
