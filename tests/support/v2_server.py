"""Servers of the Open Inference Protocol, where they are installed: MLServer, KServe and Triton.

BATCH_SCORING_TEST_MLSERVER, BATCH_SCORING_TEST_KSERVE and BATCH_SCORING_TEST_TRITON name the interpreters that
have `mlserver-sklearn` and `mlserver-mlflow`, `kserve`, and `nvidia-pytriton`, each with scikit-learn.
"""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import subprocess

from places import SUPPORT
from real_server import RealServer, free_port

SCRIPT = os.path.join(SUPPORT, 'v2_models.py')
KINDS = ('mlserver', 'kserve', 'triton')


class V2Models(object):
    """The models of a kind of server, made in `folder` by its own interpreter."""

    def __init__(self, kind, python, folder):
        self.kind = kind
        self.python = python
        self.folder = folder
        has_mlflow = kind in ('mlserver', 'mlflow')
        subprocess.check_call([python, SCRIPT, 'make', folder] + ['mlflow'] * has_mlflow)

    def path(self, name):
        return os.path.join(self.folder, name)

    def says(self, target, dataset):
        """What a model itself predicts for a file: rows of values."""
        outputs = json.loads(subprocess.check_output(
            [self.python, SCRIPT, 'predict', self.folder, target, dataset]).decode('utf-8'))
        return [sum(row, []) for row in zip(*outputs)]


class V2Server(RealServer):
    """A server with all of the `V2Models`."""

    def __init__(self, models, log):
        self.kind = models.kind
        self.port = free_port()
        self.prefix = ''
        self._log = log
        self._env = dict(os.environ)
        bin_folder = os.path.dirname(models.python)
        self._env['PATH'] = bin_folder + os.pathsep + os.environ.get('PATH', '')
        if self.kind == 'triton':
            # Its own processes look for the library of that Python.
            self._env['LD_LIBRARY_PATH'] = subprocess.check_output([
                models.python, '-c', 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))']).decode().strip()
        if self.kind == 'mlserver':
            with io.open(os.path.join(models.folder, 'settings.json'), 'wb') as target:
                target.write(json.dumps({
                    'host': '127.0.0.1', 'http_port': self.port, 'grpc_port': free_port(),
                    'metrics_port': free_port(), 'parallel_workers': 0}).encode('ascii'))
            self._words = [os.path.join(bin_folder, 'mlserver'), 'start', models.folder]
        else:
            self._words = [models.python, SCRIPT, 'serve', self.kind, models.folder, '{0}'.format(self.port)]
        self._process = None

    @property
    def protocol(self):
        return 'v2'

    @property
    def ping(self):
        # Triton's own says so while models load one after another.
        return '/v2/models/few/ready' if self.kind == 'triton' else '/v2/models/regression/ready'
