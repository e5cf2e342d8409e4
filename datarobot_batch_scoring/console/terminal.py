"""Asks the person at the terminal, and tells them things."""

from __future__ import absolute_import, unicode_literals

import errno
import getpass
import io
import os
import re
import sys

from datarobot_batch_scoring.compat import PY2, WINDOWS, text
from datarobot_batch_scoring.console.wording import COMMAND, PYTHON
from datarobot_batch_scoring.errors import UsageError

# Errors of a stream whose reader is gone, and of one that is closed (on 2.7 it is an object too).
CLOSED_STREAM_ERRNOS = (errno.EPIPE, errno.EBADF)

ANSWERS = {'y': True, 'yes': True, 'n': False, 'no': False}
# What to do about an earlier run; DECLINE is no to resuming, and says nothing of its output.
RESUME, START_OVER, DECLINE, QUIT = 'resume', 'start over', 'decline', 'quit'
CHOICES = {'r': RESUME, 'resume': RESUME, 'y': RESUME, 'yes': RESUME, 's': START_OVER, 'start over': START_OVER,
           'n': DECLINE, 'no': DECLINE, 'q': QUIT, 'quit': QUIT}

# A narrow build of 2.7 stores a character beyond U+FFFF as two surrogates.
_BEYOND = ('\ud80d[\udc30-\udc3f]|\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|\udb40[\udc00-\udfff]'
           if sys.maxunicode == 0xffff else
           '[\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]')

# Control characters except tab and line feed; what Unicode calls format characters, which
# reverse text, end lines or are invisible; blank letters; and tags.
UNPRINTABLE = (
    '[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f'
    '\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|' + _BEYOND)
_UNPRINTABLE = re.compile('\n|' + UNPRINTABLE)


class Terminal(object):
    """A person who reads standard error and answers on standard input."""

    # Is anyone watching, whatever the settings?
    present = True
    # How options are named to them.
    reads = COMMAND

    # The command line, masked; from Python there is none.
    typed = ''

    def __init__(self, yes=False, no=False, answers=True):
        """`answers` is false if standard input is for something else."""
        self._given = True if yes else False if no else None
        self._answers = answers

    def ask(self, question, flags='--yes or --no'):
        """The answer, True or False, to a question that ends with a '?'.

        Asks again until it is a yes or a no. Raises `UsageError`, with
        `flags` as the way out, if standard input ends first.
        """
        return self._asked(question, flags, 'y/n', ANSWERS)

    def choose(self, question, flags):
        """The same for a question whose answers are RESUME, START_OVER, DECLINE and QUIT."""
        return self._asked(question, flags, 'r/s/q', CHOICES)

    def _asked(self, question, flags, shown, answers):
        if self._given is not None:
            return answers['yes' if self._given else 'no']
        if not self._answers:
            raise UsageError('stdin_taken', question=question, options=flags)
        while True:
            write(sys.stderr, '%s [%s] ' % (printable(question), shown))
            line = _read_line()
            if not _is_terminal(sys.stdin):
                write(sys.stderr, '\n')
            if not line:
                raise UsageError('no_answer', question=question, options=flags)
            answer = line.strip().lower()
            if answer in answers:
                return answers[answer]

    def password(self, user):
        """The password of `user`, typed without echo; never empty.

        Raises `UsageError` if there is no terminal.
        """
        missing = UsageError('no_password')
        if not _is_terminal(sys.stdin):
            raise missing
        prompt = printable('Password for %s: ' % user)
        try:
            typed = getpass.getpass(str(_shown(prompt, sys.stderr)))
        except (EOFError, IOError, OSError):
            raise missing
        if not typed:
            raise UsageError('nothing_typed')
        return typed if isinstance(typed, text) else typed.decode(
            sys.stdin.encoding or 'utf-8', 'replace')

    def warn(self, line):
        """Shows a warning, a line of text."""
        self.say('warning: ' + line)

    def say(self, line):
        """Shows a line of text."""
        write(sys.stderr, printable(line) + '\n')


class NonInteractive(Terminal):
    """Stands in for a person when the program is used from Python.

    Cannot be asked, and is told things only with `verbose`: they are logged anyway.
    """

    present = False
    reads = PYTHON

    def __init__(self, yes=False, no=False, verbose=False):
        super(NonInteractive, self).__init__(yes, no)
        self._verbose = verbose

    def _asked(self, question, flags, shown, answers):
        if self._given is not None:
            return answers['yes' if self._given else 'no']
        names = flags.replace('--', '').replace('-', '_')
        raise UsageError('nobody', question=question, options=names)

    def password(self, user):
        raise UsageError('no_credentials')

    def say(self, line):
        if self._verbose:
            super(NonInteractive, self).say(line)


def printable(line):
    """The line with control characters escaped, as in `\\x1b`."""
    return _UNPRINTABLE.sub(
        lambda match: match.group().encode('unicode_escape').decode('ascii'),
        line)


def open_closed_streams():
    """Opens closed standard streams on the null device, to be read only.

    Otherwise the next file to be opened would take the place of one, and get
    what is written to it. An output that is to go there fails, and is not lost.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)


def write(stream, words):
    """Writes text to a stream and flushes it; never raises.

    What the stream's encoding has not is escaped. A stream that is closed or
    whose reader is gone leads to nowhere from then on. Returns the reason why the
    text is lost, or None, also if its reader is gone.
    """
    if stream is None:
        return None
    try:
        stream.write(_shown(words, stream))
        stream.flush()
    except (IOError, OSError, ValueError) as error:
        _redirect_to_devnull(stream)
        return None if getattr(error, 'errno', errno.EPIPE) in CLOSED_STREAM_ERRNOS else error.strerror
    return None


def overwrite_echo():
    """Has the next line begin where a terminal has echoed Ctrl-C."""
    if _is_terminal(sys.stderr):
        write(sys.stderr, '\r')


def flush(stream):
    """Flushes a stream, without a word if that is not possible."""
    try:
        if stream is not None:
            stream.flush()
    except (IOError, OSError, ValueError):
        pass


def _shown(words, stream):
    """`words` as the stream takes them: bytes on Python 2, else text."""
    encoding = getattr(stream, 'encoding', None) or 'ascii'
    data = words.encode(encoding, 'backslashreplace')
    is_bytes = PY2 and not isinstance(stream, io.TextIOBase)
    return data if is_bytes else data.decode(encoding)


def _redirect_to_devnull(stream):
    # The interpreter flushes its streams at exit, and would complain.
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (IOError, OSError, ValueError):
        pass


def stdin_prompt():
    """How to type a dataset, if standard input is a terminal; else None."""
    if not _is_terminal(sys.stdin):
        return None
    return 'The dataset is read from this terminal; end it with {0} on its own line.'.format(
        'Ctrl-Z and Enter' if WINDOWS else 'Ctrl-D')


def _is_terminal(stream):
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _read_line():
    """A line of standard input, or '' at its end."""
    stream = getattr(sys.stdin, 'buffer', sys.stdin)
    try:
        line = stream.readline() if stream else ''
    except (IOError, OSError, ValueError):
        return ''
    return line if isinstance(line, text) else line.decode('ascii', 'replace')
