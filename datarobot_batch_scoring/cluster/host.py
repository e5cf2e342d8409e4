"""Runs in the processes of a cluster: the engine of each run, and what brings it there."""

from __future__ import absolute_import, unicode_literals

import copy
import os
import threading
from collections import deque

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.cluster import storage_options, wire
from datarobot_batch_scoring.cluster.engine import Ended, Engine
from datarobot_batch_scoring.cluster.stores import open_store
from datarobot_batch_scoring.cluster.wire import DOWN, UP, output_of
from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.output.locations import scheme_of
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.protocols.base import DATAROBOT
from datarobot_batch_scoring.system import start_thread

# The name that the key has in the environment of a worker.
KEY = 'DATAROBOT_KEY'
# Seconds for an engine to be there: a new process takes in tasks while it still starts.
LATEST = 30.0

_here = {}
# Engines that are closed and may have requests in flight: [(run, Engine), ...].
_closed = []
# The last runs that were forgotten.
_ended = deque(maxlen=1000)
_known = threading.Condition()


class _Here(object):
    """A run in this process."""

    def __init__(self, errand, worker):
        self.errand = errand
        self._worker = worker
        self._stores = {}
        self.engine = Engine(_plan_of(errand), self._tell, _before(errand.run))
        self._client = None
        self._listening = None

    def begin(self):
        self.engine.start()
        self._listening = start_thread('batch_scoring', self._listen)

    def end(self):
        self.engine.close()
        # Not here: this may be the thread in which the worker answers its scheduler.
        start_thread('batch_scoring', self._stop_listening)

    def whole(self, url):
        """The URL with what tasks lack of it: other users can read their arguments."""
        settings = self.errand.settings
        return masking.with_password(url, [settings.dataset, settings.out, settings.bad_rows or ''])

    def source(self, read):
        """The same for a `parts.Source`."""
        return read._replace(url=self.whole(read.url))

    def store(self, url):
        """The store of a URL."""
        scheme = scheme_of(url)
        if scheme not in self._stores:
            self._stores[scheme] = open_store(
                url, self.errand.storage, lambda line: self.engine.warn('store', line))
        return self._stores[scheme]

    def _listen(self):
        from distributed import Client
        self._client = Client(
            self._worker.scheduler.address, security=_as_client(self._worker.security),
            set_as_default=False, name='batch_scoring')
        self._client.subscribe_topic(DOWN, self._hear)

    def _stop_listening(self):
        self._listening.join()
        if self._client is not None:
            self._client.close(timeout=2)

    def _hear(self, event):
        message = event[1]
        if message['run'] != self.errand.run:
            return
        if message.get('end'):
            self.engine.is_given_up = False
            self.engine.close()
        elif self.engine.is_given_up:
            self._begin_again()
        self.engine.order(message['shares'].get(self._worker.address, 0), message['number'],
                          message['rows'], wire.load(message['orders']), message['most'])

    def _begin_again(self):
        engine = Engine(_plan_of(self.errand), self._tell, [self.engine])
        engine.start()
        with _known:
            self.engine = engine
            _known.notify_all()

    def _tell(self, message):
        message.update(run=self.errand.run, process=self._worker.address, version=__version__)
        self._worker.log_event(UP, message)


def _as_client(security):
    """The certificates of a worker for a client in it, where that has none of its own."""
    if security.tls_client_cert or not security.tls_worker_cert:
        return security
    own = copy.copy(security)
    own.tls_client_cert, own.tls_client_key = security.tls_worker_cert, security.tls_worker_key
    return own


def _plan_of(errand):
    if not errand.from_environment:
        return errand.plan
    # Each protocol has a variable of its own: no token goes to a server of another kind.
    protocol, plan = protocols.of(errand.settings), errand.plan
    settings = errand.settings._replace(
        api_token=os.environ.get(protocol.token_variable),
        datarobot_key=None if protocol.family != DATAROBOT else os.environ.get(KEY))
    return plan._replace(
        endpoint=plan.endpoint._replace(headers=protocol.headers(settings)),
        ping=plan.ping and plan.ping._replace(headers=protocol.ping_headers(settings)),
        secrets=masking.secrets(settings) + storage_options.secrets_of(errand.storage))


def _before(run):
    """The engines here of runs with the same output that are not done with their requests."""
    with _known:
        _closed[:] = [closed for closed in _closed if closed[1].pool.requests]
        return [engine for name, engine in _closed if output_of(name) == output_of(run)]


def begin(errand, worker):
    """Makes a run known in this process."""
    here = _Here(errand, worker)
    here.begin()
    with _known:
        _here[errand.run] = here
        _known.notify_all()


def end(run):
    """Forgets a run."""
    with _known:
        hosted = _here.pop(run, None)
        _ended.append(run)
        _known.notify_all()
    if hosted:
        hosted.end()
        with _known:
            _closed.append((run, hosted.engine))


def here(run):
    """What this process knows of a run; raises `Ended` if nothing."""
    latest = monotonic() + LATEST
    with _known:
        # An engine that was given up may be followed by another, once the client is there again.
        while run not in _here or _here[run].engine.is_given_up:
            # Whoever waits for one that has ended keeps this process from what follows.
            if run in _ended or monotonic() >= latest:
                raise Ended()
            _known.wait(1.0)
        return _here[run]


def version():
    """The version of the package here."""
    return __version__
