"""Makes the stubs of `make_settings` and `Settings` of the table of options."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.protocols.base import COMMANDS
from datarobot_batch_scoring.settings.settings import Settings
from datarobot_batch_scoring.settings.table import OPTIONS, POSITIONALS, ini_key, options_of
from datarobot_batch_scoring.settings.values import DELIMITERS, KINDS

PACKAGE = '''\
# What one may call from Python. Made by packaging/make_help.py.

from os import PathLike
from typing import List, Literal, Mapping, Optional, Tuple, TypedDict, TypeVar, Union, overload

from typing_extensions import Required, Unpack

from datarobot_batch_scoring.run.score import Result
from datarobot_batch_scoring.settings.settings import Settings

__version__: str

# As text, each value is what it would be in the ini file.
_Flag = Union[bool, str, None]
_Whole = Union[int, str, None]
_Seconds = Union[float, str, None]
_Names = Union[List[str], Tuple[str, ...], str, None]
_Headers = Union[List[Tuple[str, str]], List[str], str, None]
_Path = Union[str, PathLike[str]]
_Delimiter = Literal[{delimiters}]
_Frame = TypeVar('_Frame')
{classes}
{overloads}
def score(settings: Settings) -> Result: ...

def score_frame(
    settings: Settings, frame: _Frame, bad_rows: Optional[List[Tuple[int, str]]] = None) -> _Frame: ...
'''
OVERLOAD = '''\
@overload
def make_settings(
    command: Literal['{0}'], environ: Optional[Mapping[str, str]] = None,
    **options: Unpack[{1}]) -> Settings: ...
'''
SETTINGS = '''\
# Only what a caller of `datarobot_batch_scoring.make_settings` sees. Made by packaging/make_help.py.

from typing import {typing}

class Settings(NamedTuple):
{fields}
{properties}
'''
PROPERTY = '''\
    @property
    def {0}(self) -> {1}: ...'''
PROPERTIES = (
    ('reads_stdin', 'bool'), ('writes_stdout', 'bool'), ('needs_cluster', 'bool'),
    ('needs_password', 'bool'), ('auto_sample', 'bool'), ('auto_concurrent', 'bool'),
    ('waits_for_server', 'bool'), ('max_retries', 'int'), ('first_row', 'int'),
    ('secrets', 'List[str]'))
# The fields that are no option.
OTHERS = {
    'command': 'str', 'dataset': 'str', 'ini': 'Optional[str]',
    'unknown_keys': 'Tuple[str, ...]', 'warnings': 'Tuple[str, ...]',
    'frame_types': 'Optional[List[Optional[str]]]'}


def package():
    """The stub of the package."""
    return PACKAGE.format(
        delimiters=_literals(sorted(DELIMITERS)),
        classes=''.join(_class(each) for each in COMMANDS),
        overloads='\n'.join(OVERLOAD.format(each, _class_name(each)) for each in COMMANDS))


def _class_name(command):
    return '_' + ''.join(word.capitalize() for word in command.split('_'))


def _class(command):
    lines = ['', 'class {0}(TypedDict, total=False):'.format(_class_name(command))]
    for name in POSITIONALS[command]:
        # An import id is required with the protocol 'datarobot' only.
        kind = {'dataset': 'Optional[_Path]', 'import_id': 'Optional[str]'}.get(name, 'Required[str]')
        lines.append('    {0}: {1}'.format(name, kind))
    lines += ['    {0}: {1}'.format(ini_key(each.name), _given(command, each))
              for each in options_of(command) if each.in_ini]
    return '\n'.join(lines) + '\n'


def _given(command, option):
    words = {'protocol': protocols.families, 'api_version': protocols.versions}.get(option.kind)
    if words:
        return 'Optional[Literal[{0}]]'.format(_literals(words(command)))
    return 'Required[str]' if option.required else KINDS[option.kind].given


def _literals(words):
    return ', '.join("'{0}'".format(each.replace('\\', '\\\\').replace('\t', '\\t')) for each in words)


def settings():
    """The stub of `settings/settings.py`."""
    types = dict((each.name, _type(each)) for each in OPTIONS)
    fields = ['    {0}: {1}'.format(name, OTHERS.get(name) or types.get(name, 'Optional[str]'))
              for name in Settings._fields]
    properties = [PROPERTY.format(*each) for each in PROPERTIES]
    return SETTINGS.format(typing='List, NamedTuple, Optional, Tuple', fields='\n'.join(fields),
                           properties='\n'.join(properties))


def _type(option):
    kind = KINDS[option.kind]
    if option.name == 'resume':
        return 'Optional[bool]'
    always = option.default is not None or option.required or kind.absent is not None
    return kind.type if always else 'Optional[{0}]'.format(kind.type)
