# -*- coding: utf-8 -*-
"""The programs of one file and the offline bundle, built and used.

That takes minutes and the package index, so only BATCH_SCORING_TEST_PACKAGING=1 runs it.
"""

from __future__ import absolute_import, unicode_literals

import collections
import glob
import hashlib
import gzip
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile

import pytest

import faults
from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.demo.__main__ import commands_to_try
from datarobot_batch_scoring.demo.model import SAMPLE
from datarobot_batch_scoring.demo.server import DemoServer
from datarobot_batch_scoring.settings.table import COMMANDS
from places import ROOT
from scoring import numbered

pytestmark = pytest.mark.skipif(
    not os.environ.get('BATCH_SCORING_TEST_PACKAGING') or sys.version_info < (3, 8),
    reason='slow, and not asked for; or a Python that cannot build them')

PACKAGING = os.path.join(ROOT, 'packaging')
BUNDLE = 'datarobot_batch_scoring_{0}_offlinebundle'.format(__version__)
PYTHONS = ['2.7', '3.6', '3.7', '3.8', '3.9', '3.10', '3.11', '3.12', '3.13']
# What the C library consists of, and what the programs ask of the system besides.
LIBRARIES = ['ld-linux*.so.*', 'libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0',
             'librt.so.1', 'libutil.so.1', 'libz.so.1']
SPAWNED = '''\
import multiprocessing
import sys
if __name__ == '__main__':
    multiprocessing.freeze_support()
    multiprocessing.set_start_method('spawn')
    from datarobot_batch_scoring.commands import batch_scoring_sse
    sys.exit(batch_scoring_sse())
'''

Ended = collections.namedtuple('Ended', 'code out err')


def run(words, **options):
    process = subprocess.Popen(['{0}'.format(each) for each in words], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **options)
    out, err = process.communicate()
    return Ended(process.returncode, out.decode('utf-8'), err.decode('utf-8'))


def read_until(stream, words):
    """Reads until the words were there; fails at the end of the stream."""
    out = b''
    while words not in out:
        piece = os.read(stream.fileno(), 4096)
        assert piece, out
        out += piece


def works(*words):
    return shutil.which(words[0]) is not None and run(words).code == 0


def build(script):
    """Runs a build as README has it; returns what it printed."""
    ended = run([sys.executable, os.path.join('packaging', script)], cwd=ROOT)
    assert ended.code == 0, ended.err
    return ended.out


@pytest.mark.skipif(sys.version_info >= (3, 12), reason='pip 22 does not run there')
def test_a_wheel_is_made_with_a_pip_that_would_use_the_package_wheel(tmp_path):
    with io.open(os.path.join(ROOT, 'README.rst'), encoding='utf-8') as readme:
        words, = re.findall(r'``\.venv/bin/pip (wheel .*) \.``', readme.read())
    sys.path.insert(0, PACKAGING)
    try:
        import sources
    finally:
        sys.path.remove(PACKAGING)
    source = sources.copy_sources('{0}'.format(tmp_path / 'sources'))
    assert run([sys.executable, '-m', 'venv', tmp_path / '.venv']).code == 0
    pip = [tmp_path / '.venv' / 'bin' / 'python', '-m', 'pip']
    assert run(pip + ['install', 'pip<23']).code == 0
    ended = run(pip + words.split() + [source], cwd='{0}'.format(tmp_path))
    assert ended.code == 0, ended.err
    assert len(list(tmp_path.glob('*.whl'))) == 1


# --- programs of one file ---


@pytest.fixture(scope='module')
def build_output():
    return build('build_executables.py')


