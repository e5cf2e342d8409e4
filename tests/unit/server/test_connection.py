"""A connection is cut where nothing moves on it, and what was late is told."""

from __future__ import absolute_import, unicode_literals

import socket

import pytest

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.server.connection import Connection, Endpoint, RequestError
from datarobot_batch_scoring.server.deadlines import Deadlines


@pytest.fixture
def deadlines():
    keeper = Deadlines()
    yield keeper
    keeper.close()


def test_a_look_after_the_end_does_not_change_what_was_late(deadlines, monkeypatch):
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen(1)
    connection = Connection(Endpoint('http://127.0.0.1:{0}'.format(
        listener.getsockname()[1]), {}, 0.2, True, (), None), deadlines)
    close = connection._adapter.close

    def close_and_look():
        close()
        connection.look(monotonic())
    monkeypatch.setattr(connection._adapter, 'close', close_and_look)
    with pytest.raises(RequestError) as caught:
        connection.post(b'x\n1\n', 100)
    assert (caught.value.kind, caught.value.too_much) == ('timeout', True)
    assert caught.value.reason == 'no response within 0.2 seconds'
    listener.close()
