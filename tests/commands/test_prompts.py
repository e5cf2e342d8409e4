"""Questions, asked through real streams and real terminals."""

from __future__ import absolute_import, unicode_literals

import os
import subprocess
import sys

import pytest

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.console.terminal import NonInteractive, Terminal, printable
from places import ROOT

ASKS = '''
import sys
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.console.terminal import Terminal
try:
    print(Terminal().ask(u'overwrite?', u'--yes or --no'))
except UsageError as error:
    print(error)
'''

ASKS_PASSWORD = '''
from datarobot_batch_scoring.console.terminal import Terminal
print(repr(Terminal().password(u'me')).lstrip('u'))
'''


def run(script, answers):
    process = subprocess.Popen(
        [sys.executable, '-c', script], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.communicate(answers)
    assert process.returncode == 0, errors
    return output.decode('ascii').strip(), errors.decode('ascii').splitlines()


@pytest.mark.parametrize('answers, expected', [
    (b'y\n', 'True'), (b'YES\r\n', 'True'), (b' n \n', 'False'), (b'No', 'False')])
def test_answers_are_read_from_a_pipe(answers, expected):
    assert run(ASKS, answers) == (expected, ['overwrite? [y/n] '])


def test_anything_else_is_asked_again():
    output, errors = run(ASKS, b'maybe\n\n\xff\xfe\ny\n')
    assert (output, errors) == ('True', ['overwrite? [y/n] '] * 4)


def test_the_end_of_input_is_an_error_that_names_the_flags():
    output, _ = run(ASKS, b'maybe\n')
    assert output == 'No answer to: overwrite? Answer it with --yes or --no.'


def test_yes_and_no_answer_without_asking(capsys):
    assert Terminal(yes=True).ask('overwrite?') is True
    assert Terminal(no=True).ask('overwrite?') is False
    assert capsys.readouterr() == ('', '')


def test_nobody_answers_nothing():
    with pytest.raises(UsageError):
        NonInteractive().ask('overwrite?')
    with pytest.raises(UsageError):
        NonInteractive().password('me')


def test_control_characters_are_escaped():
    assert printable('a\x1b[1m\r\n\x9b\u2028\u202e\tb') == (
        'a\\x1b[1m\\r\\n\\x9b\\u2028\\u202e\tb')


@pytest.mark.skipif(os.name == 'nt', reason='terminals of Unix')
def test_a_password_is_asked_for_without_an_echo():
    import pty
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, str('-c'), str(ASKS_PASSWORD)])
    seen = read_until(terminal, b'Password for me: ')
    os.write(terminal, b'hunter2\n')
    seen += read_until(terminal, b"'\r\n")
    os.waitpid(pid, 0)
    assert seen.count(b'hunter2') == 1
    assert seen.endswith(b"\r\n'hunter2'\r\n")


def read_until(terminal, words):
    seen = b''
    while words not in seen:
        try:
            piece = os.read(terminal, 1024)
        except OSError:
            piece = b''
        assert piece, seen
        seen += piece
    return seen
