"""The lock on the output."""

from __future__ import absolute_import, unicode_literals

import errno

import pytest

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.output import lock


@pytest.mark.skipif(WINDOWS, reason='no such locks')
def test_a_disk_without_locks_is_not_taken_for_another_run(monkeypatch, folder):
    def flock(*_):
        raise OSError(errno.ENOLCK, 'No locks available')
    monkeypatch.setattr('fcntl.flock', flock)
    with pytest.raises(EnvironmentError):
        lock.LockedFile(folder('out.csv'))
