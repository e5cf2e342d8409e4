"""Reads JSON, and writes it; every number keeps its text.

The rows of an answer are read one by one: as objects they take twenty times the
memory of their text, and what a server sends may not be predictions at all.
"""

from __future__ import absolute_import, unicode_literals

import json
import re
from collections import OrderedDict
from itertools import islice

TEXT = type('')

# In place of a value that an answer does not have; JSON's null is None.
MISSING = object()

# Numbers to `json`, but not to JSON.
NOT_FINITE = ('NaN', 'Infinity', '-Infinity')

# In characters: a row, or the rest of an answer without its rows.
MAX_VALUE_LENGTH = 1 << 20
MAX_KEYS = 1000

_WINDOW = 4096
_SPACE = re.compile(r'[ \t\n\r]*')


class InvalidResponse(Exception):
    """A server's answer failed a check; `args[0]` says what is wrong.

    It never leaves a worker: the batch is sent again, and after ten bad answers
    a `ScoringError` ends the run.
    """


class OtherShape(InvalidResponse):
    """The answer is JSON, but not predictions for the rows that were sent."""


class Number(TEXT):
    """A number as its text."""

    __slots__ = ()


def decoder(make_object):
    """A `json.JSONDecoder` that gives every number as a `Number`; `make_object` takes the pairs of an object."""
    return json.JSONDecoder(
        parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=make_object)


def json_text(value):
    """A value as compact JSON (text), with numbers as they were written."""
    if isinstance(value, Number):
        return TEXT(value)
    if isinstance(value, list):
        return '[%s]' % ','.join(map(json_text, value))
    if isinstance(value, dict):
        return '{%s}' % ','.join(
            '%s:%s' % (json_text(name), json_text(member)) for name, member in value.items())
    return json.dumps(value, ensure_ascii=False)


def _unique(mapping):
    """A function that makes such a mapping of pairs; raises `InvalidResponse` for a key that is there twice."""
    def made(pairs):
        result = mapping(pairs)
        if len(result) != len(pairs):
            raise _same_key()
        return result
    return made


def _same_key():
    return InvalidResponse('the response is malformed: a JSON object has a duplicate key')


# Accepts what `json` does; every number becomes a `Number`.
_DECODER = decoder(_unique(dict))
# The same, with keys in their order on Python 2.7 too.
_ORDERED = decoder(_unique(OrderedDict))


def parse(text):
    """JSON text to plain values, numbers as `Number`; raises `InvalidResponse`."""
    return _decoded(_DECODER.decode, text)


def first_end(text):
    """Where the JSON value at the start of `text` ends; raises `InvalidResponse`."""
    return _decoded(_DECODER.raw_decode, text)[1]


def _decoded(decode_text, text):
    try:
        return decode_text(text)
    # RuntimeError: nested too deeply
    except (ValueError, RuntimeError) as error:
        raise InvalidResponse('the response is not JSON: %s' % error)


def decode(body):
    """An answer's bytes as text, without a byte-order mark; raises `InvalidResponse`."""
    try:
        text = body.decode('utf-8')
    except UnicodeDecodeError as error:
        raise InvalidResponse('the response is not UTF-8: %s' % error)
    return text[1:] if text.startswith('\ufeff') else text


def elements_of(text, names, rows, beside=(), ordered=False):
    """Yields what an answer, the JSON `text`, has for each of `rows` rows; raises `InvalidResponse`.

    Mostly that is a list under one of `names` (a tuple) in an object. The list may also be the
    whole answer; in its place may be an object with a list per column, or a single value.
    `beside`, a dict, gets the values of its keys, where the object has them. `ordered`: keys keep
    their order on Python 2.7 too.
    """
    reader = _Scanner(text, max(rows, MAX_KEYS), ordered)
    sign = reader.sign()
    if sign == '{':
        values = _values_in_object(reader, names, rows, beside)
    elif sign == '[':
        values = reader.elements()
    else:
        values = [reader.value()]
        # What else has no name may be a message.
        if not isinstance(values[0], Number):
            raise no_list(names)
    for value in values:
        yield value
    if reader.sign():
        raise InvalidResponse('the response is not JSON: data follows its end')


def _values_in_object(reader, names, rows, beside):
    start, known = reader.at, False
    for key in reader.keys():
        if key in beside:
            beside[key] = reader.columns() if reader.sign() == '{' else reader.value()
            continue
        if key not in names:
            reader.value()
            continue
        known = True
        for value in _values_under_name(reader, names, rows):
            yield value
    if not known:
        reader.at = start
        for row in _rows_of(_numbers_by_column(reader, names, rows)):
            yield row


