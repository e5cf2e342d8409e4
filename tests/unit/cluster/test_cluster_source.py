"""A dataset that is overwritten while a cluster reads it is never scored in parts of both."""

from __future__ import absolute_import, unicode_literals

import sys

import pytest

from datarobot_batch_scoring.cluster import source
from datarobot_batch_scoring.cluster.parts import Source
from datarobot_batch_scoring.cluster.stores import Absent, Info
from datarobot_batch_scoring.errors import DatasetError, ScoringError

pytestmark = pytest.mark.skipif(sys.version_info < (3, 9), reason='as old as no cluster is')

URL = 's3://bucket/data.csv'
PIECE = source.READ_SIZE
OLD, NEW = b'a' * PIECE * 2, b'b' * PIECE * 2


class Store(object):
    """A store with one object, which is another from the read of that number on."""

    def __init__(self, number, after):
        self._left = number
        self._after = after
        self.data = OLD

    def read(self, url, start, end):
        self._left -= 1
        if self._left < 0:
            self.data = self._after
        if self.data is None:
            raise Absent()
        if start >= len(self.data):
            raise ScoringError('InvalidRange')
        return self.data[start:end]

    def info(self, url):
        if self.data is None:
            raise Absent()
        return Info(len(self.data), self.data[:1].decode('ascii'), 0)


def pieces(store):
    """What a range of the whole object gives, until it ends or fails."""
    reading = source.Range(store, Source(URL, len(OLD), 'a', 'utf-8', 0), 0, len(OLD))
    found = []
    try:
        for piece in iter(lambda: reading.read(PIECE), b''):
            found.append(piece)
    except DatasetError as error:
        return found, error.message
    return found, None


def test_an_object_that_stays_is_read():
    assert pieces(Store(9, NEW)) == ([OLD[:PIECE], OLD[PIECE:]], None)


@pytest.mark.parametrize('after', [NEW, NEW[:10], NEW[:-1], None],
                         ids=['as long', 'shorter', 'a byte shorter', 'removed'])
@pytest.mark.parametrize('number', [0, 1])
def test_no_byte_of_another_object_is_given(number, after):
    found, message = pieces(Store(number, after))
    assert found == [OLD[:PIECE]][:number]
    assert message == 'The dataset {0} changed while it was being read.'.format(URL)
