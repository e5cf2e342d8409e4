"""How long a request waits before it is sent again."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.server.headers import retry_after
from datarobot_batch_scoring.server.request_error import backoff


def test_waits_double_up_to_thirty_seconds_with_jitter():
    for tries, seconds in [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16)]:
        waits = [backoff(tries) for _ in range(100)]
        assert all(0.8 * seconds <= wait <= 1.2 * seconds for wait in waits)
        assert len(set(waits)) > 1
    assert all(24 <= backoff(tries) <= 30 for tries in (7, 8, 50, 5000))


@pytest.mark.parametrize('value, seconds', [
    (None, 0), ('', 0), ('-5', 0), ('7', 7), (' 1.5 ', 1.5), ('9' * 400, 600), ('1, 2', 0),
    ('Sun, 06 Nov 1994 08:49:37 GMT', 0), ('Fri, 01 Jan 2100 00:00:00 GMT', 600),
    ('Mon, 01 Jan 99999999 00:00:00 GMT', 0), ('Mon, 01 Jan ' + '9' * 30 + ' 00:00:00', 0),
    ('-5 Jan 00:00:00 99999999999', 0), ('. January , GMT', 0), ('Jan Mon 00:00:00 , 2030', 0)])
def test_every_form_of_retry_after(value, seconds):
    assert retry_after(value, now=1.5e9) == seconds
