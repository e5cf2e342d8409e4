"""Asks a server of the Open Inference Protocol what it knows of a model."""

from __future__ import absolute_import, unicode_literals

import json
from collections import OrderedDict

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.console.masking import secrets
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server import asking
from datarobot_batch_scoring.server.protocols import v2
from datarobot_batch_scoring.server.protocols.base import AGAIN
from datarobot_batch_scoring.server.words import status_error


def describe(settings, person, patience):
    """The `v2.Model` of the settings, read once; for `person` and `patience` see `asking.ask`.

    Raises `ScoringError`.
    """
    asker = _Asker(settings, person, patience)
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

    def __init__(self, settings, person, patience):
        self._settings = settings
        self._person = person
        self._patience = patience

    def fetch(self, path, required=False):
        """The JSON object at a path, as a dict; {} where there is none and it is not `required`."""
        return self._answer(path, _read, required) or {}

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

        return asking.ask(self._settings, asking.Question(
            'a', 'description of the model', path, v2.PROTOCOL.ping_headers(self._settings), 'GET',
            read, refusal), self._person, self._patience)


def _read(reply):
    try:
        found = json.loads(reply.body.decode('utf-8'))
    # RuntimeError: nested too deeply; AttributeError: it was no answer
    except (ValueError, AttributeError, RuntimeError):
        return {}
    return found if isinstance(found, dict) else {}


def _inputs(model):
    """{name: (data type, whether there is a second dimension)} of the inputs of a model's metadata."""
    try:
        return OrderedDict((each['name'], (each['datatype'], len(each['shape']) > 1))
                           for each in model.get('inputs') or () if _is_input(each))
    except (KeyError, TypeError):
        return {}


def _is_input(each):
    return isinstance(each['name'], text) and isinstance(each['datatype'], text)
