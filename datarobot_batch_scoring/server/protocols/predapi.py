"""predApi/v1.0: dedicated and standalone prediction instances."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.server.protocols.datarobot import DataRobot, other_servers
from datarobot_batch_scoring.server.protocols.names import COMMANDS, DEPLOYMENT, PREDAPI
from datarobot_batch_scoring.server.protocols.rows import predapi_row


# "'maxExplanations': maxExplanations is not allowed key" (documented).
NOT_ALLOWED = re.compile(b'maxExplanations.*not allowed', re.DOTALL)


class PredApi(DataRobot):
    """The version that all three commands know."""

    name = PREDAPI
    commands = COMMANDS
    rows_keys = ('data',)

    def other_path(self, settings):
        # Servers before the current route (documented).
        count = settings.max_prediction_explanations
        if settings.command != DEPLOYMENT or not count:
            return None
        return '/{0}/deployments/{1}/predictionExplanations?maxCodes={2}'.format(
            self.name, settings.deployment_id, count)

    def lacks_path(self, reply):
        return reply.status in (404, 405) or (
            reply.status == 422 and NOT_ALLOWED.search(reply.body) is not None)

    def read_row(self, item, layout):
        return predapi_row(item, layout)


class Standalone(PredApi):
    """The version as standalone instances speak it: without users, and with no other version."""

    hints = dict(PredApi.hints)
    hints[401] = hints[403] = (
        'Check --host: a standalone prediction server requires no credentials, so none are sent.')
    hints[404] = 'Check --host and the import id.'
    hints[405] = other_hint = 'Check --host.'

    def remedy(self, reply, url):
        return self.hints.get(reply.status, self.other_hint) + other_servers(reply)


PROTOCOL = PredApi()
STANDALONE_PROTOCOL = Standalone()
