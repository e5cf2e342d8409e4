"""Targets: what is appended counts only once it is said to, and other programs are noticed."""

from __future__ import absolute_import, unicode_literals

import errno
import io
import os
import zlib

import pytest

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.targets import (
    AppendFile, SmallUpload, Stream, Target, Upload, at_work_on)
from scoring import unpacked


@pytest.fixture
def file(folder):
    opened = AppendFile('output', folder('out.csv'))
    opened.begin()
    yield opened
    opened.close()


def append(target, data):
    target.append(data)
    target.advance(data)


def test_what_is_appended_counts_once_it_is_advanced(file, folder):
    append(file, b'one\n')
    file.append(b'two\n')
    file.cut_back()
    assert folder.read('out.csv') == b'one\n'
    assert file.state() == {'length': 4, 'forced': 0, 'checksum': zlib.crc32(b'one\n') & 0xffffffff}


def test_what_is_forced_is_said_to_be(file):
    append(file, b'one\n')
    assert (file.forced, file.unforced) == (0, 4)
    file.force()
    assert (file.forced, file.unforced) == (4, 0)


def test_a_file_that_begins_is_empty(file, folder):
    folder.write('out.csv', b'earlier')
    again = AppendFile('output', folder('out.csv'))
    again.begin()
    again.close()
    assert folder.read('out.csv') == b''


def test_a_restored_file_has_what_its_state_says(file, folder):
    append(file, b'one\n')
    state = file.state()
    append(file, b'two\n')
    again = AppendFile('output', folder('out.csv'))
    again.restore(state)
    append(again, b'three\n')
    again.close()
    assert folder.read('out.csv') == b'one\nthree\n'
    assert again.checksum == zlib.crc32(b'one\nthree\n') & 0xffffffff


@pytest.mark.parametrize('name, gzipped', [('out.csv', False), ('out.csv.gz', True)])
def test_a_file_is_compressed_by_its_name(folder, name, gzipped):
    data = AppendFile('output', folder(name)).compressed(b'row\n' * 100)
    assert (data == b'row\n' * 100) != gzipped
    assert not gzipped or unpacked(data) == b'row\n' * 100


def grow(path):
    with io.open(path, 'ab') as target:
        target.write(b'x')


def replace(path):
    os.rename(path, path + '.old')
    with io.open(path, 'wb') as target:
        target.write(b'one\n')


DISTURBED = [('changed', grow, 'append'), ('changed', grow, 'force'),
             ('removed', os.remove, 'check_present'), ('replaced', replace, 'check_present')]


@pytest.mark.skipif(WINDOWS, reason='a file that is open cannot be removed')
@pytest.mark.parametrize('how, disturb, then', DISTURBED)
def test_what_another_program_does_to_a_file_is_noticed(file, how, disturb, then):
    append(file, b'one\n')
    disturb(file.path)
    with pytest.raises(ScoringError) as caught:
        getattr(file, then)(*[b'two\n'] * (then == 'append'))
    assert 'was {0} by another program'.format(how) in caught.value.message


def test_an_error_of_the_system_names_the_file_and_cuts_all_back(file, folder):
    other = AppendFile('bad-rows file', folder('bad.csv'))
    other.begin()
    file.append(b'half a')
    other.append(b'line')
    with pytest.raises(ScoringError) as caught:
        with at_work_on(other, file, other):
            raise OSError(errno.EDQUOT, 'Disk quota exceeded')
    other.close()
    assert caught.value.message == 'The bad-rows file {0} cannot be written: Disk quota exceeded.'.format(
        folder('bad.csv'))
    assert (folder.read('out.csv'), folder.read('bad.csv')) == (b'', b'')


def test_a_file_that_was_never_opened_can_be_cut_back_and_closed(folder):
    opened = AppendFile('output', folder('out.csv'))
    opened.cut_back()
    opened.close()
    assert not folder.has('out.csv')


def test_a_file_that_cannot_be_cut_back_raises_nothing(folder):
    folder.write('out.csv', b'')
    opened = AppendFile('output', folder('out.csv'))
    # One that is open for reading only.
    opened.descriptor = os.open(folder('out.csv'), os.O_RDONLY)
    opened.cut_back()
    opened.close()


def test_a_stream_gets_the_bytes_and_forgets_nothing():
    reader, writer = os.pipe()
    stream = Stream(writer)
    stream.begin()
    append(stream, b'one\n')
    append(stream, b'two\n')
    stream.cut_back()
    stream.force()
    stream.check_present()
    stream.close()
    os.close(writer)
    with os.fdopen(reader, 'rb') as source:
        assert source.read() == b'one\ntwo\n'
    assert stream.length == 8


def test_a_stream_that_is_no_longer_read_says_so():
    reader, writer = os.pipe()
    os.close(reader)
    stream = Stream(writer)
    with pytest.raises(ScoringError) as caught:
        with at_work_on(stream):
            stream.append(b'one\n')
    os.close(writer)
    assert 'has ended' in caught.value.message


def test_a_stream_that_cannot_be_written_says_why():
    error = Stream(1).unwritable(OSError(errno.ENOSPC, 'No space left on device'))
    assert error.message == 'Standard output cannot be written: No space left on device.'


def test_an_upload_counts_what_it_writes():
    opened = io.BytesIO()
    upload = Upload(opened, gzipped=False)
    append(upload, b'one\n')
    assert opened.getvalue() == b'one\n'
    assert (upload.length, upload.checksum) == (4, zlib.crc32(b'one\n') & 0xffffffff)


@pytest.mark.parametrize('pieces, puts', [([], []), ([b'one\n', b'two\n'], [b'one\ntwo\n'])])
def test_a_small_upload_is_put_at_the_end_if_there_is_anything(pieces, puts):
    put = []
    upload = SmallUpload(put.append, gzipped=False)
    for piece in pieces:
        append(upload, piece)
    assert put == []
    upload.close()
    assert put == puts


def test_a_target_says_what_it_cannot_do():
    for call in (lambda target: target.append(b''), lambda target: target.restore({}),
                 lambda target: target.unwritable(OSError())):
        with pytest.raises(NotImplementedError):
            call(Target())
