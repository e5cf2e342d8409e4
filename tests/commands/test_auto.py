"""--n_concurrent=auto finds out how many requests should be in flight."""

from __future__ import absolute_import, division, unicode_literals

import json
import re
import threading

import pytest

import faults
from scoring import QUICK, numbered, predicted


class Cores(object):
    """A delay as of a server that computes so many requests at once, each a row in `a_row` seconds."""

    def __init__(self, count, a_row):
        self._cores = threading.Semaphore(count)
        self._a_row = a_row

    def __call__(self, record):
        with self._cores:
            threading.Event().wait(self._a_row * len(record.rows))
        return 0


def test_more_requests_are_in_flight_where_more_rows_come_of_it(score, make_server, folder):
    server = score.server = make_server(delay=0.05)
    score.well(numbered(600), '--n_concurrent=auto', '--n_samples=1')
    assert folder.read() == predicted(600)
    assert server.max_in_flight > 12


def test_no_more_than_the_most_are_in_flight(score, make_server, folder):
    server = score.server = make_server(delay=0.02)
    score.well(numbered(300), '--n_concurrent=auto:6', '--n_samples=1')
    assert folder.read() == predicted(300)
    assert server.max_in_flight == 6


def test_a_server_of_one_core_soon_has_few_again(score, make_server, folder):
    server = score.server = make_server(delay=Cores(1, 0.01))
    busy = []
    server.on_finished = lambda record: busy.append(server.in_flight + 1)
    score.well(numbered(300), '--n_concurrent=auto', '--n_samples=1')
    assert folder.read() == predicted(300)
    assert max(busy[150:-10]) <= 8


def test_a_server_that_refuses_is_not_asked_for_much_more(score, make_server, folder):
    server = score.server = make_server(delay=0.03)
    server.fail(faults.status(503), when=lambda record: server.in_flight > 6)
    score.well(numbered(500), '--n_concurrent=auto', '--n_samples=1', env=QUICK)
    assert folder.read() == predicted(500)
    assert 5 <= server.max_in_flight <= 12
    assert server.statuses()[503] < 25


@pytest.mark.parametrize('name', ['auto', 'auto:9'])
def test_the_server_is_told_that_concurrency_is_found_out(score, server, name):
    score.well(numbered(20), '--n_concurrent=' + name)
    assert set(re.search('concurrency/([^ ]+)', record.headers['user-agent']).group(1)
               for record in server.batches) == set(['auto'])


def test_batches_without_n_samples_follow(score, make_server, folder):
    server = score.server = make_server(delay=lambda record: 0.004 * len(record.rows))
    score.well(numbered(4000), '--n_concurrent=auto')
    assert folder.read() == predicted(4000)
    assert server.max_in_flight >= 8


def test_the_report_names_it(score, folder):
    score.well(numbered(20), '--n_concurrent=auto', '--report=report.json')
    assert json.loads(folder.read('report.json').decode('utf-8'))['settings'][
        'n_concurrent'] == 'auto:64'


def test_an_ini_file_may_ask_for_it(score, server, folder):
    folder.write('batch_scoring.ini', b'[batch_scoring]\nn_concurrent = auto:3\n')
    score.well(numbered(20))
    assert 'concurrency/auto' in server.log[0].headers['user-agent']


@pytest.mark.parametrize('value', ['auto:0', 'auto:', 'auto:x', 'automatic', 'auto:-1'])
def test_what_auto_may_not_be(score, server, value):
    result = score(numbered(2), '--n_concurrent=' + value)
    assert (result.code, server.log) == (2, [])
    assert "--n_concurrent: '{0}' is not allowed".format(value) in result.err
