"""Gets an API token for a user and password."""

from __future__ import absolute_import, unicode_literals

import json
import time

from datarobot_batch_scoring.compat import monotonic, text
from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.console.masking import secrets, without_credentials
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server import headers, other_scheme, protocols
from datarobot_batch_scoring.server.body import TooLarge
from datarobot_batch_scoring.server.connection import Connection, Endpoint
from datarobot_batch_scoring.server.deadlines import Deadlines
from datarobot_batch_scoring.server.json_text import BadAnswer
from datarobot_batch_scoring.server.lost import Lost
from datarobot_batch_scoring.server.protocols.datarobot import common_headers, token_path
from datarobot_batch_scoring.server.protocols.shape import AGAIN, basic, reaction_to
from datarobot_batch_scoring.server.retry import backoff
from datarobot_batch_scoring.server.words import (
    one_line, page_in, said_by_server, status_error)

MOST_BYTES = 1 << 20


def fetch(settings, person, patience):
    """The API token for `settings.user` and `settings.password`.

    GETs it, or makes a new one with `create_api_token`. Where the server fails it is
    asked again; `person` is told when that has taken `patience` seconds, or will, and when it is
    over. Raises `ScoringError`.
    """
    deadlines = Deadlines()
    try:
        connection = Connection(_endpoint(settings), deadlines,
                                'POST' if settings.create_api_token else 'GET')
        return _asked_until_known(connection, settings, person, patience)
    finally:
        deadlines.close()


def _asked_until_known(connection, settings, person, patience):
    began, tries, contact, told, scheme = monotonic(), 0, False, False, None
    while True:
        tries += 1
        asked = 0.0
        try:
            reply = connection.ask(MOST_BYTES)
        except (TooLarge, BadAnswer):
            raise _unexpected()
        except Lost as lost:
            scheme = other_scheme.look(without_credentials(settings.host), lost, scheme)
            failure = ScoringError(
                'other_scheme_for_token' if scheme.certain else 'no_connection_for_token',
                host=without_credentials(settings.host),
                reason=one_line(lost.reason, secrets(settings)) + scheme.note)
            if scheme.certain and not contact:
                raise failure
        else:
            if reply.status == 200:
                token = _token(reply, settings)
                if told:
                    person.say('The server has given the API token, after {0:.0f} s.'.format(
                        monotonic() - began))
                return token
            contact = True
            failure = _refusal(reply, settings)
            if reaction_to(reply.status) not in AGAIN:
                raise failure
            asked = headers.retry_after(reply.headers.get('Retry-After'), time.time())
        wait = max(backoff(tries), asked)
        waited = monotonic() - began
        if settings.waits_for_server:
            if not contact and waited >= settings.timeout:
                raise failure
            # The last try comes when the time is up.
            wait = wait if contact else min(wait, settings.timeout - waited)
        elif 0 <= settings.n_retry < tries:
            raise failure
        LOGGER.info('No API token yet; the next try is in %.1f s: %s', wait, failure)
        if not told and waited + wait >= patience:
            person.warn('There is no API token after {0:.0f} s; the server is asked again in '
                        '{1:.0f} s: {2}'.format(waited, wait, failure.message))
            told = True
        time.sleep(wait)


def _endpoint(settings):
    sent = common_headers(settings)
    sent['User-Agent'] = headers.user_agent(settings.n_concurrent)
    sent['Authorization'] = basic(settings.user, settings.password)
    return Endpoint(url=without_credentials(settings.host) + token_path(settings),
                    headers=sent, timeout=settings.timeout,
                    verify=headers.verification(settings))


def _unexpected(page=None):
    if page is None:
        return ScoringError('odd_token')
    return ScoringError('page_for_token', 'It is a page: ' + (page or 'without words') + '.')


def _token(reply, settings):
    try:
        token = json.loads(reply.body.decode('utf-8')).get('api_token')
    # RuntimeError: nested too deeply
    except (ValueError, AttributeError, RuntimeError):
        raise _unexpected(page_in(reply.headers, reply.body, secrets(settings)))
    if token is not None and not isinstance(token, text):
        raise _unexpected()
    if not token:
        raise ScoringError('no_new_token' if settings.create_api_token else 'no_token', user=settings.user)
    return token


def _refusal(reply, settings):
    if reply.status == 401:
        return ScoringError('wrong_password', said_by_server(reply, secrets(settings)), user=settings.user)
    return status_error(reply, protocols.of(settings), secrets(settings), token_path(settings))
