"""The bar on a terminal, and the lines without one."""

from __future__ import absolute_import, unicode_literals

import os
import re
import struct
import subprocess
import sys

import pytest

import faults
import when
from command import LAUNCH

fcntl = pytest.importorskip('fcntl')
pty = pytest.importorskip('pty')
termios = pytest.importorskip('termios')

ROWS = 'x\n' + ''.join('{0}\n'.format(number) for number in range(200))


def on_a_terminal(folder, home, url, columns=80, **env):
    """What a terminal with so many columns gets from a run: text, and the exit code."""
    with open(os.path.join(folder, 'data.csv'), 'w') as stream:
        stream.write(ROWS)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack(str('HHHH'), 24, columns, 0, 0))
    environment = dict(os.environ, HOME=str(home), TERM=str('xterm'),
                       PYTHONIOENCODING=str('utf-8'), **env)
    process = subprocess.Popen(
        [sys.executable, LAUNCH, 'batch_scoring_sse', '--host=' + url, '--n_samples=10',
         '--n_concurrent=2', 'import', 'data.csv'],
        cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        seen.append(piece)
    os.close(ours)
    return b''.join(seen).decode('utf-8', 'replace'), process.wait()


def screen(text):
    """The lines that are left when all has been written over."""
    lines = text.replace('\r\n', '\n').split('\n')
    return [re.sub(r'^.*\r(?=[^\r]*$)', '', line).strip() for line in lines]


def test_a_run_that_takes_its_time_has_a_bar_that_is_gone_at_the_end(
        make_server, tmp_path, home):
    server = make_server(delay=0.25)
    text, code = on_a_terminal('{0}'.format(tmp_path), home, server.url)
    assert code == 0
    bars = re.findall(r'(\d+)%\|.{10,}\| (\d+) rows', text)
    assert bars and all(int(share) <= 100 for share, _ in bars)
    assert [int(rows) for _, rows in bars] == sorted(int(rows) for _, rows in bars)
    assert [line for line in screen(text) if line][0].startswith('200 rows are in out.csv')
    assert '\x1b[3' not in text, 'there are no colours'


@pytest.mark.parametrize('columns', [60, 40])
def test_on_a_narrow_terminal_the_bar_drops_its_tail_and_not_its_share(make_server, tmp_path, home, columns):
    text, code = on_a_terminal('{0}'.format(tmp_path), home, make_server(delay=0.25).url, columns)
    assert code == 0
    # It is drawn first without words.
    bars = [each for each in re.split(r'[\r\n]', text) if re.search(r'%\|.*\| .', each)]
    assert bars and all(re.match(r' *\d+%\|.{10}\| \d+ rows', each) for each in bars), bars
    assert max(map(len, bars)) <= columns
    assert any('left' in each for each in bars)


def test_the_bar_says_what_it_waits_for(make_server, tmp_path, home):
    server = make_server(delay=0.05)
    server.fail(faults.status(503, message='overloaded'), when=when.first_requests(4))
    text, code = on_a_terminal('{0}'.format(tmp_path), home, server.url)
    assert code == 0
    assert 'waiting: status 503: overloaded' in text


def test_a_short_run_shows_no_bar(make_server, tmp_path, home):
    # A run that is short on any machine, since it takes a minute to be long.
    text, code = on_a_terminal('{0}'.format(tmp_path), home, make_server(delay=0.2).url,
                               BATCH_SCORING_TEST_BAR_AFTER=str('60'))
    assert code == 0
    assert '%|' not in text
