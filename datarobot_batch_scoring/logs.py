"""The log files, free of secrets."""

from __future__ import absolute_import, unicode_literals

import logging
import sys

from datarobot_batch_scoring import masking
from datarobot_batch_scoring.compat import WINDOWS

NAME = 'datarobot_batch_scoring_{0}.log'
LOGGER = logging.getLogger('datarobot_batch_scoring')
FORMAT = '%(asctime)s %(levelname)s %(message)s'


class _Masked(logging.Formatter):
    """Puts a mask in place of every secret."""

    def __init__(self, secrets):
        super(_Masked, self).__init__(FORMAT)
        self._secrets = secrets

    def format(self, record):
        line = super(_Masked, self).format(record)
        return masking.masked(line, self._secrets).replace('\n', '\n    ')


class _File(logging.FileHandler):
    """A log in UTF-8; a disk that is full does not end the run."""

    def handleError(self, record):
        pass


class _Stdout(logging.StreamHandler):
    """The log on standard output, whose reader may be gone."""

    def handleError(self, record):
        pass


def path(role='main'):
    """The log file of a process, in the working directory."""
    return NAME.format(role)


def roles():
    """The processes that have a log file of their own."""
    return ('main', 'batcher', 'writer') if WINDOWS else ('main',)


class Logs(object):
    """The handlers of one run; `close` takes them off again."""

    def __init__(self, settings, warn):
        self._added = []
        LOGGER.setLevel(logging.DEBUG if settings.verbose else logging.INFO)
        LOGGER.propagate = False
        secrets = masking.secrets(settings)
        if settings.stdout:
            self._add(LOGGER, _Stdout(sys.stdout), secrets)
            return
        for role in roles():
            logger = LOGGER if role == 'main' else LOGGER.getChild(role)
            try:
                self._add(logger, _File(path(role), encoding='utf-8'), secrets)
            except EnvironmentError as error:
                warn('The log {0} cannot be written: {1}.'.format(path(role), error.strerror))

    def _add(self, logger, handler, secrets):
        handler.setFormatter(_Masked(secrets))
        logger.addHandler(handler)
        self._added.append((logger, handler))

    def close(self):
        for logger, handler in self._added:
            logger.removeHandler(handler)
            handler.close()


def logger_of(role):
    """The logger for what a process of that role says."""
    return LOGGER.getChild(role) if role in roles()[1:] else LOGGER
