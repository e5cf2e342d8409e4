"""Connects to a Dask cluster, or starts one of this machine's own, and closes it again."""

from __future__ import absolute_import, unicode_literals

import logging
import shutil
import signal
import socket
import tempfile
import warnings
from contextlib import closing, contextmanager

from six.moves import queue
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.cluster.wire import call
from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.errors import ScoringError, Stopped, UsageError, of_the_system
from datarobot_batch_scoring.local.signals import NAMES, held_back, ignore_complaints
from datarobot_batch_scoring.system import file_limit, start_thread
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


@contextmanager
def connected(scheduler, timeout):
    """The `distributed.Client` of a scheduler, or of a cluster of this machine's own: `local`, `local:<n>`.

    `timeout`: seconds to connect, at most `TO_CONNECT`. Raises `UsageError` or `ScoringError`.
    """
    import distributed
    silenced = _silence()
    folder = own = client = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            name, _, number = scheduler.partition(':')
            if name == LOCAL:
                folder = tempfile.mkdtemp()
                own = _start_own(int(number or cores()), folder)
            elif scheduler.startswith('tls:') and not _has_certificates():
                raise UsageError('no_tls_certificates', scheduler=scheduler)
            # Dask's own limit does not count while a peer is silent.
            timeout = min(timeout, TO_CONNECT)
            client = _tried(lambda error: _no_connection(scheduler), within, timeout, distributed.Client,
                            own or scheduler, timeout=timeout, set_as_default=False)
            if client is None:
                ignore_complaints()
                raise _no_connection(scheduler)
            _check_versions(client, scheduler)
        yield client
    finally:
        if client is not None:
            quietly(client.close, 5)
        if own is not None:
            quietly(own.close, 10)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        # One that has lost its scheduler goes on trying, and complaining.
        if client is None or client.status == 'closed':
            for logger in silenced:
                logger.disabled = False


def _tried(error_for, function, *args, **options):
    """What a function of Dask gives; raises a limit of the system, or `error_for(error)`, for what it raises."""
    try:
        return function(*args, **options)
    except Stopped:
        raise
    except Exception as error:
        # What it left half made complains when it is destroyed. Dask takes the first bytes of what
        # is no scheduler for a size, say.
        ignore_complaints()
        raise of_the_system(error) or error_for(error)


def _start_own(workers, folder):
    import distributed
    from multiprocessing import resource_tracker
    if (file_limit(MIN_FILES) or MIN_FILES) < MIN_FILES:
        raise UsageError('no_files')

    def start():
        # The processes, and those that replace them, leave signals to this one. The tracker would
        # let go of what is held back, if it was not there before.
        resource_tracker.ensure_running()
        with held_back(getattr(signal, name) for name in NAMES if hasattr(signal, name)):
            return distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None,
                silence_logs=logging.CRITICAL, local_directory=folder)
    return _tried(_cannot_start, start)


def _silence():
    """Keeps what Dask logs from the terminal; returns the loggers that are silent now."""
    silenced = []
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if name.split('.')[0] in LOGGERS and not logger.disabled:
            logger.disabled = True
            silenced.append(logger)
    return silenced


def _no_connection(scheduler):
    """The error for a scheduler that cannot be connected to, by what is at its address."""
    address = urlsplit(scheduler)
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
    return UsageError(kind, scheduler=scheduler)


def _check_versions(client, scheduler):
    try:
        client.wait_for_workers(1, timeout=TO_BEGIN)
    except Exception:
        raise UsageError('no_workers', scheduler=scheduler)
    for process, version in everywhere(client.run, call, 'host', 'version').items():
        check_version(process, version)


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


def check_version(process, its_version):
    """Raises `UsageError` if a process has another version of the package."""
    if its_version != __version__:
        raise UsageError('other_version', worker=process, found=its_version, version=__version__)


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
    start_thread('batch_scoring', run)
    try:
        result, error = ended.get(timeout=seconds)
    except queue.Empty:
        return None
    if error is not None:
        raise error
    return result
