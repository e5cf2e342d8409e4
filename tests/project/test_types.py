"""What the stubs say is so; that type checkers read them so, `tox -e types` tests."""

from __future__ import absolute_import, unicode_literals

import ast
import io
import os

import pytest

import typed_script
from datarobot_batch_scoring import make_settings, score
from datarobot_batch_scoring.compat import PY2
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.run.score import Result
from datarobot_batch_scoring.settings.settings import Settings
from datarobot_batch_scoring.settings.table import (
    COMMANDS, DEPLOYMENT, PROJECT, STANDALONE, ini_keys)
from datarobot_batch_scoring.settings.values import DELIMITERS
from places import ROOT
from scoring import numbered

pytestmark = pytest.mark.skipif(PY2, reason='2.7 cannot read annotations')

OPTIONS_OF = {PROJECT: '_BatchScoring', DEPLOYMENT: '_BatchScoringDeploymentAware',
              STANDALONE: '_BatchScoringSse'}


def read(*names):
    with io.open(os.path.join(ROOT, 'datarobot_batch_scoring', *names), encoding='utf-8') as stub:
        return stub.read()


def types_of(stub, name):
    """The types by the fields of a named tuple of a stub."""
    names = {}
    exec(read(*stub.split('/')), names)
    return names[name].__annotations__


def fits(value, kind):
    """True where a value is of the type that `typing` writes so: `Optional[str]`, say."""
    if getattr(kind, '__origin__', kind) in (tuple, typing_tuple()):
        return isinstance(value, tuple) and all(fits(each, kind.__args__[0]) for each in value)
    return type(value) in getattr(kind, '__args__', (kind,))


def typing_tuple():
    # Which a tuple's origin is before 3.7.
    import typing
    return typing.Tuple


def keys_of(name):
    """The keys of a dict of options in the stub of the package, with those that it inherits."""
    classes = dict((each.name, each) for each in ast.parse(read('__init__.pyi')).body
                   if isinstance(each, ast.ClassDef))
    if name not in classes:
        return set()
    keys = set(each.target.id for each in classes[name].body)
    return keys.union(*[keys_of(base.id) for base in classes[name].bases])


@pytest.mark.parametrize('command', COMMANDS)
def test_the_stub_has_each_setting_of_a_command_and_no_other(command):
    assert keys_of(OPTIONS_OF[command]) == set(ini_keys(command))


def test_the_stub_has_each_delimiter():
    tree = ast.parse(read('__init__.pyi'))
    literal, = [each.value for each in tree.body if isinstance(each, ast.Assign)
                and each.targets[0].id == '_Delimiter']
    assert [word for word in DELIMITERS if repr(str(word)) not in ast.dump(literal)] == []


def test_settings_are_what_the_stub_says():
    types = types_of('settings/settings.pyi', 'Settings')
    assert tuple(types) == Settings._fields
    for given in ({}, dict(keep_cols=['a'], n_samples=1, resume=True, report='r.json', n_retry=2)):
        settings = make_settings(STANDALONE, host='http://127.0.0.1', import_id='flats',
                                 dataset='data.csv', **given)
        assert [name for name in types if not fits(getattr(settings, name), types[name])] == []


def test_a_result_is_what_the_stub_says(server, folder):
    types = types_of('run/score.pyi', 'Result')
    assert tuple(types) == Result._fields
    folder.write('data.csv', numbered(10))
    for dry_run in (True, False):
        result = score(make_settings(
            STANDALONE, host=server.url, import_id='flats', dataset=folder('data.csv'),
            out=folder('out.csv'), dry_run=dry_run))
        assert [name for name in types if not fits(getattr(result, name), types[name])] == []


def test_a_script_without_mistakes_for_a_type_checker_runs(server, folder):
    folder.write('data.csv', numbered(10))
    said = typed_script.main(server.url, folder('data.csv'), folder('out.csv'))
    assert said == '10 rows at 4, x'
    assert folder.lines()[0].split(',')[:2] == ['row_id', 'x']


@pytest.mark.parametrize('mistake', typed_script.MISTAKES, ids=lambda each: each.__name__)
def test_a_mistake_for_a_type_checker_is_one_for_the_program(mistake):
    with pytest.raises(UsageError):
        mistake()
