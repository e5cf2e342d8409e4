"""Reads a password, token or key from the file that `@<file>` names."""

from __future__ import absolute_import, unicode_literals

import io
import os

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.settings import trust

SIGN = '@'
MOST_BYTES = 64 << 10


def resolve(name, value, warn):
    """`value` or, if it is `@<file>`, the text of that file without its final line end.

    `name` says in messages where the value is from. They show the file's name only
    if there is such a file: it may be a password that begins with `@`.
    Raises `UsageError`; calls `warn` if others can read the file.
    """
    if not value.startswith(SIGN):
        return value
    path = os.path.expanduser(value[len(SIGN):])
    try:
        with io.open(path, 'rb') as source:
            data = source.read(MOST_BYTES + 1)
            status = os.fstat(source.fileno())
    # The last two: no file can have that name.
    except (EnvironmentError, ValueError, TypeError) as error:
        raise UsageError('{0}: the file after the @ cannot be read: {1}.'.format(
            name, getattr(error, 'strerror', None) or type(error).__name__),
            hint='If the value itself begins with @, put it into a file.')
    if trust.may_be_read_by_others(status):
        warn('{0}: others can read the file {1}. Run: {2}'.format(
            name, path, trust.private(path)))
    return _text_of(name, data)


def _text_of(name, data):
    if len(data) > MOST_BYTES:
        raise UsageError('{0}: the file after the @ is larger than {1} bytes.'.format(
            name, MOST_BYTES))
    try:
        content = data.decode('utf-8-sig')
    except UnicodeDecodeError:
        raise UsageError('{0}: the file after the @ is not UTF-8.'.format(name))
    for line_end in ('\r\n', '\n', '\r'):
        if content.endswith(line_end):
            content = content[:-len(line_end)]
            break
    if not content:
        raise UsageError('{0}: the file after the @ is empty.'.format(name))
    return content
