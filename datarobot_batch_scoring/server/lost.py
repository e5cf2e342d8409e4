"""A request that got no complete answer."""

from __future__ import absolute_import, unicode_literals

# A kind of it: something answers, but it cannot score yet.
NOT_READY = 'not ready'


class Lost(Exception):
    """No complete answer came.

    `kind` is a word for the statistics; `reason` says why, for `words.one_line`;
    `too_much` is true for a timeout that a smaller request might avoid.
    """

    def __init__(self, kind, reason, too_much=False):
        super(Lost, self).__init__(kind, reason, too_much)
        self.kind = kind
        self.reason = reason
        self.too_much = too_much
