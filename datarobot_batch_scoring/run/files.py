"""The files of a run must be different ones, in folders that exist."""

from __future__ import absolute_import, unicode_literals

import errno
import os
import stat

from datarobot_batch_scoring.console import logs
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output import checkpoint


def check(settings):
    """Raises `UsageError` where a file would get in the way of another."""
    _check_output(settings.out)
    if settings.host.startswith('https:') and not settings.no_verify_ssl:
        _check_certificates(settings.ca_bundle)
    used = [('dataset', settings.dataset), ('output', settings.out),
            ('checkpoint', checkpoint.path_for(settings.out))]
    if settings.report:
        _check_folder('report', settings.report)
        if os.path.isdir(settings.report):
            raise UsageError('The report {0} is a folder.'.format(settings.report))
        used.append(('report', settings.report))
    if not settings.stdout:
        used += [('log', logs.path(role)) for role in logs.roles()]
    for number, (what, path) in enumerate(used):
        for other, other_path in used[:number]:
            if _same(path, other_path):
                raise UsageError('The {0} and the {1} are the same file: {2}.'.format(
                    other, what, path))


def _check_output(out):
    _check_folder('output', out)
    try:
        mode = os.stat(out).st_mode
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise UsageError('The output {0} cannot be written: {1}.'.format(out, error.strerror))
    else:
        if not stat.S_ISREG(mode):
            raise UsageError('The output {0} is not a regular file.'.format(out))


def _check_certificates(path):
    if path and not os.path.exists(path):
        raise UsageError('The certificates of --ca_bundle do not exist: {0}.'.format(path))


def _check_folder(what, path):
    folder = os.path.dirname(path) or '.'
    if not os.path.isdir(folder):
        raise UsageError('The folder of the {0} does not exist: {1}.'.format(what, folder))


def _same(one, other):
    try:
        return (os.path.realpath(one) == os.path.realpath(other)
                or os.path.samefile(one, other))
    except (OSError, AttributeError):
        # One does not exist, or the working directory of a relative path does
        # not; or 2.7 on Windows, which cannot tell.
        return False
