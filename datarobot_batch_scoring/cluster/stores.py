"""Where files are: in folders of this machine, or wherever fsspec reaches.

Every name is a URL.
"""

from __future__ import absolute_import, unicode_literals

import errno
import io
import os
import sys
import uuid
from contextlib import contextmanager

from datarobot_batch_scoring.cluster.remote import Info, Remote, options_for_s3, unusable
from datarobot_batch_scoring.errors import Absent, Taken, UsageError
from datarobot_batch_scoring.output.locations import FILE, local_path, scheme_of
from datarobot_batch_scoring.system import fsync, fsync_folder

# The extras that schemes need, and the oldest Python that all of them run on.
EXTRAS = {'s3': 's3', 's3a': 's3', 'gs': 'gcs', 'gcs': 'gcs', 'az': 'azure', 'abfs': 'azure',
          'abfss': 'azure'}
OLDEST = (3, 9)
BUNDLED = getattr(sys, 'frozen', False)
# Runs that may remove a folder just before something is put there, one after another.
MAX_RIVALS = 100


def check_installed(what, schemes=()):
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


def open_store(url, options, warn=lambda line: None):
    """The `Local` or `Remote` store of a URL; `options` are those of --storage_options.

    `warn`, which any thread may call, takes a line if the store does not answer for a while.
    """
    scheme = scheme_of(url)
    if scheme == FILE:
        return Local()
    import fsspec
    own = options.get(scheme, {})
    try:
        if EXTRAS.get(scheme) == 's3':
            own = options_for_s3(own)
        return Remote(fsspec.filesystem(scheme, use_listings_cache=False, **own), warn)
    except ImportError:
        if scheme in EXTRAS:
            raise missing(scheme + '://', EXTRAS[scheme])
        raise UsageError('no_package', scheme=scheme)
    except ValueError:
        raise UsageError('no_filesystem', url=url)
    except TypeError:
        raise UsageError('storage_option', scheme=scheme)


class Local(object):
    """Files of this machine, or of a file system that all machines share."""

    is_local = True

    def info(self, url):
        """The `Info` of a file; raises `Absent`."""
        with _failing(url):
            return _info_of(os.stat(local_path(url)))

    def read(self, url, start=0, end=None):
        """Bytes of a file, fewer at its end."""
        with _failing(url), io.open(local_path(url), 'rb') as source:
            source.seek(start)
            return source.read(-1 if end is None else end - start)

    def put(self, url, data):
        """Replaces a file as a whole."""
        path = local_path(url)
        with _failing(url):
            beside = self._write_beside(path, data)
            os.replace(beside, path)
            fsync_folder(os.path.dirname(path))

    def put_new(self, url, data):
        """Puts a file unless there is one; raises `Taken`."""
        path = local_path(url)
        with _failing(url):
            beside = self._write_beside(path, data)
            try:
                os.link(beside, path)
            except OSError as error:
                if error.errno == errno.EEXIST:
                    raise Taken()
                raise
            finally:
                os.remove(beside)

    @contextmanager
    def create(self, url):
        """A binary file to write an object to, which is there once the context has ended well."""
        path = local_path(url)
        with _failing(url):
            if not os.path.isdir(os.path.dirname(path)):
                os.makedirs(os.path.dirname(path), exist_ok=True)
            with io.open(path, 'wb') as target:
                yield target
                target.flush()
                fsync(target.fileno())

    def open(self, url):
        """A binary file to read an object from."""
        with _failing(url):
            return io.open(local_path(url), 'rb')

    @staticmethod
    def _write_beside(path, data):
        beside = '{0}.{1}.tmp'.format(path, uuid.uuid4().hex[:8])
        with _create_below_folder(beside) as target:
            target.write(data)
            target.flush()
            fsync(target.fileno())
        return beside

    def names(self, folder):
        """The names in a folder; none if it does not exist."""
        return sorted(self.listing(folder) or {})

    def listing(self, folder):
        """{name: its `Info`, or None for what is no regular file} of a folder, empty if there is none.

        None if a link or a file is there.
        """
        path = local_path(folder).rstrip('/')
        if not os.path.lexists(path):
            return {}
        if os.path.islink(path) or not os.path.isdir(path):
            return None
        infos = {}
        with _failing(folder), os.scandir(path) as entries:
            for entry in entries:
                try:
                    infos[entry.name] = _info_of(entry.stat()) if entry.is_file(follow_symlinks=False) else None
                except FileNotFoundError:
                    # Another run has removed it by now.
                    pass
        return infos

    def remove(self, urls):
        """Removes files, and the folder that they were in once it is empty."""
        for url in urls:
            try:
                with _failing(url):
                    os.remove(local_path(url))
            except Absent:
                pass
        for folder in set(url.rpartition('/')[0] for url in urls):
            try:
                if folder.endswith('.run'):
                    os.rmdir(local_path(folder))
            except OSError:
                pass

    def remove_uploads(self, url, begins=False):
        """Here are none: a file that is half written has a name."""


def _create_below_folder(path):
    for left in reversed(range(MAX_RIVALS)):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            return io.open(path, 'xb')
        except FileNotFoundError:
            # Another run has removed the folder, which was empty.
            if not left:
                raise


@contextmanager
def _failing(url):
    """Turns an `OSError` into `Absent` or a `ScoringError`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise Absent()
        raise unusable(url, error)


def _info_of(status):
    return Info(status.st_size, '{0} {1!r} {2}'.format(
        status.st_size, status.st_mtime, status.st_ino), status.st_mtime)
