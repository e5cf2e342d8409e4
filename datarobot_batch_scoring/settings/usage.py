"""The usage text of each command, made from the table of options.

docopt parses the command line with them, so they keep to its rules: one
'usage' heading, two spaces after an option, and no other line that begins
with a dash.
"""

from __future__ import absolute_import, unicode_literals

import collections
import textwrap

from datarobot_batch_scoring.server.protocols.base import DEPLOYMENT, PROJECT, STANDALONE
from datarobot_batch_scoring.settings.table import GROUPS, POSITIONALS, options_of

WIDTH = 79
COLUMN = 26

TEMPLATE = '''\
{purpose}

Examples:
  {command} --host=https://example.com {user}\\
      {ids} data.csv
  {command} --resume data.csv

Usage:
  {command} [options] [--]
      {positionals}

The dataset - is standard input.{no_id}

Arguments and options can also be set in batch_scoring.ini, in the working or
the home directory: key = value, under [batch_scoring]. The command line wins.

{options}

Exit code: 0 if every row is in the output, 1 if the run failed, 2 if it
could not start, 3 if every row is in the output but those in --bad_rows lack
predictions, 130 or 143 if it was interrupted or terminated.
'''

PURPOSES = collections.OrderedDict([
    (PROJECT, 'Scores a CSV file on a dedicated prediction server, with a '
              'model from a project.'),
    (DEPLOYMENT, 'Scores a CSV file on a dedicated prediction server, with a '
                 'deployment.'),
    (STANDALONE, 'Scores a CSV file on a standalone prediction server, with '
                 'an imported model;\nor on a server that you run yourself: '
                 'see --protocol.'),
])
EXAMPLE_IDS = {
    PROJECT: '5545eb20b4912911244d4835 5545eb71b4912911244d4847',
    DEPLOYMENT: '5545eb71b4912911244d4848',
    STANDALONE: '0ec5bcea7f0f45918fa88257bfe42c09',
}
NO_ID = {
    STANDALONE: ' With --protocol=drum or mlflow, leave out\n'
                '<import_id>: --host alone selects the model.',
}


def usage_text(command):
    """What `--help` shows, at most 80 columns wide."""
    return TEMPLATE.format(
        purpose=PURPOSES[command], command=command, ids=EXAMPLE_IDS[command],
        no_id=NO_ID.get(command, ''),
        user='' if command == STANDALONE else '--user=me ',
        positionals=' '.join('[%s]' % name for name in positional_names(POSITIONALS[command])),
        options='\n\n'.join(_group(command, group) for group in GROUPS))


def positional_names(positionals):
    """Positional arguments as the usage text writes them."""
    return ['<dataset_filepath>' if name == 'dataset' else '<%s>' % name for name in positionals]


def _group(command, group):
    lines = [group + ':']
    for option in options_of(command):
        if option.group == group:
            lines += _option_lines(option)
    return '\n'.join(lines)


def _option_lines(option):
    """The option, with its help beside it or, if the option is long, below it."""
    left = '  ' + option_syntax(option)
    lines = wrapped(option_help(option), COLUMN, WIDTH)
    if len(left) + 2 > COLUMN:
        return [left] + lines
    return [left.ljust(COLUMN) + lines[0].strip()] + lines[1:]


def wrapped(words, column, width):
    """Text as lines that begin at a column."""
    margin = ' ' * column
    return textwrap.wrap(words, width, break_on_hyphens=False,
                         initial_indent=margin, subsequent_indent=margin)


def option_syntax(option):
    """The option as the help shows it: `-v, --verbose` or `--out=<file>`."""
    short = '-%s, ' % option.short if option.short else ''
    value = '=<%s>' % option.metavar if option.takes_value else ''
    return short + option.long + value


def option_help(option):
    """What the option does, and its default."""
    # docopt would treat '[default: ...]' as if the user had typed it.
    default = ' (default: %s)' % option.default if option.default else ''
    return option.help + default
