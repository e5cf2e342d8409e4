"""Buys an API token with user and password."""

from __future__ import absolute_import, unicode_literals

import json
import time

import requests

from datarobot_batch_scoring import api
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.exchange import reason_of
from datarobot_batch_scoring.masking import without_credentials
from datarobot_batch_scoring.retry import backoff

TRIES = 3


def fetch(settings):
    """The API token for `settings.user` and `settings.password`.

    GETs it, or makes a new one with `create_api_token`. Raises `ScoringError`.
    """
    tries = 0
    while True:
        tries += 1
        try:
            response = _ask(settings)
        except requests.exceptions.RequestException as error:
            failure = ScoringError('No connection to {0} for an API token: {1}.'.format(
                without_credentials(settings.host), reason_of(error)),
                hint='Look at --host, the network and the proxy.')
        else:
            if response.status_code == 200:
                return _token(response, settings)
            failure = _refusal(response, settings)
            if api.reaction(response.status_code) != api.RETRY:
                raise failure
        most = TRIES if settings.n_retry is None else settings.n_retry + 1
        if 0 < most <= tries:
            raise failure
        time.sleep(backoff(tries))


def _ask(settings):
    url = without_credentials(settings.host) + api.token_path(settings)
    headers = api.common_headers(settings)
    headers['User-Agent'] = api.user_agent(settings.n_concurrent)
    headers['Authorization'] = api.basic(settings.user, settings.password)
    session = requests.Session()
    # Credentials in .netrc would take the place of those that were given.
    session.trust_env = False
    method = 'POST' if settings.create_api_token else 'GET'
    return session.request(
        method, url, headers=headers, timeout=settings.timeout, verify=api.verification(settings),
        proxies=requests.utils.get_environ_proxies(url), allow_redirects=False)


def _token(response, settings):
    try:
        token = json.loads(response.content.decode('utf-8')).get('api_token')
    except (ValueError, AttributeError):
        raise ScoringError('The server gave no API token: its answer is not what was expected.',
                           hint='Look at --host and --api_version.')
    if not token:
        hint = ('' if settings.create_api_token else
                'Make one with --create_api_token, or name it with --api_token.')
        raise ScoringError('The server has no API token for {0}.'.format(settings.user), hint=hint)
    return '{0}'.format(token)


def _refusal(response, settings):
    if response.status_code == 401:
        said = api.server_message(response.content)
        return ScoringError('The server did not accept user {0} and the password.'.format(
            settings.user), 'It said: ' + said if said else '', 'Look at --user and --password.')
    return api.status_error(response.status_code, response.content,
                            response.headers.get('Location'))
