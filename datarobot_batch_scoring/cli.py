"""A command: argv in, an exit code out.

`program` has no error handling; `main` is the one shell around it that turns
whatever went wrong into lines on standard error and an exit code.
"""

from __future__ import absolute_import, unicode_literals

import multiprocessing
import os
import sys

from datarobot_batch_scoring import __version__, masking, prompts, settings
from datarobot_batch_scoring.arguments import parse
from datarobot_batch_scoring.compat import to_text
from datarobot_batch_scoring.errors import (
    EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, ScoringError)
from datarobot_batch_scoring.signals import Signals
from datarobot_batch_scoring.usage import usage_text


def main(command, argv=None):
    """Runs a command; returns its exit code and raises nothing."""
    multiprocessing.freeze_support()
    prompts.open_closed_streams()
    argv = sys.argv[1:] if argv is None else argv
    secrets = []
    try:
        return program(command, argv, secrets)
    except ScoringError as error:
        _show(error.lines(), secrets)
        return error.exit_code
    except KeyboardInterrupt:
        _show(['interrupted'], secrets)
        return EXIT_INTERRUPTED
    except Exception as error:
        _report_bug(error, secrets)
        return EXIT_FAILED
    finally:
        for stream in (sys.stdout, sys.stderr):
            prompts.write(stream, '')


def program(command, argv, secrets):
    """Reads the settings and scores; appends to `secrets` what it learns."""
    given, positionals = parse(command, [to_text(each) for each in argv])
    if 'help' in given:
        prompts.write(sys.stdout, usage_text(command))
        return EXIT_OK
    if 'version' in given:
        prompts.write(sys.stdout, '%s %s\n' % (command, __version__))
        return EXIT_OK
    chosen = settings.load(command, given, positionals, os.environ,
                           ini_folders(), prompts.Terminal().warn)
    secrets.extend(masking.secrets(chosen))
    person = prompts.Terminal(chosen.yes, chosen.no)
    if settings.needs_password(chosen):
        # A signal must not end the process while the terminal shows no typing.
        with Signals():
            chosen = chosen._replace(password=person.password(chosen.user))
        secrets[:] = masking.secrets(chosen)
    # Imported late: what is wrong with the settings is told without delay.
    from datarobot_batch_scoring import run
    result = run.score(chosen, person)
    prompts.write(sys.stdout, prompts.printable(run.closing_line(result)) + '\n')
    return EXIT_OK


def ini_folders():
    """Where the ini file may be: the working directory, then home."""
    return ['', to_text(os.path.expanduser(str('~')))]


def _show(lines, secrets):
    for line in lines:
        prompts.Terminal().say(masking.masked(line, secrets))


def _report_bug(error, secrets):
    """One line for the person; the log has the traceback."""
    # Before the settings are read nothing tells a secret from other text.
    words = ': %s' % _text_of(error) if secrets else ''
    _show(['unexpected error: %s%s' % (type(error).__name__, words)], secrets)


def _text_of(thing):
    try:
        return to_text(str(thing))
    except UnicodeError:
        return repr(thing)
