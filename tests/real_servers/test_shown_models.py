"""What docs/run-servers.rst shows, as a user pastes it: a script makes a model, a server serves it."""

from __future__ import absolute_import, unicode_literals

import io
import os
import re
import subprocess
import time

import pytest

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.demo.__main__ import files_of_pages
from places import ROOT
from real_server import PATIENCE, RealServer, free_port, interpreter

pytestmark = pytest.mark.real_servers


def page():
    with io.open(os.path.join(ROOT, 'docs', 'run-servers.rst'), encoding='utf-8') as source:
        return source.read()


def block(name):
    """The content of the block with that caption."""
    content = re.search(r'(?m):caption: {0}\n\n((?:   .*\n|\n)+)'.format(re.escape(name)), page()).group(1)
    return re.sub('(?m)^   ', '', content)


class Shown(object):
    """The model that the script of the page makes in `folder`, as `real_server.Models` has one."""

    def __init__(self, kind, python, folder, argument):
        self.kind, self.python, self.folder = kind, python, folder.path
        folder.write('make_model.py', block('make_model.py').encode('utf-8'))
        folder.write('data.csv', files_of_pages()['data.csv'])
        subprocess.check_call([python, 'make_model.py', argument], cwd=folder.path)

    def path(self, _):
        return os.path.join(self.folder, 'model')


@pytest.fixture
def shown(folder):
    def make(kind, argument):
        python = interpreter(kind)
        return Shown(kind, python, folder, argument) if python else pytest.skip(kind + ' is not installed here')
    return make


@pytest.mark.parametrize('kind, argument, labels', [
    ('drum', 'drum', 'no,yes'), ('mlflow', 'mlflow', 'no,yes'), ('mlserver', 'mlflow', 'no,yes')])
def test_a_model_of_the_page_is_served_and_scored(shown, run_command, folder, tmpdir, kind, argument, labels):
    server = RealServer(shown(kind, argument), 'binary', '{0}'.format(tmpdir.mkdir('log').join('server.log')))
    server.start().ready()
    try:
        result = run_command('batch_scoring_sse', [
            '--protocol=' + server.protocol, '--host=' + server.host, 'data.csv'] + [
            '--class_names=' + labels] * (kind != 'drum'), timeout=120)
    finally:
        server.stop()
    assert (result.code, result.err) == (0, ''), result
    rows = folder.records()
    assert rows[0] == ['row_id'] + labels.split(',') and len(rows) == 401
    assert all(float(row[1]) + float(row[2]) == pytest.approx(1.0) for row in rows[1:])


@pytest.mark.parametrize('kind', ['kserve', 'triton'])
def test_a_script_of_the_page_serves_its_model(shown, run_command, folder, kind):
    python, port = shown(kind, 'v2').python, free_port()
    name = 'serve_{0}.py'.format(kind)
    folder.write(name, block(name).replace('8080', '{0}'.format(port)).encode('utf-8'))
    # Where Triton's own processes look for the library of that Python.
    library = subprocess.check_output([python, '-c', 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))'])
    with open(folder('server.log'), 'wb') as log:
        server = subprocess.Popen(
            [python, name], cwd=folder.path, stdout=log, stderr=log, start_new_session=True,
            env=dict(os.environ, LD_LIBRARY_PATH=library.decode().strip()))
    try:
        end = monotonic() + PATIENCE
        while True:
            result = run_command('batch_scoring_sse', [
                '--protocol=v2', '--host=http://127.0.0.1:{0}'.format(port), '--yes', 'rent', 'data.csv'], timeout=120)
            if result.code == 0 or monotonic() > end or server.poll() is not None:
                break
            time.sleep(1)
    finally:
        os.killpg(server.pid, 15)
        server.wait()
    assert result.code == 0, (result, folder.read('server.log')[-2000:])
    assert folder.lines()[0] == 'row_id,predict' and len(folder.lines()) == 401
