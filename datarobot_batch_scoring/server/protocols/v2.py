"""The Open Inference Protocol, version 2 (observed: MLServer 1.7.1, KServe 0.21.0, Triton 2.51)."""

from __future__ import absolute_import, unicode_literals

import json
import re
from collections import namedtuple

from datarobot_batch_scoring.dataset import types
from datarobot_batch_scoring.dataset.checks import a_few
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server.protocols.base import RETRY, ROW_ERROR, STANDALONE, V2, Protocol, ThirdParty

MLSERVER, KSERVE, TRITON = 'mlserver', 'kserve', 'triton'

# The data type of a column whose type the model's metadata does not have, and the type of a column
# by the data type there.
DATATYPES = {types.STRING: 'BYTES', types.INTEGER: 'INT64', types.NUMBER: 'FP64', types.BOOLEAN: 'BOOL'}
_TYPES = ((re.compile('BYTES$'), types.STRING), (re.compile('U?INT[0-9]+$'), types.INTEGER),
          (re.compile('(FP|BF)[0-9]+$'), types.NUMBER), (re.compile('BOOL$'), types.BOOLEAN))

# How each server takes a missing value, by the type of the column: MLServer rejects NaN, and makes
# false of a boolean null; of two nulls, KServe makes objects instead of numbers; Triton has no null.
_MISSING = {
    MLSERVER: {types.STRING: b'null', types.NUMBER: b'null'},
    KSERVE: {types.STRING: b'NaN', types.NUMBER: b'NaN', types.BOOLEAN: b'NaN'},
    TRITON: {types.STRING: b'""', types.NUMBER: b'NaN'},
}

# What an error has that the rows or the model have caused, and one of a model that loads.
_FAULT = re.compile(br'(?s)\s*(?:\{\s*"error"|Traceback )')
_TRACEBACK = 'Traceback (most recent call last)'
_PLACES = '\n\nAt:\n'
_CRASH = re.compile(br'Worker process stopped unexpectedly')
_NOT_READY = re.compile(br'(?i)not ready|no available versions')


class OpenInference(ThirdParty):
    """One of the models of a server; its columns are tensors."""

    name = family = V2
    commands = (STANDALONE,)
    ids_are_free = False
    id_kind = 'versioned_id'
    content_type = 'application/json'
    answers_columns = describes_model = True
    route = '/v2'
    other_routes = ('/v2/models',)
    not_ready = Protocol.not_ready | frozenset([400])
    hints = dict(ThirdParty.hints)
    hints[404] = hints[405] = 'Check --host and the name of the model.'
    hints[500] = ThirdParty.hints[422]

    def model_path(self, settings):
        """The path of what the server says of the model."""
        return '/v2/models/' + settings.import_id

    def config_path(self, settings):
        """The path of what Triton says of its limits."""
        return self.model_path(settings) + '/config'

    def path(self, settings):
        return self.model_path(settings) + '/infer'

    def ping_path(self, settings):
        return self.model_path(settings) + '/ready'

    def sends_types(self, settings):
        return True

    def form(self, settings, names, kinds, model):
        model = model or Model(settings.import_id, MLSERVER, {}, None)
        return Tensors(model.columns(names, kinds), model.server == MLSERVER, settings.outputs, model.max_rows)

    def without_rows(self, said, header):
        # Of a traceback, the last line says what was raised. Triton's own has places below.
        if _TRACEBACK in said:
            said = said.partition(_PLACES)[0].strip().splitlines()[-1]
        return super(OpenInference, self).without_rows(said, header)

    def reaction(self, reply):
        if reply.status in (400, 404) and _NOT_READY.search(reply.body):
            return RETRY
        if reply.status == 500 and _FAULT.match(reply.body) and not _CRASH.search(reply.body):
            return ROW_ERROR
        return super(OpenInference, self).reaction(reply)


class Model(namedtuple('Model', [
        'name',        # as the user typed it
        'server',      # MLSERVER, KSERVE or TRITON; what others are is taken for the first
        'inputs',      # {name: (data type, whether its shape has a second dimension)}; {}: unknown
        'max_rows'])):  # in a request; None: no limit
    """What a server says of a model."""

    __slots__ = ()

    @property
    def may_lack(self):
        """Whether a column of integers may be sent as numbers, since values are missing."""
        return self.server != TRITON

    def type_of(self, name):
        """The type of a column, one of `types.TYPES`, or None."""
        datatype = self.inputs.get(name, ('',))[0]
        return next((kind for pattern, kind in _TYPES if pattern.match(datatype)), None)

    def columns(self, names, kinds):
        """The `types.Column`s to send of a dataset with columns of these names and types.

        Raises `UsageError` for one that is not there.
        """
        for name in self.inputs:
            if name not in names:
                raise UsageError('model_columns', column=name, model=self.name, columns=a_few(names))
            if names.count(name) > 1:
                raise UsageError('model_columns_twice', column=name, model=self.name)
        missing = _MISSING[self.server]
        return [types.Column(name, place, kind, missing.get(kind), self._datatype(name, kind))
                for place, (name, kind) in enumerate(zip(names, kinds))
                if name in self.inputs or not self.inputs]

    def _datatype(self, name, kind):
        known, second = self.inputs.get(name, ('', True))
        datatype = known if self.type_of(name) == kind else DATATYPES[kind]
        return datatype, second


class Tensors(namedtuple('Tensors', [
        'columns',    # `types.Column`s
        'as_frame',   # True: the server has to be told that they are one table
        'outputs',    # names of outputs; empty: all
        'max_rows'])):  # in a request; None: no limit
    """Writes requests: a tensor per column."""

    __slots__ = ()

    def write(self, values, batch_id):
        """The body (bytes) with `values`, for each column a list of JSON (bytes)."""
        inputs = b','.join(self._tensor(column, cells) for column, cells in zip(self.columns, values))
        more = ',"outputs":' + json.dumps([{'name': name} for name in self.outputs]) if self.outputs else ''
        frame = ',"parameters":{"content_type":"pd"}' if self.as_frame else ''
        return b''.join([b'{"id":', json.dumps(batch_id).encode('ascii'), frame.encode('ascii'),
                         b',"inputs":[', inputs, b']', more.encode('ascii'), b'}'])

    def _tensor(self, column, values):
        datatype, second = column.datatype
        text = (',"parameters":{"content_type":"str"}'
                if self.as_frame and datatype == DATATYPES[types.STRING] else '')
        head = '{{"name":{0},"datatype":"{1}","shape":[{2}{3}]{4},"data":['.format(
            json.dumps(column.name), datatype, len(values), ',1' if second else '', text)
        return head.encode('ascii') + b','.join(values) + b']}'


PROTOCOL = OpenInference()
