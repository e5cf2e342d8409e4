"""Fixtures: servers that misbehave, and the commands as processes; how many tests run at once."""

from __future__ import absolute_import, unicode_literals

import os
import signal
import sys

import pytest

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support')
PACKAGING = os.path.join(os.path.dirname(os.path.dirname(SUPPORT)), 'packaging')
sys.path[:0] = [SUPPORT, PACKAGING]

from command import Command  # noqa: E402
from datarobot_batch_scoring.system import cores  # noqa: E402
from proxy import Proxy  # noqa: E402
from scoring import Folder, Scoring  # noqa: E402
from server import Server  # noqa: E402
from server_process import ServerProcess  # noqa: E402

# Whoever starts the tests in the background may have told them to ignore these,
# and then the commands would ignore them too.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ('SIGTERM', 'SIGHUP'):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)

CERTS = os.path.join(SUPPORT, 'certs')


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Three for two cores: a test of a command waits for a good part of its time.

    Builds, which all go to one folder, are made one after another.
    """
    if os.environ.get('BATCH_SCORING_TEST_PACKAGING'):
        return 0
    return cores() * 3 // 2


def _made(make, end):
    """A function that makes things as `make` does; then one that ends them."""
    things = []

    def made(*args, **options):
        things.append(make(*args, **options))
        return things[-1]

    def end_all():
        for thing in things:
            end(thing)
    return made, end_all


@pytest.fixture
def make_server():
    """Makes a `Server` with the arguments given; stopped after the test."""
    make, end_all = _made(Server, Server.stop)
    yield make
    end_all()


@pytest.fixture
def server(make_server):
    """A server with a regression target that answers at once."""
    return make_server()


@pytest.fixture
def make_server_process():
    """Makes a `ServerProcess`; ended after the test."""
    make, end_all = _made(ServerProcess, ServerProcess.stop)
    yield make
    end_all()


@pytest.fixture
def make_cluster():
    """Makes a `DaskCluster` with the arguments given; stopped after the test."""
    # It needs what is not everywhere.
    from dask_cluster import DaskCluster
    make, end_all = _made(DaskCluster, DaskCluster.stop)
    yield make
    end_all()


@pytest.fixture(scope='module')
def cluster():
    """A `DaskCluster` for all tests of a file."""
    from dask_cluster import DaskCluster
    made = DaskCluster()
    yield made
    made.stop()


@pytest.fixture(scope='module')
def s3():
    """An `S3` for all tests of a file."""
    from dask_cluster import S3
    made = S3()
    yield made
    made.stop()


@pytest.fixture
def make_proxy():
    """Makes a `Proxy`; stopped after the test."""
    make, end_all = _made(Proxy, Proxy.stop)
    yield make
    end_all()


@pytest.fixture
def certs():
    """The folder with ca.pem, localhost.pem and elsewhere.pem."""
    return CERTS


@pytest.fixture
def home(tmp_path_factory):
    """An empty home directory for commands; its path as text."""
    return '{0}'.format(tmp_path_factory.mktemp('home'))


@pytest.fixture
def start_command(home, tmp_path, tmp_path_factory):
    """Starts a command: `start_command('batch_scoring', args, ...)`.

    Works in `tmp_path` unless `cwd` is given; other arguments are those of
    `Command`, which it returns. Whatever still runs after the test is killed.
    """
    def start(name, args, **options):
        options.setdefault('cwd', tmp_path)
        return Command(name, args, home, notes=notes, **options)
    notes = tmp_path_factory.mktemp('notes')
    make, end_all = _made(start, Command.end)
    yield make
    end_all()


@pytest.fixture
def run_command(start_command):
    """Runs a command to its end, at most `timeout` seconds: a `Result`."""
    def run(name, args, timeout=60, **options):
        return start_command(name, args, **options).wait(timeout)
    return run


@pytest.fixture
def folder(tmp_path):
    """The `Folder` that commands work in."""
    return Folder(tmp_path)


@pytest.fixture
def score(run_command, server, folder):
    """A `Scoring` against `server`."""
    return Scoring(run_command, server, folder)
