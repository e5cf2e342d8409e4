"""How the text of a translated dataset differs from CSV: see `translation`."""

from __future__ import absolute_import, unicode_literals

import binascii
import re

from datarobot_batch_scoring.compat import PY2
from datarobot_batch_scoring.errors import DatasetError

# Bytes that UTF-8 does not have, for a line feed and a carriage return inside a field, and before
# the reason why a record cannot be sent.
LINE_FEED, CARRIAGE_RETURN, REASON = b'\xfe', b'\xff', b'\xfd'

# How half of a surrogate pair is kept, until what is sent is checked: 2.7 does so by itself.
HALF_PAIRS = 'strict' if PY2 else 'surrogatepass'

# With these outside of quotes, a field would be more than one, or the end of the dataset.
SPECIAL = re.compile(b'[",\r\n\x1a]')

_RESTORING = bytearray(range(256))
_RESTORING[0xfe:] = b'\n\r'
_RESTORING = bytes(_RESTORING)

MAX_SHOWN = 100


def escaped(data):
    """Bytes of a field with its line breaks escaped."""
    return data.replace(b'\n', LINE_FEED).replace(b'\r', CARRIAGE_RETURN)


def restored(data):
    """What `escaped` was made of."""
    return data.translate(_RESTORING) if LINE_FEED in data or CARRIAGE_RETURN in data else data


def record(fields):
    """The line (bytes) of a record, whose fields are texts."""
    fields = [_field(text) for text in fields]
    if len(fields) == 1 and not fields[0].strip(b' \t'):
        # A blank line would not be a record.
        fields = [b'"' + fields[0] + b'"']
    return b','.join(fields)


def _field(text):
    data = text.encode('utf-8', HALF_PAIRS)
    if SPECIAL.search(data):
        return escaped(b'"' + data.replace(b'"', b'""') + b'"')
    return data


def reason(kind, what):
    """What ends the line of a record that cannot be sent: the kind of the error, and its fact `what`."""
    shown = what[:MAX_SHOWN].encode('ascii', 'backslashreplace') if what else b''
    return REASON + kind.encode('ascii') + REASON + binascii.hexlify(shown)


def reason_in(line, number):
    """The `DatasetError` for a line (bytes) of that number with a reason at its end; or None."""
    if REASON not in line:
        return None
    _, kind, shown = line.rsplit(REASON, 2)
    kind, what = kind.decode('ascii'), binascii.unhexlify(shown.strip()).decode('ascii')
    return DatasetError(kind, line=number, what=what)


def without_reason(line):
    """A line (bytes) without the reason at its end."""
    return line.split(REASON)[0]


def sendable(batch):
    """A `Batch` without the records that cannot be sent."""
    if REASON not in batch.raw:
        return batch
    lines = [line for line in batch.raw.split(b'\n') if line and REASON not in line]
    return batch._replace(raw=b''.join(line + b'\n' for line in lines), rows=len(lines))