def _numbers_by_column(reader, names, rows):
    """The object that comes next, if all that it has are lists of a number for each row."""
    columns = OrderedDict()
    for key in reader.keys():
        if reader.sign() != '[':
            raise no_list(names)
        columns[key] = list(islice(reader.elements(), rows + 1))
        # Texts may be anything.
        if len(columns[key]) != rows or not all(
                value is None or isinstance(value, Number) for value in columns[key]):
            raise no_list(names)
    # And so may a single list.
    if len(columns) < 2:
        raise no_list(names)
    return columns


def _values_under_name(reader, names, rows):
    sign = reader.sign()
    if sign == '[':
        return reader.elements()
    if sign == '{':
        columns = reader.columns()
        return _rows_of(columns) if _fit(columns, rows) else [columns]
    value = reader.value()
    if value is None:
        raise no_list(names)
    return [value]


def _fit(columns, rows):
    return bool(columns) and all(
        isinstance(column, list) and len(column) == rows for column in columns.values())


def _rows_of(columns):
    return (OrderedDict(zip(columns, values)) for values in zip(*columns.values()))


def no_list(names):
    """The `OtherShape` of an answer without its rows, which are under one of `names`."""
    return OtherShape('the response has no list "%s"' % '" or "'.join(names))


class _Scanner(object):
    """Reads a text from beginning to end, value by value."""

    def __init__(self, text, most, ordered=False):
        self._text = text
        self._most = most
        self._decoder = _ORDERED if ordered else _DECODER
        self.at = 0
        self._window = _WINDOW

    def sign(self):
        """The next character that is not white space; '' at the end."""
        self.at = _SPACE.match(self._text, self.at).end()
        return self._text[self.at:self.at + 1]

    def skip(self, signs):
        """Reads past one of `signs` and returns it; raises `InvalidResponse` for anything else."""
        sign = self.sign()
        if not sign or sign not in signs:
            raise InvalidResponse('the response is not JSON: no %s at character %d' % (
                ' or '.join(signs), self.at))
        self.at += 1
        return sign

    def keys(self):
        """Yields each key of the object that comes next; its value must be read before the next."""
        seen = set()
        self.skip('{')
        more = self.sign() != '}' or self.skip('}') != '}'
        while more:
            key = self.value()
            self.skip(':')
            if key in seen:
                raise _same_key()
            seen.add(key)
            if len(seen) > MAX_KEYS:
                raise InvalidResponse('the response is malformed: it has more than %d keys' % MAX_KEYS)
            yield key
            more = self.skip(',}') == ','

    def columns(self):
        """The object that comes next; its lists may be longer than `MAX_VALUE_LENGTH`."""
        return OrderedDict(
            (key, self._list() if self.sign() == '[' else self.value()) for key in self.keys())

    def _list(self):
        elements = []
        for element in self.elements():
            elements.append(element)
            if len(elements) > self._most:
                raise OtherShape('the response is malformed: a list has more than %d elements' % self._most)
        return elements

    def elements(self):
        """Yields the elements of the list that comes next."""
        self.skip('[')
        more = self.sign() != ']' or self.skip(']') != ']'
        while more:
            yield self.value()
            more = self.skip(',]') == ','

    def value(self):
        """The value that comes next, at most `MAX_VALUE_LENGTH` characters long."""
        self.sign()
        size = self._window
        while True:
            piece = self._text[self.at:self.at + size]
            is_whole = self.at + size >= len(self._text)
            try:
                value, end = self._decoder.raw_decode(piece)
            except ValueError as error:
                if is_whole:
                    raise InvalidResponse('the response is not JSON: %s' % error)
            except RuntimeError as error:
                raise InvalidResponse('the response is not JSON: %s' % error)
            else:
                # A number may continue beyond the piece.
                if is_whole or end < len(piece):
                    self.at += end
                    # The next row is about as long.
                    self._window = max(2 * end, _WINDOW)
                    return value
            if size >= MAX_VALUE_LENGTH:
                raise InvalidResponse('the response is malformed: one of its values is not JSON, or longer '
                                      'than %d characters' % MAX_VALUE_LENGTH)
            size = min(8 * size, MAX_VALUE_LENGTH)
