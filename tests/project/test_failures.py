"""Every error has its sentences in the table of messages, and the failure guide is made from it."""

from __future__ import absolute_import, unicode_literals

import ast
import io
import os
import string
import sys

import pytest

from datarobot_batch_scoring import errors
from datarobot_batch_scoring.errors import IN_WORDS, MESSAGES
from places import ROOT

sys.path.insert(0, os.path.join(ROOT, 'packaging'))
try:
    import make_failures
finally:
    sys.path.pop(0)

PACKAGE = os.path.join(ROOT, 'datarobot_batch_scoring')
CLASSES = [name for name, value in vars(errors).items()
           if isinstance(value, type) and issubclass(value, errors.ScoringError)]
TABLES = ('console/wording.py', 'console/usage_messages.py')
# What wording adds to the facts.
ADDED = ('resume', 'and_resume')


def sources():
    """{path below the package: syntax tree}, the demo and the tables left out."""
    found = {}
    for folder, _, names in os.walk(PACKAGE):
        for name in names:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, PACKAGE).replace(os.sep, '/')
            if name.endswith('.py') and not short.startswith('demo/') and short not in TABLES:
                with io.open(path, encoding='utf-8') as source:
                    found[short] = ast.parse(source.read().encode('utf-8'))
    return found


SOURCES = sources()


def texts_in(node):
    """The texts in an expression."""
    return [text for text in (getattr(each, 's', None) if type(each).__name__ == 'Str'
                              else getattr(each, 'value', None) for each in ast.walk(node))
            if isinstance(text, type(''))]


def raised(module):
    """(the kinds it may be, names of its facts; None: any) of each error that a module makes."""
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', None) in CLASSES and node.args:
            kinds = node.args[0]
            if isinstance(kinds, ast.IfExp):
                kinds = ast.List([kinds.body, kinds.orelse], ast.Load())
            names = [each.arg for each in node.keywords]
            # On 2.7, ** is no keyword.
            open_ended = None in names or getattr(node, 'kwargs', None)
            yield texts_in(kinds), None if open_ended else names


def fields(kind):
    """The facts that the sentences of a kind name."""
    return set(name for template in MESSAGES[kind] for _, name, _, _ in string.Formatter().parse(template)
               if name and not name.startswith('--') and name not in ADDED)


@pytest.mark.parametrize('module', sorted(SOURCES))
def test_a_module_raises_errors_of_the_table_with_all_their_facts(module):
    for kinds, facts in raised(module):
        assert [kind for kind in kinds if kind not in MESSAGES] == []
        for kind in kinds:
            if kind in MESSAGES and facts is not None:
                assert sorted(fields(kind) - set(facts)) == [], (module, kind)


def test_no_kind_is_in_the_table_twice():
    assert sum(len(section) for section in make_failures.SECTIONS.values()) == len(MESSAGES) - 1


def test_the_failure_guide_is_made_from_the_table():
    with io.open(make_failures.PAGE, encoding='utf-8') as page:
        assert page.read() == make_failures.page()


def test_the_failure_guide_has_every_kind():
    with io.open(make_failures.TEXT, encoding='utf-8') as source:
        named = [kind for _, kind in make_failures.KIND.findall(source.read())]
    assert sorted(set(named) - set(MESSAGES)) == []
    page = ' '.join(make_failures.page().replace('\\\n', '').split())
    for kind in MESSAGES:
        if kind != IN_WORDS:
            assert errors.ScoringError(kind).message in page, kind
