"""A request that got no complete answer."""

from __future__ import absolute_import, unicode_literals

import time

from datarobot_batch_scoring.console.masking import without_credentials

# Kinds of it: something answers, but it cannot score yet; the name of the host does not exist; the server
# certainly speaks the other scheme, http or https.
NOT_READY, UNKNOWN_HOST, OTHER_SCHEME = 'not ready', 'unknown host', 'other scheme'
# Those that leave open whether there is a server at all.
NO_CONTACT = ('connection', 'tls', 'proxy', NOT_READY, UNKNOWN_HOST, OTHER_SCHEME)


class Lost(Exception):
    """No complete answer came.

    `kind` is a word for the statistics; `reason` says why, for `words.one_line`;
    `too_much` is true for a timeout that a smaller request might avoid; `note` is what to add
    for the user, in words that were not the server's, or empty.
    """

    def __init__(self, kind, reason, too_much=False, note=''):
        super(Lost, self).__init__(kind, reason, too_much, note)
        self.kind = kind
        self.reason = reason
        self.too_much = too_much
        self.note = note


def waiting_for(settings, reason, left):
    """What the user is told while nothing has come from the server yet; it is tried for `left` seconds, None: on."""
    until = '' if left is None else ' until ' + time.strftime('%H:%M:%S', time.localtime(time.time() + max(left, 0)))
    return 'Waiting for {0}: {1}. Retrying{2}.'.format(without_credentials(settings.host), reason.rstrip('.'), until)
