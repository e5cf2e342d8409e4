"""What a run on a cluster needs beyond the package: Dask, fsspec, and what speaks to a store."""

from __future__ import absolute_import, unicode_literals

import sys

from datarobot_batch_scoring.errors import UsageError

OLDEST = (3, 9)
EXTRAS = {'s3': 's3', 's3a': 's3', 'gs': 'gcs', 'gcs': 'gcs', 'az': 'azure', 'abfs': 'azure',
          'abfss': 'azure'}
BUNDLED = getattr(sys, 'frozen', False)


def check(what, schemes=()):
    """Raises `UsageError` if `what`, an option or a URL, cannot be used here.

    `schemes`: those of the run's URLs. What their stores need is named at once.
    """
    if BUNDLED:
        raise UsageError('single_file', what=what)
    if sys.version_info < OLDEST:
        raise UsageError('old_python', what=what, version='{0}.{1}'.format(*sys.version_info))
    try:
        import distributed  # noqa: F401
        import fsspec  # noqa: F401
    except ImportError:
        stores = set(map(EXTRAS.get, schemes))
        raise missing(what, ','.join(['dask'] + sorted(filter(None, stores))))


def missing(what, extra):
    """The error for an extra that is not installed."""
    return UsageError('no_extra', what=what, extra=extra)
