"""How many requests may be in flight: scripted histories."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.scoring.limit import Limit

# A name; the most; what happens: an int is so many successes, a list the requests that were
# in flight besides at each of several refusals; the number in flight afterwards.
HISTORIES = [
    ('all are in flight from the start', 16, [], 16),
    ('what is refused is not tried again at once', 16, [[15]], 15),
    ('refused together, they leave as many as there is room for', 16,
     [[15, 14, 13, 12, 11, 10, 9, 8]], 8),
    ('there is always one', 4, [[3, 2, 1, 0]], 1),
    ('with success one more is tried', 16, [[8], 8], 9),
    ('but not at once', 16, [[8], 7], 8),
    ('after another refusal later', 16, [[8], 8, [8], 8], 8),
    ('and in the end', 16, [[8], 8, [8], 16], 9),
    ('patience has an end', 16, [[8]] + 20 * [1, [8]] + [32], 9),
    ('there is never more than the most', 4, [[3], 100], 4),
    ('a server that was down is full no more', 4, [[3, 2, 1, 0], 3], 4),
    ('even after refusals', 4, [[2], 6, [2], 1, [1, 0], 3], 4),
]


@pytest.mark.parametrize('most, history, left', [each[1:] for each in HISTORIES],
                         ids=[each[0] for each in HISTORIES])
def test_history(most, history, left):
    limit = Limit(most)
    for step in history:
        if isinstance(step, list):
            for others in step:
                limit.refused(others)
        else:
            for _ in range(step):
                limit.succeeded()
    assert limit.now == left
