"""predApi/v1.0: dedicated and standalone prediction instances."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server.protocols.datarobot import (
    DEPLOYMENT, PROJECT, STANDALONE, DataRobot)
from datarobot_batch_scoring.server.protocols.rows import predapi_row


class PredApi(DataRobot):
    """The version that all three commands know."""

    name = 'predApi/v1.0'
    commands = (PROJECT, DEPLOYMENT, STANDALONE)
    rows_keys = ('data',)

    def read_row(self, item, layout):
        return predapi_row(item, layout)


PROTOCOL = PredApi()
