"""What each package may import, and how deep the imports go."""

from __future__ import absolute_import, unicode_literals

import ast
import io
import os

import pytest

from places import ROOT

PACKAGE = 'datarobot_batch_scoring'
FOLDER = os.path.join(ROOT, PACKAGE)

# Besides itself, and `errors`, `compat` and `system`, which all may import.
MAY_IMPORT = {
    'console': (),
    'dataset': (),
    'settings': ('console', 'server.protocols'),
    'server': ('dataset', 'console'),
    'output': ('dataset', 'server'),
    'report': ('server', 'settings', 'console', 'scoring.predictions', 'scoring.histogram'),
    'scoring': ('dataset', 'server', 'output'),
    'local': ('dataset', 'server', 'scoring', 'output'),
    'cluster': ('settings', 'console', 'dataset', 'server', 'scoring', 'output', 'report', 'local',
                'run'),
    'run': ('settings', 'console', 'dataset', 'server', 'scoring', 'output', 'report', 'local'),
}
FOR_ALL = ('errors', 'compat', 'system')

MAX_AT_THE_TOP = 12
MAX_FLOORS = 12


def read_modules():
    """{name of a module below the package: the path of its source}, the demo left out."""
    found = {}
    for folder, _, names in os.walk(FOLDER):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), FOLDER)
            if name.endswith('.py') and not path.startswith('demo'):
                dotted = path[:-len('.py')].replace(os.sep, '.')
                found[dotted.replace('.__init__', '')] = os.path.join(folder, name)
    return found


MODULES = read_modules()
PACKAGES = sorted(name for name in MAY_IMPORT)


def imports(module):
    """The modules of the package that one imports, at its top or in a function."""
    with io.open(MODULES[module], encoding='utf-8') as source:
        tree = ast.parse(source.read().encode('utf-8'))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] == PACKAGE:
            base = node.module[len(PACKAGE) + 1:]
            for each in node.names:
                below = (base + '.' + each.name).lstrip('.')
                yield below if below in MODULES else base


def may_import(module, imported):
    """Whether the table lets one module import the other."""
    package = module.split('.')[0]
    allowed = FOR_ALL + (package,) + MAY_IMPORT[package]
    return not imported or any((imported + '.').startswith(each + '.') for each in allowed)


def floors(module, known):
    """The longest chain of imports that begins with a module."""
    if module not in known:
        known[module] = 1 + max(
            [floors(each, known) for each in set(imports(module)) if each and each != module]
            or [0])
    return known[module]


@pytest.mark.parametrize('package', PACKAGES)
def test_a_package_imports_only_what_it_may(package):
    wrong = [(module, each) for module in MODULES if module.split('.')[0] == package
             for each in imports(module) if not may_import(module, each)]
    assert wrong == []


def test_the_table_has_every_package():
    assert PACKAGES == sorted(set(each.split('.')[0] for each in MODULES if '.' in each))


def test_few_modules_are_at_the_top():
    top = [each for each in MODULES if '.' not in each and each not in MAY_IMPORT]
    assert 3 < len(top) <= MAX_AT_THE_TOP


def test_the_imports_go_few_floors_deep():
    known = {}
    assert 3 < max(floors(each, known) for each in MODULES) <= MAX_FLOORS
