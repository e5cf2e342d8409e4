"""Makes a man page from a command's usage text and its options."""

from __future__ import absolute_import, unicode_literals

import re
import textwrap

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.server.protocols.base import COMMANDS
from datarobot_batch_scoring.settings.parse import PURPOSES, option_help, usage_text
from datarobot_batch_scoring.settings.table import GROUPS, options_of

FILES = (
    ('batch_scoring.ini', 'Arguments and options, in the working directory or, if not there, in the home directory.'),
    ('datarobot_batch_scoring_main.log', 'The log of the last runs, in the working directory.'),
    ('<out>.shelve', 'Beside the output: the checkpoint of a run that ended early, for --resume.'),
)


def man_page(command):
    """The source of the man page, for the macros of man(7)."""
    parts = _parts(command)
    purpose = PURPOSES[command]
    return '\n'.join(
        ['.TH %s 1 "" "datarobot_batch_scoring %s"' % (command.upper(), __version__),
         '.SH NAME', '%s \\- %s' % (command, _text(purpose[0].lower() + purpose[1:-1])),
         '.SH SYNOPSIS'] + _verbatim(parts['Usage']) +
        ['.SH DESCRIPTION'] + _paragraphs(parts['prose']) +
        ['.SH OPTIONS'] + [line for group in GROUPS for line in _group(command, group)] +
        ['.SH ENVIRONMENT'] + _list(_environment(command)) +
        ['.SH FILES'] + _list(FILES) +
        ['.SH EXIT STATUS'] + _paragraphs(parts['Exit code']) +
        ['.SH EXAMPLES'] + _verbatim(parts['Examples']) +
        ['.SH SEE ALSO'] + _see_also(command)) + '\n'


def _parts(command):
    """The usage text without its options: {heading: text}, 'prose' for what has no heading."""
    parts = {'prose': []}
    for paragraph in usage_text(command).strip().split('\n\n'):
        heading, colon, rest = paragraph.partition(':')
        if heading in GROUPS:
            continue
        if heading in ('Examples', 'Usage'):
            parts[heading] = textwrap.dedent(rest.strip('\n'))
        elif heading == 'Exit code':
            rest = rest.strip()
            parts[heading] = [rest[0].upper() + rest[1:]]
        else:
            parts['prose'].append(paragraph)
    return parts


def _group(command, group):
    lines = ['.SS ' + group]
    for option in options_of(command):
        if option.group == group:
            lines += ['.TP', _option(option), _text(option_help(option))]
    return lines


def _option(option):
    """Such as `-v, --verbose` or `--out=file`, in the fonts that man pages use."""
    short = '\\fB\\-%s\\fR, ' % option.short if option.short else ''
    value = '=\\fI%s\\fR' % _text(option.metavar) if option.takes_value else ''
    return short + '\\fB%s\\fR' % _text(option.long) + value


def _environment(command):
    ours = [(each.environ, 'Sets %s, unless the command line does.' % each.long)
            for each in options_of(command) if each.environ]
    return ours + [('HTTP_PROXY, HTTPS_PROXY, NO_PROXY', 'The proxies to go through.')]


def _list(items):
    return [line for name, words in items for line in ('.TP', '.B ' + _text(name), _text(words))]


def _paragraphs(paragraphs):
    return [line for each in paragraphs for line in ('.PP', _text(' '.join(each.split())))]


def _verbatim(words):
    return ['.nf'] + [_text(line) for line in words.splitlines()] + ['.fi']


def _see_also(command):
    others = [each for each in COMMANDS if each != command]
    return ['.BR %s (1)%s' % (each, '' if each == others[-1] else ',') for each in others]


def _text(words):
    """The words, escaped for troff."""
    words = words.replace('\\', '\\e').replace('-', '\\-').replace("'", '\\(aq')
    return re.sub(r'(?m)^([.])', r'\\&\1', words)
