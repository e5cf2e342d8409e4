"""MLflow's server, MLServer, and services that speak the same (observed: MLflow 3.17.2)."""

from __future__ import absolute_import, unicode_literals

import json
import re
from collections import namedtuple

from datarobot_batch_scoring.dataset import types
from datarobot_batch_scoring.server.protocols.base import MLFLOW, STANDALONE, ThirdParty
from datarobot_batch_scoring.server.protocols.rows import unnumbered_row

# The rows, or the schema with every column, in the middle of a message.
_ROWS = re.compile(r"(?s) data '.*?'(?= with schema '|\.\s+Error: )")
_SCHEMA = re.compile(r"(?s) with schema '.*?'(?=\.\s+Error: )")


class MLflow(ThirdParty):
    """One model."""

    name = family = MLFLOW
    commands = (STANDALONE,)
    rows_keys = ('predictions',)
    route = '/invocations'

    def ping_path(self, settings):
        return '/ping'

    def headers(self, settings):
        headers = super(MLflow, self).headers(settings)
        # MLServer takes no charset, and MLflow does not know it as utf8.
        headers['Content-Type'] = 'application/json' if self.sends_types(settings) else 'text/csv'
        return headers

    def sends_types(self, settings):
        return settings.request_format == 'json'

    def form(self, settings, names, kinds, model):
        # Without a value a column is text to MLflow (observed: None in place of NaN) unless it is NaN.
        return Split([types.Column(name, place, kind, None if kind == types.INTEGER else b'NaN', None)
                      for place, (name, kind) in enumerate(zip(names, kinds))])

    def read_row(self, item, layout):
        return unnumbered_row(item, layout)

    def without_rows(self, said, header):
        said = _SCHEMA.sub('', _ROWS.sub(' the data', said))
        return super(MLflow, self).without_rows(said, header)


class Split(namedtuple('Split', 'columns')):
    """Writes requests in the form `dataframe_split`: names and rows."""

    __slots__ = ()
    # In a request; None: no limit.
    max_rows = None

    def write(self, values, batch_id):
        """The body (bytes) with `values`, for each column a list of JSON (bytes)."""
        names = json.dumps([column.name for column in self.columns], ensure_ascii=False)
        rows = b'],['.join(map(b','.join, zip(*values)))
        return b''.join([b'{"dataframe_split":{"columns":', names.encode('utf-8'), b',"data":[[', rows, b']]}}'])
