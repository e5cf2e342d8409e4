"""Makes README's table of options, and the list of settings in the help of `make_settings`."""

from __future__ import absolute_import, unicode_literals

import re
import textwrap

from datarobot_batch_scoring.server.protocols.names import COMMANDS
from datarobot_batch_scoring.settings.table import GROUPS, OPTIONS, ini_key
from datarobot_batch_scoring.settings.usage import option_syntax

WIDTHS = (41, 16, 50)
RULE = ' '.join('=' * each for each in WIDTHS)
# What is literal in a help text: options, and words that no sentence has.
LITERAL = re.compile(r'--[a-z][\w-]*|@<\w+>|(?:\w+:)?<\w+>(?::<\w+>)?|\{.*\}|\w+://(?:[\w.:]*\w)?|'
                     r'\w+/v[\d.]*\d|\w*[^\W_]_[\w.]*\w|\.(?:gz|json|html)\b')


def readme(text):
    """README with the table as it should be."""
    return re.sub('(?s)(={10,} =+ =+\nOption  .*?\n)={10,} =+ =+\n\n',
                  lambda match: table() + '\n\n', text, count=1)


def table():
    """The table, in reStructuredText."""
    lines = [RULE, _row('Option', 'Default', 'Meaning'), RULE]
    for option in OPTIONS:
        syntax = ', '.join('``%s``' % each for each in option_syntax(option).split(', '))
        default = 'required' if option.required else '``%s``' % option.default if option.default else ''
        meaning = textwrap.wrap(_marked(_meaning(option)), WIDTHS[2],
                                break_on_hyphens=False, break_long_words=False)
        lines.append(_row(syntax, default, meaning[0]))
        lines += [_row('', '', each) for each in meaning[1:]]
    return '\n'.join(lines + [RULE])


def _meaning(option):
    """What the option does, and what else it does with one of the commands."""
    sentences = [option.help]
    for command in (each for each in COMMANDS if each in option.by_command):
        more = [each for each in re.split(r'(?<=\.) ', option.by_command[command]['help'])
                if each not in option.help]
        sentences.append('For %s: %s' % (command, ' '.join(more)))
    return ' '.join(sentences)


def _row(*cells):
    return ' '.join(cell.ljust(width) for cell, width in zip(cells, WIDTHS)).rstrip()


def _marked(words):
    return LITERAL.sub(lambda match: '``%s``' % match.group(), words)


def package(text):
    """`__init__.py` with the list of settings as it should be."""
    lines = []
    for group in GROUPS:
        names = [ini_key(each.name) for each in OPTIONS if each.group == group and each.in_ini]
        lines += textwrap.wrap('* {0}: {1}.'.format(group, ', '.join(names)), 99,
                               initial_indent='    ', subsequent_indent='      ')
    return re.sub(r'(?m)(^    \* .*\n(?:^      \S.*\n)*)+', lambda match: '\n'.join(lines) + '\n', text, count=1)
