"""Asks a server for something before the run, again and again until it says."""

from __future__ import absolute_import, division, unicode_literals

import time
from collections import namedtuple
from contextlib import closing

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.console.masking import secrets, without_credentials
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server import client_certificate, headers, other_scheme
from datarobot_batch_scoring.server.body import TooLarge
from datarobot_batch_scoring.server.connection import Connection, Endpoint
from datarobot_batch_scoring.server.deadlines import Deadlines
from datarobot_batch_scoring.server.json_text import InvalidResponse
from datarobot_batch_scoring.server.lost import UNKNOWN_HOST, Lost, waiting_for
from datarobot_batch_scoring.server.retry import backoff
from datarobot_batch_scoring.server.words import one_line

MAX_BYTES = 1 << 20
# Seconds until the user is told that nothing has come from the server.
UNREACHED = 1.0

Question = namedtuple('Question', [
    'article',    # a or an, of the noun
    'noun',       # what is asked for
    'path',       # behind the host
    'headers',    # a dict of text; they hold secrets
    'method',
    'read',       # takes a `connection.Reply` with status 200, or None for one that is none; gives
                  # what is asked for, or raises `ScoringError`
    'refusal',    # takes any other: (the `ScoringError`, whether it is asked again); without an
                  # error, None is what there is
])


def ask(settings, question, person, patience):
    """What a `Question` asks for; raises `ScoringError`.

    Where the server fails it is asked again; `person` is told when that has taken `patience`
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
            found = _asked_until_known(connection, settings, question, person, patience)
    # It was a request as all others.
    time.sleep(_seconds_per_request(settings))
    return found


def _seconds_per_request(settings):
    return 1 / settings.requests_per_second if settings.requests_per_second else 0.0


def _asked_until_known(connection, settings, question, person, patience):
    began, tries, contact, told, scheme, was_lost = monotonic(), 0, False, False, None, False
    while True:
        tries += 1
        asked = 0.0
        try:
            reply = connection.ask(MAX_BYTES)
        except (TooLarge, InvalidResponse):
            return question.read(None)
        except Lost as lost:
            was_lost = True
            scheme = other_scheme.look(without_credentials(settings.host), lost, scheme)
            failure = ScoringError(
                'other_scheme_before' if scheme.certain else 'no_connection_before',
                host=without_credentials(settings.host), noun=question.article + ' ' + question.noun,
                reason=one_line(lost.reason, secrets(settings)) + lost.note + scheme.note)
            if not contact and lost.kind == UNKNOWN_HOST:
                raise ScoringError('unknown_host', host=failure.facts['host'], reason=failure.facts['reason'])
            if scheme.certain and not contact:
                raise failure
        else:
            if reply.status == 200:
                found = question.read(reply)
                if told:
                    person.say('The server has given the {0}, after {1:.0f} s.'.format(
                        question.noun, monotonic() - began))
                return found
            contact = True
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
            if not contact and waited >= settings.timeout:
                raise failure
            # The last try comes when the time is up.
            wait = wait if contact else min(wait, settings.timeout - waited)
        elif 0 <= settings.n_retry < tries:
            raise failure
        LOGGER.info('No %s yet; retrying in %.1f s: %s', question.noun, wait, failure)
        if not told and not contact and waited + wait >= min(UNREACHED, patience):
            left = settings.timeout - waited if settings.waits_for_server else None
            person.warn(waiting_for(settings, failure.facts['reason'], left))
            told = True
        elif not told and waited + wait >= patience:
            person.warn('No {0} after {1:.0f} s; retrying in {2:.0f} s: {3}'.format(
                question.noun, waited, wait, failure.message))
            told = True
        time.sleep(wait)
