"""Real servers of other vendors, where they are installed: DRUM, FastRAG, MLflow and MLServer.

Each may be in an environment of its own: BATCH_SCORING_TEST_DRUM, .._FASTRAG, .._MLFLOW and
.._MLSERVER name the interpreter. Without them it is the one that runs the tests.
"""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

from datarobot_batch_scoring.compat import monotonic
from places import ROOT, SUPPORT
from processes import group

try:
    from http.client import HTTPConnection, HTTPException
except ImportError:  # Python 2
    from httplib import HTTPConnection, HTTPException

SCRIPT = os.path.join(SUPPORT, 'real_models.py')
MODULES = {'drum': 'datarobot_drum', 'fastrag': 'fastrag', 'mlflow': 'mlflow', 'mlserver': 'mlserver_mlflow',
           'kserve': 'kserve', 'triton': 'pytriton'}
VARIABLES = dict((kind, 'BATCH_SCORING_TEST_' + kind.upper()) for kind in MODULES)
PINGS = {'drum': '/ping/', 'fastrag': '/ping/', 'mlflow': '/ping', 'mlserver': '/v2/models/model/ready'}

# Seconds until a server surely answers: both import half of what there is for science.
PATIENCE = 120

TARGETS = {
    'regression': ['--target-type', 'regression'],
    'binary': ['--target-type', 'binary', '--positive-class-label', 'yes',
               '--negative-class-label', 'no'],
    'multiclass': ['--target-type', 'multiclass', '--class-labels', 'hoch', 'low', 'mid'],
    'odd': ['--target-type', 'binary', '--positive-class-label', 'yes',
            '--negative-class-label', 'no'],
    'classes': ['--target-type', 'textgeneration'],
    'writer': ['--target-type', 'textgeneration'],
}
# The same for FastRAG, which has it from the environment.
VARIABLES_OF = {
    'regression': {'TARGET_TYPE': 'regression'},
    'binary': {'TARGET_TYPE': 'binary', 'POSITIVE_CLASS_LABEL': 'yes', 'NEGATIVE_CLASS_LABEL': 'no'},
    'multiclass': {'TARGET_TYPE': 'multiclass', 'CLASS_LABELS': 'hoch,low,mid'},
    'writer': {'TARGET_TYPE': 'textgeneration'},
}
CLASSES = {
    'regression': None, 'binary': ['no', 'yes'], 'multiclass': ['hoch', 'low', 'mid'],
}


def interpreter(kind):
    """The path of the interpreter with a kind of server, or None."""
    python = os.environ.get(VARIABLES[kind], sys.executable)
    look = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("{0}") is None)'
    with open(os.devnull, 'w') as nothing:
        missing = subprocess.call([python, '-c', look.format(MODULES[kind])], stderr=nothing)
    return None if missing else python


def free_port():
    with_port = socket.socket()
    with_port.bind(('127.0.0.1', 0))
    port = with_port.getsockname()[1]
    with_port.close()
    return port


def _shown(kind, *replaced):
    """The words of the command that starts a kind of server in the documentation, parts of it replaced."""
    with io.open(os.path.join(ROOT, 'docs', 'run-servers.rst'), encoding='utf-8') as source:
        page = source.read().replace('\\\n', ' ')
    command, = re.findall(r'(?m)^   \$ PATH=\$PWD/{0}/bin:\$PATH (.+)$'.format(kind), page)
    command = ' '.join(command.split())
    for before, after in replaced:
        command, number = re.subn(r'(?<=[ :]){0}(?= |$)'.format(before), '{0}'.format(after), command)
        assert number == 1, (command, before)
    return command.split()


class Models(object):
    """The models of a kind of server, made in `folder` by its own interpreter."""

    def __init__(self, kind, python, folder):
        self.kind = kind
        self.python = python
        self.folder = folder
        subprocess.check_call([python, SCRIPT, 'make', kind, folder])

    def path(self, name):
        return os.path.join(self.folder, name)

    def says(self, target, dataset):
        """What a model itself predicts for a file: ({label: position}, rows of numbers)."""
        found = json.loads(subprocess.check_output(
            [self.python, SCRIPT, 'predict', self.path(target), dataset]).decode('utf-8'))
        return found['labels'], found['values']


