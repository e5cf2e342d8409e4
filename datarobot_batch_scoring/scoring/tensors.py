"""Reads answers whose values are in columns, those of the Open Inference Protocol, and checks them.

The numbers are not decoded: lists of them are taken out of the text as they are, and what is left
is little JSON.
"""

from __future__ import absolute_import, unicode_literals

import re
from collections import Counter

from datarobot_batch_scoring.compat import text as TEXT
from datarobot_batch_scoring.dataset.json_text import InvalidResponse, Number, OtherShape, decode, no_list, parse
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.columns import label_text
from datarobot_batch_scoring.output.csv_text import field
from datarobot_batch_scoring.scoring.answers import Answer, Column, WrongCount, column_of

_DATA = re.compile(br'"data"[ \t\n\r]*:[ \t\n\r]*\[([^\[\]{}"]*)\]')
_COMMA = re.compile(br'[ \t\n\r]*,[ \t\n\r]*')
_NO_VALUE = re.compile(
    br',(?!(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|null|NaN|-?Infinity|true|false)(?:,|\Z))')


def read(body, layout, rows, batch_id):
    """The `Answer` for `rows` rows of a request with an id; raises `InvalidResponse` or `ScoringError`."""
    numbers = []

    def take(match):
        numbers.append(_COMMA.sub(b',', match.group(1).strip(b' \t\n\r')))
        return b'"data":[%d]' % (len(numbers) - 1)

    whole = parse(decode(_DATA.sub(take, body)))
    outputs = whole.get('outputs') if isinstance(whole, dict) else None
    if not isinstance(outputs, list) or not outputs:
        raise no_list(('outputs',))
    if whole.get('id') not in (None, batch_id):
        raise InvalidResponse('the response is for another request: its id is not the one that was sent')
    tensors = [_tensor(output, rows, numbers) for output in outputs]
    labels, columns = [], []
    fitting = sum(len(layout.class_names) == width > 1 for _, width, _ in tensors)
    for name, width, values in tensors:
        labels += _labels(name, width, layout.class_names, fitting)
        columns += [_column(values[at::width], layout.delimiter) for at in range(width)]
    if layout.class_names and not fitting:
        raise ScoringError('class_count', number=len(layout.class_names), values=tensors[0][1])
    twice = [label for label, times in Counter(labels).items() if times > 1]
    if twice:
        raise OtherShape('the response is malformed: two columns have the name ' + min(twice))
    return Answer(ids=None, labels=tuple(labels), values=columns, explanations=[], thresholds=None,
                  decisions=None, extras={}, may_lack=False, dropped=False)


def _tensor(output, rows, numbers):
    """(name, values per row, values row by row): bytes of JSON where these are no texts."""
    try:
        name, shape, data = output['name'], [int(size_text) for size_text in output['shape']], output['data']
    except (KeyError, TypeError, ValueError):
        raise OtherShape('the response is malformed: an output lacks name, shape or data')
    if not isinstance(name, TEXT) or isinstance(name, Number) or not isinstance(data, list) or not shape:
        raise OtherShape('the response is malformed: an output lacks name, shape or data')
    if shape[0] != rows:
        raise WrongCount('%d rows were sent and %d predictions received' % (rows, shape[0]))
    width = 1
    for size in shape[1:]:
        width *= size
    values = _flat(data, numbers)
    if width < 1 or len(values) != rows * width:
        raise OtherShape('the response is malformed: the output %s has %d values, its shape %s' % (
            name, len(values), 'x'.join('%d' % length for length in shape)))
    return label_text(name), width, values


def _flat(data, numbers):
    if len(data) == 1 and isinstance(data[0], Number) and data[0].isdigit():
        # What `take` has put there: no other list of numbers is left.
        text = numbers[int(data[0])]
        if text and _NO_VALUE.search(b',' + text):
            raise InvalidResponse('the response is not JSON: a list has no value in a place')
        return text.split(b',') if text else []
    return list(_leaves(data))


def _leaves(data):
    for item in data:
        for leaf in _leaves(item) if isinstance(item, list) else [item]:
            yield leaf


def _labels(name, width, class_names, fitting):
    if width == 1:
        return [name]
    if len(class_names) != width:
        return ['%s_%d' % (name, at) for at in range(width)]
    return list(class_names) if fitting == 1 else ['%s_%s' % (name, class_name) for class_name in class_names]


def _column(values, delimiter):
    """A `Column` of values as `_flat` gives them."""
    if isinstance(values[0], bytes):
        return column_of(values, delimiter)
    nulls = sum(value is None for value in values)
    texts = sum(isinstance(value, TEXT) and not isinstance(value, Number) for value in values)
    return Column([field(value, delimiter) for value in values], nulls, 0 < texts == len(values) - nulls)
