"""Is what is sent encrypted, and does the server prove who it is?"""

from __future__ import absolute_import, unicode_literals

import re

from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.console.masking import without_credentials

_LOOPBACK = re.compile(r'((.*\.)?localhost|127(\.[0-9]{1,3}){3}|::1)\Z')


def danger(settings):
    """What may happen to what is sent, in a line for the user, or None."""
    host = without_credentials(settings.host)
    if host.startswith('https:'):
        if settings.no_verify_ssl:
            return ('The certificate of {0} is not checked: another server could answer in its '
                    'place.').format(host)
    elif _sends_credentials(settings) and not is_loopback(host):
        return ('Sending credentials to {0} unencrypted: use https://.').format(host)
    return None


def _sends_credentials(settings):
    return bool(settings.password or settings.api_token or settings.datarobot_key
                or '@' in settings.host or any(name.lower() != 'host' for name, _ in settings.header))


def is_loopback(host):
    """Whether a URL leads to this machine, over nobody's network."""
    return _LOOPBACK.match(urlsplit(host).hostname) is not None