class RealServer(object):
    """A server of `models` for a target; `start` and `stop` it as often as needed.

    `variant` is that of the model's folder; `env` and `options` are added to what it starts with.
    """

    def __init__(self, models, target, log, variant='', env=None, options=()):
        self.kind = models.kind
        self.port = free_port()
        self.prefix = (env or {}).get('URL_PREFIX', '')
        self._log = log
        self._env = dict(os.environ, **(env or {}))
        if models.kind == 'fastrag':
            self._env.update(VARIABLES_OF[target], OTEL_SDK_DISABLED='true')
        # Where both look for programs of their own.
        bin_folder = os.path.dirname(models.python)
        self._env['PATH'] = bin_folder + os.pathsep + os.environ.get('PATH', '')
        words = getattr(self, '_words_of_' + self.kind)(models.path(target + variant), target)
        self._words = [os.path.join(bin_folder, words[0])] + words[1:] + list(options)
        self._process = None

    def _words_of_drum(self, model, target):
        shown = ' '.join(TARGETS['binary'])
        return _shown('drum', ('model', model), ('6789', self.port), (shown, ' '.join(TARGETS[target])))

    def _words_of_fastrag(self, model, _):
        return ['fastrag', 'server', '--code-dir', model, '--address', '127.0.0.1:{0}'.format(self.port)]

    def _words_of_mlflow(self, model, _):
        return _shown('mlflow', ('model', model), ('5000', self.port))

    def _words_of_mlserver(self, model, _):
        folder = os.path.dirname(self._log)
        for name, settings in (
                ('settings.json', {
                    'host': '127.0.0.1', 'http_port': self.port, 'grpc_port': free_port(),
                    'metrics_port': free_port(), 'parallel_workers': 0}),
                ('model-settings.json', {
                    'name': 'model', 'implementation': 'mlserver_mlflow.MLflowRuntime',
                    'parameters': {'uri': model}})):
            with io.open(os.path.join(folder, name), 'wb') as target:
                target.write(json.dumps(settings).encode('ascii'))
        return _shown('mlserver', ('folder', folder))

    @property
    def protocol(self):
        """What --protocol is."""
        return 'drum' if self.kind in ('drum', 'fastrag') else 'mlflow'

    @property
    def url(self):
        return 'http://127.0.0.1:{0}'.format(self.port)

    @property
    def host(self):
        """What --host is: the URL with the prefix."""
        return self.url + self.prefix

    @property
    def ping(self):
        """The path at which it answers once it is ready."""
        return self.prefix + PINGS[self.kind]

    def start(self):
        """Starts it, and does not wait."""
        with io.open(self._log, 'ab') as log:
            self._process = subprocess.Popen(
                self._words, env=self._env, stdout=log, stderr=log, cwd=os.path.dirname(self._log),
                start_new_session=True)
        return self

    def ready(self):
        """Waits until it answers; returns the server."""
        end = monotonic() + PATIENCE
        while not self._answers():
            assert monotonic() < end and self._process.poll() is None, self.said()
            time.sleep(0.2)
        return self

    def _answers(self):
        connection = HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        try:
            connection.request('GET', self.ping)
            return connection.getresponse().status == 200
        except (EnvironmentError, HTTPException):
            return False
        finally:
            connection.close()

    def said(self):
        """The end of its log."""
        with io.open(self._log, 'rb') as log:
            return log.read().decode('utf-8', 'replace')[-3000:]

    def kill_worker(self):
        """Kills the process that has the model: the youngest of its group."""
        max(group(self._process.pid), key=lambda each: each.create_time()).kill()

    def stop(self):
        """Kills all of its processes."""
        if self._process:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except OSError:
                pass
            self._process.wait()
            self._process = None
