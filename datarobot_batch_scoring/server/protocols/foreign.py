"""What servers other than DataRobot's have in common: a path of their own, and answers without ids."""

from __future__ import absolute_import, unicode_literals

import re

from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.server.protocols.shape import Protocol


class Foreign(Protocol):
    """A server of another vendor, or one that somebody runs."""

    # Where rows are POSTed to, and the other routes that somebody may have pasted into --host.
    route = None
    other_routes = ()

    ids_are_free = True
    may_lose_rows = True
    follows_slash = True
    hints = {
        400: Protocol.hints[400],
        401: 'Check --api_token.',
        403: 'Check --api_token.',
        404: 'Check --host: its path stands before that of the server.',
        405: 'Check --host: its path stands before that of the server.',
        407: Protocol.hints[407],
        422: 'Check the columns of the dataset, and the model.',
    }
    other_hint = 'Check --host and --protocol.'

    def path(self, settings):
        return self.route

    def base(self, host, settings):
        parts = urlsplit(host)
        path = parts.path.rstrip('/')
        for route in (self.path(settings), self.route) + self.other_routes:
            route = route.rstrip('/')
            if path.endswith(route):
                path = path[:-len(route)]
                break
        return '{0}://{1}{2}'.format(parts.scheme, parts.netloc, path.rstrip('/'))

    def without_rows(self, said, header):
        # They repeat the request as Python would write it.
        said = re.sub(r'(?s)\bb[\'"].*', '', said)
        return super(Foreign, self).without_rows(said, header)
