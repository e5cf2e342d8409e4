"""The three console commands and `python -m datarobot_batch_scoring`; each returns its exit code."""

from __future__ import absolute_import, unicode_literals

import gc
import sys

from datarobot_batch_scoring.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE


def batch_scoring():
    """The console command `batch_scoring`."""
    return _run('batch_scoring')


def batch_scoring_deployment_aware():
    """The console command `batch_scoring_deployment_aware`."""
    return _run('batch_scoring_deployment_aware')


def batch_scoring_sse():
    """The console command `batch_scoring_sse`."""
    return _run('batch_scoring_sse')


def _run(command):
    # Nothing that is loaded is ever garbage; `cli.program` switches the collector on again.
    gc.disable()
    try:
        # This takes a good part of the time to start a command: Ctrl-C may come here.
        from datarobot_batch_scoring import cli
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return cli.main(command)


def overview():
    """Shows the commands, or the version; any word but --help and --version is one too many."""
    from datarobot_batch_scoring import __version__
    from datarobot_batch_scoring.console import terminal
    from datarobot_batch_scoring.settings.parse import PURPOSES, WIDTH, wrapped
    lines = ['The commands:', '']
    for command, purpose in PURPOSES.items():
        lines += ['  ' + command] + wrapped(purpose, 6, WIDTH)
    lines += ['', 'Each shows its arguments and options with --help, and also runs as',
              'python -m datarobot_batch_scoring.<command>.',
              'python -m datarobot_batch_scoring.demo shows them at work;',
              'python -m datarobot_batch_scoring.report compares two runs.']
    words = sys.argv[1:]
    if '--version' in words:
        lines = ['datarobot_batch_scoring ' + __version__]
    wrong = [word for word in words if word not in ('-h', '--help', '--version')]
    terminal.write(sys.stderr if wrong else sys.stdout, '\n'.join(lines) + '\n')
    return EXIT_USAGE if wrong else EXIT_OK
