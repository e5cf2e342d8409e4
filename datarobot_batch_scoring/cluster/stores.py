"""Where files are: in folders of this machine, or wherever fsspec reaches.

Every name is a URL. A store that does not answer is tried for a while; then it is a
`ScoringError` that names it.
"""

from __future__ import absolute_import, unicode_literals

import errno
import io
import os
import time
import uuid
from collections import namedtuple
from contextlib import contextmanager

from datarobot_batch_scoring.cluster import s3
from datarobot_batch_scoring.cluster.extras import EXTRAS, missing
from datarobot_batch_scoring.cluster.objects import GrowingObject, GuardedFile, Silence, unusable
from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.errors import Absent, Taken, UsageError
from datarobot_batch_scoring.output.locations import FILE, local_path, scheme_of
from datarobot_batch_scoring.system import fsync, fsync_folder

READ_SIZE = 8 << 20

# Seconds between tries where a store does not answer, or is too busy: what the libraries try again
# by themselves ends after fewer seconds, and differs from store to store.
WAITS = (0.5, 1, 2, 4, 8)
# Runs that may remove a folder just before something is put there, one after another.
MAX_RIVALS = 100
FINAL = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EISDIR, errno.ENOTDIR)

Info = namedtuple('Info', [
    'size',     # bytes
    'version',  # text; differs once the object was replaced
    'time',     # of its last change by the store's clock, seconds
])


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
            own = s3.options_for_all(own)
        return Remote(fsspec.filesystem(scheme, use_listings_cache=False, **own), url, warn)
    except ImportError:
        if scheme in EXTRAS:
            raise missing(scheme + '://', EXTRAS[scheme])
        raise UsageError('no_package', scheme=scheme)
    except ValueError:
        raise UsageError('no_filesystem', url=url)
    except TypeError:
        raise UsageError('storage_option', scheme=scheme)


def parent_of(url):
    """The URL of the folder that an object is in, with a slash at its end."""
    return url.rstrip('/').rpartition('/')[0] + '/'


class Local(object):
    """Files of this machine, or of a file system that all machines share."""

    is_local = True

    def info(self, url):
        """The `Info` of a file; raises `Absent`."""
        with _failing(url):
            status = os.stat(local_path(url))
            return Info(status.st_size, '{0} {1!r} {2}'.format(
                status.st_size, status.st_mtime, status.st_ino), status.st_mtime)

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
        try:
            with _failing(folder):
                return sorted(os.listdir(local_path(folder)))
        except Absent:
            return []

    def infos(self, folder):
        """{name: `Info`} of the regular files in a folder."""
        return {name: self.info(folder + name) for name, is_file in (self.listing(folder) or {}).items() if is_file}

    def listing(self, folder):
        """{name: is it a regular file?} of a folder, empty if there is none; None: a link or file is there."""
        path = local_path(folder).rstrip('/')
        if not os.path.lexists(path):
            return {}
        if os.path.islink(path) or not os.path.isdir(path):
            return None
        with _failing(folder), os.scandir(path) as entries:
            return {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}

    def remove(self, urls):
        """Removes files, and the folder that they were in once it is empty."""
        for url in urls:
            try:
                with _failing(url):
                    os.remove(local_path(url))
            except Absent:
                pass
        for folder in set(parent_of(url) for url in urls):
            try:
                if folder.endswith('.run/'):
                    os.rmdir(local_path(folder))
            except OSError:
                pass

    def remove_uploads(self, url, begins=False):
        """Here are none: a file that is half written has a name."""


