"""A run sends no more than --rows_per_second and --requests_per_second."""

from __future__ import absolute_import, division, unicode_literals

import json
import os

import pytest

import faults
import when
from datarobot_batch_scoring.scoring.pace import SLACK
from scoring import numbered, predicted


def test_a_run_takes_as_long_as_its_rate_wants_and_says_so(score, server, folder):
    # So few that a slow machine can send them.
    result = score(numbered(160), '--rows_per_second=40', '--report=r.json')
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(160)
    report = json.loads(folder.read('r.json').decode('utf-8'))
    # The last batch need not be earned.
    assert report['seconds'] > 160 / 40 - 0.25
    assert report['limited_by'] == ['rows_per_second']
    assert '; limited by --rows_per_second' in result.out
    result = score(None, '--rows_per_second=40', '--report=r.html', '--yes')
    assert result.code == 0 and b'<p>Limited by --rows_per_second.</p>' in folder.read('r.html')
    assert max(len(each.rows) for each in server.batches) <= 10


# With BATCH_SCORING_TEST_SECONDS=20, on a machine that does nothing else, a rate is also not fallen short of.
SECONDS = int(os.environ.get('BATCH_SCORING_TEST_SECONDS', 2))


def check_rate(server, rate):
    """The rows that a server got in `SECONDS` seconds, of a run that sends so many per second."""
    arrived = [(record.time, len(record.rows)) for record in server.batches]
    begin, end = min(arrived)[0], max(arrived)[0]
    # The last batch need not be earned.
    earned = sum(rows for _, rows in arrived) - arrived[-1][1]
    assert earned == pytest.approx(rate * SECONDS, rate)
    assert earned / (end - begin) <= 1.03 * rate + rate * SLACK / SECONDS
    if 'BATCH_SCORING_TEST_SECONDS' in os.environ:
        most = max(sum(rows for at, rows in arrived if start <= at < start + 1) for start, _ in arrived)
        print('{0:.1f} rows per second, at most {1} in one'.format(earned / (end - begin), most))
        assert earned / (end - begin) >= 0.97 * rate
        assert most <= 1.5 * rate


@pytest.mark.parametrize('n_concurrent', [1, 4, 16])
def test_rows_arrive_at_that_rate(score, server, n_concurrent):
    score.well(numbered(300 * SECONDS), '--rows_per_second=300', '--n_concurrent={0}'.format(n_concurrent))
    check_rate(server, 300)


def test_requests_are_limited_too_retries_among_them(score, server, folder):
    server.fail(faults.status(503), when.first_requests(3))
    result = score(numbered(100), '--requests_per_second=5', '--n_samples=10', '--report=r.json')
    assert result.code == 0 and folder.read() == predicted(100)
    assert len(server.log) == 13
    assert json.loads(folder.read('r.json').decode('utf-8'))['seconds'] > 12 / 5 - 0.25


def test_a_limit_that_is_not_reached_is_not_mentioned(score, folder):
    result = score(numbered(100), '--rows_per_second=1000000', '--requests_per_second=1000', '--report=r.html')
    assert 'limited' not in result.out and b'Limited by' not in folder.read('r.html')


def test_a_rate_may_change_before_a_resume(score, server, folder):
    server.fail(faults.status(400), lambda record: '50' in record.keys)
    options = ['--n_samples=10', '--n_concurrent=1']
    assert score(numbered(100), '--rows_per_second=1000', *options).code == 1
    server.heal()
    assert score(None, '--resume', '--requests_per_second=100', *options).code == 0
    assert folder.read() == predicted(100)


def test_a_rate_is_a_number_above_zero(score):
    for value in ('0', '-1', 'fast', '1e3'):
        result = score(numbered(3), '--rows_per_second=' + value)
        assert result.code == 2 and '--rows_per_second' in result.err