class BareSystem(object):
    """A folder that is all the file system there is to a program: libraries and no Python."""

    def __init__(self, path):
        self.path = '{0}'.format(path)
        for folder in ('tmp', 'etc', 'work', 'lib64'):
            os.mkdir(os.path.join(self.path, folder))
        self.write('etc/hosts', b'127.0.0.1 localhost\n')
        for pattern in LIBRARIES:
            found = [each for folder in ('/lib64', '/lib/*-linux-gnu', '/usr/lib64')
                     for each in glob.glob(os.path.join(folder, pattern))]
            if found:
                shutil.copy(found[0], os.path.join(self.path, 'lib64'))

    def write(self, name, data):
        with io.open(os.path.join(self.path, name), 'wb') as target:
            target.write(data)

    def read(self, name):
        with io.open(os.path.join(self.path, name), 'rb') as source:
            return source.read()

    def start(self, program, *args):
        shutil.copy(program, os.path.join(self.path, 'program'))
        return subprocess.Popen(
            ['/usr/bin/unshare', '--map-root-user', '--root=' + self.path, '--wd=/work',
             '/program'] + ['{0}'.format(each) for each in args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, env={'PATH': '/nonexistent', 'LD_LIBRARY_PATH': '/lib64'})

    def run(self, program, *args):
        process = self.start(program, *args)
        out, err = process.communicate()
        return Ended(process.returncode, out.decode('utf-8'), err.decode('utf-8'))

    def left_behind(self):
        return os.listdir(os.path.join(self.path, 'tmp'))


@pytest.fixture
def bare_system(tmp_path_factory, build_output):
    if not works('unshare', '--map-root-user', 'true'):
        pytest.skip('no new root folder can be had')
    return BareSystem(tmp_path_factory.mktemp('bare'))


def program(name):
    return os.path.join(ROOT, 'dist', 'executables', name)


@pytest.fixture
def score_bare(bare_system, server):
    def score(data, *options, **more):
        bare_system.write('work/data.csv', data)
        return bare_system.run(
            more.get('program', program('batch_scoring_sse')), '--host=' + server.url,
            '--n_samples=10', '--n_concurrent=3', 'flats', 'data.csv', *options)
    return score


def test_the_build_names_what_the_programs_ask_of_the_system(build_output):
    assert re.search(r'(?m)^The oldest C library that they run on: glibc 2\.\d+, ', build_output)
    others = re.search('Libraries that the system must have: (.*)', build_output).group(1)
    kept = [re.compile(each.replace('.', r'\.').replace('*', '.*')) for each in LIBRARIES]
    for each in others.split(', '):
        assert any(pattern.match(each) for pattern in kept), each


@pytest.mark.parametrize('command', COMMANDS)
def test_a_program_scores_the_sample_as_the_command_does(
        bare_system, run_command, tmp_path, command):
    with DemoServer() as server:
        words, = [each for each in commands_to_try(server.url) if each[0] == command]
        assert run_command(command, words[1:]).code == 0
        shutil.copy(SAMPLE, os.path.join(bare_system.path, 'work', 'sample.csv'))
        ended = bare_system.run(program(command), *(words[1:-1] + ['--n_samples=50', 'sample.csv']))
    assert (ended.code, ended.err) == (0, '')
    assert bare_system.read('work/out.csv') == (tmp_path / 'out.csv').read_bytes()
    assert bare_system.left_behind() == []


def test_a_program_sends_from_several_processes_at_once(bare_system, make_server):
    server = make_server(delay=0.2)
    bare_system.write('work/data.csv', numbered(120))
    ended = bare_system.run(program('batch_scoring_sse'), '--host=' + server.url, '--n_samples=10',
                            '--n_concurrent=4', 'flats', 'data.csv')
    assert ended.code == 0, ended.err
    assert server.max_in_flight == 4


def test_a_program_reads_and_writes_gzip(bare_system, score_bare):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb') as out:
        out.write(numbered(100))
    ended = score_bare(packed.getvalue(), '--out=out.csv.gz', '--compress')
    assert ended.code == 0, ended.err
    with gzip.open(os.path.join(bare_system.path, 'work', 'out.csv.gz')) as out:
        assert len(out.read().splitlines()) == 101


@pytest.mark.parametrize('options', [[], ['--encoding=latin-1']])
def test_a_program_knows_encodings_and_detects_them(bare_system, score_bare, server, options):
    lines = ['x,city'] + ["{0},Zürich près de l'été".format(n) for n in range(100)]
    ended = score_bare('\n'.join(lines).encode('latin-1'), '--keep_cols=city', *options)
    assert ended.code == 0, ended.err
    out = bare_system.read('work/out.csv').decode('utf-8').splitlines()
    assert out[1] == "0,Zürich près de l'été,0"


def test_a_program_brings_its_own_certificate_authorities(bare_system, make_server, certs):
    server = make_server(tls=os.path.join(certs, 'localhost.pem'))
    bare_system.write('work/data.csv', numbered(20))
    shutil.copy(os.path.join(certs, 'ca.pem'), os.path.join(bare_system.path, 'work'))
    words = [program('batch_scoring_sse'), '--host=' + server.url, '--n_retry=0', 'flats',
             'data.csv']
    refused = bare_system.run(*words)
    assert refused.code == 1
    assert 'certificate' in refused.err.lower(), refused.err
    ended = bare_system.run(*(words + ['--ca_bundle=ca.pem', '--resume']))
    assert ended.code == 0, ended.err


def test_a_program_resumes(bare_system, score_bare, server):
    server.fail(faults.status(400), lambda record: '55' in record.keys)
    assert score_bare(numbered(100)).code == 1
    server.heal()
    ended = score_bare(numbered(100), '--resume')
    assert ended.code == 0, ended.err
    assert len(bare_system.read('work/out.csv').splitlines()) == 101


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize('send', [os.kill, os.killpg], ids=['program', 'terminal'])
def test_a_program_that_is_signalled_commits_what_it_has(
        bare_system, make_server, send, number, code):
    server = make_server(delay=0.3)
    bare_system.write('work/data.csv', numbered(2000))
    process = bare_system.start(program('batch_scoring_sse'), '--host=' + server.url,
                                '--n_samples=10', 'flats', 'data.csv')
    server.wait_for(lambda: len(server.answered) >= 50)
    send(process.pid, number)
    out, err = process.communicate()
    assert process.returncode == code, err
    server.wait_for(lambda: not server.in_flight)
    assert len(bare_system.read('work/out.csv').splitlines()) == 1 + len(server.answered)
    assert bare_system.left_behind() == []


def test_a_program_that_is_killed_ends_resumable(bare_system, make_server, score_bare):
    server = make_server(delay=0.3)
    bare_system.write('work/data.csv', numbered(2000))
    process = bare_system.start(program('batch_scoring_sse'), '--host=' + server.url,
                                '--n_samples=10', 'flats', 'data.csv')
    server.wait_for(lambda: len(server.answered) >= 50)
    process.kill()
    # Its processes hold these open until the last one ends.
    process.communicate()
    assert len(server.answered) < 2000
    ended = score_bare(numbered(2000), '--resume')
    assert ended.code == 0, ended.err
    assert len(bare_system.read('work/out.csv').splitlines()) == 2001


def test_a_program_that_is_interrupted_at_a_question_ends_as_the_command_does(bare_system):
    bare_system.write('work/data.csv', numbered(20))
    bare_system.write('work/out.csv', b'')
    process = bare_system.start(program('batch_scoring_sse'), '--host=http://127.0.0.1:9', 'flats',
                                'data.csv')
    read_until(process.stderr, b'[y/n]')
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode == 130


def test_a_program_can_spawn_its_processes(tmp_path, bare_system, score_bare):
    sys.path.insert(0, PACKAGING)
    try:
        import build_executables
    finally:
        sys.path.remove(PACKAGING)
    spawned = build_executables.build('spawned', SPAWNED, '{0}'.format(tmp_path))
    ended = score_bare(numbered(100), program=spawned)
    assert (ended.code, ended.err) == (0, '')
    assert len(bare_system.read('work/out.csv').splitlines()) == 101


# --- offline bundle ---


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    """The folder that comes out of the .tar.gz, which is the same as that of the .zip."""
    build('build_bundle.py')
    folder = '{0}'.format(tmp_path_factory.mktemp('bundle'))
    path = os.path.join(ROOT, 'dist', BUNDLE)
    with tarfile.open(path + '.tar.gz') as archive:
        archive.extractall(folder)
        names = [each.name for each in archive if each.isfile()]
    with zipfile.ZipFile(path + '.zip') as archive:
        assert sorted(each for each in archive.namelist() if not each.endswith('/')) == \
            sorted(names)
    return os.path.join(folder, BUNDLE)


def find_python(version):
    pyenv = os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv'))
    for each in ['python' + version] + glob.glob(
            os.path.join(pyenv, 'versions', version + '.*', 'bin', 'python')):
        if works(each, '-c', ''):
            return each
    pytest.skip('Python {0} is not here'.format(version))


def without_network():
    """What runs a command without network, where the system can do that."""
    return ['unshare', '--map-root-user', '--net'] if works('unshare', '-rn', 'true') else []


@pytest.fixture(scope='module')
def make_environment(tmp_path_factory):
    """Makes a virtual environment without pip; returns its folder."""
    def make(version):
        folder = '{0}'.format(tmp_path_factory.mktemp('environment'))
        python = find_python(version)
        if version != '2.7':
            assert run([python, '-m', 'venv', '--without-pip', folder]).code == 0
            return folder
        tools = '{0}'.format(tmp_path_factory.mktemp('tools'))
        assert run([sys.executable, '-m', 'venv', tools]).code == 0
        assert run([os.path.join(tools, 'bin', 'pip'), 'install', 'virtualenv<20.22']).code == 0
        assert run([os.path.join(tools, 'bin', 'virtualenv'), '--no-pip', '--no-setuptools',
                    '--no-wheel', '--python=' + python, folder]).code == 0
        return folder
    return make


@pytest.mark.parametrize('version', PYTHONS)
def test_the_bundle_installs_into_an_environment_without_pip_or_network(
        bundle, make_environment, tmp_path, version):
    folder = make_environment(version)
    python = os.path.join(folder, 'bin', 'python')
    assert not works(python, '-m', 'pip', '--version')
    ended = run(without_network() + [python, os.path.join(bundle, 'install.py')])
    assert (ended.code, ended.err) == (0, '')
    assert os.path.exists(os.path.join(folder, 'share', 'man', 'man1', 'batch_scoring.1'))
    shown = run([python, '-m', 'datarobot_batch_scoring.demo'], cwd='{0}'.format(tmp_path))
    assert shown.code == 0, shown.err
    assert 'row_id,listing_id,monthly_rent,predicted_rent' in shown.out
    assert score_sample(os.path.join(folder, 'bin'), tmp_path) == 401


def score_sample(programs, tmp_path):
    """Scores the sample with each of the commands in a folder; the lines of the last output."""
    with DemoServer() as server:
        for words in commands_to_try(server.url):
            ended = run([os.path.join(programs, words[0]), '--n_samples=50', '--yes'] + words[1:],
                        cwd='{0}'.format(tmp_path), env={})
            assert (ended.code, ended.err) == (0, '')
    return (tmp_path / 'out.csv').read_bytes().count(b'\n')


@pytest.mark.parametrize('version', PYTHONS)
def test_the_bundle_installs_into_any_folder_and_over_itself(bundle, tmp_path, version):
    folder = tmp_path / 'Zoë\'s "own" $HOME'
    environment = dict(os.environ, HOME='{0}'.format(tmp_path), LC_ALL='C')
    for _ in range(2):
        ended = run([find_python(version), os.path.join(bundle, 'install.py'), folder],
                    env=environment)
        assert (ended.code, ended.err) == (0, '')
    assert 'not in PATH' in ended.out
    assert score_sample('{0}'.format(folder / 'bin'), tmp_path) == 401


def test_the_bundle_goes_to_the_users_own_folder_without_an_environment(bundle, tmp_path):
    ended = run([find_python('3.11'), os.path.join(bundle, 'install.py')],
                env=dict(os.environ, HOME='{0}'.format(tmp_path)))
    assert (ended.code, ended.err) == (0, '')
    assert score_sample('{0}'.format(tmp_path / '.local' / 'bin'), tmp_path) == 401


def test_a_folder_that_cannot_be_written_is_one_line(bundle, tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    ended = run([sys.executable, os.path.join(bundle, 'install.py'), tmp_path / 'file' / 'folder'])
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, '', 1)


def test_a_wheel_that_is_not_the_one_in_the_list_is_not_installed(tmp_path):
    (tmp_path / 'wheels').mkdir()
    shutil.copy(os.path.join(ROOT, 'packaging', 'bundle', 'install.py'), '{0}'.format(tmp_path))
    with zipfile.ZipFile('{0}'.format(tmp_path / 'wheels' / 'x-1-py2.py3-none-any.whl'), 'w') as wheel:
        wheel.writestr('x.py', '')
    for digest, code in ((64 * '0', 1), (hashlib.sha256(
            (tmp_path / 'wheels' / 'x-1-py2.py3-none-any.whl').read_bytes()).hexdigest(), 0)):
        (tmp_path / 'wheels' / 'list.txt').write_text(
            'x-1-py2.py3-none-any.whl 2.7 - {0}\n'.format(digest))
        ended = run([sys.executable, tmp_path / 'install.py', tmp_path / 'target'])
        assert (ended.code, 'is damaged or was changed' in ended.err) == (code, bool(code))
        assert (tmp_path / 'target').exists() == (not code)


@pytest.mark.parametrize('system', ['Linux', 'Windows'])
@pytest.mark.parametrize('version', PYTHONS + ['3.14'])
def test_the_bundle_lacks_nothing_that_its_wheels_ask_for(bundle, version, system):
    requirements = pytest.importorskip('packaging.requirements')
    specifiers = pytest.importorskip('packaging.specifiers')
    target = {'python_version': version, 'python_full_version': version + '.0',
              'platform_system': system, 'extra': '',
              'sys_platform': 'win32' if system == 'Windows' else 'linux',
              'os_name': 'nt' if system == 'Windows' else 'posix'}
    held, asked = {}, []
    for metadata in metadata_for(bundle, version):
        fields = re.findall(r'(?m)^([A-Z][\w-]+): (.*)', metadata.partition('\n\n')[0])
        held[plain(dict(fields)['Name'])] = dict(fields)['Version']
        pythons = specifiers.SpecifierSet(dict(fields).get('Requires-Python', ''))
        assert pythons.contains(version), metadata
        asked += [requirements.Requirement(value) for name, value in fields
                  if name == 'Requires-Dist']
    for each in asked:
        if each.marker is None or each.marker.evaluate(target):
            assert each.specifier.contains(held[plain(each.name)]), each


def plain(name):
    return re.sub('[-_.]+', '-', name).lower()


def metadata_for(bundle, version):
    """The METADATA of each wheel that the installer takes for a Python."""
    def number(words):
        return tuple(map(int, words.split('.')))
    with io.open(os.path.join(bundle, 'wheels', 'list.txt')) as lines:
        for name, first, before, _ in [line.split() for line in lines]:
            if number(first) <= number(version) and (
                    before == '-' or number(version) < number(before)):
                with zipfile.ZipFile(os.path.join(bundle, 'wheels', name)) as wheel:
                    path, = [each for each in wheel.namelist() if each.endswith('/METADATA')]
                    yield wheel.read(path).decode('utf-8')
