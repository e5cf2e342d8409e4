"""A Sphinx extension: puts every option of the table of options into a page."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.server.protocols.names import COMMANDS
from datarobot_batch_scoring.settings.table import GROUPS, OPTIONS
from datarobot_batch_scoring.settings.usage import option_syntax
from datarobot_batch_scoring.settings.values import KINDS

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
    entries += [_entry(each) for each in OPTIONS if each.group == name]
    return '\n\n'.join(entries)


def _entry(option):
    """One option: what it does, then a list of facts."""
    lines = ['.. option:: ' + option_syntax(option), '', '   ' + _plain(option.help), '']
    lines += ['   ``{0}``: {1}\n'.format(command, _plain(option.by_command[command]['help']))
              for command in COMMANDS if command in option.by_command]
    lines += ['   * ' + each for each in _facts(option)]
    return '\n'.join(lines)


def _facts(option):
    facts = []
    if option.takes_value:
        facts.append('Value: {0}.'.format(_plain(KINDS[option.kind].allowed)))
    if option.default is not None:
        facts.append('Default: ``{0}``'.format(option.default))
    if option.environ:
        facts.append('Environment variable: ``{0}``'.format(option.environ))
    facts.append('Key in the ini file: ``{0}``'.format(option.name) if option.in_ini
                 else 'Not in the ini file.')
    if option.commands != COMMANDS:
        facts.append('Only for {0}.'.format(' and '.join(
            '``{0}``'.format(each) for each in option.commands)))
    if option.output:
        facts.append('Must not change before a resume.')
    if option.secret:
        facts.append('Secret: never shown.')
    return facts


def _plain(words):
    """Text in which nothing is mark-up."""
    return re.sub(r'([\\`*_|<>:])', r'\\\1', words)
