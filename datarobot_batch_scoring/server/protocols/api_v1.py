"""api/v1: the older version, with answers of another form."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server.protocols.datarobot import DataRobot
from datarobot_batch_scoring.server.protocols.names import API_V1, COMMANDS
from datarobot_batch_scoring.server.protocols.rows import v1_row


class ApiV1(DataRobot):
    """The same routes but for the version; no explanations."""

    name = API_V1
    # The last takes it, and speaks predApi/v1.0 all the same.
    commands = COMMANDS
    rows_keys = ('predictions',)

    def read_row(self, item, layout):
        return v1_row(item, layout)


PROTOCOL = ApiV1()
