"""Every command in the documentation is run, page by page, and does what is shown."""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import types
from contextlib import closing

import pytest

from command import FOREIGN, LAUNCH
from datarobot_batch_scoring.demo.__main__ import files_of_pages
from datarobot_batch_scoring.demo.app import DEMO_ACCOUNT, PROJECT_ID
from datarobot_batch_scoring.demo.model import SAMPLE
from datarobot_batch_scoring.settings.table import COMMANDS
from places import ROOT
from real_server import free_port

pytestmark = pytest.mark.skipif(os.name == 'nt', reason='the commands are those of a Unix shell')

DOCS = os.path.join(ROOT, 'docs')
SERVE = 'python -m datarobot_batch_scoring.demo --serve --port=8000'
# They install or build: .ci/run, tox or test_packaging.py does the same.
INSTALLING = re.compile(r'.*\bpip |python packaging/|\S+ -m venv ')
# They start the servers of others, which tests/real_servers does.
STARTING = re.compile(r'PATH=\$PWD/')
# Its commands need Dask, an object store, and terminals of their own.
CLUSTER = 'cluster.rst'

# Its sections need other packages, and none needs what another leaves.
OTHER_FILES = 'other-files.rst'
NEEDED = {'From Parquet': ['pyarrow', 'duckdb'], 'From JSON': [], 'From a database': []}

# What the pages say, and what stands for it here; first, the servers that the demo's stands for.
REPLACED = (
    (r'(--protocol=drum --host=http://127\.0\.0\.1:)6789', r'\g<1>8000/energy_class'),
    (r'(--protocol=drum --host=http://127\.0\.0\.1:)8080', r'\g<1>8000'),
    (r'(--protocol=mlflow --host=http://127\.0\.0\.1:)\d+', r'\g<1>8000/let_in_a_week'),
    (r'(--protocol=v2 --host=http://127\.0\.0\.1:)\d+( .* )rent ', r'\g<1>8000\g<2>let_in_a_week '),
    (r'https://example\.com|http://127\.0\.0\.1:8000', '{url}'),
    (r'127\.0\.0\.1:8000', '{location}'),
    (r'\bDEPLOYMENT\b', '5f000000000000000000d001'),
    (r'me@example\.com', DEMO_ACCOUNT.user),
    (r'\bTOKEN\b', DEMO_ACCOUNT.api_token),
    ('5545eb20b4912911244d4835', PROJECT_ID),
    ('5545eb71b4912911244d4847', '5f000000000000000000a001'),
    ('5545eb71b4912911244d4848', '5f000000000000000000d001'),
    ('5545eb71b4912911244d4849', '5f000000000000000000a002'),
    ('0ec5bcea7f0f45918fa88257bfe42c09', 'energy_class'),
)

CODE = '@@ exit code '


def read(page):
    """The text of a page, or of the section of one that begins as the words after a '#'."""
    page, _, section = page.partition('#')
    with io.open(os.path.join(DOCS, page), encoding='utf-8') as source:
        text = source.read()
    return re.search(r'(?ms)^{0}[^\n]*\n---.*?(?=^[^\n]+\n---|\Z)'.format(section), text).group() if section else text


def pages():
    return sorted(each for each in os.listdir(DOCS) if each.endswith('.rst'))


def blocks(page, language):
    """(options, content) of each code block of a page in a language."""
    found = re.findall(r'(?m)^\.\. code-block:: {0}\n((?:   :.*\n)*)\n((?:   .*\n|\n)+)'.format(
        language), read(page))
    return [(options, re.sub('(?m)^   ', '', content).strip('\n') + '\n')
            for options, content in found]


def examples(page):
    """The commands of a page, each a list of a command and the lines it prints."""
    found = []
    for line in ''.join(content for _, content in blocks(page, 'console')).splitlines():
        if line.startswith('$ '):
            found.append([line[2:]])
        elif len(found[-1]) == 1 and found[-1][0].endswith('\\'):
            found[-1][0] += '\n' + line
        else:
            found[-1].append(line)
    return found


