"""A server with room for a few requests only: they are what is in flight."""

from __future__ import absolute_import, division, unicode_literals

import faults
import when
from scoring import QUICK, numbered, predicted


def with_room_for(server, most):
    """Has the server refuse what comes when so many requests are in flight."""
    server.fail(faults.status(503), when=lambda record: server.in_flight > most)
    return server


def noted_in_flight(server):
    """A list of the requests in flight when each ended, itself included."""
    found = []
    server.on_finished = lambda record: found.append(server.in_flight + 1)
    return found


def test_a_server_with_room_for_few_gets_few(score, make_server, folder):
    server = score.server = with_room_for(make_server(delay=0.02), 4)
    score.well(numbered(600), '--n_concurrent=16', '--n_samples=2', env=QUICK)
    assert folder.read() == predicted(600)
    assert server.statuses()[503] < 60


def test_no_long_wait_comes_of_a_full_server(score, make_server, folder):
    """The waits are as long as for users: only what was refused waits, and not for long."""
    server = score.server = with_room_for(make_server(delay=0.05), 2)
    score.well(numbered(200), '--n_concurrent=8', '--n_samples=2')
    assert folder.read() == predicted(200)
    took = max(record.finished for record in server.batches) - server.batches[0].time
    assert took < 8


def test_when_there_is_room_again_all_requests_are_in_flight(score, make_server, folder):
    server = score.server = make_server(delay=0.02)
    server.fail(faults.status(429), when=lambda record: record.number < 60 and server.in_flight > 2)
    busy = noted_in_flight(server)
    score.well(numbered(400), '--n_concurrent=6', '--n_samples=1', env=QUICK)
    assert folder.read() == predicted(400)
    assert max(busy[100:]) == 6


def test_after_an_outage_all_requests_are_in_flight_again(score, make_server, folder):
    server = score.server = make_server(delay=0.02)
    server.fail(faults.status(503), when=when.first_requests(20))
    busy = noted_in_flight(server)
    score.well(numbered(100), '--n_concurrent=8', '--n_samples=1', env=QUICK)
    assert folder.read() == predicted(100)
    assert max(busy[20:60]) == 8
