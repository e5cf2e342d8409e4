"""Standard input as the dataset, and standard output as the output."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.settings.values import STREAM


class Streams(object):
    """What the settings say of the standard streams."""

    __slots__ = ()

    @property
    def reads_stdin(self):
        """True if the dataset is what comes from standard input."""
        return self.dataset == STREAM

    @property
    def writes_stdout(self):
        """True if the rows go to standard output."""
        return self.out == STREAM


def check(settings):
    """Raises `UsageError` for what is not possible with a stream."""
    if settings.resume and settings.writes_stdout:
        raise UsageError('--resume is not possible with --out=-: what was written to standard '
                         'output is not there to go on from.', hint='Name a file with --out.')
    if settings.resume and settings.reads_stdin:
        raise UsageError('--resume is not possible with standard input, which cannot be read '
                         'again.', hint='Put the dataset into a file, and resume with that.')
    if settings.stdout and settings.writes_stdout:
        raise UsageError('--stdout and --out=- exclude each other.',
                         hint='Name a file for the log with --log.')
