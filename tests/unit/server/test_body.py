"""How the body of an answer is read from its connection."""

from __future__ import absolute_import, unicode_literals

import io

from datarobot_batch_scoring.server.body import read_body


class Raw(io.BytesIO):
    """What `requests` gives to read an answer from; `asked` are the sizes asked for."""

    def __init__(self, data):
        super(Raw, self).__init__(data)
        self.asked = []

    def read(self, size, decode_content):
        self.asked.append(size)
        return super(Raw, self).read(size)

    def release_conn(self):
        pass


class Response(object):
    """An answer with this body (bytes)."""

    status_code = 200

    def __init__(self, data, headers=()):
        self.raw = Raw(data)
        self.headers = dict(headers)


def test_an_answer_without_a_length_takes_no_more_memory_than_it_needs():
    """Python 3.6 to 3.9 fill as much as they are asked to read, before they read."""
    data = b'x' * (3 << 20)
    response = Response(data)
    assert read_body(response, 1 << 30) == (data, len(data))
    assert max(response.raw.asked) <= 2 << 20


def test_an_answer_with_a_length_is_read_in_one_call():
    response = Response(b'x' * 5000, {'Content-Length': '5000'})
    assert read_body(response, 1 << 30) == (b'x' * 5000, 5000)
    assert response.raw.asked == [5000]
