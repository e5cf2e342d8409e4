"""Makes the reference of all options in docs/options.rst, and the list of settings in the help of `make_settings`."""

from __future__ import absolute_import, unicode_literals

import re
import textwrap

from datarobot_batch_scoring.server.protocols.base import COMMANDS
from datarobot_batch_scoring.settings.parse import option_syntax
from datarobot_batch_scoring.settings.table import GROUPS, OPTIONS, ini_key
from datarobot_batch_scoring.settings.values import KINDS

WIDTH = 118
# What is literal in a help text: options, and words that no sentence has.
LITERAL = re.compile(r'--[a-z][\w-]*(?:=\w+)?|@<\w+>|<\w+>: <\w+>|(?:\w+:(?://)?)?<\w+>(?::(?:<\w+>)?)?|\{.*\}|'
                     r'\w+://(?:[\w.:]*\w)?|\w+/v[\d.]*\d|\w*[^\W_]_[\w.]*\w|\.(?:gz|jsonl|json|html)\b')
BEGIN, END = '.. all options\n\n', '.. end of the options\n'


def page(text):
    """docs/options.rst with the reference as it should be."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + reference() + '\n\n' + END + rest.partition(END)[2]


def reference():
    """Every option, by group, as reStructuredText."""
    return '\n\n'.join(_group(group) for group in GROUPS)


def _group(name):
    entries = ['{0}\n{1}'.format(name, '-' * len(name))]
    entries += [_entry(option) for option in OPTIONS if option.group == name]
    return '\n\n'.join(entries)


def _entry(option):
    """One option: what it does, then a list of facts."""
    lines = ['.. option:: ' + option_syntax(option), '', _wrapped(_marked(option.help), '   ')]
    for command in (each for each in COMMANDS if 'help' in option.by_command.get(each, {})):
        lines += ['', _wrapped('``{0}``: {1}'.format(
            command, _marked(option.by_command[command]['help'])), '   ')]
    return '\n'.join(lines + [''] + [_wrapped('* ' + fact, '   ', '     ') for fact in _facts(option)])


def _facts(option):
    if option.takes_value:
        yield 'Value: {0}.'.format(_marked(KINDS[option.kind].allowed))
    if option.default is not None:
        yield 'Default: ``{0}``'.format(option.default)
    if option.environ:
        yield 'Environment variable: ``{0}``'.format(option.environ)
    yield 'Key in the ini file: ``{0}``'.format(option.name) if option.in_ini else 'Not in the ini file.'
    if option.commands != COMMANDS:
        yield 'Only for {0}.'.format(' and '.join('``{0}``'.format(each) for each in option.commands))
    if option.repeated:
        yield 'May be given several times.'
    if option.output:
        yield 'Must not change before a resume.'
    if option.secret:
        yield 'Secret: never shown.'


def _marked(words):
    """Text in which what is literal is marked, and nothing else is mark-up."""
    parts = re.split('({0})'.format(LITERAL.pattern), words)
    return ''.join('``%s``' % part if number % 2 else re.sub(r'([\\`*|])', r'\\\1', part)
                   for number, part in enumerate(parts))


def _wrapped(words, indent, following=None):
    return textwrap.fill(words, WIDTH, initial_indent=indent, subsequent_indent=following or indent,
                         break_on_hyphens=False, break_long_words=False)


def package(text):
    """`__init__.py` with the list of settings as it should be."""
    lines = []
    for group in GROUPS:
        names = [ini_key(each.name) for each in OPTIONS if each.group == group and each.in_ini]
        lines += textwrap.wrap('* {0}: {1}.'.format(group, ', '.join(names)), 99,
                               initial_indent='    ', subsequent_indent='      ')
    return re.sub(r'(?m)(^    \* .*\n(?:^      \S.*\n)*)+', lambda match: '\n'.join(lines) + '\n', text, count=1)
