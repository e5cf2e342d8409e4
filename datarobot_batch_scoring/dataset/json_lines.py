"""JSON Lines as CSV text: the members of the first object are the columns."""

from __future__ import absolute_import, unicode_literals

import re
from collections import OrderedDict

from datarobot_batch_scoring.compat import PY2, text as TEXT
from datarobot_batch_scoring.dataset import escapes
from datarobot_batch_scoring.dataset.json_text import decoder, json_text
from datarobot_batch_scoring.errors import DatasetError, UndecodableInput

READ_SIZE = 1 << 20
MAX_LINE = 64 << 20
# Of the objects and lists of a line, the outermost counted.
MAX_DEPTH = 100

BEGINNING = re.compile(br'(?:\xef\xbb\xbf)*\s*\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?')
_BRACKET = re.compile(r'[\[\]{}]')
_WORDS = {True: 'true', False: 'false', None: ''}


class Unreadable(Exception):
    """A line is not a record; `args` are the kind of the error and its fact `what`."""


class JsonLines(object):
    """The JSON Lines of a `utf8.TextInput`, which is at its beginning."""

    def __init__(self, reader):
        self._reader = reader
        self.file_position = reader.file_position
        self.close = reader.close

    def text(self):
        """Yields the CSV text, in pieces; raises `DatasetError` for a first line without columns."""
        names, blank = None, 0
        for lines in self._lines():
            if names is None:
                place = next((place for place, line in enumerate(lines) if line.strip()), None)
                if place is None:
                    blank += len(lines)
                    continue
                names = _names(lines[place], blank + place + 1)
                yield escapes.record(names) + b'\n' * (1 + blank)
            yield b''.join([_record(line, names) + b'\n' for line in lines])

    def _lines(self):
        """Yields lists of lines (bytes), without their ends."""
        pending, size, count, failure = [], 0, 0, None
        while failure is None:
            try:
                piece = self._reader.read(READ_SIZE)
            except UndecodableInput as error:
                piece, failure = b'', error
            if not piece:
                break
            pending.append(piece)
            size += len(piece)
            if b'\n' in piece:
                lines = b''.join(pending).split(b'\n')
                pending = [lines.pop()]
                size, count = len(pending[0]), count + len(lines)
                yield lines
            if size > MAX_LINE:
                raise DatasetError('long_line', line=count + 1, limit=MAX_LINE >> 20)
        if failure:
            raise failure
        if size:
            yield [b''.join(pending)]


def _names(line, number):
    """The names in the first line, a list of text."""
    try:
        names = list(_members(line))
        if not names:
            raise Unreadable('json_empty', '')
        return names
    except Unreadable as error:
        raise DatasetError(error.args[0], line=number, what=error.args[1])


def _record(line, names):
    """A line as one of CSV, without its end; empty if it is blank."""
    if not line.strip():
        return b''
    values, problem = {}, None
    try:
        values = _members(line)
        unknown = next((name for name in values if name not in names), None)
        if unknown is not None:
            problem = 'json_key', unknown
    except Unreadable as error:
        problem = error.args
    fields = escapes.record([_text(values.get(name)) for name in names])
    return fields + escapes.reason(*problem) if problem else fields


def _members(line):
    """The object on a line (bytes), a dict in its order; raises `Unreadable`."""
    try:
        text = line.decode('utf-8', escapes.HALF_PAIRS)
    except UnicodeDecodeError as error:
        raise Unreadable('json_syntax', 'byte 0x{0:02x} is not UTF-8'.format(
            bytearray(line)[error.start]))
    _check_depth(text)
    try:
        members = _DECODER.decode(text)
    except ValueError as error:
        raise Unreadable('json_syntax', '{0}'.format(error))
    if not isinstance(members, dict):
        raise Unreadable('json_syntax', 'it is another value')
    return members


def _object(pairs):
    members = OrderedDict(pairs) if PY2 else dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise Unreadable('json_twice', next(name for name in names if names.count(name) > 1))
    return members


_DECODER = decoder(_object)


def _check_depth(text):
    # Before it is decoded, which would exhaust the stack.
    if text.count('[') + text.count('{') <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub('', text)):
        depth += 1 if bracket in '[{' else -1
        if depth > MAX_DEPTH:
            raise Unreadable('json_depth', '{0}'.format(MAX_DEPTH))


def _text(value):
    if isinstance(value, TEXT):
        return value
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    return json_text(value)
