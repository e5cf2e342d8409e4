"""Where settings come from, the highest first: command line, environment, ini file, defaults."""

from __future__ import absolute_import, unicode_literals

import collections

from datarobot_batch_scoring.compat import text, to_text
from datarobot_batch_scoring.console.masking import without_credentials
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server.protocols.base import CERTIFICATES, COMMANDS
from datarobot_batch_scoring.settings import additions, inifile, secrets, servers
from datarobot_batch_scoring.settings.table import (
    MUTUALLY_EXCLUSIVE, POSITIONALS, POSITIONAL_KINDS, PRECEDENCE, ini_key, ini_keys, options_of)
from datarobot_batch_scoring.settings.values import FALSE, KINDS, TRUE, InvalidValue, check, did_you_mean, nearest

# One source of settings: `values` is a dict of the name of an option or argument to text,
# True or, after `checked`, the value itself; None clears what lower sources
# say. `naming` turns a name into what messages call it. `trusted` is false if
# anyone but the user and root may have written the source.
SettingSource = collections.namedtuple('SettingSource', ['name', 'values', 'naming', 'trusted'])
SettingSource.__new__.__defaults__ = (True,)


def command_line(given):
    """The source of the options that `parse.parse` returns."""
    return SettingSource('the command line', given, _on_command_line)


def _on_command_line(name):
    return '<%s>' % name if name in POSITIONAL_KINDS else '--' + name


def environment(command, environ, protocol):
    """The source of a mapping like `os.environ`."""
    names = servers.variables(command, protocol)
    values = dict((name, to_text(environ[variable]))
                  for name, variable in names.items() if environ.get(variable))
    return SettingSource('the environment', values,
                         lambda name: 'Environment variable ' + names[name])


def ini_file(command, path, warn, unknown, profile=None):
    """The source of an ini file, None for no file; appends its unknown keys to `unknown`.

    The keys of the section `profile` override those of the section for everyone.
    """
    if profile and not path:
        raise UsageError('no_ini_file')
    content, chosen, status = inifile.read(path, profile) if path else ({}, {}, None)
    values = _known_values(command, path, content, warn, unknown)
    if profile and profile != inifile.SECTION:
        values = _overridden(values, _known_values(command, path, chosen, warn, unknown))
    ours = not path or secrets.is_ours(path, status, warn)
    if path and _holds_secrets(command, values) and secrets.may_be_read_by_others(status):
        warn('Other users can read {0}, which contains secrets. Run: {1}'.format(
            path, secrets.private(path)))
    return SettingSource(path, values, lambda name: '%s: %s' % (path, name), ours)


def _known_values(command, path, content, warn, unknown):
    """{option: value} of a section; warns of keys that no command has."""
    mine, values = ini_keys(command), {}
    known = set(key for any_command in COMMANDS for key in ini_keys(any_command))
    for key, value in content.items():
        if key in mine:
            values[_option_name(key)] = value
        elif key not in known:
            unknown.append(key)
            warn("The ini file %s has an unknown key '%s'%s" % (path, key, did_you_mean(nearest(key, sorted(mine)))))
    return values


def _overridden(values, profile):
    """Values of the ini file with those of a profile over them, and without what these make void."""
    merged = dict(values)
    for pair in PRECEDENCE + MUTUALLY_EXCLUSIVE:
        for name, excluded in (pair, pair[::-1]):
            if profile.get(name, FALSE[0]).lower() not in FALSE:
                merged.pop(excluded, None)
    if profile.get('protocol', values.get('protocol')) != values.get('protocol'):
        # It is for servers of the other protocol.
        merged.pop('api_token', None)
    merged.update(profile)
    return merged


def _option_name(key):
    return 'no-resume' if key == 'no_resume' else key


def _holds_secrets(command, values):
    values_of_secrets = [values.get(option.name, '') for option in options_of(command) if option.secret]
    return '@' in values.get('host', '') or any(
        value and not value.startswith(secrets.SIGN) for value in values_of_secrets)


def keep_certificates_checked(ini, environ, warn):
    """Takes out of the ini file's values what would weaken what the environment says."""
    named = [variable for variable in CERTIFICATES if environ.get(variable)]
    if named and ini.values.get('no_verify_ssl', '').lower() in TRUE:
        del ini.values['no_verify_ssl']
        warn('{0}: no_verify_ssl is ignored, since {1} sets the trusted certificates.'.format(
            ini.name, named[0]))


