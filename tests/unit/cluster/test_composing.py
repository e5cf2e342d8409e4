"""On Google Cloud Storage, which composes 32 objects at a time, any number come in order."""

from __future__ import absolute_import, unicode_literals

import sys

import pytest

from datarobot_batch_scoring.cluster import joining
from datarobot_batch_scoring.cluster.remains import RunDirectory

pytestmark = pytest.mark.skipif(sys.version_info < (3, 9), reason='as old as no cluster is')

OUT = 'gs://scores/scored.csv'


class Bucket(object):
    """As much of the store as composing needs; it is its own filesystem."""

    is_local = False

    def __init__(self):
        self.filesystem = self
        self.objects = {}
        self.most = 0

    def split_path(self, url):
        bucket, _, key = url.partition('://')[2].partition('/')
        return bucket, key, None

    def put(self, url, data):
        self.objects[url] = data

    def compose(self, url, urls):
        self.most = max(self.most, len(urls))
        self.objects[url] = b''.join(self.objects[each] for each in urls)


@pytest.mark.parametrize('parts', [1, 31, 32, 100, 2000])
def test_parts_are_composed_in_order_and_none_is_read(parts):
    bucket = Bucket()
    remains = RunDirectory(bucket, OUT)
    names = [('part-{0:06d}'.format(n), len('row {0}\n'.format(n)), None) for n in range(parts)]
    for n, (name, _, _) in enumerate(names):
        bucket.put(remains.folder + name, 'row {0}\n'.format(n).encode('ascii'))
    size = joining.join(remains, bucket, OUT, b'header\n', names)
    expected = b'header\n' + b''.join('row {0}\n'.format(n).encode('ascii') for n in range(parts))
    assert bucket.objects[OUT] == expected and size == len(expected)
    assert bucket.most <= 32
    # What else was made is where the end of a run removes it.
    assert all(each == OUT or each.startswith(remains.folder) for each in bucket.objects)
