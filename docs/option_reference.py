"""A Sphinx extension: puts every option of the table of options into a page."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.settings.values import KINDS
from datarobot_batch_scoring.settings.options import COMMANDS, GROUPS, OPTIONS
from datarobot_batch_scoring.settings.usage import option_syntax

# Stands in a page where the options go; a comment, as docutils sees it.
MARK = '.. all options'


def setup(app):
    """Called by Sphinx."""
    app.connect('source-read', _fill)
    return {'parallel_read_safe': True}


def _fill(app, page, source):
    source[0] = source[0].replace(MARK, reference())


def reference():
    """Every option, by group, as reStructuredText."""
    return '\n\n'.join(_group(each) for each in GROUPS)


def _group(name):
    entries = ['{0}\n{1}'.format(name, '-' * len(name))]
    seen = set()
    for option in (each for each in OPTIONS if each.group == name):
        # One that differs between the commands stands in the table twice.
        if option.name not in seen:
            seen.add(option.name)
            entries.append(_entry([each for each in OPTIONS if each.name == option.name]))
    return '\n\n'.join(entries)


def _entry(options):
    """One option: what it does, then a list of facts."""
    first = options[0]
    lines = ['.. option:: ' + option_syntax(first), '', '   ' + _plain(first.help), '']
    lines += ['   ``{0}``: {1}\n'.format(' '.join(other.commands), _plain(other.help))
              for other in options[1:]]
    lines += ['   * ' + each for each in _facts(options)]
    return '\n'.join(lines)


def _facts(options):
    first = options[0]
    facts = []
    if first.takes_value:
        facts.append('Value: {0}.'.format(_plain(KINDS[first.kind].allowed)))
    if first.default is not None:
        facts.append('Default: ``{0}``'.format(first.default))
    if first.environ:
        facts.append('Environment variable: ``{0}``'.format(first.environ))
    facts.append('Key in the ini file: ``{0}``'.format(first.name) if first.in_ini
                 else 'Not in the ini file.')
    commands = set(command for each in options for command in each.commands)
    if commands != set(COMMANDS):
        facts.append('Only for {0}.'.format(' and '.join(
            '``{0}``'.format(each) for each in COMMANDS if each in commands)))
    if first.secret:
        facts.append('Secret: never shown.')
    return facts


def _plain(words):
    """Text in which nothing is mark-up."""
    return re.sub(r'([\\`*_|<>:])', r'\\\1', words)
