"""The log file and the lines on standard output."""

from __future__ import absolute_import, unicode_literals

import io
import logging
import signal

import pytest

from datarobot_batch_scoring.console import logs
from datarobot_batch_scoring.errors import Terminated
from datarobot_batch_scoring.local import signals
from scoring import LOG


class Signalled(io.StringIO):
    """A stream that a signal comes to while it is written to."""

    def write(self, words):
        raise signals.error_for(signal.SIGTERM)


def test_a_signal_while_a_line_is_logged_is_not_lost(folder):
    files = logs._File(folder(LOG), None)
    files.stream.close()
    files.stream = Signalled()
    for handler in (files, logs._Stdout(Signalled())):
        with pytest.raises(Terminated):
            handler.emit(logging.makeLogRecord({'msg': 'words'}))
