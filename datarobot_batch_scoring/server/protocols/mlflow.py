"""MLflow's server, MLServer, and services that speak the same (observed: MLflow 3.17.2)."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.server.protocols.foreign import Foreign
from datarobot_batch_scoring.server.protocols.names import MLFLOW, STANDALONE
from datarobot_batch_scoring.server.protocols.rows import unnumbered_row

# The rows, or the schema with every column, in the middle of a message.
_ROWS = re.compile(r"(?s) data '.*?'(?= with schema '|\.\s+Error: )")
_SCHEMA = re.compile(r"(?s) with schema '.*?'(?=\.\s+Error: )")


class MLflow(Foreign):
    """One model."""

    name = family = MLFLOW
    commands = (STANDALONE,)
    # MLServer takes no charset, and MLflow does not know it as utf8.
    content_type = 'text/csv'
    rows_keys = ('predictions',)
    route = '/invocations'
    ping = '/ping'

    def read_row(self, item, layout):
        return unnumbered_row(item, layout)

    def without_rows(self, said, header):
        said = _SCHEMA.sub('', _ROWS.sub(' the data', said))
        return super(MLflow, self).without_rows(said, header)


PROTOCOL = MLflow()
