"""When a fault strikes: `server.fail(faults.never(), when=when.one_in(4))`.

The functions here make conditions: functions of a `Record`. One that counts
does so under the server's lock, and only requests that no earlier rule took.
"""

from __future__ import absolute_import, unicode_literals

import random

from datarobot_batch_scoring.compat import monotonic


def number(*numbers):
    """The requests of these numbers, from 1; token requests count too."""
    return lambda record: record.number in numbers


def one_in(count):
    """Every so manieth request that is asked about."""
    seen = [0]

    def when(record):
        seen[0] += 1
        return seen[0] % count == 0
    return when


def first_requests(count):
    """The first requests that are asked about."""
    seen = [0]

    def when(record):
        seen[0] += 1
        return seen[0] <= count
    return when


def by_chance(share, seed=0):
    """A share (0 to 1) of the requests, drawn with a seed."""
    draw = random.Random(seed).random
    return lambda record: draw() < share


def first_tries(count):
    """The first tries of each batch (told from others by its bytes)."""
    return lambda record: record.tries <= count


def holds(key):
    """Batches that hold the row with this key; see `echo.Row`."""
    return lambda record: key in record.keys


def more_rows_than(count):
    """Batches of more rows."""
    return lambda record: len(record.rows) > count


def more_bytes_than(count):
    """Requests with more bytes as sent; for `early` rules, as announced."""
    return lambda record: int(
        record.headers.get('content-length', 0)) > count


def path_has(part):
    """Requests with this text in path or query."""
    return lambda record: part in record.target


def while_set(event):
    """While a `threading.Event` is set; `Server.flag`, say."""
    return lambda record: event.is_set()


def during(start, end):
    """From `start` to `end` seconds after this was called."""
    origin = monotonic()
    return lambda record: start <= monotonic() - origin < end


def both(first, second):
    """Two conditions at once; the second is asked only if the first holds."""
    return lambda record: first(record) and second(record)
