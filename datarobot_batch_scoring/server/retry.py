"""How long to wait before a request is sent again."""

from __future__ import absolute_import, division, unicode_literals

import random

INITIAL_BACKOFF = 0.5
MAX_BACKOFF = 30.0
JITTER = 0.2
# Seconds until a wait is reported.
REPORTED_AFTER = 5.0


def backoff(attempts, longest=None):
    """Seconds to wait after so many failed attempts: 0.5, doubled up to `longest`, with jitter.

    Without `longest`, up to `MAX_BACKOFF`.
    """
    wait = INITIAL_BACKOFF * 2 ** min(attempts - 1, 10)
    return min(wait * random.uniform(1 - JITTER, 1 + JITTER), longest or MAX_BACKOFF)