def runnable(page):
    return [each for each in examples(page)
            if each[0] != SERVE and not INSTALLING.match(each[0]) and not STARTING.match(each[0])]


@pytest.fixture(scope='module')
def url():
    """Where the server of the pages listens."""
    server = subprocess.Popen(
        [sys.executable] + SERVE.replace('8000', '0').split()[1:], cwd=ROOT,
        stdout=subprocess.PIPE)
    yield re.search(r'http://[0-9.:]+[0-9]', server.stdout.readline().decode('ascii')).group()
    server.kill()
    server.communicate()


@pytest.fixture
def work(tmp_path):
    """A folder with the files that the pages name."""
    folder = tmp_path / 'work'
    folder.mkdir(mode=0o700)
    # As in a clone.
    os.symlink(os.path.join(ROOT, 'datarobot_batch_scoring'),
               '{0}'.format(folder / 'datarobot_batch_scoring'))
    for name, content in files_of_pages().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def environ(tmp_path):
    """An environment with the commands, and without settings of whoever runs the tests."""
    programs = tmp_path / 'bin'
    programs.mkdir()
    script = '#!/bin/sh\nexec "{0}" {1} "$@"\n'
    arguments = dict((name, '"{0}" {1}'.format(LAUNCH, name)) for name in COMMANDS)
    arguments['python'] = ''
    for name in arguments:
        program = programs / name
        program.write_text(script.format(sys.executable, arguments[name]))
        program.chmod(0o755)
    ours = dict((name, value) for name, value in os.environ.items()
                if not name.upper().startswith(FOREIGN))
    ours.update(PYTHONPATH=ROOT, HOME='{0}'.format(tmp_path), PATH=os.pathsep.join(
        ['{0}'.format(programs), ours.get('PATH', os.defpath)]))
    return ours


def with_replaced(words, url):
    for pattern, replacement in REPLACED:
        words = re.sub(pattern, replacement, words)
    return words.replace('{url}', url).replace('{location}', url.partition('://')[2])


def write_ini(work, url):
    """Writes the ini file of the how-to."""
    (work / 'batch_scoring.ini').write_text(
        with_replaced(block('ini', 'batch_scoring.ini'), url), encoding='utf-8')
    (work / 'batch_scoring.ini').chmod(0o600)


def run(commands, folder, environ):
    """What each of the commands, run in one shell, printed, and its exit code."""
    script = ''.join('{0}\ncode=$?; echo "{1}$code"; (exit $code)\n'.format(each, CODE)
                     for each in commands)
    with io.open(os.devnull, 'rb') as nothing:
        shell = subprocess.Popen(['sh', '-c', script], cwd='{0}'.format(folder), env=environ,
                                 stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        printed = shell.communicate()[0].decode('utf-8')
    parts = re.split(CODE + r'(\d+)\n', printed)
    return list(zip(parts[0::2], [int(each) for each in parts[1::2]]))


def pattern_of(lines):
    """A pattern for the output that a page shows: '...' stands for anything."""
    return ''.join(r'(?:.*\n)*' if line == '...' else
                   re.escape(line).replace(r'\.\.\.', '.*') + '\n' for line in lines) + r'\Z'


@pytest.mark.parametrize('page', [each for each in pages() if runnable(each) and each not in (CLUSTER, OTHER_FILES)])
def test_the_commands_of_a_page_do_what_it_shows(page, url, work, environ):
    check(page, url, work, environ)


def check(page, url, work, environ):
    for options, content in blocks(page, 'ini') + blocks(page, 'python'):
        name = re.search(':caption: (.*)', options).group(1)
        (work / name).write_text(with_replaced(content, url), encoding='utf-8')
        (work / name).chmod(0o600)
    shown = [[with_replaced(part, url) for part in each] for each in runnable(page)]
    results = run([each[0] for each in shown], work, environ)
    assert len(results) == len(shown)
    following = [each[0] for each in shown[1:]] + ['']
    for example, (printed, code), after in zip(shown, results, following):
        assert code == 0 or after == 'echo $?', (example[0], printed)
        if example[1:]:
            assert re.match(pattern_of(example[1:]), printed), (example, printed)


@pytest.mark.parametrize('section', sorted(NEEDED))
def test_the_commands_for_other_files_do_what_is_shown(section, url, work, environ):
    for package in NEEDED[section]:
        pytest.importorskip(str(package))
    if section == 'From a database' and not shutil.which('sqlite3'):
        pytest.skip('needs sqlite3')
    write_ini(work, url)
    check('{0}#{1}'.format(OTHER_FILES, section), url, work, environ)


def test_the_cell_of_a_notebook_scores_a_frame(url, work, environ, monkeypatch):
    nbformat = pytest.importorskip('nbformat')
    nbclient = pytest.importorskip('nbclient')
    for package in ('ipykernel', 'pandas'):
        pytest.importorskip(package)
    (_, cell), = blocks(OTHER_FILES + '#A data frame', 'python')
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(with_replaced(cell, url))])
    monkeypatch.setenv('PYTHONPATH', ROOT)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name='python3', resources={
        'metadata': {'path': '{0}'.format(work)}}).execute()
    output, = notebook.cells[0].outputs
    assert output['text'] == '(400, 16) []\n'


