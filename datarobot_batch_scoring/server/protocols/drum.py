"""DRUM, the vendor's model runner, FastRAG, and the portable prediction server.

Observed: DRUM 1.18.1, FastRAG 0.2.10.
"""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.server.protocols.base import (
    DEPLOYMENT, DRUM, FATAL, ROW_ERROR, STANDALONE, TIMEOUT, ThirdParty)
from datarobot_batch_scoring.server.protocols.rows import EXTRA_OUTPUT, labelled_row, predapi_row, unnumbered_row

# How it says that the data or the model is at fault; the rest of it may repeat the request.
AT_FAULT = re.compile(br'\s*\{\s*"message"\s*:\s*"ERROR:')
# The model could not be loaded.
NO_MODEL = 513


class Drum(ThirdParty):
    """One model, or a server with many of them by deployment."""

    name = family = DRUM
    commands = (DEPLOYMENT, STANDALONE)
    content_type = 'text/csv; charset=utf-8'
    # The second with a deployment's configuration: then in the form of predApi/v1.0.
    rows_keys = ('predictions', 'data')
    extras_key = EXTRA_OUTPUT
    route = '/predictions/'
    other_routes = ('/predict', '/invocations')
    hints = dict(ThirdParty.hints)
    hints[404] = hints[405] = (
        'Check the path in --host, and the deployment id if '
        'there is one.')
    hints[500] = ThirdParty.hints[422]
    hints[NO_MODEL] = "The server could not load its model: look at the server's own log."

    def ping_path(self, settings):
        return '/ping/'

    def path(self, settings):
        if settings.command == 'batch_scoring_deployment_aware':
            # Documented for the portable prediction server with many models.
            return '/deployments/{0}/predictions'.format(settings.deployment_id)
        return self.route

    def read_row(self, item, layout):
        if isinstance(item, dict) and 'predictionValues' in item and 'rowId' in item:
            return predapi_row(item, layout)
        if isinstance(item, dict) and 'predictionValues' in item and 'prediction' in item:
            return labelled_row(item, layout)
        return unnumbered_row(item, layout)

    def reaction(self, reply):
        if reply.status == NO_MODEL:
            return FATAL
        if reply.status == 500 and AT_FAULT.match(reply.body):
            return ROW_ERROR
        if reply.status == 500 and 'html' in reply.headers.get('Content-Type', '').lower():
            # What gunicorn says of a request whose worker it has ended, since it took too long.
            return TIMEOUT
        return super(Drum, self).reaction(reply)
