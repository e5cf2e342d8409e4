"""Which protocol a run speaks, and which arguments and options mean anything in it."""

from __future__ import absolute_import, unicode_literals

import os

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.protocols.datarobot import FAMILY
from datarobot_batch_scoring.settings.arguments import see_help
from datarobot_batch_scoring.settings.options import DEPLOYMENT, SLOT_KINDS, SLOTS, STANDALONE
from datarobot_batch_scoring.settings.usage import slot_names
from datarobot_batch_scoring.settings.values import FALSE, STREAM, Refused, check


def spoken(command, sources):
    """The `shape.Protocol` that `merge.Source`s, the highest first, choose for a command.

    Raises `UsageError` for what the command cannot speak.
    """
    family = _chosen('protocol', protocols.families(command), command, sources)
    version = _chosen('api_version', protocols.versions(command), command, sources)
    return protocols.find(command, family, version)


def _chosen(name, allowed, command, sources):
    found = [(source, source.values[name].strip()) for source in sources
             if source.values.get(name)]
    for source, value in found:
        if value not in allowed:
            raise UsageError("{0}: '{1}' is not allowed: it must be {2} with {3}.".format(
                source.naming(name), value, _listed(allowed), command))
    return found[0][1] if found else allowed[0]


def _listed(words):
    return ', '.join(words[:-1]) + ' or ' + words[-1] if len(words) > 1 else words[0]


def slot_kinds(command, protocol):
    """{positional argument: kind of its value} of a command."""
    kinds = dict((slot, SLOT_KINDS[slot]) for slot in SLOTS[command])
    if protocol.ids_are_free and command == DEPLOYMENT:
        kinds['deployment_id'] = SLOT_KINDS['import_id']
    return kinds


def needed_slots(command, protocol):
    """The positional arguments that a command cannot do without, in order."""
    return tuple(slot for slot in SLOTS[command]
                 if not (protocol.ids_are_free and slot == 'import_id'))


def fill_slots(command, positionals, ini, protocol):
    """The positional arguments by the slot that each of them fills; raises `UsageError`."""
    slots = SLOTS[command]
    empty = [slot for slot in needed_slots(command, protocol) if slot not in ini.values]
    if len(positionals) == len(slots):
        return dict(zip(slots, positionals))
    if len(positionals) == len(empty):
        return dict(zip(empty, positionals))
    if len(positionals) == 1 and not empty:
        return {'dataset': positionals[0]}
    filled = [slot for slot in slots if slot in ini.values]
    usage = ' '.join(slot_names(needed_slots(command, protocol)))
    in_ini = '; %s has %s' % (ini.name, ', '.join(filled)) if filled else ''
    if len(positionals) < len(empty):
        missing = _missing(positionals, empty, slot_kinds(command, protocol))
        raise UsageError(
            ('An argument is missing: %s%s%s.' if len(missing) == 1 else
             'Arguments are missing: %s%s%s.') % (
                 ' '.join(slot_names(missing)),
                 '; the command line has %s' % ', '.join(positionals) if positionals else '',
                 in_ini),
            hint='Usage: %s [options] %s. %s' % (command, usage, see_help(command)))
    raise UsageError(
        'The command %s takes %s, but the command line has %d of them (%s)%s.' % (
            command, usage, len(positionals), ', '.join(positionals), in_ini),
        hint=see_help(command))


def _missing(positionals, slots, kinds):
    """The slots for which there is no positional argument, as far as these show what they are."""
    left = list(slots)
    for word in positionals:
        fits = [slot for slot in left if _may_be(word, slot, kinds[slot])]
        if not fits:
            return slots[len(positionals):]
        left.remove(fits[0])
    return left


def _may_be(word, slot, kind):
    try:
        check(kind, word)
    except Refused:
        return False
    # An import id may be any text.
    return slot == 'dataset' or word != STREAM and not os.path.isfile(word)


def warn_of_unsent_id(command, sources, protocol, warn):
    """Warns of an id, in the highest of `merge.Source`s that has it, that no request contains."""
    unsent = [slot for slot in SLOTS[command] if slot not in needed_slots(command, protocol)]
    for slot in unsent:
        for source in [each for each in sources if each.values.get(slot)][:1]:
            warn('{0} is not sent: with {1}, --host alone says which model.'.format(
                source.naming(slot), protocol.chosen_by))


def refuse_unknown(command, source, protocol):
    """Raises `UsageError` for an option that the protocol has no use for."""
    for name in protocol.unknown_options(command):
        if _asks_for_something(source.values.get(name)):
            raise UsageError('{0} is not possible with {1}.'.format(
                source.naming(name), protocol.chosen_by))


def drop_unknown(command, ini, protocol, warn):
    """Takes out of the ini file's values what the protocol has no use for, or must not have.

    One file may be for several commands and servers, so it is a warning. A token in it is for
    servers of the protocol that it names.
    """
    # To a standalone instance, credentials are keys of the other commands.
    silent = command == STANDALONE and protocol.family == FAMILY
    for name in protocol.unknown_options(command):
        if _asks_for_something(ini.values.pop(name, None)) and not silent:
            warn('{0} is ignored: it is not possible with {1}.'.format(
                ini.naming(name), protocol.chosen_by))
    meant_for = ini.values.get('protocol', FAMILY).strip()
    if meant_for != protocol.family and ini.values.pop('api_token', None):
        warn('{0} is not sent: the file does not say protocol = {1}, so the token may be for '
             'another server.'.format(ini.naming('api_token'), protocol.family))


def _asks_for_something(value):
    return bool(value) and (value is True or value.strip().lower() not in FALSE)


def variables(options, command, protocol):
    """{name of an option: the environment variable that sets it}."""
    unknown = protocol.unknown_options(command)
    names = dict((each.name, each.environ) for each in options
                 if each.environ and each.name not in unknown)
    if 'api_token' in names:
        names['api_token'] = protocol.token_variable
    return names
