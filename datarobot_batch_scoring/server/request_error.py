"""A request that got no complete response, and how long to wait before it is sent again."""

from __future__ import absolute_import, unicode_literals

import random
import time

# Kinds of it: something answers, but it cannot score yet; the name of the host does not exist; the server
# certainly speaks the other scheme, http or https.
NOT_READY, UNKNOWN_HOST, OTHER_SCHEME = 'not ready', 'unknown host', 'other scheme'
# Those that leave open whether there is a server at all.
NO_CONTACT = ('connection', 'tls', 'proxy', NOT_READY, UNKNOWN_HOST, OTHER_SCHEME)

INITIAL_BACKOFF = 0.5
MAX_BACKOFF = 30.0
JITTER = 0.2
# Seconds until a wait is reported.
REPORTED_AFTER = 5.0


class RequestError(Exception):
    """No complete response came.

    `kind` is a word for the statistics; `reason` says why, for `server_messages.one_line`;
    `too_much` is true for a timeout that a smaller request might avoid; `note` is what to add
    for the user, in words that were not the server's, or empty.
    """

    def __init__(self, kind, reason, too_much=False, note=''):
        super(RequestError, self).__init__(kind, reason, too_much, note)
        self.kind = kind
        self.reason = reason
        self.too_much = too_much
        self.note = note


def waiting_for(host, reason, left):
    """What the user is told while a host has sent nothing yet; it is tried for `left` seconds, None: on."""
    until = '' if left is None else ' until ' + time.strftime('%H:%M:%S', time.localtime(time.time() + max(left, 0)))
    return 'Waiting for {0}: {1}. Retrying{2}.'.format(host, reason.rstrip('.'), until)


def backoff(attempts, longest=None):
    """Seconds to wait after so many failed attempts: 0.5, doubled up to `longest`, with jitter.

    Without `longest`, up to `MAX_BACKOFF`.
    """
    wait = INITIAL_BACKOFF * 2 ** min(attempts - 1, 10)
    return min(wait * random.uniform(1 - JITTER, 1 + JITTER), longest or MAX_BACKOFF)
