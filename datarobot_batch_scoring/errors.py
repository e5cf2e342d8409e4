"""What can go wrong, in the words that a user reads."""

from __future__ import absolute_import, unicode_literals

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BAD_ROWS = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

# What a sentence ends with.
ENDS = ('.', '!', '?', ':')


class ScoringError(Exception):
    """The run ended early: not every row is in the output.

    `message` says what happened and where, `detail` adds what another program
    said about it (a server's own words, say), `hint` says what to do. Each is
    one line of text; the last two may be empty. It can be pickled, so that a
    child process can hand it to its parent.
    """

    exit_code = EXIT_FAILED

    def __init__(self, message='', detail='', hint=''):
        super(ScoringError, self).__init__(message, detail, hint)
        self.message = message
        self.detail = detail
        self.hint = hint

    def __reduce__(self):
        return type(self), (self.message, self.detail, self.hint)

    def __str__(self):
        lines = self.lines()
        # So that a server's words, say, do not run into the hint.
        ended = [line if line.endswith(ENDS) else line + '.' for line in lines[:-1]]
        return ' '.join(ended + lines[-1:])

    def lines(self):
        """The error as lines of text, the message first."""
        return [line for line in (self.message, self.detail, self.hint) if line]


class UsageError(ScoringError):
    """The command line, the ini file or a file they name cannot be used.

    Raised before anything is sent to the server.
    """

    exit_code = EXIT_USAGE


class DatasetError(ScoringError):
    """The dataset cannot be read, or contains what must not be sent."""


class Stopped(ScoringError):
    """A signal ended the run."""


class Interrupted(Stopped):
    """SIGINT (or Ctrl-C) ended the run."""

    exit_code = EXIT_INTERRUPTED


class Terminated(Stopped):
    """SIGTERM or SIGHUP ended the run."""

    exit_code = EXIT_TERMINATED
