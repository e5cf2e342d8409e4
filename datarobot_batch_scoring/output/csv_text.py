"""What a field of the output looks like: CSV, or JSON in an output of JSON Lines."""

from __future__ import absolute_import, unicode_literals

import json

from datarobot_batch_scoring.compat import not_utf8_at, text as TEXT
from datarobot_batch_scoring.dataset.json_text import MISSING, NOT_FINITE, InvalidResponse, Number, json_text

# What a line of rejected rows begins with.
BAD_ROWS_COLUMNS = b'row_id,line,reason,'
# In place of a delimiter: the output is JSON Lines.
JSON_LINES = '{'


def is_json_lines(path):
    """Whether an output of that name is JSON Lines."""
    return path.endswith(('.jsonl', '.jsonl.gz'))


def field(value, delimiter):
    """A value of an answer as a CSV field (bytes), empty for null and `MISSING`; or as JSON."""
    if delimiter == JSON_LINES:
        return _json_field(value)
    if isinstance(value, Number):
        return value.encode('ascii')
    if value is None or value is MISSING:
        return b''
    try:
        text = value if isinstance(value, TEXT) else json_text(value)
    except RuntimeError:
        raise InvalidResponse('the response is malformed: a value is nested too deeply')
    if '"' in text or delimiter in text or '\n' in text or '\r' in text:
        text = '"%s"' % text.replace('"', '""')
    return as_bytes(text)


def _json_field(value):
    if isinstance(value, Number):
        return ('"%s"' % value if value in NOT_FINITE else value).encode('ascii')
    if value is None or value is MISSING:
        return b'null'
    if isinstance(value, TEXT):
        as_bytes(value)
        return json_text(value).encode('utf-8')
    try:
        return as_bytes(json_text(_finite(value)))
    except RuntimeError:
        raise InvalidResponse('the response is malformed: a value is nested too deeply')


def _finite(value):
    # What is not finite is not JSON.
    if isinstance(value, dict):
        return dict((name, _finite(member)) for name, member in value.items())
    if isinstance(value, list):
        return [_finite(element) for element in value]
    return TEXT(value) if isinstance(value, Number) and value in NOT_FINITE else value


def csv_of(data):
    """What `field` gives as JSON (bytes) as a CSV field."""
    if data[:1] not in (b'"', b'n'):
        return data
    value = json.loads(data.decode('utf-8'))
    return field(Number(value) if value in NOT_FINITE else value, ',')


def as_bytes(text):
    """Text as UTF-8; raises `InvalidResponse` for what no program would accept in a CSV file."""
    if '\0' in text:
        raise InvalidResponse('the response is malformed: a NUL character')
    try:
        encoded = text.encode('utf-8')
    except UnicodeEncodeError:
        encoded = None
    if encoded is None or not_utf8_at(encoded) is not None:
        raise InvalidResponse('the response is malformed: half of a surrogate pair')
    return encoded


def quoted(values, delimiter):
    """Texts as fields of an output, a list of bytes; `delimiter` is one byte."""
    if delimiter == JSON_LINES.encode('ascii'):
        return [json_text(value).encode('utf-8') for value in values]
    special = ('"', '\r', '\n', delimiter.decode('ascii'))
    return [_quote(value) if any(char in value for char in special) else value.encode('utf-8')
            for value in values]


def _quote(value):
    return ('"' + value.replace('"', '""') + '"').encode('utf-8')
