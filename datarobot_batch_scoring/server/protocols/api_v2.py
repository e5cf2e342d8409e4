"""api/v2: serverless deployments (documented; no such server was met)."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server.protocols.datarobot import DataRobot
from datarobot_batch_scoring.server.protocols.names import API_V2, DEPLOYMENT
from datarobot_batch_scoring.server.protocols.rows import predapi_row
from datarobot_batch_scoring.server.protocols.shape import bearer


class ApiV2(DataRobot):
    """The answers of predApi/v1.0; a token, which nothing can be bought for, goes as Bearer."""

    name = API_V2
    commands = (DEPLOYMENT,)
    rows_keys = ('data',)
    gives_tokens = False
    chosen_by = '--api_version=' + API_V2

    def authorization(self, settings):
        return bearer(settings.api_token)

    def read_row(self, item, layout):
        return predapi_row(item, layout)


PROTOCOL = ApiV2()
