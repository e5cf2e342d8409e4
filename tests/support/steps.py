"""Kills the writer at any step in its work on its files, or records these steps.

BATCH_SCORING_TEST_STEPS tells `launch.py` which: 'kill writer 7' or 'kill all 7',
before the seventh step, or 'record PATH'. A write is two steps: a kill before the
second leaves half of it. After a step means before the next one, and there is
another one after the last.
"""

from __future__ import absolute_import, unicode_literals

import base64
import io
import json
import multiprocessing
import os
import signal

FORCE_BYTES = 100


def install(order):
    """Intercepts the steps; to be called before processes start."""
    from datarobot_batch_scoring.output import sink
    # Some commits are forced to disk and some are not, whatever the time.
    sink.FORCE_BYTES, sink.FORCE_SECONDS = FORCE_BYTES, 3600
    action, _, rest = order.partition(' ')
    listener = _Recorder(rest) if action == 'record' else _Killer(*rest.split())
    _Steps(listener).install()


class _Killer(object):
    """Kills this process ('writer') or all of its group at the given step."""

    def __init__(self, victim, number):
        self._victim = victim
        self._left = int(number)

    def before(self, step=None):
        self._left -= 1
        if not self._left:
            if self._victim == 'all':
                os.killpg(os.getpgrp(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    def now_at_half(self):
        return self._left == 1

    def after(self, step):
        if step[0] == 'remove':
            self.before()


class _Recorder(object):
    """Appends each step to a file, as a line of JSON."""

    def __init__(self, path):
        self._path = path

    def before(self, step=None):
        pass

    def now_at_half(self):
        return False

    def after(self, step):
        with io.open(self._path, 'ab') as log:
            log.write(json.dumps(step).encode('ascii') + b'\n')


class _Steps(object):
    """Wraps the functions that the writer calls; knows its files by their descriptors."""

    def __init__(self, listener):
        self._listener = listener
        self._open, self._write, self._fsync = os.open, os.write, os.fsync
        self._close, self._remove = os.close, os.remove
        self._names = {}

    def install(self):
        os.open, os.write, os.fsync = self.open, self.write, self.fsync
        os.close, os.remove = self.close, self.remove
        io.FileIO = self._file_class(io.FileIO)

    def _take(self, step, call, *args):
        self._listener.before(step)
        result = call(*args)
        self._listener.after(step)
        return result

    def open(self, path, flags, *mode):
        name = os.path.relpath(os.path.realpath(path))
        if multiprocessing.current_process().name != 'writer' or name.startswith('..'):
            return self._open(path, flags, *mode)
        step = 'open', name, bool(flags & os.O_CREAT), bool(flags & os.O_TRUNC)
        descriptor = self._take(step, self._open, path, flags, *mode)
        self._names[descriptor] = name
        return descriptor

    def write(self, descriptor, data):
        if descriptor not in self._names:
            return self._write(descriptor, data)
        self._listener.before()
        data = memoryview(data).tobytes()
        if self._listener.now_at_half():
            self._write(descriptor, data[:len(data) // 2])
        offset = os.lseek(descriptor, 0, os.SEEK_CUR)
        step = ('write', self._names[descriptor], offset,
                base64.b64encode(data).decode('ascii'))
        return self._take(step, self._write, descriptor, data)

    def fsync(self, descriptor):
        if descriptor not in self._names:
            return self._fsync(descriptor)
        return self._take(('fsync', self._names[descriptor]), self._fsync, descriptor)

    def close(self, descriptor):
        self._names.pop(descriptor, None)
        return self._close(descriptor)

    def remove(self, path):
        if multiprocessing.current_process().name != 'writer':
            return self._remove(path)
        return self._take(('remove', os.path.relpath(os.path.realpath(path))),
                          self._remove, path)

    def _file_class(steps, base):
        class FileIO(base):
            def truncate(self, size=None):
                name = steps._names.get(self.fileno())
                if name is None:
                    return base.truncate(self, size)
                return steps._take(('truncate', name, size), base.truncate, self, size)
        return FileIO
