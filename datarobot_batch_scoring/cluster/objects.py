"""Objects of a store while they are read or written, whose errors name them."""

from __future__ import absolute_import, unicode_literals

import threading
from contextlib import contextmanager

from datarobot_batch_scoring.cluster import s3
from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.console.masking import without_password
from datarobot_batch_scoring.errors import ScoringError

# Bytes up to which an object is put at once.
SMALL = 8 << 20
# Seconds until it is reported that a store does not answer; and the steps in which they are
# counted, since time goes on while this process, or its machine, is suspended.
REPORT_AFTER = 5.0
STEPS = 10


def unusable(url, error):
    """The `ScoringError` for a store that cannot be used."""
    # What the libraries say may be long, and is one line at most here.
    words = s3.reason_of(error) or getattr(error, 'strerror', None) or text(error)
    words = words.split('\n')[0].strip()
    return ScoringError('store', file=url, reason=(words or type(error).__name__).rstrip('.')[:300])


def _tried(url, function, *args):
    try:
        return function(*args)
    except Exception as error:
        raise unusable(url, error)


class Silence(object):
    """Reports, once, that a store does not answer: `warn` takes a line, in a thread of its own."""

    def __init__(self, warn):
        self._warn = warn

    @contextmanager
    def reported(self, url):
        """A context for what asks the store."""
        answered = threading.Event()
        thread = threading.Thread(target=self._watch, args=(url, answered), name='store')
        thread.daemon = True
        thread.start()
        try:
            yield
        finally:
            answered.set()

    def _watch(self, url, answered):
        for _ in range(STEPS):
            if answered.wait(REPORT_AFTER / STEPS):
                return
        warn, self._warn = self._warn, lambda line: None
        warn('{0} has not responded for {1:.0f} s. Retrying.'.format(
            without_password(url), REPORT_AFTER))


class GuardedFile(object):
    """A file of fsspec, whose errors are those of its store."""

    # What pyarrow asks of a file.
    mode = 'rb'

    def __init__(self, file, url):
        self._file = file
        self._url = url

    def read(self, size=-1):
        return _tried(self._url, self._file.read, size)

    def seek(self, *place):
        return _tried(self._url, self._file.seek, *place)

    def tell(self):
        return self._file.tell()

    @property
    def closed(self):
        return self._file.closed

    def close(self):
        _tried(self._url, self._file.close)


class GrowingObject(object):
    """An object that is written: in one put if it is small, which can be tried again."""

    def __init__(self, store, url):
        self._store = store
        self._url = url
        self._pending = []
        self._size = 0
        # Of fsspec, once it is large.
        self._file = None

    def write(self, data):
        self._pending.append(data)
        self._size += len(data)
        if self._size > SMALL:
            self._send()

    def complete(self):
        """The object is there once this has returned."""
        if self._file is None:
            self._store.put(self._url, b''.join(self._pending))
            return
        self._send()
        _tried(self._url, self._file.close)

    def discard(self):
        """Gives up what is half written; never fails."""
        if self._file is not None:
            try:
                self._file.discard()
            except Exception:
                pass
            self._file.closed = True

    def _send(self):
        if self._file is None:
            self._file = _tried(self._url, self._store.filesystem.open, self._url, 'wb')
        _tried(self._url, self._file.write, b''.join(self._pending))
        self._pending = []
