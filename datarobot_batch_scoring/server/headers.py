"""What is the same with every server: certificates, User-Agent, Retry-After, plain HTTP refused."""

from __future__ import absolute_import, division, unicode_literals

import os
import platform
import re
from email.utils import mktime_tz, parsedate_tz

import requests

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.server.protocols.base import CERTIFICATES

MAX_WAIT = 600.0

# How nginx, Go and Apache refuse plain HTTP.
REQUIRES_TLS = re.compile(br'(?i)HTTPS (port|server)|SSL-enabled server')


def verification(settings, environ=os.environ):
    """What `requests` takes as `verify`: True, False or the path of certificates."""
    if settings.no_verify_ssl:
        return False
    named = [environ[name] for name in CERTIFICATES if environ.get(name)]
    return settings.ca_bundle or (named[0] if named else True)


def with_given(sent, given):
    """Headers (a dict) with those that the user gives, pairs, in place of any of the same name."""
    names = [name.lower() for name, _ in given]
    headers = dict((name, value) for name, value in sent.items() if name.lower() not in names)
    headers.update((str(name), str(value)) for name, value in given)
    return headers


def user_agent(concurrency):
    """The versions of the package, Python, requests and the system, and the concurrency."""
    return 'datarobot_batch_scoring/{0} Python/{1} requests/{2} {3}/{4} concurrency/{5}'.format(
        __version__, platform.python_version(), requests.__version__,
        platform.system() or 'unknown', platform.release() or 'unknown', concurrency)


def retry_after(value, now):
    """Seconds to wait, at most `MAX_WAIT`, for the value of a Retry-After header.

    That is None, seconds or an HTTP date; `now` is in seconds since the epoch.
    """
    if not value:
        return 0.0
    value = value.strip()
    if re.match(r'\d+(\.\d+)?$', value):
        return min(float(value), MAX_WAIT)
    try:
        date = parsedate_tz(value)
        return min(max(mktime_tz(date) - now, 0.0), MAX_WAIT) if date else 0.0
    except (ValueError, OverflowError, IndexError):
        # Impossible years; before 3.10, also words without a number.
        return 0.0
