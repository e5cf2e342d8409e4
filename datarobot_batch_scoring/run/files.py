"""Checks that the files of a run are different ones, in folders that exist."""

from __future__ import absolute_import, unicode_literals

import errno
import os
import stat

from datarobot_batch_scoring.console import logs
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output import checkpoint
from datarobot_batch_scoring.output.bad_rows import WHAT


def check(settings):
    """Raises `UsageError` if a file cannot be written or would get in another's way."""
    _check_replaced('output', settings.out)
    if settings.host.startswith('https:') and not settings.no_verify_ssl:
        _check_certificates(settings.ca_bundle)
    used = [('dataset', settings.dataset), ('output', settings.out),
            ('checkpoint', checkpoint.path_for(settings.out))]
    if settings.bad_rows:
        _check_replaced(WHAT, settings.bad_rows)
        used.append((WHAT, settings.bad_rows))
    if settings.report:
        _check_replaced('report', settings.report)
        used.append(('report', settings.report))
    if not settings.stdout:
        paths = [logs.path(settings, role) for role in logs.roles()]
        used += [('log', path) for path in paths]
        for path in paths:
            # That it cannot be written is a warning later; a FIFO would be waited for.
            if not os.path.isdir(path):
                _check_regular('log', path)
    for number, (what, path) in enumerate(used):
        for other, other_path in used[:number]:
            if _same(path, other_path):
                raise UsageError('The {0} and the {1} are the same file: {2}.'.format(
                    other, what, path))


def _check_replaced(what, path):
    """Raises `UsageError` for a file that cannot be created, or is not ours to replace."""
    folder = os.path.dirname(path) or '.'
    if not os.path.isdir(folder):
        raise UsageError('The folder of the {0} does not exist: {1}.'.format(what, folder))
    _check_regular(what, path)


def _check_regular(what, path):
    try:
        found = os.stat(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise UsageError('The {0} {1} cannot be written: {2}.'.format(
                what, path, error.strerror))
        return
    if not stat.S_ISREG(found.st_mode):
        raise UsageError('The {0} {1} is not a regular file.'.format(what, path))
    if any(_is_open_as(found, descriptor) for descriptor in (1, 2)):
        # /dev/stdout, say, redirected to a file.
        raise UsageError('The {0} {1} is where this command writes its messages.'.format(
            what, path))


def _is_open_as(found, descriptor):
    try:
        return os.path.samestat(found, os.fstat(descriptor))
    except (OSError, AttributeError):
        # It is closed; or this is 2.7 on Windows, which cannot tell.
        return False


def _check_certificates(path):
    if path and not os.path.exists(path):
        raise UsageError('The certificates of --ca_bundle do not exist: {0}.'.format(path))


def _same(one, other):
    try:
        return (os.path.realpath(one) == os.path.realpath(other)
                or os.path.samefile(one, other))
    except (OSError, AttributeError):
        # One does not exist, or the working directory of a relative path does
        # not; or this is 2.7 on Windows, which cannot tell.
        return False
