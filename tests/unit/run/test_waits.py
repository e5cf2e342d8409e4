"""Which waits are reported, and when: a history of events, replayed."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.run.narrator import LongWaits, wait_warning
from datarobot_batch_scoring.scoring.events import Retried


def waiting(wait, row=7):
    return Retried(first_row=row, rows=2, reason='status 429: later.', kind='429', wait=wait, next_try=wait)


@pytest.mark.parametrize('events, success_at, looks, expected', [
    # (seconds, wait) of events, when a request last succeeded, when it is looked, and what is due.
    ([(0, 600)], 1, [4.9, 5, 6, 700], [False, True, False, False]),
    ([(0, 30)], 1, [5, 20], [False, False]),
    ([(0, 600)], 0, [5, 20, 599], [False, False, False]),
    # Over by the time that others succeed.
    ([(0, 60)], 0, [5, 60, 61], [False, False, False]),
    ([(0, 600), (6, 600)], 7, [5, 12, 605, 606], [True, False, True, False]),
])
def test_a_wait_is_reported_after_five_seconds_if_others_succeeded_since_and_every_ten_minutes(
        events, success_at, looks, expected):
    waits, left = LongWaits(), list(events)
    found = []
    for now in looks:
        while left and left[0][0] <= now:
            waits.note(waiting(left[0][1]), left[0][0])
            left.pop(0)
        found.append(waits.due(now, success_at) is not None)
    assert found == expected


def test_the_warning_names_rows_seconds_and_reason():
    assert wait_warning(waiting(599.7)) == (
        'Rows 7 to 8 wait 600 s until the next attempt, as the server asked (Retry-After): '
        'status 429: later. Other rows are being scored.')
