"""Which file is which: paths and URLs, and whether two of them lead to the same thing.

A location is what the user may name a file by: a path, a URL, or the number of a standard stream.
Two locations are the same file if their `identity` is equal. In doubt they are the same: a run that
is refused costs less than a dataset that is overwritten.
"""

from __future__ import absolute_import, unicode_literals

import os
import posixpath
import re
import stat
import unicodedata

from six.moves.urllib.parse import unquote
from six.moves.urllib.request import pathname2url

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.system import is_url

FILE = 'file'
# Schemes of one store, and the one that stands for them.
ALIASES = {'s3a': 's3', 'gcs': 'gs', 'az': 'abfs', 'abfss': 'abfs', 'local': FILE, 'https': 'http',
           'ssh': 'sftp', 'arrow_hdfs': 'hdfs', 'webhdfs': 'hdfs', 'webHDFS': 'hdfs'}
# Stores that take every key unchanged, and what follows a key there to ask for one of its versions.
_VERSIONS = {'s3': re.compile(r'(?s)\?versionId=.*'), 'gs': re.compile(r'(?s)(?:#\d+\Z|\?generation=.*)'),
             'abfs': re.compile(r'(?s)\?(?:versionid|snapshot)=.*')}


def scheme_of(url):
    """'s3' for 'S3://bucket/name'."""
    return url.partition('://')[0].lower()


def is_path(name):
    """Whether a location is a path, or a URL of one."""
    return not is_url(name) or ALIASES.get(scheme_of(name), scheme_of(name)) == FILE


def local_path(url):
    """The path of a file:// URL."""
    # What follows a question mark or a hash is part of the path.
    path = unquote('/' + url.partition('://')[2].partition('/')[2])
    return path[1:] if os.name == 'nt' else path


def as_path(name):
    """The path of a file:// URL; any other location unchanged."""
    return local_path(name) if name and is_url(name) and is_path(name) else name


def as_url(name, resolved=os.path.abspath):
    """A path as a URL that every machine understands in the same way; the scheme of a URL in lower case.

    `resolved` makes a path an absolute one: `os.path.realpath` follows links.
    """
    if name is None:
        return None
    if not is_url(name):
        return FILE + '://' + pathname2url(resolved(name)) + '/' * name.endswith('/')
    if is_path(name):
        return as_url(local_path(name), resolved)
    return scheme_of(name) + '://' + name.partition('://')[2]


def check(what, name):
    """Raises `UsageError` for a location that no store can have; `what` names it in messages."""
    path = as_path(name)
    if '\0' in path:
        raise UsageError('nul_in_name', file_kind=what)
    if is_url(name) and is_path(name):
        host = name.partition('://')[2].partition('/')[0]
        if host.lower() not in ('', 'localhost'):
            raise UsageError('other_machine', file_kind=what, file=name, host=host, scheme=FILE)
    elif is_url(name) and _is_bucket(name):
        raise UsageError('is_bucket', file_kind=what, file=name)
    elif what == 'output' and _stored(name)[1].partition('/')[2].startswith('/'):
        # s3fs leaves it out where it lists what is below.
        raise UsageError('key_with_slash', file_kind=what, file=name)
    elif is_url(name) and name.endswith('/') and what != 'output':
        raise UsageError('is_url_of_folder', file_kind=what, file=name)


def _is_bucket(url):
    scheme, path = _stored(url)
    return scheme in list(_VERSIONS) + ['http'] and '/' not in path.strip('/')


def run_directory(out):
    """Where a run on a cluster keeps what it has until its output is whole: a path or a URL."""
    if is_url(out):
        return (as_url(out, os.path.realpath) if is_path(out) else out).rstrip('/') + '.run'
    return os.path.realpath(out) + '.run'


def identity(location):
    """What is equal for two locations of one file; None for a stream or device, which is none."""
    return next(_chain(location), None)


def same(first, second):
    """Whether two locations lead to one file."""
    return identity(first) is not None and identity(first) == identity(second)


def is_inside(location, folder):
    """Whether a location is somewhere below a folder, or a prefix of a store."""
    return identity(folder) in list(_chain(location))[1:]


def _chain(location):
    """The identities of a location and of all folders above it."""
    if isinstance(location, int):
        known = _identity_of(_status(os.fstat, location))
        return iter([known] if known else [])
    if is_path(location):
        try:
            return _chain_of_path(os.path.realpath(as_path(location)))
        except OSError:
            # The working directory of a relative path is gone: it leads nowhere.
            return iter(())
    scheme, path = _stored(location)
    parts = path.rstrip('/').split('/')
    return ((scheme, '/'.join(parts[:count])) for count in range(len(parts), 0, -1))


def _chain_of_path(path):
    status = _status(os.stat, path)
    if status and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return
    yield _identity_of_path(path)
    while os.path.dirname(path) != path:
        path = os.path.dirname(path)
        yield _identity_of_path(path)


def _status(ask, path):
    try:
        return ask(path)
    except (OSError, ValueError, TypeError):
        # It does not exist, or has a NUL in its name.
        return None


def _identity_of(status):
    # 2.7 on Windows has no numbers.
    if status and status.st_ino and not stat.S_ISCHR(status.st_mode) and not stat.S_ISFIFO(status.st_mode):
        return FILE, status.st_dev, status.st_ino
    return None


def _identity_of_path(path):
    """By device and inode; of what does not exist, by those of the nearest folder that does."""
    below, above = [], path
    while True:
        known = _identity_of(_status(os.stat, above))
        if known:
            if below and _ignores_case(above):
                below = [unicodedata.normalize('NFC', name).lower() for name in below]
            return known + tuple(reversed(below))
        if os.path.dirname(above) == above:
            return FILE, os.path.normcase(path)
        below.append(os.path.basename(above))
        above = os.path.dirname(above)


def _ignores_case(folder):
    """Whether a folder that exists goes by another case of its name, too."""
    head, name = os.path.split(folder)
    swapped = os.path.join(head, name.swapcase())
    if name == name.swapcase():
        return os.path.normcase('A') != 'A'
    return _identity_of(_status(os.stat, swapped)) == _identity_of(_status(os.stat, folder))


def _stored(url):
    """(the scheme of a store, what it makes of the rest of a URL)."""
    scheme, rest = scheme_of(url), url.partition('://')[2]
    scheme = ALIASES.get(scheme, scheme)
    if scheme == 'http':
        return scheme, _stored_on_http(rest)
    if scheme == 's3':
        # s3fs drops every scheme of its own.
        rest = re.sub(r'\A(?:s3a?:/?/?:?)+', '', rest)
    if scheme == 'abfs':
        container, _, host = rest.partition('/')[0].partition('@')
        rest = container + '/' * bool(host) + rest.partition('/')[2] if host else rest
    if scheme in _VERSIONS:
        return scheme, _VERSIONS[scheme].sub('', rest).lstrip('/')
    return scheme, _plain(rest)


def _stored_on_http(rest):
    host, slash, path = rest.partition('#')[0].partition('/')
    host = re.sub(r':(?:80|443)?\Z', '', host.rpartition('@')[2].lower())
    path, mark, query = path.partition('?')
    return host + slash + _plain(path) + mark + query


def _plain(path):
    return posixpath.normpath('/' + unquote(path).lstrip('/'))[1:]
