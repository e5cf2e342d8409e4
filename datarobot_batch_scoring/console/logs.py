"""The log files, free of secrets."""

from __future__ import absolute_import, unicode_literals

import logging
import os
import sys

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.console import masking, terminal
from datarobot_batch_scoring.errors import ScoringError

NAME = 'datarobot_batch_scoring_{0}.log'
LOGGER = logging.getLogger('datarobot_batch_scoring')
# Without a handler, Python 3 would print to the terminal what is logged.
LOGGER.addHandler(logging.NullHandler())
FORMAT = '%(asctime)s %(levelname)s %(message)s'


class _Masks(logging.Filter):
    """Masks every secret, whatever handlers there are."""

    def __init__(self, secrets):
        super(_Masks, self).__init__()
        self._secrets = secrets

    def filter(self, record):
        line = masking.masked(record.getMessage(), self._secrets())
        record.msg, record.args = '%s', (line,)
        return True


class _Indented(logging.Formatter):
    """Indents all lines after the first, and escapes what cannot be shown.

    That is, control characters, and bytes in file names that are not text.
    """

    def format(self, record):
        lines = super(_Indented, self).format(record).split('\n')
        shown = '\n    '.join(terminal.printable(line) for line in lines)
        return shown.encode('utf-8', 'backslashreplace').decode('utf-8')


class _File(logging.FileHandler):
    """A log in UTF-8; a full disk causes a warning and does not end the run."""

    def __init__(self, path, warn):
        super(_File, self).__init__(path, encoding='utf-8')
        self._path = path
        self._warn = warn

    def handleError(self, record):
        _pass_signal_on()
        # Once: the warning is logged, too, and may end up here.
        warn, self._warn = self._warn, None
        if warn:
            warn(unwritable(self._path, sys.exc_info()[1]))

    def close(self):
        try:
            super(_File, self).close()
        except EnvironmentError:
            # What could not be written before cannot be written now.
            pass


class _Stdout(logging.StreamHandler):
    """The log on standard output, whose reader may be gone or whose encoding lacks much."""

    def emit(self, record):
        terminal.write(self.stream, self.format(record) + '\n')


def _pass_signal_on():
    # `logging` mistakes what a signal raises for a fault of the stream.
    if isinstance(sys.exc_info()[1], ScoringError):
        raise


def paths(settings):
    """The log files, as pairs (process, path): those of --log, or in the working directory."""
    if settings.stdout or settings.log == os.devnull:
        return []
    return [(role, _path(settings, role)) for role in roles()]


def _path(settings, role):
    if not settings.log:
        return NAME.format(role)
    stem, ending = os.path.splitext(settings.log)
    return settings.log if role == 'main' else '{0}_{1}{2}'.format(stem, role, ending)


def roles():
    """The processes that have their own log file."""
    return ('main', 'batcher', 'writer') if WINDOWS else ('main',)


def unwritable(path, error):
    """The warning about a log that cannot be written."""
    if os.path.isdir(path):
        # Windows calls that a lack of permission.
        return 'The log {0} is a directory: name a file in it with --log.'.format(path)
    return 'The log {0} cannot be written: {1}.'.format(
        path, getattr(error, 'strerror', None) or type(error).__name__)


class Logs(object):
    """What a run does to `logging`; `close` undoes it.

    `secrets()` gives the texts to mask, a fetched token among them.
    Used from Python (`person` is not present) it adds no handlers, unless with
    `stdout` or `log`: where the lines go is the caller's business.
    """

    def __init__(self, settings, person, warn, secrets):
        self._added = []
        self._before = LOGGER.level, LOGGER.propagate
        self._masks = _Masks(secrets)
        for role in roles():
            logger_of(role).addFilter(self._masks)
        if not (person.present or settings.stdout or settings.log):
            return
        LOGGER.setLevel(logging.DEBUG if settings.verbose else logging.INFO)
        LOGGER.propagate = False
        if settings.stdout:
            self._add(LOGGER, _Stdout(sys.stdout))
        for role, path in paths(settings):
            try:
                self._add(logger_of(role), _File(path, warn))
            except EnvironmentError as error:
                warn(unwritable(path, error))

    def _add(self, logger, handler):
        handler.setFormatter(_Indented(FORMAT))
        logger.addHandler(handler)
        self._added.append((logger, handler))

    def close(self):
        for logger, handler in self._added:
            logger.removeHandler(handler)
            handler.close()
        LOGGER.setLevel(self._before[0])
        LOGGER.propagate = self._before[1]
        for role in roles():
            logger_of(role).removeFilter(self._masks)


def logger_of(role):
    """The logger of a process with that role."""
    return LOGGER.getChild(role) if role in roles()[1:] else LOGGER
