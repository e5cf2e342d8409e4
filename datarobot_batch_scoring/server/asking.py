"""Asks a server for something before the run, until it says: an API token, what it knows of a model."""

from __future__ import absolute_import, division, unicode_literals

import json
import time
from collections import OrderedDict, namedtuple
from contextlib import closing

from datarobot_batch_scoring.compat import monotonic, text
from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.console.masking import secrets, without_credentials
from datarobot_batch_scoring.dataset.json_text import InvalidResponse
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server import client_certificate, headers, other_scheme, protocols
from datarobot_batch_scoring.server.body import TooLarge
from datarobot_batch_scoring.server.connection import Connection, Endpoint
from datarobot_batch_scoring.server.deadlines import Deadlines
from datarobot_batch_scoring.server.protocols import v2
from datarobot_batch_scoring.server.protocols.base import AGAIN, basic, reaction_to
from datarobot_batch_scoring.server.protocols.datarobot import common_headers, token_path
from datarobot_batch_scoring.server.request_error import UNKNOWN_HOST, RequestError, backoff, waiting_for
from datarobot_batch_scoring.server.server_messages import one_line, page_in, error_detail, status_error

MAX_BYTES = 1 << 20
# Seconds until the user is told that nothing has come from the server.
UNREACHED = 1.0

Question = namedtuple('Question', [
    'article',    # a or an, of the noun
    'noun',       # what is asked for
    'path',       # behind the host
    'headers',    # a dict of text; they hold secrets
    'method',
    'read',       # takes a `connection.Response` with status 200, or None for one that is none; gives
                  # what is asked for, or raises `ScoringError`
    'refusal',    # takes any other: (the `ScoringError`, whether it is asked again); without an
                  # error, None is what there is
])


def ask(settings, question, person, warn_after):
    """What a `Question` asks for; raises `ScoringError`.

    Where the server fails it is asked again; `person` is told when that has taken `warn_after`
    seconds, or will, and when it is over.
    """
    sent = dict(question.headers)
    sent['User-Agent'] = headers.user_agent(settings.n_concurrent)
    endpoint = Endpoint(url=without_credentials(settings.host) + question.path, headers=sent,
                        timeout=settings.timeout, verify=headers.verification(settings),
                        given=settings.header, certificate=client_certificate.of(settings))
    with closing(Deadlines()) as deadlines:
        connection = Connection(endpoint, deadlines, question.method)
        with closing(connection):
            value = _asked_until_known(connection, settings, question, person, warn_after)
    # It was a request as all others.
    time.sleep(_seconds_per_request(settings))
    return value


def _seconds_per_request(settings):
    return 1 / settings.requests_per_second if settings.requests_per_second else 0.0


def _asked_until_known(connection, settings, question, person, warn_after):
    began, tries, responded, told, scheme, was_lost = monotonic(), 0, False, False, None, False
    while True:
        tries += 1
        asked = 0.0
        try:
            reply = connection.ask(MAX_BYTES)
        except (TooLarge, InvalidResponse):
            return question.read(None)
        except RequestError as lost:
            was_lost = True
            scheme = other_scheme.check_scheme(without_credentials(settings.host), lost, scheme)
            failure = ScoringError(
                'other_scheme_before' if scheme.is_final else 'no_connection_before',
                host=without_credentials(settings.host), noun=question.article + ' ' + question.noun,
                reason=one_line(lost.reason, secrets(settings)) + lost.note + scheme.hint)
            if not responded and lost.kind == UNKNOWN_HOST:
                raise ScoringError('unknown_host', host=failure.facts['host'], reason=failure.facts['reason'])
            if scheme.is_final and not responded:
                raise failure
        else:
            if reply.status == 200:
                value = question.read(reply)
                if told:
                    person.say('The server returned the {0} after {1:.0f} s.'.format(
                        question.noun, monotonic() - began))
                return value
            responded = True
            failure, again = question.refusal(reply)
            if failure is None:
                return None
            # Just started, a server may not know its models yet (observed: Triton, though it says it is ready).
            is_starting = was_lost and reply.status == 404 and monotonic() - began < settings.timeout
            if not again and not is_starting:
                raise failure
            asked = headers.retry_after(reply.headers.get('Retry-After'), time.time())
        wait = max(backoff(tries), asked, _seconds_per_request(settings))
        waited = monotonic() - began
        if settings.waits_for_server:
            if not responded and waited >= settings.timeout:
                raise failure
            # The last try comes when the time is up.
            wait = wait if responded else min(wait, settings.timeout - waited)
        elif 0 <= settings.max_retries < tries:
            raise failure
        LOGGER.info('No %s yet; retrying in %.1f s: %s', question.noun, wait, failure)
        if not told and not responded and waited + wait >= min(UNREACHED, warn_after):
            left = settings.timeout - waited if settings.waits_for_server else None
            person.warn(waiting_for(failure.facts['host'], failure.facts['reason'], left))
            told = True
        elif not told and waited + wait >= warn_after:
            person.warn('No {0} after {1:.0f} s; retrying in {2:.0f} s: {3}'.format(
                question.noun, waited, wait, failure.message))
            told = True
        time.sleep(wait)


