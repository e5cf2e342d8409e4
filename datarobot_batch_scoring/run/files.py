"""Checks that the files of a run are different ones, and can be written."""

from __future__ import absolute_import, unicode_literals

import errno
import os
import stat

from datarobot_batch_scoring.console import logs
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output import checkpoint
from datarobot_batch_scoring.output.bad_rows import WHAT

# Of standard streams in the place of files, what messages call them.
STREAMS = {0: 'standard input', 1: 'standard output'}


def check(settings):
    """Raises `UsageError` if a file cannot be written or would get in another's way.

    What is named by a URL is not looked at.
    """
    if not settings.writes_stdout:
        _check_replaced('output', settings.out)
    if settings.host.startswith('https:') and not settings.no_verify_ssl:
        _check_certificates(settings.ca_bundle)
    used = [('dataset', 0 if settings.reads_stdin else settings.dataset)]
    if settings.writes_stdout:
        used.append(('output', 1))
    else:
        used += [('output', settings.out), ('checkpoint', checkpoint.path_for(settings.out))]
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
    used = [each for each in used if '://' not in '{0}'.format(each[1])]
    for number, (what, path) in enumerate(used):
        for other, other_path in used[:number]:
            if _same(path, other_path):
                raise UsageError('The {0} and the {1} are the same file: {2}.'.format(
                    other, what, STREAMS.get(path, path)))


def _check_replaced(what, path):
    """Raises `UsageError` for a file that cannot be created, or is not ours to replace."""
    if '://' in path:
        return
    folder = os.path.dirname(path) or '.'
    if not os.path.isdir(folder):
        raise UsageError('The folder of the {0} does not exist: {1}.'.format(what, folder))
    _check_regular(what, path)
    # Now, since once the run has begun an earlier output is lost.
    if os.path.exists(path):
        if not os.access(path, os.W_OK):
            raise UsageError('The {0} {1} cannot be written: it is write-protected.'.format(what, path))
    elif what != 'output' and not os.access(folder, os.W_OK | os.X_OK):
        # That of the output is found out with the checkpoint, which is locked before all else.
        raise UsageError('The folder of the {0} cannot be written to: {1}.'.format(what, folder),
                         hint='Name a file in another folder.')


def _check_regular(what, path):
    try:
        found = os.stat(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise UsageError('The {0} {1} cannot be written: {2}.'.format(
                what, path, error.strerror))
        return
    if stat.S_ISDIR(found.st_mode):
        raise UsageError('The {0} {1} is a folder.'.format(what, path), hint='Name a file in it.')
    hint = 'To write to standard output, give --out=-.' if what == 'output' else ''
    if not stat.S_ISREG(found.st_mode):
        raise UsageError('The {0} {1} is not a regular file.'.format(what, path), hint=hint)
    if any(_is_open_as(found, descriptor) for descriptor in (1, 2)):
        # /dev/stdout, say, redirected to a file.
        raise UsageError('The {0} {1} is where this command writes its messages.'.format(
            what, path), hint=hint)


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
    """True for two paths, or descriptors of standard streams, that lead to one file."""
    try:
        if one in STREAMS or other in STREAMS:
            found, expected = _status(one), _status(other)
            return stat.S_ISREG(found.st_mode) and os.path.samestat(found, expected)
        return (os.path.realpath(one) == os.path.realpath(other)
                or os.path.samefile(one, other))
    except (OSError, AttributeError):
        # One does not exist, or the working directory of a relative path does
        # not; or this is 2.7 on Windows, which cannot tell.
        return False


def _status(path):
    return os.fstat(path) if path in STREAMS else os.stat(path)
