"""The protocols that prediction servers speak: a module and a line in the table for each."""

from __future__ import absolute_import, unicode_literals

from collections import OrderedDict

from datarobot_batch_scoring.server.protocols import (
    api_v1, api_v2, drum, mlflow, names, predapi, v2)

PROTOCOLS = OrderedDict((each.name, each) for each in (
    predapi.PROTOCOL,
    api_v1.PROTOCOL,
    api_v2.PROTOCOL,
    drum.PROTOCOL,
    mlflow.PROTOCOL,
    v2.PROTOCOL,
))


def find(command, family, version):
    """The `shape.Protocol` for the values of --protocol and --api_version."""
    if family != names.DATAROBOT:
        return PROTOCOLS[family]
    return predapi.STANDALONE_PROTOCOL if command == names.STANDALONE else PROTOCOLS[version]


def of(settings):
    """The `shape.Protocol` that a run with these settings speaks."""
    return find(settings.command, settings.protocol, settings.api_version)


def families(command):
    """What --protocol may be for a command, the default first."""
    return list(OrderedDict.fromkeys(
        each.family for each in PROTOCOLS.values() if command in each.commands))


def versions(command):
    """What --api_version may be for a command, the default first."""
    return [each.name for each in PROTOCOLS.values()
            if each.family == names.DATAROBOT and command in each.commands]
