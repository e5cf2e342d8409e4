"""A Dask scheduler and workers, and an S3 server, as real processes of this machine."""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import psutil

from datarobot_batch_scoring.cluster.stores import open_store
from datarobot_batch_scoring.compat import monotonic
from places import ROOT

BIN = os.path.dirname(sys.executable)
QUICK = {'DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING_INTERVAL': '100ms'}


class DaskCluster(object):
    """`DaskCluster(workers=2)`: `address` is the scheduler's; `stop` ends everything.

    Each worker has a nanny, unless `nanny` is False; `env` is added to the environment of all processes, `tls` has the
    options for certificates, as `dask scheduler` takes them; `folder` is for logs and files.
    """

    def __init__(self, workers=2, env=None, tls=(), folder=None, nanny=True):
        self.folder = folder or tempfile.mkdtemp()
        self._env = dict(os.environ, PYTHONPATH=ROOT, PYTHONWARNINGS='ignore', **(env or {}))
        self._tls = list(tls)
        self._nanny = nanny
        self.workers = []
        self.scheduler = None
        self.start_scheduler()
        for _ in range(workers):
            self.add_worker()

    def start_scheduler(self):
        """Starts a scheduler; `address` is where."""
        path = os.path.join(self.folder, 'scheduler.json')
        if os.path.exists(path):
            os.remove(path)
        self.scheduler = self._start('scheduler', '--host=127.0.0.1', '--port=0',
                                     '--no-dashboard', '--scheduler-file=' + path)
        _wait_for(lambda: os.path.exists(path) and _read(path))
        self.address = json.loads(_read(path))['address']

    def add_worker(self):
        """Starts one more worker."""
        self.workers.append(self._start(
            'worker', self.address, '--nthreads=1', '--no-dashboard', '--host=127.0.0.1',
            '--local-directory=' + self.folder, '--nanny' if self._nanny else '--no-nanny'))

    def _start(self, *command):
        log = os.path.join(self.folder, '{0}-{1}.log'.format(command[0], len(self.workers)))
        with io.open(log, 'ab') as output:
            return subprocess.Popen(
                [os.path.join(BIN, 'dask')] + list(command) + self._tls, cwd=self.folder,
                env=self._env, stdout=output, stderr=output, start_new_session=True)

    def logs(self):
        """What scheduler and workers have written, as text."""
        return ''.join(_read(os.path.join(self.folder, name))
                       for name in sorted(os.listdir(self.folder)) if name.endswith('.log'))

    def everything_a_client_sees(self, security=None):
        """What Dask tells anybody who connects: tasks with their arguments, events; as text."""
        import distributed

        # Inside, so that the scheduler need not import this module.
        def seen(dask_scheduler):
            return [(key, repr(task.run_spec), repr(getattr(task.run_spec, 'args', None)))
                    for key, task in dask_scheduler.tasks.items()]
        with distributed.Client(
                self.address, set_as_default=False, security=security) as client:
            return repr(client.run_on_scheduler(seen)) + repr(client.get_events())

    def wait_until_idle(self):
        """Waits until no worker has a thread that does a task, whether or not its client is still there."""
        import distributed

        def busy(dask_worker):
            return len(dask_worker.active_threads)
        with distributed.Client(self.address, set_as_default=False) as client:
            _wait_for(lambda: not sum(client.run(busy).values()))

    def stop(self):
        started, self.workers, self.scheduler = self.workers + [self.scheduler], [], None
        for each in filter(None, started):
            try:
                os.killpg(each.pid, signal.SIGKILL)
            except OSError:
                pass
            each.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class S3(object):
    """An S3 server with a bucket of its own; `options` is what --storage_options needs for it.

    It is moto's, or the one of the file that BATCH_SCORING_TEST_S3 names, which is one for
    --storage_options.
    """

    def __init__(self):
        self._process = None
        path = os.environ.get('BATCH_SCORING_TEST_S3')
        self.options = json.loads(_read(path)) if path else self._start()
        self.files = open_store('s3://', self.options).filesystem
        name = 'scores-' + uuid.uuid4().hex[:12]
        self.bucket = 's3://{0}/'.format(name)
        self.files.mkdir(name)

    def _start(self):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        self._process = subprocess.Popen(
            [os.path.join(BIN, 'moto_server'), '-H', '127.0.0.1', '-p', '{0}'.format(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        _wait_for(lambda: _answers(port))
        return {'s3': {'endpoint_url': 'http://127.0.0.1:{0}'.format(port), 'key': 'me',
                       'secret': 'a-secret'}}

    def names(self):
        """The names of all objects."""
        return sorted(self.files.find(self.bucket))

    def uploads(self):
        """The names of the objects of which an upload in parts is not complete."""
        found = self.files.call_s3('list_multipart_uploads', Bucket=self.bucket[5:-1])
        return sorted(each['Key'] for each in found.get('Uploads', ()))

    def stop(self):
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        else:
            self.files.rm(self.bucket, recursive=True)


def worker_of(started):
    """The process that works, of one in `DaskCluster.workers`, which may be its nanny."""
    process = psutil.Process(started.pid)
    return max(process.children() or [process], key=lambda each: len(each.cmdline()))


def sends(process, server):
    """Whether a process has connections to a server."""
    return any(each.raddr and each.raddr[1] == server.port
               for each in process.net_connections('tcp'))


def workers_that_send(cluster, server):
    """The processes that have connections to a server."""
    return [each for each in map(worker_of, cluster.workers) if sends(each, server)]


def worker_that_sends(cluster, server):
    """The only one of them."""
    found = workers_that_send(cluster, server)
    assert len(found) == 1
    return found[0]


def _answers(port):
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return True
    except OSError:
        return False


def _read(path):
    with io.open(path, encoding='utf-8', errors='replace') as source:
        return source.read()


def _wait_for(condition, seconds=60):
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, 'waited in vain'
        time.sleep(0.05)
