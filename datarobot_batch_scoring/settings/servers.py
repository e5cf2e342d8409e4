"""Which protocol a run speaks, and which arguments and options mean anything in it."""

from __future__ import absolute_import, unicode_literals

import os

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.protocols.base import DATAROBOT, DEPLOYMENT, STANDALONE
from datarobot_batch_scoring.settings.table import POSITIONAL_KINDS, POSITIONALS, options_of, positional_names
from datarobot_batch_scoring.settings.values import FALSE, STREAM, InvalidValue, check, is_file_name


def select_protocol(command, sources):
    """The `base.Protocol` that `sources.SettingSource`s, the highest first, choose for a command.

    Raises `UsageError` for what the command cannot speak.
    """
    family = _chosen('protocol', protocols.families(command), command, sources)
    version = _chosen('api_version', protocols.versions(command), command, sources)
    return protocols.find(command, family, version)


def _chosen(name, allowed, command, sources):
    given = [(source, source.values[name].strip()) for source in sources
             if source.values.get(name)]
    for source, value in given:
        if value not in allowed:
            raise UsageError('not_of_command', name=source.naming(name), value=value, allowed=_listed(allowed),
                             command=command)
    return given[0][1] if given else allowed[0]


def _listed(words):
    return ', '.join(words[:-1]) + ' or ' + words[-1] if len(words) > 1 else words[0]


def positional_kinds(command, protocol):
    """{positional argument: kind of its value} of a command."""
    kinds = dict((name, POSITIONAL_KINDS[name]) for name in POSITIONALS[command])
    if protocol.ids_are_free and command == DEPLOYMENT:
        kinds['deployment_id'] = POSITIONAL_KINDS['import_id']
    if protocol.id_kind:
        kinds['import_id'] = protocol.id_kind
    return kinds


def needed_positionals(command, protocol):
    """The positional arguments that a command cannot do without, in order."""
    return tuple(name for name in POSITIONALS[command]
                 if not (protocol.ids_are_free and name == 'import_id'))


def fill_positionals(command, positionals, ini, protocol):
    """The positional arguments by the name that each of them fills; raises `UsageError`."""
    names = POSITIONALS[command]
    files = [path for path in positionals if is_file_name(path) and os.path.isfile(path)]
    if len(files) > 1 and len(needed_positionals(command, protocol)) < len(names):
        raise UsageError('several_files', files=', '.join(files))
    empty = [name for name in needed_positionals(command, protocol) if name not in ini.values]
    if len(positionals) == len(names):
        return dict(zip(names, positionals))
    if len(positionals) == len(empty):
        return dict(zip(empty, positionals))
    if len(positionals) == 1 and not empty:
        return {'dataset': positionals[0]}
    filled = [name for name in names if name in ini.values]
    usage = ' '.join(positional_names(needed_positionals(command, protocol)))
    in_ini = '; %s has %s' % (ini.name, ', '.join(filled)) if filled else ''
    if len(positionals) < len(empty):
        missing = _missing(positionals, empty, positional_kinds(command, protocol))
        typed = '; the command line has %s' % ', '.join(positionals) if positionals else ''
        raise UsageError(
            'argument_missing' if len(missing) == 1 else 'arguments_missing', command=command, usage=usage,
            missing=' '.join(positional_names(missing)), given=typed + in_ini)
    raise UsageError('argument_count', command=command, usage=usage, number=len(positionals),
                     words=', '.join(positionals), in_ini=in_ini)


def _missing(positionals, names, kinds):
    """The names for which there is no positional argument, as far as these show what they are."""
    left = list(names)
    for word in positionals:
        fits = [name for name in left if _may_be(word, name, kinds[name])]
        if not fits:
            return names[len(positionals):]
        left.remove(fits[0])
    return left


def _may_be(word, name, kind):
    try:
        check(kind, word)
    except InvalidValue:
        return False
    # An import id may be any text.
    return name == 'dataset' or word != STREAM and not os.path.isfile(word)


def warn_of_unsent_id(command, sources, protocol, warn):
    """Warns of an id, in the highest of `sources.SettingSource`s that has it, that no request contains."""
    unsent = [name for name in POSITIONALS[command] if name not in needed_positionals(command, protocol)]
    for name in unsent:
        for source in [setting_source for setting_source in sources if setting_source.values.get(name)][:1]:
            warn('{0} is not sent: with {1}, --host alone selects the model.'.format(
                source.naming(name), protocol.chosen_by))


def unsupported_options(command, protocol):
    """The names of the options of a command for which a protocol has no use."""
    return [option.name for option in options_of(command) if not option.is_known_to(protocol)]


def _is_for_empty(name, source):
    # They name the columns of an output without rows.
    return name == 'class_names' and _asks_for_something(source.values.get('empty_ok'))


def reject_unsupported(command, source, protocol):
    """Raises `UsageError` for an option that the protocol has no use for."""
    for name in unsupported_options(command, protocol):
        if _asks_for_something(source.values.get(name)) and not _is_for_empty(name, source):
            raise UsageError(
                'option_of_others' if _families(command, name, protocol) else 'option_impossible',
                option=source.naming(name), chosen=protocol.chosen_by,
                others=_families(command, name, protocol))


def _families(command, name, protocol):
    """The options that choose a protocol that knows an option, where it is one for others than DataRobot's."""
    option = next(candidate for candidate in options_of(command) if candidate.name == name)
    known = [] if protocol.family != DATAROBOT or DATAROBOT in option.protocols else [
        '--protocol=' + family for family in protocols.families(command) if family in option.protocols]
    return _listed(known) if known else ''


def drop_unsupported(command, ini, protocol, warn):
    """Takes out of the ini file's values what the protocol has no use for, or must not have.

    One file may be for several commands and servers, so it is a warning. A token in it is for
    servers of the protocol that it names.
    """
    # To a standalone instance, credentials are keys of the other commands.
    silent = command == STANDALONE and protocol.family == DATAROBOT
    for name in unsupported_options(command, protocol):
        if not _is_for_empty(name, ini) and _asks_for_something(ini.values.pop(name, None)) and not silent:
            warn('{0} is ignored: it is not supported with {1}.'.format(
                ini.naming(name), protocol.chosen_by))
    meant_for = ini.values.get('protocol', DATAROBOT).strip()
    if meant_for != protocol.family and ini.values.pop('api_token', None):
        warn('{0} is not sent: the file does not set protocol = {1}, so the token may be for '
             'another server.'.format(ini.naming('api_token'), protocol.family))


def _asks_for_something(value):
    return bool(value) and (value is True or value.strip().lower() not in FALSE)


def variables(command, protocol):
    """{name of an option: the environment variable that sets it}."""
    names = dict((option.name, option.environ) for option in options_of(command)
                 if option.environ and option.is_known_to(protocol))
    if 'api_token' in names:
        names['api_token'] = protocol.token_variable
    return names