@pytest.fixture
def s3():
    pytest.importorskip('distributed')
    pytest.importorskip('s3fs')
    from dask_cluster import S3
    store = S3()
    yield store
    store.stop()


def test_the_commands_of_the_cluster_page_do_what_it_shows(url, work, environ, s3):
    from dask_cluster import BIN
    with io.open(SAMPLE, 'rb') as source:
        s3.files.pipe_file(s3.bucket + 'data.csv', source.read())
    write_ini(work, url)
    (work / 'storage.json').write_text('{0}'.format(json.dumps(s3.options)))
    (work / 'storage.json').chmod(0o600)
    # A certificate with its key in the same file, as on the page; it is its own authority.
    subprocess.check_call(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'ca.pem',
         '-days', '2', '-subj', '/CN=cluster'], cwd='{0}'.format(work), stderr=subprocess.DEVNULL)
    (work / 'host.pem').write_bytes((work / 'key.pem').read_bytes() + (work / 'ca.pem').read_bytes())
    environ['PATH'] = BIN + os.pathsep + environ['PATH']
    started, port, done = [], None, 0
    try:
        for command, shown in [(each[0], each[1:]) for each in runnable(CLUSTER)]:
            if command.startswith('dask scheduler'):
                port = free_port()
                command += ' --host=127.0.0.1 --no-dashboard --port={0}'.format(port)
            elif command.startswith('dask worker'):
                command += ' --no-dashboard --host=127.0.0.1'
            command = re.sub(r'(127\.0\.0\.1|first-machine):8786', '127.0.0.1:{0}'.format(port), command)
            command, shown = [re.sub('s3://bucket/', s3.bucket, part) for part in (command, '\n'.join(shown))]
            if command.startswith('dask'):
                started.append(subprocess.Popen(
                    shlex.split(str(command)), cwd='{0}'.format(work), env=environ, start_new_session=True,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            elif command.startswith('export'):
                name, value = command.split()[1].split('=')
                environ[name] = value
            else:
                (printed, code), = run([command], work, environ)
                assert code == 0 and re.match(pattern_of(shown.splitlines()), printed), (command, printed)
                done += 1
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert done == 5
    assert [name for name in s3.names() if 'parts/part-' in name]


# --- commands that something else starts ------------------------------------------

# Where the program is installed in the how-to.
HOME = '/srv/flats'


def block(language, name):
    """The content of a block of the how-to with that caption."""
    return next(content for options, content in blocks('how-to.rst', language)
                if ':caption: {0}\n'.format(name) in options)


def cron():
    return re.match(r'(?:[0-9*]+ ){5} *(.+)\n\Z', block('none', 'crontab')).group(1)


def systemd():
    return re.search('(?m)^ExecStart=(.+)$', block('ini', 'flats.service')).group(1)


def airflow():
    """The command of the DAG, which is run with classes that take the place of Airflow's."""
    operators = []
    sdk, bash = types.ModuleType(str('airflow.sdk')), types.ModuleType(str('bash'))
    sdk.DAG = lambda name, **options: closing(io.BytesIO())
    bash.BashOperator = lambda **options: operators.append(options)
    known = dict(sys.modules)
    sys.modules.update({
        'airflow': types.ModuleType(str('airflow')), 'airflow.sdk': sdk,
        'airflow.providers.standard.operators.bash': bash,
        'airflow.providers.standard.operators': bash, 'airflow.providers.standard': bash,
        'airflow.providers': bash})
    try:
        exec(compile(block('python', 'score_flats.py'), 'score_flats.py', 'exec'), {})
    finally:
        for name in set(sys.modules) - set(known):
            del sys.modules[name]
    operator, = operators
    assert operator['cwd'] == HOME
    return operator['bash_command'].replace('{{ ds }}', '2026-11-26')


@pytest.mark.parametrize('command_of, out', [
    (cron, 'cron.csv'), (systemd, 'systemd.csv'), (airflow, '2026-11-26.csv')])
def test_what_a_scheduler_starts_scores_every_row(command_of, out, url, work, environ):
    write_ini(work, url)
    command = command_of().replace('{0}/.venv/bin/'.format(HOME), '').replace('.venv/bin/', '')
    (printed, code), = run([command.replace(HOME, '{0}'.format(work))], work, environ)
    assert (code, len((work / out).read_bytes().splitlines())) == (0, 401), printed
    assert (work / out.replace('.csv', '.log')).exists()
    # As if a run had ended: it starts anew, and asks nothing.
    (printed, code), = run([command.replace(HOME, '{0}'.format(work))], work, environ)
    assert code == 0, printed


def test_the_cell_of_a_notebook_scores_every_row(url, work, environ):
    cell = with_replaced(block('python', 'notebook.py'), url)
    (work / 'cell.txt').write_text(cell, encoding='utf-8')
    # As in a notebook, the main module has no file.
    (printed, code), = run(
        ["python -c 'import io; exec(io.open(\"cell.txt\").read())'"], work, environ)
    assert (code, printed) == (0, '400 rows, the first is F0001\n')
    assert (work / 'notebook.html').exists()


def test_the_command_of_the_readme_scores_every_row(url, work, environ):
    with io.open(os.path.join(ROOT, 'README.rst'), encoding='utf-8') as source:
        command, = re.findall(r'(?m)^    (batch_scoring .*\\\n.*)', source.read())
    environ = dict(environ, DATAROBOT_API_TOKEN=DEMO_ACCOUNT.api_token)
    (printed, code), = run([with_replaced(command, url)], work, environ)
    assert (code, len((work / 'scored.csv').read_bytes().splitlines())) == (0, 401), printed


def test_the_readme_and_the_pages_install_with_the_same_command():
    with io.open(os.path.join(ROOT, 'README.rst'), encoding='utf-8') as source:
        known = source.read() + read('install.rst')
    for page in pages():
        for example in examples(page):
            if example[0].startswith('python3 -m venv .venv'):
                assert re.sub(r'\\\n *', '', example[0]) in known, example[0]


@pytest.mark.parametrize('page', pages())
def test_a_page_shows_no_command_that_no_test_finds(page):
    found = ''.join(content for _, content in blocks(page, r'(?:console|ini|python|none|json)'))
    for line in re.findall(r'(?m)^   +(?:\$ )?((?:batch_scoring|python|pip|dask|curl) ?.*)', read(page)):
        assert line in found, line