def from_python(command, options):
    """The source of the keywords of `make_settings`; raises `UsageError`."""
    values = {}
    keys = ini_keys(command)
    for name, value in options.items():
        key = ini_key(to_text(name))
        if key not in keys:
            raise UsageError('no_setting', command=command, setting=key,
                             suggestion=did_you_mean(nearest(key, sorted(keys))))
        if value is not None:
            values[_option_name(key)] = _as_typed(key, keys[key], value)
    return SettingSource('the settings', values, ini_key)


def _as_typed(key, kind, value):
    """A Python value as an ini file would have it."""
    if value is True or value is False:
        return 'yes' if value else 'no'
    if isinstance(value, (list, tuple)) and kind == 'names':
        return ','.join('"%s"' % to_text(name).replace('"', '""') for name in value)
    if isinstance(value, (list, tuple)) and key in inifile.REPEATED:
        return _lines_of(key, value)
    if isinstance(value, bytes):
        return to_text(value)
    # A file, a frame, a list where there is one value; paths of `pathlib` and `py.path` are text.
    if hasattr(value, 'read') or not isinstance(value, text) and (
            hasattr(value, '__iter__') and not hasattr(value, '__fspath__')):
        raise UsageError('wrong_type', name=key, type=type(value).__name__, allowed=KINDS[kind].allowed)
    return '%s' % (value,)


def _lines_of(key, values):
    """The values of an option that may be repeated, a line for each; a pair is a name and a value."""
    lines = [': '.join(map(to_text, entry)) if isinstance(entry, (list, tuple)) else to_text(entry) for entry in values]
    if any('\n' in line or '\r' in line for line in lines):
        raise UsageError('line_break', option=key)
    return '\n'.join(lines)


def defaults(command):
    """The source of the defaults in the table."""
    values = dict((option.name, option.default) for option in options_of(command)
                  if option.default is not None)
    return SettingSource('the defaults', values, _on_command_line)


def checked(command, source, protocol, warn):
    """The source with its texts turned into values; raises `UsageError`."""
    kinds = servers.positional_kinds(command, protocol)
    types = collections.OrderedDict((name, kinds[name]) for name in POSITIONALS[command])
    types.update((option.name, option.kind) for option in options_of(command))
    secret = set(option.name for option in options_of(command) if option.secret)
    if source.values.get('header') and not source.trusted:
        raise UsageError('untrusted_header', name=source.naming('header'))
    values = {}
    for name in (known for known in types if known in source.values):
        value = source.values[name]
        if value is True:
            values[name] = True
        elif value == '' and KINDS[types[name]].may_be_empty:
            values[name] = None
        else:
            if name in secret:
                value = _read_secret(source, name, value, warn)
            values[name] = _value(source.naming(name), types[name], value, name in secret)
    values = _settle_flags(types, values)
    for name, excluded in MUTUALLY_EXCLUSIVE:
        if name in values and excluded in values:
            raise UsageError('exclusive', option=source.naming(name), other=source.naming(excluded))
    return source._replace(values=values)


def _read_secret(source, name, value, warn):
    if not source.trusted and value.startswith(secrets.SIGN):
        raise UsageError('untrusted_at_file', name=source.naming(name))
    if name not in inifile.REPEATED:
        return secrets.resolve(source.naming(name), value, warn)
    lines = [secrets.resolve(source.naming(name), line, warn) for line in value.split('\n')]
    return '\n'.join(line for text in lines for line in text.splitlines() if line.strip())


def _value(name, kind, value, secret):
    try:
        return check(kind, value)
    except InvalidValue as invalid:
        if kind == 'host':
            value = without_credentials(value.partition('?')[0])
        elif kind == 'query':
            value = additions.masked(value)
        raise UsageError('invalid_value', name=name, value='the value' if secret else "'%s'" % value,
                         reason=invalid.error)


def _settle_flags(types, values):
    """Drops the flags that are off, but turns `resume = no` into `no-resume`."""
    if values.get('resume') is False:
        values.setdefault('no-resume', True)
    return dict((name, value) for name, value in values.items()
                if types[name] != 'flag' or value)


def merge(sources):
    """One dict of all values, each from the highest source that has it."""
    merged = {}
    for source in reversed(sources):
        values = dict(source.values)
        for winner, loser in PRECEDENCE:
            if values.get(winner):
                values.pop(loser, None)
        for pair in PRECEDENCE + MUTUALLY_EXCLUSIVE:
            for name, excluded in (pair, pair[::-1]):
                if values.get(name):
                    merged.pop(excluded, None)
        merged.update(values)
    return merged
