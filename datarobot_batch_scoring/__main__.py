"""Says what commands there are: `python -m datarobot_batch_scoring`."""

from __future__ import absolute_import, unicode_literals

import sys

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.console import terminal
from datarobot_batch_scoring.errors import EXIT_OK, EXIT_USAGE
from datarobot_batch_scoring.settings.options import COMMANDS
from datarobot_batch_scoring.settings.usage import PURPOSES, WIDTH, wrapped


def main(words):
    """Shows the commands, or the version; any word but --help and --version is one too many."""
    lines = ['The commands:', '']
    for command in COMMANDS:
        lines += ['  ' + command] + wrapped(PURPOSES[command], 6, WIDTH)
    lines += ['', 'Each shows its arguments and options with --help, and also runs as',
              'python -m datarobot_batch_scoring.<command>.',
              'python -m datarobot_batch_scoring.demo shows them at work, and',
              'python -m datarobot_batch_scoring.report what changed from one run to another.']
    if '--version' in words:
        lines = ['datarobot_batch_scoring ' + __version__]
    wrong = [each for each in words if each not in ('-h', '--help', '--version')]
    terminal.write(sys.stderr if wrong else sys.stdout, '\n'.join(lines) + '\n')
    return EXIT_USAGE if wrong else EXIT_OK


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
