"""A model whose predictions prove which input row they belong to."""

from __future__ import absolute_import, unicode_literals

import csv
import random
import re
import zlib
from collections import OrderedDict, namedtuple

from datarobot_batch_scoring.compat import PY2
from datarobot_batch_scoring.demo import app

NUMBER = re.compile(
    r'^(-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?|NaN|-?Infinity)$')

LABELS = {
    'regression': ['y'],
    'binary': [1.0, 0.0],
    'multiclass': ['a', 'b', 'c'],
    'multilabel': ['red', 'green', 'blue'],
}

Row = namedtuple('Row', [
    'key',    # the field in column x, or the text of the record if there is none
    'value',  # the JSON number that the model predicts, as text, or 'null'
])


class Json(object):
    """Text that goes into the answer as it is: `0.10` stays `0.10`."""

    def __init__(self, raw):
        self.raw = raw


def to_json(value):
    """The JSON text of plain data, which may contain `Json`."""
    if isinstance(value, Json):
        return value.raw
    if isinstance(value, dict):
        return '{' + ', '.join(
            '{0}: {1}'.format(to_json(key), to_json(each))
            for key, each in value.items()) + '}'
    if isinstance(value, (list, tuple)):
        return '[' + ', '.join(map(to_json, value)) + ']'
    if isinstance(value, type('')):
        return '"' + re.sub('["\\\\\x00-\x1f]', _escape, value) + '"'
    if value is None:
        return 'null'
    return repr(value)


def _escape(match):
    return '\\u{0:04x}'.format(ord(match.group()))


def crc(content):
    """A number that is, in practice, different for every text."""
    return zlib.crc32(content.encode('utf-8')) & 0xffffffff


def read_rows(body):
    """The rows of a request's body (CSV as UTF-8 bytes), as `Row`s.

    The value of a row is its field in the column `x`, character by character, if
    that is a JSON number, and null if that is empty or `null`. In all other cases it
    is the CRC-32 of the record as it was sent, with quotes and line breaks but
    without its line ending.
    """
    records = list(read_records(body.decode('utf-8')))
    if not records:
        return []
    names = [name.strip() for name in records[0][1]]
    column = names.index('x') if 'x' in names else None
    return [_row(raw, fields, column) for raw, fields in records[1:]]


def _row(raw, fields, column):
    if column is None or len(fields) <= column:
        return Row(raw, '{0}'.format(crc(raw)))
    x = fields[column]
    if NUMBER.match(x):
        return Row(x, x)
    return Row(x, 'null' if x in ('', 'null') else '{0}'.format(crc(raw)))


def read_records(content):
    """Yields (text of the record without its line ending, fields)."""
    csv.field_size_limit(1 << 30)
    taken = []

    def feed():
        for line in re.findall('[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$', content):
            taken.append(line)
            yield line.encode('utf-8') if PY2 else line

    for fields in csv.reader(feed()):
        raw = re.sub('(\r\n|\r|\n)$', '', ''.join(taken))
        del taken[:]
        if fields:
            yield raw, [each.decode('utf-8') if PY2 else each
                        for each in fields]