def fetch_token(settings, person, warn_after):
    """The API token for `settings.user` and `settings.password`.

    GETs it, or makes a new one with `create_api_token`. For `person` and `warn_after` see
    `ask`. Raises `ScoringError`.
    """
    sent = common_headers(settings)
    sent['Authorization'] = basic(settings.user, settings.password)
    return ask(settings, Question(
        'an', 'API token', token_path(settings), sent, 'POST' if settings.create_api_token else 'GET',
        lambda reply: _read_token(reply, settings), lambda reply: _token_refusal(reply, settings)), person, warn_after)


def _no_token(page=None):
    if page is None:
        return ScoringError('odd_token')
    return ScoringError('page_for_token', 'It is a page: ' + (page or 'without words') + '.')


def _read_token(reply, settings):
    if reply is None:
        raise _no_token()
    try:
        token = json.loads(reply.body.decode('utf-8')).get('api_token')
    # RuntimeError: nested too deeply
    except (ValueError, AttributeError, RuntimeError):
        raise _no_token(page_in(reply.headers, reply.body, secrets(settings)))
    if token is not None and not isinstance(token, text):
        raise _no_token()
    if not token:
        raise ScoringError('no_new_token' if settings.create_api_token else 'no_token', user=settings.user)
    return token


def _token_refusal(reply, settings):
    again = reaction_to(reply.status) in AGAIN
    if reply.status == 401:
        return ScoringError('wrong_password', error_detail(
            reply, secrets(settings)), user=settings.user), again
    return status_error(reply, protocols.of(settings), secrets(settings), token_path(settings)), again


def describe_model(settings, person, warn_after):
    """The `v2.Model` of the settings, read once; for `person` and `warn_after` see `ask`.

    Raises `ScoringError`.
    """
    asker = _Asker(settings, person, warn_after)
    path = v2.PROTOCOL.model_path(settings)
    # First: a server that does not know the model may say so at once.
    model = asker.fetch(path, required=True)
    name = asker.fetch('/v2').get('name')
    server = name if name in (v2.KSERVE, v2.TRITON) else v2.MLSERVER
    limit = asker.fetch(v2.PROTOCOL.config_path(settings)).get('max_batch_size') if server == v2.TRITON else None
    return v2.Model(settings.import_id, server, _inputs(model),
                    limit if isinstance(limit, int) and limit > 0 else None)


class _Asker(object):
    """GETs what a server says at its paths."""

    def __init__(self, settings, person, warn_after):
        self._settings = settings
        self._person = person
        self._warn_after = warn_after

    def fetch(self, path, required=False):
        """The JSON object at a path, as a dict; {} where there is none and it is not `required`."""
        return self._answer(path, _read_object, required) or {}

    def _answer(self, path, read, required):
        def refusal(reply):
            again = v2.PROTOCOL.reaction(reply) in AGAIN
            if reply.status == 404 and required:
                # A server that starts does not know its models yet.
                again = again or not self._answer('/v2/health/ready', lambda reply: True, False)
            if reply.status in (401, 403) and self._settings.scheduler and not self._settings.api_token:
                raise ScoringError('model_needs_token', status=reply.status, variable=v2.PROTOCOL.token_variable)
            failure = status_error(reply, v2.PROTOCOL, secrets(self._settings), path)
            return failure if required or again else None, again

        return ask(self._settings, Question(
            'a', 'description of the model', path, v2.PROTOCOL.ping_headers(self._settings), 'GET',
            read, refusal), self._person, self._warn_after)


def _read_object(reply):
    try:
        content = json.loads(reply.body.decode('utf-8'))
    # RuntimeError: nested too deeply; AttributeError: it was no answer
    except (ValueError, AttributeError, RuntimeError):
        return {}
    return content if isinstance(content, dict) else {}


def _inputs(model):
    """{name: (data type, whether there is a second dimension)} of the inputs of a model's metadata."""
    try:
        return OrderedDict((tensor['name'], (tensor['datatype'], len(tensor['shape']) > 1))
                           for tensor in model.get('inputs') or () if _is_input(tensor))
    except (KeyError, TypeError):
        return {}


def _is_input(tensor):
    return isinstance(tensor['name'], text) and isinstance(tensor['datatype'], text)
