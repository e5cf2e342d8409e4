"""Secrets in files and on their way: reads the one that `@<file>` names, and tells who else can read them.

On Windows modes and owners say nothing, so every file counts as private there.
"""

from __future__ import absolute_import, unicode_literals

import io
import os
import re
import stat

from six.moves import shlex_quote
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.console.masking import without_credentials
from datarobot_batch_scoring.errors import UsageError

SIGN = '@'
MAX_BYTES = 64 << 10
READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH
WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
MAX_LINKS = 40
_LOOPBACK = re.compile(r'((.*\.)?localhost|127(\.[0-9]{1,3}){3}|::1)\Z')


def resolve(name, value, warn):
    """`value` or, if it is `@<file>`, the text of that file without its final line end.

    `name` says in messages where the value is from. They show the file's name only
    if there is such a file: it may be a password that begins with `@`.
    Raises `UsageError`; calls `warn` if other users can read the file.
    """
    if not value.startswith(SIGN):
        return value
    path = os.path.expanduser(value[len(SIGN):])
    try:
        with io.open(path, 'rb') as source:
            data = source.read(MAX_BYTES + 1)
            status = os.fstat(source.fileno())
    # The last two: no file can have that name.
    except (EnvironmentError, ValueError, TypeError) as error:
        raise UsageError(
            'at_file_unreadable', name=name, reason=getattr(error, 'strerror', None) or type(error).__name__)
    if may_be_read_by_others(status):
        warn('{0}: other users can read the file {1}. Run: {2}'.format(
            name, path, private(path)))
    return _text_of(name, data)


def _text_of(name, data):
    if len(data) > MAX_BYTES:
        raise UsageError('at_file_large', name=name, limit=MAX_BYTES)
    try:
        content = data.decode('utf-8-sig')
    except UnicodeDecodeError:
        raise UsageError('at_file_encoding', name=name)
    for line_end in ('\r\n', '\n', '\r'):
        if content.endswith(line_end):
            content = content[:-len(line_end)]
            break
    if not content:
        raise UsageError('at_file_empty', name=name)
    return content


def is_ours(path, status, warn):
    """False if others may have written the file; calls `warn` with each reason.

    `status` is the `os.fstat` of the file that was read: by now another may be at `path`.
    """
    if WINDOWS:
        return True
    ours = True
    if not _belongs_to_us(status):
        warn('{0} belongs to user {1}, who can change it: use your own copy.'.format(
            path, _owner(status)))
        ours = False
    if status.st_mode & WRITTEN_BY_OTHERS:
        warn('Other users can write to {0}. Run: chmod go-w {1}'.format(path, shlex_quote(path)))
        ours = False
    return all([_is_place_ours(link, warn) for link in _links(path)]) and ours


def _is_place_ours(path, warn):
    folder = os.path.dirname(path) or '.'
    try:
        link, around = os.lstat(path), os.stat(folder)
    except OSError:
        return False
    ours = True
    if stat.S_ISLNK(link.st_mode) and not _belongs_to_us(link):
        warn('{0} is a link of user {1}, who can change it: use your own copy.'.format(
            path, _owner(link)))
        ours = False
    # A folder shared by a group is no problem: a file that a member puts in place of
    # ours belongs to that member, which was checked.
    if around.st_mode & stat.S_IWOTH and not around.st_mode & stat.S_ISVTX:
        warn('Other users can replace {0}. Run: chmod o-w {1}'.format(path, shlex_quote(folder)))
        ours = False
    return ours


def may_be_read_by_others(status):
    """True if others than the owner and root can read a file with that status."""
    return (not WINDOWS and stat.S_ISREG(status.st_mode)
            and bool(status.st_mode & READ_BY_OTHERS))


def private(path):
    """The command that keeps others out of a file."""
    return 'chmod go= {0}'.format(shlex_quote(path))


def _links(path):
    """Yields the path and, link by link, where it leads."""
    for _ in range(MAX_LINKS):
        yield path
        if not os.path.islink(path):
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def _belongs_to_us(status):
    return status.st_uid in (0, os.geteuid())


def _owner(status):
    import pwd
    try:
        return pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        return status.st_uid


def security_warning(settings):
    """What may happen to what is sent, in a line for the user, or None."""
    host = without_credentials(settings.host)
    if host.startswith('https:'):
        if settings.no_verify_ssl:
            return ('The certificate of {0} is not checked: another server could answer in its '
                    'place.').format(host)
    elif _sends_credentials(settings) and not is_loopback(host):
        return ('Sending credentials to {0} unencrypted: use https://.').format(host)
    return None


def _sends_credentials(settings):
    return bool(settings.password or settings.api_token or settings.datarobot_key
                or '@' in settings.host or any(name.lower() != 'host' for name, _ in settings.header))


def is_loopback(host):
    """Whether a URL leads to this machine."""
    return _LOOPBACK.match(urlsplit(host).hostname) is not None
