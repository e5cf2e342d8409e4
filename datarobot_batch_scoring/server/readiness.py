"""Asks a server whether it is ready, before anything else is sent to it."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server.body import TooLarge
from datarobot_batch_scoring.server.json_text import InvalidResponse
from datarobot_batch_scoring.server.lost import NOT_READY, Lost

MAX_BYTES = 1 << 16


def check(connection, endpoint, not_ready):
    """Asks at the URL of an `Endpoint`; raises `Lost` unless the server is ready.

    Whatever it answers, it is: not every server has the route. Only the statuses `not_ready` say
    otherwise. `connection` is a `Connection` that GETs.
    """
    try:
        reply = connection.ask(MAX_BYTES)
    except (TooLarge, InvalidResponse):
        return
    except Lost as lost:
        if lost.kind != 'timeout':
            raise
        raise Lost(NOT_READY, '{0} did not respond within {1:g} seconds'.format(
            endpoint.url, endpoint.timeout))
    if reply.status in not_ready:
        raise Lost(NOT_READY, '{0} responds with status {1}'.format(endpoint.url, reply.status))
