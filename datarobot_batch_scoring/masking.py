"""Keeps passwords, tokens and keys out of whatever a person may read."""

from __future__ import absolute_import, unicode_literals

import base64
import os
import re

from six.moves.urllib.parse import unquote

from datarobot_batch_scoring.compat import to_text

MASK = '*****'

# Masking every 'a' of a message would tell a password of one letter.
SHORTEST = 3

PROXIES = ('http_proxy', 'https_proxy', 'all_proxy')

_USERINFO = re.compile(r'^(?:[a-z][a-z0-9+.-]*://)?([^/?#]*)@', re.IGNORECASE)


def secrets(settings, environ=os.environ):
    """Every text that must not be shown, longest first.

    Those are password, token and key, what they make of an Authorization
    header, and the credentials in the URLs of host and proxies.
    """
    found = [settings.password, settings.api_token, settings.datarobot_key]
    for secret in found[:2]:
        if secret:
            pair = '%s:%s' % (settings.user or '', secret)
            found.append(base64.b64encode(pair.encode('utf-8'))
                         .decode('ascii'))
    urls = [settings.host]
    for name in PROXIES:
        urls += [environ.get(name), environ.get(name.upper())]
    for url in urls:
        found += _in_url(to_text(url)) if url else []
    return tuple(sorted(set(each for each in found if each and len(each) >= SHORTEST),
                        key=len, reverse=True))


def _in_url(url):
    userinfo = _USERINFO.match(url)
    if not userinfo:
        return []
    password = userinfo.group(1).partition(':')[2]
    return [userinfo.group(1), password, unquote(password)]


def masked(line, secrets):
    """The line with a mask in place of every one of `secrets`."""
    for secret in secrets:
        line = line.replace(secret, MASK)
    return line


def masked_error(error, secrets):
    """A `ScoringError` like this one with a mask in place of every one of `secrets`."""
    return type(error)(*[masked(line, secrets) for line in (
        error.message, error.detail, error.hint)])


def without_credentials(url):
    """The URL as it may be shown: without a user and a password in it."""
    head, at, tail = url.rpartition('@')
    scheme = head.partition('://')[0] + '://' if '://' in head else ''
    return scheme + tail
