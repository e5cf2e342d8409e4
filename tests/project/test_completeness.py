"""The documentation has every message, every status and every option."""

from __future__ import absolute_import, unicode_literals

import ast
import io
import os
import re

import pytest

from datarobot_batch_scoring.errors import MESSAGES, ScoringError
from datarobot_batch_scoring.server.protocols.base import FINAL, RETRIED, Protocol
from datarobot_batch_scoring.settings.parse import option_syntax
from datarobot_batch_scoring.settings.table import OPTIONS
from places import ROOT

PACKAGE = os.path.join(ROOT, 'datarobot_batch_scoring')
DOCS = os.path.join(ROOT, 'docs')
# What the names of files in CONTRIBUTING.rst are relative to.
PLACES = (ROOT, PACKAGE, os.path.join(ROOT, 'tests'), os.path.join(ROOT, 'tests', 'support'),
          os.path.join(ROOT, 'tests', 'unit', 'local'), os.path.join(ROOT, 'tests', 'unit', 'run'))

# Calls that show a message, and which argument it is.
SHOWING = {'UsageError': 0, 'DatasetError': 0, 'ScoringError': 0, 'Interrupted': 0,
           'Terminated': 0, 'InvalidResponse': 0, 'OtherShape': 0, 'WrongCount': 0,
           'InvalidValue': 0, 'RequestError': 1, 'warn': 0, '_warn': 1,
           '_fail': 1, '_damaged': 0, 'ask': 0, 'EnvironmentError': 0, 'HTTPException': 0,
           'Warned': 1}
# Stands for whatever differs from case to case.
GAP = '\0'


def read(*names):
    with io.open(os.path.join(*names), encoding='utf-8') as source:
        return source.read()


def modules():
    """Every module of the package but the demo's, as a path below it."""
    return sorted(os.path.relpath(os.path.join(folder, name), PACKAGE).replace(os.sep, '/')
                  for folder, _, names in os.walk(PACKAGE) for name in names
                  if name.endswith('.py') and os.path.basename(folder) != 'demo')


# --- messages ------------------------------------------------------------------

# The syntax tree of each module, flat.
NODES = dict((each, list(ast.walk(ast.parse(read(PACKAGE, each).encode('utf-8')))))
             for each in modules())


def messages(module):
    """The messages, as `plain` gives them, in the source of a module."""
    nodes = NODES[module]
    assigned = [(each.targets[0].id, each.value) for each in nodes
                if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)]
    shown = [each.args[SHOWING[_name(each)]] for each in nodes if isinstance(each, ast.Call)
             and len(each.args) > SHOWING.get(_name(each), 99)]
    made = [_name(each) for each in shown if isinstance(each, ast.Call)]
    shown += [value for name in made for value in returned(name)]
    found = [text for each in shown for text in _texts(each, assigned)]
    return set(each for each in map(plain, found) if re.search('[a-z]{2}', each) and each not in MESSAGES)


def returned(name):
    """What the functions of that name in the package return."""
    return [inner.value for nodes in NODES.values() for each in nodes
            if isinstance(each, ast.FunctionDef) and each.name == name
            for inner in ast.walk(each) if isinstance(inner, ast.Return)]


def _name(call):
    return getattr(call.func, 'attr', getattr(call.func, 'id', None))


