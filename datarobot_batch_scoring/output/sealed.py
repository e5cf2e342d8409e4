"""Plain values as bytes that show it if anything of them was changed.

What is read back was where others may write. It is JSON, so reading it runs no code; its digest
tells what was damaged or edited, and those who read it still check types and ranges.
"""

from __future__ import absolute_import, unicode_literals

import hashlib
import json

import six

MAX_SIZE = 64 << 20
MAX_DEPTH = 8


def to_bytes(values):
    """A dict of plain values as bytes."""
    # As they are read back: lists for tuples, say.
    values = json.loads(json.dumps(values))
    return json.dumps(dict(values, sha256=_digest(values)), sort_keys=True).encode('utf-8')


def from_bytes(data):
    """The same back; raises `ValueError` for anything else."""
    values = from_json(data)
    if not isinstance(values, dict) or values.pop('sha256', None) != _digest(values):
        raise ValueError('not what was written')
    return values


def from_json(data):
    """A plain value of JSON, at most `MAX_DEPTH` deep; raises `ValueError` for anything else."""
    if len(data) > MAX_SIZE:
        raise ValueError('too large')
    try:
        value = json.loads(data.decode('utf-8'), parse_constant=_no_number)
    # RecursionError: nested too deeply
    except RuntimeError:
        raise ValueError('too deep')
    _check_depth(value, MAX_DEPTH)
    return value


def is_count(value, least=0):
    """Whether a value is a whole number, not below `least`, of at most 63 bits."""
    return (isinstance(value, six.integer_types) and not isinstance(value, bool)
            and least <= value < 1 << 63)


def is_text(value, most):
    """Whether a value is text of at most so many characters."""
    return isinstance(value, six.text_type) and len(value) <= most


def _digest(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode('utf-8')).hexdigest()


def _no_number(name):
    raise ValueError('not a number: {0}'.format(name))


def _check_depth(value, left):
    if not isinstance(value, (dict, list)):
        return
    if not left:
        raise ValueError('too deep')
    for item in value.values() if isinstance(value, dict) else value:
        _check_depth(item, left - 1)