def _tensor(name, values, width=1):
    is_text = isinstance(values[0], type(''))
    return OrderedDict([('name', name), ('shape', [len(values) // width, width]),
                        ('datatype', 'BYTES' if is_text else 'FP64'), ('data', values)])


class Echo(object):
    """Answers with what `read_rows` found, in the shape of a target.

    `shape` is a key of `LABELS`; `labels` replaces the labels there (text or
    numbers). With `shuffle`, the rows, and the labels in each, are in random order. `form` is
    that of servers other than DataRobot's: 'numbers', 'texts' (the predicted class), 'objects',
    'labelled' (objects with a class and a number), 'lists', or 'data' for the one of predApi/v1.0;
    without it, what the server of that route mostly has.
    """

    def __init__(self, shape='regression', labels=None, shuffle=False,
                 threshold=0.5, seed=0, form=None):
        self.shape = shape
        self.form = form
        self.labels = labels or LABELS[shape]
        self.shuffle = shuffle
        self.threshold = threshold
        self.random = random.Random(seed)

    def values(self, row):
        """The label and JSON text of each value, the row's own value first.

        The others are derived from it: numbers with three digits after the point.
        """
        others = ['0.{0:03d}'.format(crc('{0} {1}'.format(row.value, label))
                                     % 1000) for label in self.labels[1:]]
        return list(zip(self.labels, [row.value] + others))

    def prediction(self, row):
        """What the answer has under 'prediction'."""
        chosen = crc(row.value)
        if self.shape == 'regression':
            return Json(row.value)
        if self.shape == 'multilabel':
            return [label for bit, label in enumerate(self.labels)
                    if chosen >> bit & 1]
        return self.labels[chosen % len(self.labels)]

    def explanations(self, row, most):
        """None to `most` explanations, different from row to row."""
        return [OrderedDict([
            ('feature', 'feature {0}'.format(number)),
            ('strength', Json('{0}0.{1}0'.format(
                '-' if number % 2 else '', number + 1))),
            ('featureValue', row.key[:20]),
            ('label', self.labels[0]),
            ('qualitativeStrength', '+++')])
            for number in range(crc(row.value) % (most + 1))]

    def cells(self, row):
        """What the command's output has for a row: texts, sorted by label.

        Explanations, threshold and decision are not included.
        """
        return ['' if value == 'null' else value for _, value in sorted(
            ('{0}'.format(label), value) for label, value in self.values(row))]

    def answer(self, rows, route, most=0):
        """The rows of an answer as plain data, for a `demo.app.Route`."""
        if self.form_of(route) in self.BARE:
            return [self.BARE[self.form_of(route)](self, row) for row in rows]
        build = self._v1_row if route.version == 'api/v1' else self._row
        answers = [build(number, row, route, most)
                   for number, row in enumerate(rows)]
        if self.shuffle:
            self.random.shuffle(answers)
        return answers

    def form_of(self, route):
        """The form of the answers on a route; None for those of DataRobot's."""
        if route.version not in app.FOREIGN:
            return None
        usual = 'numbers' if self.shape == 'regression' else (
            'objects' if route.version == 'drum' else 'lists')
        return self.form or usual

    def _number(self, row):
        return Json(row.value)

    def _text(self, row):
        return None if row.value == 'null' else '{0}'.format(self.prediction(row))

    def _labelled(self, row):
        return OrderedDict([('label', self._text(row)), ('score', self._number(row))])

    def _object(self, row):
        return OrderedDict(('{0}'.format(label), Json(value)) for label, value in self.values(row))

    def _list(self, row):
        return [Json(value) for _, value in self.values(row)]

    def _tensors(self, answers):
        """The rows of an answer as outputs of v2: one, or one for each key of objects."""
        if isinstance(answers[0], dict):
            return [_tensor(key, [each[key] for each in answers]) for key in answers[0]]
        if isinstance(answers[0], list):
            return [_tensor('proba', [each for row in answers for each in row], len(answers[0]))]
        return [_tensor('y', answers)]

    BARE = {'numbers': _number, 'texts': _text, 'labelled': _labelled, 'objects': _object,
            'lists': _list}

    def _row(self, number, row, route, most):
        values = [OrderedDict([('label', label), ('value', Json(value))])
                  for label, value in self.values(row)]
        if self.shuffle:
            self.random.shuffle(values)
        answer = OrderedDict([('rowId', number),
                              ('prediction', self.prediction(row))])
        if self.shape == 'binary' and self.threshold is not None:
            answer['predictionThreshold'] = self.threshold
        answer['predictionValues'] = values
        answer['deploymentApprovalStatus'] = 'APPROVED'
        if app.codes_key(route, most):
            answer[app.codes_key(route, most)] = self.explanations(row, most)
        return answer

    def _v1_row(self, number, row, _, __):
        answer = OrderedDict([('row_id', number),
                              ('prediction', self.prediction(row))])
        if self.shape != 'regression':
            answer['class_probabilities'] = OrderedDict(
                ('{0}'.format(label), Json(value))
                for label, value in self.values(row))
        return answer

    def wrap(self, answers, route, batch_id=None):
        """The whole answer as JSON bytes; `batch_id` is what one of v2 repeats of the request."""
        if route.version == 'v2':
            whole = dict(batch_id or {})
            # Keywords are bytes on 2.7.
            whole.update({'model_name': route.ids[-1], 'outputs': self._tensors(answers)})
        elif route.version == 'api/v1':
            whole = OrderedDict([
                ('status', ''), ('code', 200), ('version', 'v1'),
                ('task', self.shape.capitalize()),
                ('model_id', route.ids[-1]), ('execution_time', 28.4),
                ('predictions', answers)])
        elif self.form_of(route) in self.BARE:
            whole = {'predictions': answers}
        else:
            whole = {'data': answers}
        return to_json(whole).encode('utf-8')