def _texts(node, assigned):
    """The texts that an expression can be, placeholders in them."""
    value = getattr(node, 's', None) if type(node).__name__ == 'Str' else getattr(
        node, 'value', None)
    if isinstance(value, type('')):
        return [value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _texts(node.left, assigned)
    if isinstance(node, ast.BinOp):
        return [left + right for left in _texts(node.left, assigned) or ['{}']
                for right in _texts(node.right, assigned) or ['{}']]
    if isinstance(node, ast.Call) and _name(node) == 'format':
        return _texts(node.func.value, assigned)
    if isinstance(node, ast.IfExp):
        return _texts(node.body, assigned) + _texts(node.orelse, assigned)
    if isinstance(node, ast.Name):
        return [text for name, each in assigned if name == node.id for text in _texts(each, ())]
    return []


def plain(message):
    """A message with a gap for each placeholder, however it is written."""
    gaps = re.sub(r'\{[^{}]*\}|%[sd]|<[^<>]+>', GAP, message)
    return re.sub(' *\0[ \0]*', GAP, gaps)


def entries():
    """The messages of the failure guide, as `plain` gives them."""
    found = re.findall(r'(?m)^\.\. describe:: (.*\n(?: {14}.*\n)*)', read(DOCS, 'failures.rst'))
    lines = re.sub(r'\\\n *', '', ''.join(found)).splitlines()
    return [plain(re.sub(r'^\.\.\. ', '', each.strip())) for each in lines]


def fits(entry, message):
    """What is left open at the end of an entry, or filled in the message's gaps, is the same."""
    if entry.rstrip('.').endswith(GAP):
        if message.startswith(entry.rstrip('.')[:-1]):
            return True
    pattern = re.escape(message).replace(re.escape(GAP), '.*')
    return re.match(pattern + r'\Z', entry) is not None


@pytest.mark.parametrize('module', modules())
def test_the_failure_guide_has_every_message_of_a_module(module):
    known = entries()
    missing = [each for each in messages(module) if not any(fits(entry, each) for entry in known)]
    assert missing == []


def test_the_failure_guide_has_no_message_that_the_program_has_not():
    shown = [each for module in modules() for each in messages(module)]
    shown += [plain(ScoringError(kind).message) for kind in MESSAGES]
    # Those that `cli.main` puts together.
    shown += ['Interrupted.', 'Unexpected error: \0.']
    assert [entry for entry in entries() if not any(fits(entry, each) for each in shown)] == []


def test_the_messages_at_the_top_of_the_failure_guide_are_there_in_full_below():
    page = read(DOCS, 'failures.rst').replace('\\\n              ', '')
    table = page.partition('The most common messages:')[2].partition('The command line and the ini file')[0]
    shown = re.findall(r'(?m)^(\S.*?\S)  +\S', table)[2:]
    assert len(shown) > 20
    below = page.partition('The command line and the ini file')[2]
    for message in shown:
        parts = [part.strip(' .:') for part in re.split(r'\.\.\.|\d{3}(?: or \d{3})?', message)]
        pattern = '.*'.join(re.escape(part) for part in parts if part)
        assert re.search(pattern, below), message


# --- statuses ------------------------------------------------------------------------


def test_the_failure_guide_says_what_each_status_that_ends_a_run_means():
    table = read(DOCS, 'failures.rst').partition('What the status usually means:')[2]
    shown = re.findall(r'(?m)^   (\d[0-9, ]*?)  ', table.partition('\n\n.. describe::')[0])
    codes = [int(code) for each in shown for code in each.split(', ')]
    assert codes == sorted(set(Protocol.hints).union(FINAL))


@pytest.mark.parametrize('path', ['docs/reliability.rst', 'docs/failures.rst'])
def test_the_documents_say_which_statuses_are_retried(path):
    words = ' '.join(read(ROOT, path).split())
    numbers = [', '.join(map(str, sorted(RETRIED))), ' and '.join(map(str, sorted(FINAL)))]
    assert 'statuses {0} and 5xx (but for {1})'.format(*numbers) in words


# --- options and modules -----------------------------------------------------------


def test_the_reference_has_each_option_once():
    shown = re.findall(r'(?m)^\.\. option:: (.*)', read(DOCS, 'options.rst'))
    assert sorted(shown) == sorted(set(option_syntax(each) for each in OPTIONS))


def test_the_page_for_contributors_names_what_is_there():
    words = re.sub(r'\s+', ' ', read(ROOT, 'CONTRIBUTING.rst'))
    paths = re.findall(r'[`/ ]([\w./]+\.(?:py|rst))\b', words)
    assert len(paths) > 30
    for path in paths:
        assert [place for place in PLACES if os.path.exists(os.path.join(place, path))], path
    named = re.findall(r'``(\w+)``(?: there| and ``(\w+)``)? in ``([\w/]+\.py)``', words)
    assert len(named) > 9
    for first, second, path in named:
        source, = [read(place, path) for place in PLACES
                   if os.path.exists(os.path.join(place, path))]
        assert re.search(r'\b{0}\b'.format(first), source), (first, path)
        assert re.search(r'\b{0}\b'.format(second), source), (second, path)


@pytest.mark.parametrize('module', modules())
def test_a_module_begins_with_a_sentence_on_what_it_is(module):
    docstring = ast.get_docstring(ast.parse(read(PACKAGE, module).encode('utf-8')))
    assert docstring and re.search(r'[.:?]$', docstring.partition('\n\n')[0]), module


def test_the_architecture_names_packages_and_modules_that_are_there():
    words = read(DOCS, 'architecture.rst')
    named = re.findall(r'``(\w+/(?:[\w/]+\.py)?)``', words)
    assert len(named) > 20
    for name in named:
        assert os.path.exists(os.path.join(PACKAGE, name)) or os.path.exists(os.path.join(ROOT, name)), name
    packages = [name for name in sorted(os.listdir(PACKAGE))
                if os.path.isdir(os.path.join(PACKAGE, name)) and not name.startswith('__')]
    assert [name for name in packages if '``{0}/``  '.format(name) not in words] == []
