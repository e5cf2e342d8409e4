"""The three console commands; each returns its exit code."""

from __future__ import absolute_import, unicode_literals

import gc

from datarobot_batch_scoring.errors import EXIT_INTERRUPTED


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
