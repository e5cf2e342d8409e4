"""Reads JSON from a server; every number keeps its text.

The rows of an answer are read one by one: as objects they take twenty times the
memory of their text, and what a server sends may not be predictions at all.
"""

from __future__ import absolute_import, unicode_literals

import json
import re

TEXT = type('')

# In place of a value that an answer does not have; JSON's null is None.
MISSING = object()

# In characters: a row, or the rest of an answer without its rows.
LONGEST_VALUE = 1 << 20
MOST_KEYS = 1000

_WINDOW = 4096
_SPACE = re.compile(r'[ \t\n\r]*')


class BadAnswer(Exception):
    """A server's answer failed a check; `args[0]` says what is wrong.

    It never leaves a worker: the batch is sent again, and after ten bad answers
    a `ScoringError` ends the run.
    """


class Number(TEXT):
    """A JSON number as the text that the server sent."""

    __slots__ = ()


def _object(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _same_key()
    return result


def _same_key():
    return BadAnswer('the answer is malformed: a JSON object has the same key twice')


# Accepts what `json` does; every number becomes a `Number`.
_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number,
                            object_pairs_hook=_object)


def parse(text):
    """JSON text to plain values, numbers as `Number`; raises `BadAnswer`."""
    return _decoded(_DECODER.decode, text)


def first_end(text):
    """Where the JSON value at the start of `text` ends; raises `BadAnswer`."""
    return _decoded(_DECODER.raw_decode, text)[1]


def _decoded(decode_text, text):
    try:
        return decode_text(text)
    # RuntimeError: nested too deeply
    except (ValueError, RuntimeError) as error:
        raise BadAnswer('the answer is not JSON: %s' % error)


def decode(body):
    """An answer's bytes as text, without a byte-order mark; raises `BadAnswer`."""
    try:
        text = body.decode('utf-8')
    except UnicodeDecodeError as error:
        raise BadAnswer('the answer is not UTF-8: %s' % error)
    return text[1:] if text.startswith('\ufeff') else text


def elements_of(text, names):
    """Yields the elements of the list in the JSON object `text`; raises `BadAnswer`.

    The list is under one of `names`, a tuple.
    """
    reader = _Reader(text)
    keys = set()
    if reader.sign() != '{':
        reader.value()
        raise no_list(names)
    reader.skip('{')
    more = reader.sign() != '}' or reader.skip('}') != '}'
    while more:
        key = reader.value()
        reader.skip(':')
        if key in keys:
            raise _same_key()
        keys.add(key)
        if len(keys) > MOST_KEYS:
            raise BadAnswer('the answer is malformed: it has more than %d keys' % MOST_KEYS)
        if key in names:
            for each in reader.elements(names):
                yield each
        else:
            reader.value()
        more = reader.skip(',}') == ','
    if reader.sign():
        raise BadAnswer('the answer is not JSON: more follows after its end')
    if not keys.intersection(names):
        raise no_list(names)


def no_list(names):
    """The `BadAnswer` for one without its rows, which are under one of `names`."""
    return BadAnswer('the answer has no list "%s"' % '" or "'.join(names))


class _Reader(object):
    """Reads a text from beginning to end, value by value."""

    def __init__(self, text):
        self._text = text
        self._at = 0
        self._window = _WINDOW

    def sign(self):
        """The next character that is not white space; '' at the end."""
        self._at = _SPACE.match(self._text, self._at).end()
        return self._text[self._at:self._at + 1]

    def skip(self, signs):
        """Reads past one of `signs` and returns it; raises `BadAnswer` for anything else."""
        sign = self.sign()
        if not sign or sign not in signs:
            raise BadAnswer('the answer is not JSON: no %s at character %d' % (
                ' or '.join(signs), self._at))
        self._at += 1
        return sign

    def elements(self, names):
        """Yields the elements of the list that comes next."""
        if self.sign() != '[':
            raise no_list(names)
        self.skip('[')
        more = self.sign() != ']' or self.skip(']') != ']'
        while more:
            yield self.value()
            more = self.skip(',]') == ','

    def value(self):
        """The value that comes next, at most `LONGEST_VALUE` characters long."""
        self.sign()
        size = self._window
        while True:
            piece = self._text[self._at:self._at + size]
            is_whole = self._at + size >= len(self._text)
            try:
                value, end = _DECODER.raw_decode(piece)
            except ValueError as error:
                if is_whole:
                    raise BadAnswer('the answer is not JSON: %s' % error)
            except RuntimeError as error:
                raise BadAnswer('the answer is not JSON: %s' % error)
            else:
                # A number may continue beyond the piece.
                if is_whole or end < len(piece):
                    self._at += end
                    # The next row is about as long.
                    self._window = max(2 * end, _WINDOW)
                    return value
            if size >= LONGEST_VALUE:
                raise BadAnswer('the answer is malformed: one of its values is not JSON, or longer '
                                'than %d characters' % LONGEST_VALUE)
            size = min(8 * size, LONGEST_VALUE)
