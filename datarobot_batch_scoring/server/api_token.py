"""Buys an API token with user and password."""

from __future__ import absolute_import, unicode_literals

import json
import time

import requests

from datarobot_batch_scoring.compat import monotonic, text
from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.console.masking import secrets, without_credentials
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server import protocol
from datarobot_batch_scoring.server.connection import (
    EXPECTED, TooLarge, impossible_host, proxies_for, read_body, reason_of)
from datarobot_batch_scoring.server.retry import backoff
from datarobot_batch_scoring.server.words import one_line, said_by_server, status_error

TRIES = 3
MOST_BYTES = 1 << 20


def fetch(settings, warn, patience):
    """The API token for `settings.user` and `settings.password`.

    GETs it, or makes a new one with `create_api_token`. Where the server fails it is
    asked again; `warn` is called with a line when that has taken `patience` seconds, or will.
    Raises `ScoringError`.
    """
    began, tries = monotonic(), 0
    while True:
        tries += 1
        asked, most = 0.0, 0
        try:
            response, body = _ask(settings)
        except TooLarge:
            raise _unexpected()
        except requests.exceptions.InvalidURL as error:
            raise impossible_host(without_credentials(settings.host), error)
        except EXPECTED as error:
            failure = ScoringError('No connection to {0} for an API token: {1}.'.format(
                without_credentials(settings.host), one_line(reason_of(error), secrets(settings))),
                hint='Look at --host, the network and the proxy.')
            most = TRIES
        else:
            if response.status_code == 200:
                return _token(body, settings)
            failure = _refusal(response, body, settings)
            if protocol.reaction(response.status_code) != protocol.RETRY:
                raise failure
            asked = protocol.retry_after(response.headers.get('Retry-After'), time.time())
        if settings.n_retry is not None:
            most = settings.n_retry + 1
        if 0 < most <= tries:
            raise failure
        wait = max(backoff(tries), asked)
        LOGGER.info('no API token yet; again in %.1f s: %s', wait, failure)
        if warn and monotonic() - began + wait >= patience:
            warn('There is no API token yet; the server is asked again and again: {0}'.format(
                failure.message))
            warn = None
        time.sleep(wait)


def _ask(settings):
    url = without_credentials(settings.host) + protocol.token_path(settings)
    headers = protocol.common_headers(settings)
    headers['User-Agent'] = protocol.user_agent(settings.n_concurrent)
    headers['Authorization'] = protocol.basic(settings.user, settings.password)
    session = requests.Session()
    # Credentials in .netrc would take the place of those that were given.
    session.trust_env = False
    method = 'POST' if settings.create_api_token else 'GET'
    response = session.request(
        method, url, headers=headers, timeout=settings.timeout, verify=protocol.verification(settings),
        proxies=proxies_for(url), allow_redirects=False, stream=True)
    return response, read_body(response, MOST_BYTES)[0]


def _unexpected():
    return ScoringError('The server gave no API token: its answer is not what was expected.',
                        hint='Look at --host and --api_version.')


def _token(body, settings):
    try:
        token = json.loads(body.decode('utf-8')).get('api_token')
    # RuntimeError: nested too deeply
    except (ValueError, AttributeError, RuntimeError):
        raise _unexpected()
    if token is not None and not isinstance(token, text):
        raise _unexpected()
    if not token:
        hint = ('' if settings.create_api_token else
                'Make one with --create_api_token, or name it with --api_token.')
        raise ScoringError('The server has no API token for {0}.'.format(settings.user), hint=hint)
    return token


def _refusal(response, body, settings):
    if response.status_code == 401:
        return ScoringError('The server did not accept user {0} and the password.'.format(
            settings.user), said_by_server(body, secrets(settings)),
            'Look at --user and --password.')
    return status_error(
        response.status_code, body, response.headers.get('Location'), secrets(settings))
