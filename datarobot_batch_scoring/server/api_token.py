"""Gets an API token for a user and password."""

from __future__ import absolute_import, unicode_literals

import json

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.console.masking import secrets
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server import asking, protocols
from datarobot_batch_scoring.server.protocols.base import AGAIN, basic, reaction_to
from datarobot_batch_scoring.server.protocols.datarobot import common_headers, token_path
from datarobot_batch_scoring.server.words import page_in, said_by_server, status_error


def fetch(settings, person, patience):
    """The API token for `settings.user` and `settings.password`.

    GETs it, or makes a new one with `create_api_token`. For `person` and `patience` see
    `asking.ask`. Raises `ScoringError`.
    """
    sent = common_headers(settings)
    sent['Authorization'] = basic(settings.user, settings.password)
    return asking.ask(settings, asking.Question(
        'an', 'API token', token_path(settings), sent, 'POST' if settings.create_api_token else 'GET',
        lambda reply: _token(reply, settings), lambda reply: _refusal(reply, settings)), person, patience)


def _unexpected(page=None):
    if page is None:
        return ScoringError('odd_token')
    return ScoringError('page_for_token', 'It is a page: ' + (page or 'without words') + '.')


def _token(reply, settings):
    if reply is None:
        raise _unexpected()
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
    again = reaction_to(reply.status) in AGAIN
    if reply.status == 401:
        return ScoringError('wrong_password', said_by_server(
            reply, secrets(settings)), user=settings.user), again
    return status_error(reply, protocols.of(settings), secrets(settings), token_path(settings)), again
