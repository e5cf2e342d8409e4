"""When a fault strikes: `server.fail(faults.never(), when=when.one_in(4))`.

The functions here make conditions, which are functions of a `Record`. Those that
count do so under the server's lock, and count only requests that no earlier rule took.
"""

from __future__ import absolute_import, unicode_literals

import random

from datarobot_batch_scoring.compat import monotonic


def number(*numbers):
    """The requests with these numbers, from 1; token requests count too."""
    return lambda record: record.number in numbers


def one_in(count):
    """Every `count`-th request that is asked about."""
    seen = [0]

    def when(record):
        seen[0] += 1
        return seen[0] % count == 0
    return when


def first_requests(count):
    """The first `count` requests that are asked about."""
    seen = [0]

    def when(record):
        seen[0] += 1
        return seen[0] <= count
    return when


def by_chance(share, seed=0):
    """A share (0 to 1) of the requests, chosen at random with a seed."""
    draw = random.Random(seed).random
    return lambda record: draw() < share


def first_tries(count):
    """The first `count` tries of each batch, which is recognized by its bytes."""
    return lambda record: record.tries <= count


def holds(key):
    """Batches that contain the row with this key; see `echo.Row`."""
    return lambda record: key in record.keys


def more_rows_than(count):
    """Batches of more than `count` rows."""
    return lambda record: len(record.rows) > count


def more_bytes_than(count):
    """Requests of more than `count` bytes, going by their Content-Length."""
    return lambda record: int(
        record.headers.get('content-length', 0)) > count


def path_has(part):
    """Requests with this text in their path or query."""
    return lambda record: part in record.target


def while_set(event):
    """Requests while a `threading.Event` is set; `Server.flag`, say."""
    return lambda record: event.is_set()


def during(start, end):
    """Requests from `start` to `end` seconds after this was called."""
    origin = monotonic()
    return lambda record: start <= monotonic() - origin < end


def both(first, second):
    """Requests that meet both conditions; the second is asked only if the first is met."""
    return lambda record: first(record) and second(record)