class Remote(object):
    """What fsspec reaches."""

    is_local = False

    def __init__(self, filesystem, url, warn):
        self.filesystem = filesystem
        self._url = url
        self._silence = Silence(warn)

    def info(self, url):
        """The `Info` of an object; raises `Absent`."""
        found = self._patiently(url, self.filesystem.info, url)
        if found.get('type') == 'directory':
            raise Absent(url)
        return self._info_of(url, found)

    def infos(self, folder):
        """{name: `Info`} of the objects in a folder."""
        return {found['name'].rpartition('/')[2]: self._info_of(folder, found)
                for found in self._entries(folder) if found['type'] == 'file'}

    def _info_of(self, url, found):
        changed = found.get('LastModified') or found.get('last_modified') or found.get('mtime')
        version = [found.get(key) for key in ('ETag', 'etag', 'generation', 'VersionId')]
        return Info(found['size'], ' '.join(
            text(each) for each in [found['size']] + (
                [each for each in version if each] or [changed])), _seconds(
                    changed or self._changed(url)))

    def _changed(self, url):
        try:
            return self.filesystem.modified(url)
        except (NotImplementedError, AttributeError):
            return 0

    def has_ranges(self, url):
        """Whether an object can be read from any byte on."""
        if scheme_of(url) not in ('http', 'https'):
            return True
        try:
            with self._patiently(url, self._open_unbuffered, url) as opened:
                opened.seek(1)
                return len(opened.read(1)) == 1
        except ValueError:
            # Only from its beginning, says fsspec.
            return False
        except Exception as error:
            raise unusable(url, error)

    def _open_unbuffered(self, url):
        return self.filesystem.open(url, 'rb', block_size=1, cache_type='none')

    def read(self, url, start=0, end=None):
        """Bytes of an object, fewer at its end."""
        if end is not None and start >= end:
            return b''
        return self._patiently(url, self.filesystem.cat_file, url, start=start or None, end=end)

    def put(self, url, data):
        """Replaces an object as a whole."""
        self._make(url, self.filesystem.pipe_file, data)

    def put_new(self, url, data):
        """Puts an object unless there is one; raises `Taken`."""
        try:
            with self._silence.reported(url):
                self.filesystem.pipe_file(url, data, mode='create')
        except Exception as error:
            # Stores differ in how they refuse it, and an answer may have been lost.
            try:
                found = self.read(url)
            except Absent:
                raise unusable(url, error)
            if found != data:
                raise Taken()

    @contextmanager
    def create(self, url):
        """A binary file to write an object to, which is there once the context has ended well."""
        target = GrowingObject(self, url)
        try:
            yield target
            target.complete()
        except BaseException:
            target.discard()
            raise

    def open(self, url):
        """A binary file to read an object from."""
        return GuardedFile(self._patiently(url, self.filesystem.open, url, 'rb'), url)

    def names(self, folder):
        """The names in a folder; none if it does not exist."""
        return sorted(self.listing(folder))

    def listing(self, folder):
        """{name: is it an object?} of a folder, empty if there is none."""
        return {found['name'].rpartition('/')[2]: found['type'] == 'file'
                for found in self._entries(folder) if not found['name'].endswith('/')}

    def _entries(self, folder):
        try:
            return self._patiently(folder, self.filesystem.ls, folder, detail=True)
        except Absent:
            return []

    def remove(self, urls):
        """Removes objects of exactly these names: `rm` would take some for patterns."""
        if urls:
            try:
                self._patiently(urls[0], self._remove, list(urls))
            except Absent:
                pass

    def _remove(self, urls):
        if hasattr(self.filesystem, 'call_s3'):
            s3.remove(self.filesystem, urls)
            return
        for url in urls:
            try:
                self.filesystem.rm_file(url)
            except FileNotFoundError:
                pass

    def compose(self, url, urls):
        """Makes an object of others, in order, where the store can do so."""
        self._make(url, self.filesystem.merge, list(urls))

    def remove_uploads(self, url, begins=False):
        """Gives up uploads of an object, or of all whose URLs begin so, that a kill left half done.

        They are in no list of names, and cost what their bytes cost. Never fails.
        """
        if hasattr(self.filesystem, 'call_s3'):
            try:
                s3.remove_uploads(self.filesystem, url, begins)
            except Exception:
                # Who may write objects need not be allowed to list uploads.
                pass

    def _make(self, url, function, what):
        try:
            self._patiently(url, function, url, what)
        except Absent as absent:
            # What is not there is the bucket, or what the object is made of.
            raise unusable(url, absent.__context__)

    def _patiently(self, url, function, *args, **options):
        with self._silence.reported(url):
            for wait in WAITS + (None,):
                try:
                    return function(*args, **options)
                except Exception as caught:
                    error = _without_disguise(caught)
                    if isinstance(error, FileNotFoundError):
                        raise Absent(url)
                    if wait is None or _is_final(error):
                        raise unusable(url, error)
                time.sleep(wait)


def _is_final(error):
    # ValueError: it is the options that are wrong.
    return isinstance(error, (PermissionError, ValueError)) or getattr(error, 'errno', None) in FINAL


def _create_below_folder(path):
    for left in reversed(range(MAX_RIVALS)):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            return io.open(path, 'xb')
        except FileNotFoundError:
            # Another run has removed the folder, which was empty.
            if not left:
                raise


def _without_disguise(error):
    """What kept fsspec from asking an HTTP server: it says of everything that it was not found."""
    cause = error.__cause__
    return cause if type(cause).__module__.startswith('aiohttp') else error


def _seconds(changed):
    """A time as seconds, whatever a store gives."""
    return changed.timestamp() if hasattr(changed, 'timestamp') else float(changed or 0)


class _failing(object):
    """Turns an `OSError` into `Absent` or a `ScoringError`, as a context."""

    def __init__(self, url):
        self._url = url

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, OSError):
            if error.errno == errno.ENOENT:
                raise Absent(self._url)
            raise unusable(self._url, error)
