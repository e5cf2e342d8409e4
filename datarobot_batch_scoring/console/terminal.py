"""Asks the person at the terminal, and tells them something."""

from __future__ import absolute_import, unicode_literals

import errno
import getpass
import io
import os
import re
import sys

from datarobot_batch_scoring.compat import PY2, text
from datarobot_batch_scoring.console.characters import UNPRINTABLE
from datarobot_batch_scoring.errors import UsageError

ANSWERS = {'y': True, 'yes': True, 'n': False, 'no': False}

_UNPRINTABLE = re.compile('\n|' + UNPRINTABLE)


class Terminal(object):
    """A person who reads standard error and answers on standard input."""

    # Is there a person who watches, whatever the settings?
    present = True

    def __init__(self, yes=False, no=False):
        self._given = True if yes else False if no else None

    def ask(self, question, flags='--yes or --no'):
        """The answer, True or False, to a question that ends with a '?'.

        Asks again until it is a yes or a no. Raises `UsageError`, with
        `flags` as the way out, where standard input ends first.
        """
        if self._given is not None:
            return self._given
        while True:
            write(sys.stderr, '%s [y/n] ' % printable(question))
            line = _read_line()
            if not _is_terminal(sys.stdin):
                write(sys.stderr, '\n')
            if not line:
                raise UsageError('no answer to: %s' % question,
                                 hint='answer it with %s' % flags)
            answer = line.strip().lower()
            if answer in ANSWERS:
                return ANSWERS[answer]

    def password(self, user):
        """The password of `user`, typed without an echo; never empty.

        Raises `UsageError` where there is no terminal.
        """
        missing = UsageError('--password or --api_token is missing',
                             hint='only at a terminal is the password asked '
                                  'for')
        if not _is_terminal(sys.stdin):
            raise missing
        prompt = printable('Password for %s: ' % user)
        try:
            typed = getpass.getpass(str(_shown(prompt, sys.stderr)))
        except (EOFError, IOError, OSError):
            raise missing
        if not typed:
            raise UsageError('no password was typed')
        return typed if isinstance(typed, text) else typed.decode(
            sys.stdin.encoding or 'utf-8', 'replace')

    def warn(self, line):
        """Shows a warning, a line of text."""
        self.say('warning: ' + line)

    def say(self, line):
        """Shows a line of text."""
        write(sys.stderr, printable(line) + '\n')


class Nobody(Terminal):
    """Stands in for a person where the program is used from Python.

    Is asked nothing, and is told something with `verbose` only: all of it goes
    to `logging` too.
    """

    present = False

    def __init__(self, yes=False, no=False, verbose=False):
        super(Nobody, self).__init__(yes, no)
        self._verbose = verbose

    def ask(self, question, flags='--yes or --no'):
        if self._given is not None:
            return self._given
        names = flags.replace('--', '').replace('-', '_')
        raise UsageError('nobody is there to answer: %s' % question,
                         hint='set one of these to True: %s' % names)

    def password(self, user):
        raise UsageError('password or api_token is missing in the settings')

    def say(self, line):
        if self._verbose:
            super(Nobody, self).say(line)


def printable(line):
    """The line with control characters as `\\x1b` and the like."""
    return _UNPRINTABLE.sub(
        lambda match: match.group().encode('unicode_escape').decode('ascii'),
        line)


def open_closed_streams():
    """Opens standard streams that are closed, to nowhere.

    Otherwise the next file that is opened would take the place of one, and
    get what is written to it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def write(stream, words):
    """Writes text to a stream and flushes it; never raises.

    What the stream's encoding has not is escaped. A stream that is closed or
    whose reader is gone leads to nowhere from then on. Returns the reason why the
    text is lost, or None, also where nobody wants it any more.
    """
    if stream is None:
        return None
    try:
        stream.write(_shown(words, stream))
        stream.flush()
    except (IOError, OSError, ValueError) as error:
        _lead_nowhere(stream)
        return None if getattr(error, 'errno', errno.EPIPE) == errno.EPIPE else error.strerror
    return None


def _shown(words, stream):
    """`words` as the stream takes them: bytes on Python 2, else text."""
    encoding = getattr(stream, 'encoding', None) or 'ascii'
    data = words.encode(encoding, 'backslashreplace')
    is_bytes = PY2 and not isinstance(stream, io.TextIOBase)
    return data if is_bytes else data.decode(encoding)


def _lead_nowhere(stream):
    # The interpreter flushes its streams at its end, and would complain.
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (IOError, OSError, ValueError):
        pass


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
