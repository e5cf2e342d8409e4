"""What can go wrong: facts, of which `console.wording` makes what a user reads."""

from __future__ import absolute_import, unicode_literals

import errno
import re
import string

from six import integer_types

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.console import usage_messages, wording

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BAD_ROWS = 3
EXIT_CHANGED = 4
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

# {kind: (what happened and where, what to do about it)}.
MESSAGES = {}
for _table in (usage_messages.COMMAND_LINE, usage_messages.FILES, wording.CONTENT, wording.RESUMING, wording.SERVER,
               wording.THE_RUN, wording.CLUSTER):
    MESSAGES.update(_table)
# An error in words of its own.
IN_WORDS = 'in_words'
MESSAGES[IN_WORDS] = ('{message}', '')

# What a sentence ends with.
ENDS = ('.', '!', '?', ':')

_OPTION = re.compile(r'\{--([\w-]+)\}')


class _Facts(dict):
    """The facts of an error; one that is missing is shown as its name in angle brackets."""

    def __missing__(self, name):
        return '<{0}>'.format(name.replace('_', ' '))


def _filled(template, facts):
    return string.Formatter().vformat(template, (), _Facts(facts))


class ScoringError(Exception):
    """The run ended early: not every row is in the output.

    `kind` is a key of `MESSAGES`, `facts` are the values that its sentences
    name, such as `file`, `line`, `row` or `part`: text and numbers. Two facts need no
    placeholder: `detail` is what another program said (a server's own words, say), `hint`
    replaces that of the table. Anything but a kind is a message in words of its own.

    `message`, `detail` and `hint` are what a user reads: each is one line of text, and the last
    two may be empty. It can be pickled, so that a child process can hand it to its parent.
    """

    exit_code = EXIT_FAILED
    # For whom the hint is worded.
    reader = wording.COMMAND

    def __init__(self, kind='', detail='', hint='', **facts):
        if kind not in MESSAGES:
            facts.update(message=kind)
            kind = IN_WORDS
        super(ScoringError, self).__init__(kind)
        self.kind = kind
        self.facts = dict(facts, detail=detail, hint=hint)
        for name, value in self.facts.items():
            if not isinstance(value, (text, integer_types, float)):
                self.facts[name] = '{0}'.format(value)
        self.resumable = self.exit_code != EXIT_USAGE and kind not in wording.FINAL

    def __reduce__(self):
        return type(self), (self.kind,), self.__dict__

    def __str__(self):
        lines = self.lines()
        # So that a server's words, say, do not run into the hint.
        ended = [line if line.endswith(ENDS) else line + '.' for line in lines[:-1]]
        return ' '.join(ended + lines[-1:])

    @property
    def message(self):
        """What happened, and where."""
        return _filled(MESSAGES[self.kind][0], self.facts)

    @property
    def detail(self):
        """What another program said about it."""
        return self.facts['detail']

    @property
    def hint(self):
        """What to do about it."""
        if self.facts['hint']:
            return self.facts['hint']
        is_command = self.reader == wording.COMMAND
        resume = '' if not self.resumable else '--resume' if is_command else 'resume=True'
        template = _OPTION.sub(
            lambda match: '--' + match.group(1) if is_command else match.group(1).replace('-', '_'),
            MESSAGES[self.kind][1])
        return _filled(template, dict(
            self.facts, resume=resume and ' with ' + resume, and_resume=resume and ' and ' + resume))

    @property
    def options(self):
        """The options that can help, by their long names without dashes."""
        return tuple(sorted(set(_OPTION.findall(MESSAGES[self.kind][1]))))

    def without(self, fact):
        """The same error without a fact: what those of many lines have in common."""
        facts = dict(self.facts)
        del facts[fact]
        return type(self)(self.kind, **facts)

    def lines(self):
        """The error as lines of text, the message first."""
        return [line for line in (self.message, self.detail, self.hint) if line]

    def as_usage(self, **facts):
        """The same as a `UsageError`, for what was noticed before anything was sent; `facts` replace its own."""
        return UsageError(self.kind, **dict(self.facts, **facts))


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


class UndecodableInput(Exception):
    """A codec gives up on the input; `reason` is in its own words."""

    def __init__(self, reason):
        super(UndecodableInput, self).__init__(reason)
        self.reason = reason


class Taken(Exception):
    """There is an object of that name already."""


class Absent(ScoringError):
    """There is no object of that name, a URL; ends a run if it was there before."""

    def __init__(self, url='', **facts):
        super(Absent, self).__init__('absent', **dict({'file': url}, **facts))


def of_the_system(error):
    """The `ScoringError` for a limit of the system that any exception tells of, or None."""
    if getattr(error, 'errno', None) in (errno.EMFILE, errno.ENFILE):
        return ScoringError('no_files')
    return ScoringError('no_threads') if "can't start new thread" in repr(error) else None
