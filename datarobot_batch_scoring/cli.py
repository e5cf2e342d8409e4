"""A command: argv in, an exit code out.

`program` handles no errors; `main`, around it, turns whatever went wrong into
lines on standard error and an exit code.
"""

from __future__ import absolute_import, unicode_literals

import multiprocessing
import os
import sys

from six.moves import shlex_quote

from datarobot_batch_scoring import __version__, carrier_of
from datarobot_batch_scoring.compat import collect_new_garbage_only, to_text
from datarobot_batch_scoring.console import masking, terminal
from datarobot_batch_scoring.errors import (
    EXIT_BAD_ROWS, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, Interrupted, ScoringError, of_the_system)
from datarobot_batch_scoring.local.signals import Signals, ignore_complaints
from datarobot_batch_scoring.settings import parse, settings
from datarobot_batch_scoring.settings.parse import usage_text


def main(command, argv=None):
    """Runs a command; returns its exit code and raises nothing."""
    multiprocessing.freeze_support()
    terminal.open_closed_streams()
    argv = sys.argv[1:] if argv is None else argv
    secrets = []
    try:
        return program(command, argv, secrets)
    except ScoringError as error:
        # What it left half made lives until its traceback is gone.
        ignore_complaints()
        if isinstance(error, Interrupted):
            terminal.overwrite_echo()
        _show(error.lines(), secrets)
        return error.exit_code
    except KeyboardInterrupt:
        terminal.overwrite_echo()
        _show(['Interrupted.'], secrets)
        return EXIT_INTERRUPTED
    except Exception as error:
        failure = of_the_system(error)
        if failure:
            _show(failure.lines(), secrets)
        else:
            _report_bug(error, secrets)
        return EXIT_FAILED
    finally:
        for stream in (sys.stdout, sys.stderr):
            terminal.write(stream, '')


def program(command, argv, secrets):
    """Reads the settings and scores; appends to `secrets` those that it learns."""
    words = [to_text(word) for word in argv]
    typed = parse.masked(command, words)
    masking.show_to_system(words, typed)
    given, positionals = parse.parse(command, words)
    if 'help' in given:
        return _answer(usage_text(command))
    if 'version' in given:
        return _answer('%s %s\n' % (command, __version__))
    chosen = settings.load(command, given, positionals, os.environ,
                           ini_folders(), terminal.Terminal().warn)
    secrets.extend(masking.secrets(chosen))
    person = terminal.Terminal(chosen.yes, chosen.no, answers=not chosen.reads_stdin)
    person.typed = ' '.join(shlex_quote(word) for word in [command] + typed)
    if chosen.needs_password:
        # A signal must not end the process while the terminal's echo is off.
        with Signals():
            chosen = chosen._replace(password=person.password(chosen.user))
        secrets[:] = masking.secrets(chosen)
    # Imported late, so that errors in the settings are shown without delay.
    from datarobot_batch_scoring.run import summary
    from datarobot_batch_scoring.run.score import score
    carrier = carrier_of(chosen)
    collect_new_garbage_only()
    result = score(chosen, person, carrier)
    summary_line = masking.masked(summary.summary_line(result, chosen), secrets)
    terminal.write(sys.stderr if chosen.writes_stdout else sys.stdout,
                   terminal.printable(summary_line) + '\n')
    return EXIT_BAD_ROWS if result.bad_rows else EXIT_OK


def ini_folders():
    """Where the ini file may be: the working directory, then home."""
    return ['', to_text(os.path.expanduser(str('~')))]


def _answer(words):
    lost = terminal.write(sys.stdout, words)
    if lost:
        raise ScoringError('stdout_unwritable', reason=lost)
    return EXIT_OK


def _show(lines, secrets):
    for line in lines:
        terminal.Terminal().say(masking.masked(line, secrets))


def _report_bug(error, secrets):
    """One line for the person; the log has the traceback."""
    # Before the settings are read, a secret cannot be told from other text.
    words = ': %s' % _text_of(error) if secrets else ''
    _show(['Unexpected error: %s%s.' % (type(error).__name__, words)], secrets)


def _text_of(thing):
    try:
        return to_text(str(thing))
    except UnicodeError:
        return repr(thing)
