"""What README, the pages that it points to, CHANGES and setup.py say is so."""

from __future__ import absolute_import, unicode_literals

import importlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile

import pytest

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.settings import inifile, settings
from datarobot_batch_scoring.settings.parse import parse, usage_text
from datarobot_batch_scoring.settings.table import COMMANDS, OPTIONS, STANDALONE, options_of
from places import ROOT

PACKAGE = 'datarobot_batch_scoring'
LONG = re.compile(r'--[a-z][a-z_-]*')


def read(name):
    with io.open(os.path.join(ROOT, name), encoding='utf-8') as source:
        return source.read()


def section(title):
    """The text of a section of README."""
    parts = re.split(r'(?m)^(.+)\n[=-]{4,}\n', read('README.rst'))
    return dict(zip(parts[1::2], parts[2::2]))[title]


def blocks(words):
    """The paragraphs of README that are set apart as code."""
    paragraphs = re.findall(r'(?m)(?:^    .*\n)+', words)
    return [each.replace('\\\n', ' ') for each in paragraphs]


def anchors(page):
    """The names by which a link can point to the sections of a page."""
    titles = re.findall(r'(?m)^(\S.*)\n([=~-])\2{3,}$', read(page))
    return [re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-') for title, _ in titles]


def test_the_readme_is_short():
    assert len(read('README.rst').encode('utf-8')) <= 6 * 1024


@pytest.mark.parametrize('link', re.findall(r'<([\w./-]+(?:#[\w-]+)?)>`__', read('README.rst')))
def test_a_link_of_the_readme_leads_to_a_page_and_to_a_section_of_it(link):
    page, _, anchor = link.partition('#')
    assert os.path.exists(os.path.join(ROOT, page))
    assert not anchor or anchor in anchors(page)


def test_the_readme_has_a_link_to_each_page_of_the_documentation():
    linked = re.findall(r'<docs/([\w-]+\.rst)>`__', read('README.rst'))
    pages = [name for name in os.listdir(os.path.join(ROOT, 'docs')) if name.endswith('.rst')]
    assert set(pages) - set(linked) == set(['index.rst', 'changes.rst'])


@pytest.mark.parametrize('command', COMMANDS)
def test_a_usage_text_has_each_option_of_its_command_and_no_other(command):
    shown = re.findall(r'(?m)^  (?:-\w, )?(--[a-z_-]+)', usage_text(command))
    assert shown == [each.long for each in options_of(command)]


def test_the_reference_names_the_options_that_the_standalone_command_has_not():
    sentence = re.search(r'it does not accept(.+?), and ignores',
                         read('docs/servers.rst').replace('\n', ' ')).group(1)
    taken = set(each.long for each in options_of(STANDALONE))
    assert set(LONG.findall(sentence)) == set(each.long for each in OPTIONS) - taken


def test_the_readme_begins_with_the_command_for_the_demo_and_that_for_the_tests():
    commands = [each.strip() for each in blocks(section('Try it'))[:2]]
    first_step = 'python3 -m venv .venv && .venv/bin/pip install '
    assert commands == [
        first_step + ". && .venv/bin/python -m datarobot_batch_scoring.demo",
        first_step + "'.[tests]' && .venv/bin/python -m pytest"]


def test_the_readme_installs_nothing_by_the_name_on_the_package_index():
    for line in re.findall(r'pip\S* install.*', read('README.rst') + read('docs/install.rst')):
        assert not re.search(r'install [^./]*\bdatarobot.batch.scoring(\s|==|$)', line), line


def example_commands():
    return [shlex.split(str(each)) for block in blocks(section('Score your own file'))
            for each in block.splitlines()]


def test_readme_and_tutorial_have_an_example_of_each_command():
    assert [each[0] for each in example_commands()] == ['batch_scoring']
    assert set(re.findall(r'(?m)^   \$ (batch_scoring\w*) --host', read('docs/getting-started.rst'))) == set(COMMANDS)


@pytest.mark.parametrize('words', example_commands(), ids=lambda words: words[0])
def test_an_example_of_the_readme_is_a_command_line_without_a_fault(words):
    command = words[0]
    given, positionals = parse(command, [format(each) for each in words[1:]])
    found = settings.load(command, given, positionals, {}, [], pytest.fail)
    assert (found.dataset, found.out) == ('data.csv', 'scored.csv')


def test_the_ini_file_of_the_reference_is_read_without_a_warning(tmpdir):
    shown = re.search(r'(?m)^   :caption: batch_scoring.ini\n\n((?:   .*\n)+)', read('docs/options.rst')).group(1)
    tmpdir.join(inifile.NAME).write(re.sub('(?m)^   ', '', shown))
    tmpdir.join(inifile.NAME).chmod(0o600)
    found = settings.load('batch_scoring', {}, ['data.csv'], {}, [str(tmpdir)], pytest.fail)
    assert (found.dataset, found.keep_cols, found.verbose) == (
        'data.csv', ('listing_id', 'city'), True)


def test_the_changes_begin_with_this_version():
    assert re.search(r'(?m)^([0-9.]+)\n-+$', read('CHANGES.rst')).group(1) == __version__


@pytest.fixture(scope='module')
def wheel(tmpdir_factory):
    """The names in a wheel made of the sources, and its entry points."""
    source = tmpdir_factory.mktemp('source')
    for name in ('setup.py', 'setup.cfg', 'README.rst', 'CHANGES.rst', 'LICENSE', 'MANIFEST.in'):
        shutil.copy(os.path.join(ROOT, name), str(source))
    shutil.copytree(os.path.join(ROOT, PACKAGE), str(source.join(PACKAGE)),
                    ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
    built = subprocess.Popen(
        [sys.executable, 'setup.py', '-q', 'bdist_wheel'], cwd=str(source),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = built.communicate()[0]
    assert built.returncode == 0, said
    return source.join('dist').listdir()[0]


def test_the_wheel_is_of_this_version_and_for_python_2_and_3(wheel):
    assert wheel.basename == '{0}-{1}-py2.py3-none-any.whl'.format(PACKAGE, __version__)


def test_the_wheel_holds_every_file_of_the_package(wheel):
    files = [os.path.relpath(os.path.join(folder, name), ROOT).replace(os.sep, '/')
             for folder, _, names in os.walk(os.path.join(ROOT, PACKAGE)) for name in names
             if not name.endswith('.pyc')]
    with zipfile.ZipFile(str(wheel)) as archive:
        held = [each for each in archive.namelist() if each.startswith(PACKAGE + '/')]
    assert sorted(held) == sorted(files)


def test_the_terms_of_data_by_others_are_beside_it_in_the_license_and_in_the_wheel(wheel):
    with zipfile.ZipFile(str(wheel)) as archive:
        notices = [archive.read(name).decode('utf-8') for name in archive.namelist()
                   if name.endswith(('dataset/letters.LICENSE.txt', '/LICENSE'))]
    assert len(notices) == 2
    for words in notices:
        for part in ('letters.txt', 'wordfreq 3.1.1', 'Robyn Speer', 'PyThaiNLP',
                     'https://creativecommons.org/licenses/by-sa/4.0/'):
            assert part in words


def test_the_wheel_declares_each_command_as_a_console_script(wheel):
    with zipfile.ZipFile(str(wheel)) as archive:
        name = next(each for each in archive.namelist() if each.endswith('entry_points.txt'))
        scripts = archive.read(name).decode('ascii')
    declared = re.findall(r'(?m)^(\w+) *= *([\w.]+):(\w+)$', scripts)
    assert sorted(each[0] for each in declared) == sorted(COMMANDS)
    for _, module, function in declared:
        assert callable(getattr(importlib.import_module(module), function))
