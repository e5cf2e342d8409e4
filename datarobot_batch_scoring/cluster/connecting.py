"""Connects to a Dask cluster, or starts one of this machine's own, and closes it again."""

from __future__ import absolute_import, unicode_literals

import logging
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from contextlib import closing

from six.moves import queue
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.cluster.wire import call
from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.errors import ScoringError, Stopped, UsageError, of_the_system
from datarobot_batch_scoring.local.signals import NAMES, HeldBack, ignore_complaints
from datarobot_batch_scoring.system import file_limit
from datarobot_batch_scoring.system import cores

LOCAL = 'local'
# Seconds to connect, for a first process to be there, and for all to answer.
TO_CONNECT = 20
# Seconds to find out what does not answer at the address of a scheduler.
PROBE = 2.0
# Open files without which Dask does not start, and complains a lot.
MIN_FILES = 100
TO_BEGIN = 30.0
TO_ANSWER = 10

# What Dask and what it stands on have to say goes to nobody: errors are said here.
LOGGERS = ('distributed', 'tornado', 'asyncio', 'bokeh', 'fsspec', 's3fs', 'botocore',
           'aiobotocore')


class Connection(object):
    """To a scheduler, by its address, or to a cluster of this machine's own: `local`, `local:<n>`.

    `timeout`: seconds to connect, at most `TO_CONNECT`.
    """

    def __init__(self, scheduler, timeout):
        self._timeout = min(timeout, TO_CONNECT)
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
            self._own = self._start_own(int(number or cores()))
        elif self.scheduler.startswith('tls:') and not _has_certificates():
            raise UsageError('no_tls_certificates', scheduler=self.scheduler)
        try:
            # Dask's own limit does not count while a peer is silent.
            self.client = within(
                self._timeout, distributed.Client, self._own or self.scheduler,
                timeout=self._timeout, set_as_default=False)
        except Stopped:
            raise
        except Exception as error:
            # Dask takes the first bytes of what is no scheduler for a size, say.
            ignore_complaints()
            raise of_the_system(error) or self._no_connection()
        if self.client is None:
            ignore_complaints()
            raise self._no_connection()
        self._check_versions()

    def _start_own(self, workers):
        import distributed
        from multiprocessing import resource_tracker
        if (file_limit(MIN_FILES) or MIN_FILES) < MIN_FILES:
            raise UsageError('no_files')
        self._folder = tempfile.mkdtemp()
        try:
            # The processes, and those that replace them, leave signals to this one. The tracker
            # would let go of what is held back, if it was not there before.
            resource_tracker.ensure_running()
            with HeldBack(getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                return distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None,
                    silence_logs=logging.CRITICAL, local_directory=self._folder)
        except Stopped:
            raise
        except Exception as error:
            # What it left half made complains when it is destroyed.
            ignore_complaints()
            raise _cannot_start(error)

    def _no_connection(self):
        """The error for a scheduler that cannot be connected to, by what is at its address."""
        address = urlsplit(self.scheduler)
        kind = 'no_scheduler'
        try:
            with closing(socket.create_connection((address.hostname, address.port), PROBE)) as probe:
                kind = 'silent_scheduler'
                probe.settimeout(PROBE)
                probe.sendall(b'GET / HTTP/1.0\r\n\r\n')
                if probe.recv(5).startswith(b'HTTP'):
                    kind = 'http_scheduler'
        except EnvironmentError:
            pass
        return UsageError(kind, scheduler=self.scheduler)

    def _check_versions(self):
        try:
            self.client.wait_for_workers(1, timeout=TO_BEGIN)
        except Exception:
            raise UsageError('no_workers', scheduler=self.scheduler)
        for process, found in everywhere(self.client.run, call, 'host', 'version').items():
            check_version(process, found)


def _cannot_start(error):
    """The error for a cluster of this machine's own; Dask's may only be the last in a chain."""
    reason = error
    while error is not None:
        if of_the_system(error):
            return of_the_system(error)
        reason = error if getattr(error, 'strerror', None) else reason
        error = error.__cause__ or error.__context__
    return UsageError('no_local_cluster', reason=getattr(reason, 'strerror', None) or (
        text(reason).split('\n')[0].rstrip('.') or type(reason).__name__))


def _has_certificates():
    import distributed
    try:
        return bool(distributed.Security().get_connection_args('client').get('ssl_context'))
    except EnvironmentError:
        return False


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
