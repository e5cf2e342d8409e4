"""The protocols that prediction servers speak: a module and a line in the table for each."""

from __future__ import absolute_import, unicode_literals

from collections import OrderedDict

from datarobot_batch_scoring.server.protocols import base, datarobot, drum, mlflow, v2

PROTOCOLS = OrderedDict((protocol.name, protocol) for protocol in (
    datarobot.PredApi(), datarobot.ApiV1(), datarobot.ApiV2(), drum.Drum(), mlflow.MLflow(), v2.PROTOCOL))
STANDALONE = datarobot.Standalone()


def find(command, family, version):
    """The `base.Protocol` for the values of --protocol and --api_version."""
    if family != base.DATAROBOT:
        return PROTOCOLS[family]
    return STANDALONE if command == base.STANDALONE else PROTOCOLS[version]


def of(settings):
    """The `base.Protocol` that a run with these settings speaks."""
    return find(settings.command, settings.protocol, settings.api_version)


def families(command):
    """What --protocol may be for a command, the default first."""
    return list(OrderedDict.fromkeys(
        protocol.family for protocol in PROTOCOLS.values() if command in protocol.commands))


def versions(command):
    """What --api_version may be for a command, the default first."""
    return [protocol.name for protocol in PROTOCOLS.values()
            if protocol.family == base.DATAROBOT and command in protocol.commands]
