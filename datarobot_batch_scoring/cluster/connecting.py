"""Connects to a Dask cluster, or starts one of this machine's own, and closes it again."""

from __future__ import absolute_import, unicode_literals

import logging
import shutil
import tempfile
import threading
import warnings

from six.moves import queue

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.cluster.calls import call
from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.errors import ScoringError, UsageError
from datarobot_batch_scoring.system import cores

LOCAL = 'local'
# Seconds to connect, for a first process to be there, and for all to answer.
TO_CONNECT = 20
TO_BEGIN = 30.0
TO_ANSWER = 10

# What Dask and what it stands on have to say goes to nobody: errors are said here.
LOGGERS = ('distributed', 'tornado', 'asyncio', 'bokeh', 'fsspec', 's3fs', 'botocore',
           'aiobotocore')


class Connection(object):
    """To a scheduler, by its address, or to a cluster of this machine's own: `local`, `local:<n>`."""

    def __init__(self, scheduler):
        self.scheduler = scheduler or LOCAL
        self.client = self._own = self._folder = None
        self._quiet = _Quiet()

    def open(self):
        """Connects; returns the `distributed.Client`. Raises `UsageError` or `ScoringError`."""
        self._quiet.begin()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                self._connect()
        except BaseException:
            self.close()
            raise
        return self.client

    def close(self):
        """Closes it; never fails."""
        if self.client is not None:
            quietly(self.client.close, 5)
        if self._own is not None:
            quietly(self._own.close, 10)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        # One that has lost its scheduler goes on trying, and complaining.
        if self.client is None or self.client.status == 'closed':
            self._quiet.end()

    def _connect(self):
        import distributed
        name, _, number = self.scheduler.partition(':')
        if name == LOCAL:
            self._folder = tempfile.mkdtemp()
            self._own = distributed.LocalCluster(
                n_workers=int(number or cores()), threads_per_worker=1, dashboard_address=None,
                silence_logs=logging.CRITICAL, local_directory=self._folder)
        try:
            self.client = distributed.Client(
                self._own or self.scheduler, timeout=TO_CONNECT, set_as_default=False)
        except (EnvironmentError, TypeError, ValueError, RuntimeError) as error:
            raise self._no_connection(error)
        self._check_versions()

    def _no_connection(self, error):
        if self.scheduler.startswith('tls:') and not isinstance(error, EnvironmentError):
            return UsageError('no_tls_certificates', scheduler=self.scheduler)
        return UsageError('no_scheduler', scheduler=self.scheduler)

    def _check_versions(self):
        try:
            self.client.wait_for_workers(1, timeout=TO_BEGIN)
        except Exception:
            raise UsageError('no_workers', scheduler=self.scheduler)
        for process, found in everywhere(self.client.run, call, 'host', 'version').items():
            check_version(process, found)


def everywhere(function, *args, **options):
    """{process: what a function of the client's gives there}; raises `UsageError`.

    Empty if not all processes answer: what one is that is frozen, is seen later.
    """
    try:
        return within(TO_ANSWER, function, *args, **options) or {}
    except Exception as error:
        raise _cannot_run(error)


def check_version(process, found):
    """Raises `UsageError` if a process has another version of the package."""
    if found != __version__:
        raise UsageError('other_version', worker=process, found=found, version=__version__)


def _cannot_run(error):
    words = text(error).split('\n')[0]
    if 'datarobot_batch_scoring' in words or isinstance(error, ImportError):
        return UsageError('package_missing', words)
    return ScoringError('workers_fail', reason=(words or type(error).__name__).rstrip('.'))


def quietly(function, *args):
    """Calls a function, and takes no notice of what it raises."""
    try:
        function(*args)
    except Exception:
        # What is left of a cluster that is gone need not be closed in order.
        pass


def within(seconds, function, *args, **options):
    """What a function gives, or raises; None if it takes longer than that."""
    ended = queue.Queue()

    def run():
        try:
            ended.put((function(*args, **options), None))
        except Exception as error:
            ended.put((None, error))
    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()
    try:
        found, error = ended.get(timeout=seconds)
    except queue.Empty:
        return None
    if error is not None:
        raise error
    return found


class _Quiet(object):
    """Keeps what Dask logs from the terminal."""

    def __init__(self):
        self._silenced = []

    def begin(self):
        # Dask gives some of them a level of their own when it is imported.
        import distributed  # noqa: F401
        for name in list(logging.root.manager.loggerDict):
            logger = logging.getLogger(name)
            if name.split('.')[0] in LOGGERS and not logger.disabled:
                logger.disabled = True
                self._silenced.append(logger)

    def end(self):
        for logger in self._silenced:
            logger.disabled = False
