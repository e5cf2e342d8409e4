"""Batches sized by what the server shows: small for a slow one, full for a fast one."""

from __future__ import absolute_import, division, unicode_literals

import signal

import pytest

import faults
from scoring import numbered, predicted, unpacked


def sizes(server):
    return [len(each.rows) for each in server.batches]


def slow(a_row):
    """A delay of so many seconds for each row of a request."""
    return lambda record: a_row * len(record.rows)


def test_a_slow_server_gets_small_batches_and_all_requests_in_flight(
        score, make_server, folder):
    server = score.server = make_server(delay=slow(0.02))
    score.well(numbered(200))
    assert folder.read() == predicted(200)
    assert server.max_in_flight == 4 and max(sizes(server)) <= 25
    assert set(server.answered.values()) == set([1])


def test_few_rows_are_shared_by_the_requests_in_flight(score, make_server, folder):
    server = score.server = make_server(delay=lambda record: server.wait_for(
        lambda: server.max_in_flight == 4))
    score.well(numbered(8))
    assert folder.read() == predicted(8)


def test_a_fast_server_soon_gets_full_batches(score, server, folder):
    # Rows so large that the server of the tests costs nothing beside them.
    data = b'x,text\n' + b''.join(
        '{0},{1}\n'.format(n, 'a' * 100000).encode('ascii') for n in range(400))
    score.well(data, '--n_concurrent=2')
    assert folder.read() == predicted(400)
    assert sizes(server)[0] <= 4
    assert sum(len(each.sent) > 2400000 for each in server.batches) >= 8


def test_no_batch_is_late_where_a_row_takes_a_tenth_of_the_timeout(score, make_server, folder):
    server = score.server = make_server(delay=slow(0.1))
    score.well(numbered(60), '--timeout=1')
    assert folder.read() == predicted(60)
    assert len(server.batches) == sum(status == 200 for status in server.statuses().elements())
    assert set(server.scored.values()) == set([1])


def test_a_server_that_becomes_slower_gets_smaller_batches(score, make_server, folder):
    server = score.server = make_server(delay=lambda record: len(record.rows) * (
        0.05 if server.answered['200'] else 0.005))
    score.well(numbered(400), '--n_concurrent=1', '--timeout=12')
    assert folder.read() == predicted(400)
    assert max(sizes(server)[-3:]) < max(sizes(server))


def test_n_samples_is_exact_whatever_the_server_shows(score, make_server):
    server = score.server = make_server(delay=slow(0.01))
    score.well(numbered(95), '--n_samples=10')
    assert sorted(sizes(server)) == [5] + 9 * [10]


@pytest.mark.parametrize('name', ['out.csv', 'out.csv.gz'])
def test_a_run_that_was_killed_goes_on_with_other_sizes_and_the_same_bytes(
        score, start_command, make_server, folder, name):
    server = make_server(delay=slow(0.01))
    folder.write('data.csv', numbered(400))
    server.fail(faults.never(), when=lambda record: int(record.first) >= 100)
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--out=' + name, 'flats', 'data.csv'])
    server.wait_for(lambda: len(server.answered) >= 100 and server.in_flight == 4)
    command.send_to_all(signal.SIGKILL)
    command.wait()
    score.server = make_server()
    score.well(None, '--out=' + name, '--resume')
    content = folder.read_raw(name)
    assert (unpacked(content) if name.endswith('gz') else content) == predicted(400)
