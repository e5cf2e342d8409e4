"""A run sends no more than --rows_per_second and --requests_per_second."""

from __future__ import absolute_import, division, unicode_literals

import json

import faults
import when
from scoring import numbered, predicted


def test_a_run_takes_as_long_as_its_rate_wants_and_says_so(score, server, folder):
    result = score(numbered(600), '--rows_per_second=200', '--report=r.json')
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(600)
    report = json.loads(folder.read('r.json').decode('utf-8'))
    # The last batch need not be earned.
    assert report['seconds'] > 600 / 200 - 0.25
    assert report['limited_by'] == ['rows_per_second']
    assert '; limited by --rows_per_second' in result.out
    assert max(len(each.rows) for each in server.batches) <= 50


def test_requests_are_limited_too_retries_among_them(score, server, folder):
    server.fail(faults.status(503), when.first_requests(3))
    result = score(numbered(100), '--requests_per_second=5', '--n_samples=10', '--report=r.json')
    assert result.code == 0 and folder.read() == predicted(100)
    assert len(server.log) == 13
    assert json.loads(folder.read('r.json').decode('utf-8'))['seconds'] > 12 / 5 - 0.25


def test_a_limit_that_is_not_reached_is_not_mentioned(score, folder):
    assert 'limited' not in score(numbered(100), '--rows_per_second=1000000', '--requests_per_second=1e3'.replace(
        '1e3', '1000')).out


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
