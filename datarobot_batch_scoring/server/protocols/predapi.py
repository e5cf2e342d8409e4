"""predApi/v1.0: dedicated and standalone prediction instances."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server.protocols.datarobot import DataRobot
from datarobot_batch_scoring.server.protocols.names import COMMANDS, PREDAPI
from datarobot_batch_scoring.server.protocols.rows import predapi_row


class PredApi(DataRobot):
    """The version that all three commands know."""

    name = PREDAPI
    commands = COMMANDS
    rows_keys = ('data',)

    def read_row(self, item, layout):
        return predapi_row(item, layout)


class Standalone(PredApi):
    """The version as standalone instances speak it: without users, and with no other version."""

    hints = dict(PredApi.hints)
    hints[401] = hints[403] = (
        'Check --host: a standalone prediction server wants no credentials, so none are sent.')
    hints[404] = 'Check --host and the import id.'
    hints[405] = other_hint = 'Check --host.'


PROTOCOL = PredApi()
STANDALONE_PROTOCOL = Standalone()
