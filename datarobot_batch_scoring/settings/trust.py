"""Tells whether anyone but the user and root can have written or read a file.

Windows is left out: modes and owners say nothing there.
"""

from __future__ import absolute_import, unicode_literals

import os
import stat

from six.moves import shlex_quote

from datarobot_batch_scoring.compat import WINDOWS

READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH
WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
MOST_LINKS = 40


def is_ours(path, status, warn):
    """False if others may have written the file; calls `warn` with each reason.

    `status` is the `os.fstat` of the file that was read: by now another may be at `path`.
    """
    if WINDOWS:
        return True
    ours = True
    if not _belongs_to_us(status):
        warn('{0} belongs to user {1}, who can change it: use a copy of your own.'.format(
            path, _owner(status)))
        ours = False
    if status.st_mode & WRITTEN_BY_OTHERS:
        warn('Others can write to {0}. Run: chmod go-w {1}'.format(path, shlex_quote(path)))
        ours = False
    return all([_is_place_ours(each, warn) for each in _links(path)]) and ours


def _is_place_ours(path, warn):
    folder = os.path.dirname(path) or '.'
    try:
        link, around = os.lstat(path), os.stat(folder)
    except OSError:
        return False
    ours = True
    if stat.S_ISLNK(link.st_mode) and not _belongs_to_us(link):
        warn('{0} is a link of user {1}, who can change it: use a copy of your own.'.format(
            path, _owner(link)))
        ours = False
    # A folder shared by a group is no problem: a file that a member puts in place of
    # ours belongs to that member, which was checked.
    if around.st_mode & stat.S_IWOTH and not around.st_mode & stat.S_ISVTX:
        warn('Others can replace {0}. Run: chmod o-w {1}'.format(path, shlex_quote(folder)))
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
    for _ in range(MOST_LINKS):
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
