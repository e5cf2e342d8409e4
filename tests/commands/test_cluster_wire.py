"""Whoever reaches the scheduler runs no code on the client with the messages of this program."""

from __future__ import absolute_import, unicode_literals

import os
import pickle

import pytest

from scoring import IMPORT, numbered, predicted

distributed = pytest.importorskip('distributed')


class Planted(object):
    """Makes a file once it is loaded from a pickle."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return os.mkdir, (self._path,)


def test_a_pickle_among_the_events_is_not_loaded(start_command, server, folder, cluster):
    folder.write('data.csv', numbered(200))
    server.delay = 0.2
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, '--scheduler=' + cluster.address, '--n_samples=5', '--n_concurrent=1',
        '--out=out.csv', IMPORT, 'data.csv'])
    server.wait_for(lambda: len(server.answered) >= 10, 60)
    with distributed.Client(cluster.address, set_as_default=False) as other:
        _, heard = other.get_events('batch_scoring-up')[-1]
        planted = pickle.dumps([Planted(folder('planted'))], 2)
        for events in (planted, planted.decode('latin-1'), '[["Failed", [1]]]', None):
            other.log_event('batch_scoring-up', dict(heard, events=events))
            other.log_event('batch_scoring-down', dict(
                heard, orders=events, shares={}, rows=0, number=0))
        other.log_event('batch_scoring-up', 'no report')
    server.delay = 0
    result = command.wait(120)
    assert (result.code, result.err) == (0, ''), result
    assert folder.read() == predicted(200)
    assert not folder.has('planted')
