"""What appears under the report's name while a run is under way is left alone."""

from __future__ import absolute_import, unicode_literals

import os
import stat

import pytest

import faults
from datarobot_batch_scoring.compat import WINDOWS
from scoring import numbered, predicted

pytestmark = pytest.mark.skipif(WINDOWS, reason='links and FIFOs')
NAME = 'report.json'


def a_file(folder):
    folder.write(NAME, b'mine')


def a_link(folder):
    folder.write('precious', b'mine')
    os.symlink('precious', folder(NAME))


def a_dangling_link(folder):
    os.symlink('nowhere', folder(NAME))


def a_fifo(folder):
    os.mkfifo(folder(NAME))


def a_folder(folder):
    os.mkdir(folder(NAME))


@pytest.mark.parametrize('was_there', [False, True])
@pytest.mark.parametrize('make', [a_file, a_link, a_dangling_link, a_fifo, a_folder])
def test_what_appears_there_is_left_alone(score, server, folder, make, was_there):
    if was_there:
        folder.write(NAME, b'of last month')

    def appear(record):
        if not made:
            made.append(True)
            if was_there:
                os.rename(folder(NAME), folder('moved.json'))
            make(folder)
            made.append(os.lstat(folder(NAME)))
        return False
    made = []
    server.fail(faults.status(500), when=appear)
    result = score(numbered(3), '--report=' + NAME, '--yes')
    assert (result.code, folder.read()) == (0, predicted(3)), result
    assert result.err.startswith('warning: The report report.json cannot be written: ')
    assert len(result.err.splitlines()) == 1
    now = os.lstat(folder(NAME))
    assert (now.st_ino, now.st_mode) == (made[1].st_ino, made[1].st_mode)
    assert not folder.has('nowhere')
    if make in (a_file, a_link):
        assert folder.read(NAME) == b'mine'
    if was_there:
        assert folder.read('moved.json') == b'of last month'


def test_a_report_that_was_removed_meanwhile_is_made(score, server, folder):
    folder.write(NAME, b'of last month')

    def remove(record):
        if os.path.exists(folder(NAME)):
            os.remove(folder(NAME))
        return False
    server.fail(faults.status(500), when=remove)
    score.well(numbered(3), '--report=' + NAME, '--yes')
    assert folder.read(NAME).startswith(b'{')


@pytest.mark.parametrize('there', [False, True])
def test_a_link_that_was_there_is_followed(score, folder, there):
    if there:
        folder.write('there.json', b'of last month, and longer than' + b' ' * 10000)
        os.chmod(folder('there.json'), 0o600)
    os.symlink('there.json', folder(NAME))
    score.well(numbered(3), '--report=' + NAME, '--yes')
    assert os.path.islink(folder(NAME)) and folder.read('there.json').rstrip().endswith(b'}')
    if there:
        assert stat.S_IMODE(os.stat(folder('there.json')).st_mode) == 0o600
