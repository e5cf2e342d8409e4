"""The protocols that prediction servers speak: a module and a line in the table for each."""

from __future__ import absolute_import, unicode_literals

from collections import OrderedDict

from datarobot_batch_scoring.server.protocols import api_v1, datarobot, predapi

PROTOCOLS = OrderedDict((each.name, each) for each in (
    predapi.PROTOCOL,
    api_v1.PROTOCOL,
))


def of(settings):
    """The `shape.Protocol` that a run with these settings speaks."""
    if settings.command == datarobot.STANDALONE:
        return predapi.PROTOCOL
    return PROTOCOLS[settings.api_version]
