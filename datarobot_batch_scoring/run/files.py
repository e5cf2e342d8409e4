"""Checks that the files of a run are different ones, and can be written."""

from __future__ import absolute_import, unicode_literals

import errno
import os
import stat

from datarobot_batch_scoring.console import logs
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output import checkpoint, locations
from datarobot_batch_scoring.output.bad_rows import WHAT

# Of standard streams in the place of files, what messages call them.
STREAMS = {0: 'standard input', 1: 'standard output'}
PARTS = 'directory of the output'
RUN_DIRECTORY = 'run directory'


def check(settings, on_cluster=False):
    """Raises `UsageError` if a file cannot be written or would get in another's way."""
    files = _files(settings)
    for what, name in files:
        _check_url(what, name, on_cluster)
    for what, name in files:
        _check_writable(what, name, on_cluster)
    if settings.host.startswith('https:') and not settings.no_verify_ssl:
        _check_certificates(settings.ca_bundle)
    _check_different(files)
    _check_outside(files, settings)


def _files(settings):
    """[(what messages call it, location)] of everything that a run reads or writes."""
    files = [('dataset', 0 if settings.reads_stdin else settings.dataset),
             ('output', 1 if settings.writes_stdout else settings.out)]
    if not settings.writes_stdout and locations.is_path(settings.out):
        files.append(('checkpoint', checkpoint.path_for(locations.as_path(settings.out))))
    files += [(WHAT, settings.bad_rows), ('report', settings.report),
              ('file of storage options', settings.storage_options),
              ('file of --ca_bundle', settings.ca_bundle), ('ini file', settings.ini)]
    files += [('log', path) for _, path in logs.paths(settings)]
    return [(what, name) for what, name in files if name is not None and name != '']


def _check_url(what, name, on_cluster):
    if name in STREAMS:
        return
    locations.check(what, name)
    if locations.is_url(name) and not (on_cluster and what in ('dataset', 'output', WHAT)):
        raise UsageError('needs_cluster' if what == WHAT else 'is_url', file_kind=what, file=name)


def _check_writable(what, name, on_cluster):
    if name in STREAMS or what not in ('output', WHAT, 'report', 'log') or not locations.is_path(name):
        return
    path = locations.as_path(name)
    if what == 'output' and on_cluster and path.endswith('/'):
        _check_folder_of_parts(path)
    elif what != 'log':
        _check_replaced(what, path)
    elif not os.path.isdir(path):
        # That it cannot be written is a warning later; a FIFO would be waited for.
        _check_regular('log', path)


def _check_different(files):
    kinds = {}
    for what, name in files:
        identity = locations.identity(name)
        if identity in kinds:
            raise UsageError('same_file', file_kind=kinds[identity], other_kind=what, file=STREAMS.get(name, name))
        if identity is not None:
            kinds[identity] = what


def _check_outside(files, settings):
    """Raises `UsageError` for a file in a directory that the run empties."""
    if settings.writes_stdout:
        return
    emptied = [(RUN_DIRECTORY, locations.run_directory(locations.as_path(settings.out)))]
    if settings.out.endswith('/'):
        emptied.append((PARTS, settings.out))
    for folder_is, folder in emptied:
        for what, name in files:
            if name in STREAMS or what == 'output':
                continue
            if locations.is_inside(name, folder) or locations.same(name, folder):
                raise UsageError('inside', file_kind=what, file=name, other_kind=folder_is, folder=folder)


def _check_folder_of_parts(path):
    """Raises `UsageError` if a directory of parts can be none."""
    name = path.rstrip('/')
    if not os.path.isdir(os.path.dirname(name) or '.'):
        raise UsageError('no_folder', file_kind='output', file=os.path.dirname(name))
    if os.path.lexists(name) and not os.path.isdir(name):
        raise UsageError('not_a_folder', file=path)


def _check_replaced(what, path):
    """Raises `UsageError` for a file that cannot be created, or is not ours to replace."""
    if locations.is_url(path):
        return
    folder = os.path.dirname(path) or '.'
    if not os.path.isdir(folder):
        raise UsageError('no_folder', file_kind=what, file=folder)
    _check_regular(what, path)
    # Now, since once the run has begun an earlier output is lost.
    if os.path.exists(path):
        if not os.access(path, os.W_OK):
            raise UsageError('read_only', file_kind=what, file=path)
    elif what != 'output' and not os.access(folder, os.W_OK | os.X_OK):
        # That of the output is found out with the checkpoint, which is locked before all else.
        raise UsageError('read_only_folder', file_kind=what, file=folder)


def _check_regular(what, path):
    try:
        status = os.stat(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise UsageError('unusable', file_kind=what, file=path, reason=error.strerror)
        return
    if stat.S_ISDIR(status.st_mode):
        raise UsageError('is_folder', file_kind=what, file=path)
    hint = 'To write to standard output, use --out=-.' if what == 'output' else ''
    if not stat.S_ISREG(status.st_mode):
        raise UsageError('is_special', hint=hint, file_kind=what, file=path)
    if any(_is_open_as(status, descriptor) for descriptor in (1, 2)):
        # /dev/stdout, say, redirected to a file.
        raise UsageError('is_message_file', hint=hint, file_kind=what, file=path)


def _is_open_as(status, descriptor):
    try:
        return os.path.samestat(status, os.fstat(descriptor))
    except (OSError, AttributeError):
        # It is closed; or this is 2.7 on Windows, which cannot tell.
        return False


def _check_certificates(path):
    if path and not os.path.exists(path):
        raise UsageError('no_certificates', file=path)
