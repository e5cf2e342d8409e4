"""The prediction server's protocol: routes, headers, and what each status means.

The vendor documents the routes, the token, and the headers that servers require.
"""

from __future__ import absolute_import, division, unicode_literals

import base64
import os
import platform
import re
from email.utils import mktime_tz, parsedate_tz

from six.moves.urllib.parse import unquote

from datarobot_batch_scoring import __version__

RETRIED = frozenset([408, 425, 429])
# Not implemented, and HTTP version not supported: waiting will not change that.
FINAL = frozenset([501, 505])
GATEWAY_TIMEOUT = 504
# What comes if the model fails on a row (500: observed), but also if it is down.
FOR_ITS_ROWS = frozenset([500, 502])
MOST_WAIT = 600.0

# How nginx, Go and Apache refuse plain HTTP.
WANTS_TLS = re.compile(br'(?i)HTTPS (port|server)|SSL-enabled server')

# What to do with an answer that is not 200.
RETRY, SPLIT, REFUSED, FATAL = 'retry', 'split', 'refused', 'fatal'


def reaction(status):
    """RETRY, SPLIT, REFUSED (maybe for its rows) or FATAL for an HTTP status other than 200.

    400, 413, 422, 429 and 502 to 504 are documented or observed. 570 is not documented,
    but the vendor's own client retries it.
    """
    if status == 413:
        return SPLIT
    if (500 <= status < 600 and status not in FINAL) or status in RETRIED:
        return RETRY
    return REFUSED if status in (400, 422) else FATAL


def predict_path(settings):
    """The path and query that rows are POSTed to."""
    count = settings.max_prediction_explanations
    if settings.command == 'batch_scoring_deployment_aware':
        base = '/{0}/deployments/{1}/'.format(settings.api_version, settings.deployment_id)
        return base + ('predictionExplanations?maxCodes={0}'.format(count) if count
                       else 'predictions')
    if settings.command == 'batch_scoring_sse':
        base = '/predApi/v1.0/{0}/'.format(settings.import_id)
    else:
        base = '/{0}/{1}/{2}/'.format(
            settings.api_version, settings.project_id, settings.model_id)
    return base + ('reasonCodesPredictions?maxCodes={0}'.format(count) if count else 'predict')


def token_path(settings):
    """The path at which to fetch (GET) or create (POST) an API token."""
    return '/{0}/api_token'.format(settings.api_version)


def answer_format(settings):
    """'predApi/v1.0' or 'api/v1': the format of the answers."""
    if settings.command == 'batch_scoring_sse':
        return 'predApi/v1.0'
    return settings.api_version


def basic(user, secret):
    """The value of an Authorization header for HTTP Basic."""
    pair = '{0}:{1}'.format(user, secret).encode('utf-8')
    return 'Basic ' + base64.b64encode(pair).decode('ascii')


def predict_headers(settings):
    """The headers of a request for predictions, a dict of text; they contain secrets.

    Without a user, a token goes as Bearer: current servers prefer that (documented).
    """
    headers = common_headers(settings)
    headers['Content-Type'] = 'text/csv; charset=utf8'
    if settings.compress:
        headers['Content-Encoding'] = 'gzip'
    if settings.api_token and settings.user:
        headers['Authorization'] = basic(settings.user, settings.api_token)
    elif settings.api_token:
        headers['Authorization'] = 'Bearer ' + settings.api_token
    elif '@' in settings.host:
        # For a gateway in front of a server that wants no credentials itself.
        headers['Authorization'] = basic(*credentials_in(settings.host))
    return headers


def credentials_in(host):
    """(user, password) of a host's URL that has them."""
    user, _, password = host.partition('://')[2].rpartition('@')[0].partition(':')
    return unquote(user), unquote(password)


def common_headers(settings):
    """The headers of every request to the server."""
    # No deflate: some servers send it without the zlib header.
    headers = {'Accept': 'application/json', 'Accept-Encoding': 'gzip'}
    if settings.datarobot_key:
        headers['datarobot-key'] = settings.datarobot_key
    return headers


def verification(settings, environ=os.environ):
    """What `requests` takes as `verify`: True, False or the path of certificates."""
    if settings.no_verify_ssl:
        return False
    return (settings.ca_bundle or environ.get('REQUESTS_CA_BUNDLE')
            or environ.get('CURL_CA_BUNDLE') or True)


def user_agent(concurrency):
    """The versions of the package, Python, requests and the system, and the concurrency.

    Not among the other headers, so that the main process need not import requests.
    """
    import requests
    return 'datarobot_batch_scoring/{0} Python/{1} requests/{2} {3}/{4} concurrency/{5}'.format(
        __version__, platform.python_version(), requests.__version__,
        platform.system() or 'unknown', platform.release() or 'unknown', concurrency)


def retry_after(value, now):
    """Seconds to wait, at most `MOST_WAIT`, for the value of a Retry-After header.

    That is None, seconds or an HTTP date; `now` is in seconds since the epoch.
    """
    if not value:
        return 0.0
    value = value.strip()
    if re.match(r'\d+(\.\d+)?$', value):
        return min(float(value), MOST_WAIT)
    try:
        date = parsedate_tz(value)
        return min(max(mktime_tz(date) - now, 0.0), MOST_WAIT) if date else 0.0
    except (ValueError, OverflowError, IndexError):
        # Impossible years; before 3.10, also words without a number.
        return 0.0
