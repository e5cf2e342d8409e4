"""A stream's beginning can be read again, and is let go once it is read for good."""

from __future__ import absolute_import, unicode_literals

import os

import pytest

from datarobot_batch_scoring.dataset import source
from datarobot_batch_scoring.system import Descriptor


@pytest.fixture
def stream(monkeypatch):
    """Makes a stream of bytes that are in a pipe, which is at its end then."""
    def made(data):
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        monkeypatch.setattr(source, 'standard_stream', lambda number: Descriptor(reading))
        return source.Stream()
    return made


def test_each_reader_begins_at_the_beginning(stream):
    found = stream(b'0123456789')
    first, second = found.open(), found.open()
    assert (first.read(3), first.read(3), second.read(8), first.read(9)) == (
        b'012', b'345', b'01234567', b'6789')
    last = found.open(for_good=True)
    assert (last.read(4), last.tell(), last.read(100), last.read(1)) == (
        b'0123', 4, b'456789', b'')
    found.close()


def test_what_is_read_for_good_is_not_kept(stream):
    found = stream(b'0123456789')
    found.open().read(4)
    last = found.open(for_good=True)
    assert (last.read(2), found._kept) == (b'01', b'0123')
    assert (last.read(3), found._kept, last.read(9)) == (b'234', b'', b'56789')
    found.close()


def test_its_size_is_known_once_it_has_ended(stream):
    found = stream(b'0123456789')
    reader = found.open()
    reader.read(10)
    assert found.size() is None
    reader.read(1)
    assert found.size() == 10
    found.close()


@pytest.mark.parametrize('data, seen', [
    (b'x,y\n1,2\n3', b'x,y\n1,2\n'), (b'x\n"1\n2"\n3', b'x\n"1\n2"\n')])
def test_after_a_pause_whole_lines_are_looked_at_and_nothing_is_lost(monkeypatch, data, seen):
    reading, writing = os.pipe()
    os.write(writing, data)
    monkeypatch.setattr(source, 'standard_stream', lambda number: Descriptor(reading))
    stream = source.Stream(pause=0.01)
    assert (stream.open().read(100), stream.open().read(4)) == (seen, seen[:4])
    os.write(writing, b',4\n')
    os.close(writing)
    assert stream.open(for_good=True).read(100) == data + b',4\n'
    stream.close()
