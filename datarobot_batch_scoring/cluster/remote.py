"""What fsspec reaches: stores of objects, and HTTP servers.

A store that does not answer is tried for a while; then it is a `ScoringError` that names it.
"""

from __future__ import absolute_import, unicode_literals

import errno
import threading
import time
from collections import namedtuple
from contextlib import contextmanager

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.console.masking import without_password
from datarobot_batch_scoring.errors import Absent, ScoringError, Taken
from datarobot_batch_scoring.output.locations import scheme_of
from datarobot_batch_scoring.system import start_thread

# Seconds between tries where a store does not answer, or is too busy: what the libraries try again
# by themselves ends after fewer seconds, and differs from store to store.
WAITS = (0.5, 1, 2, 4, 8)
FINAL = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EISDIR, errno.ENOTDIR)
# Bytes up to which an object is put at once.
SMALL = 8 << 20
# Seconds until it is reported that a store does not answer; and the steps in which they are
# counted, since time goes on while this process, or its machine, is suspended.
REPORT_AFTER = 5.0
STEPS = 10
# Objects that one request can remove.
MAX_REMOVED = 1000
# Those of before 2025 refuse a body with a checksum behind it, as botocore sends them unasked over
# https. Nothing is lost: the hash of a body is signed.
CHECKSUMS = ('request_checksum_calculation', 'response_checksum_validation')

# Seconds to connect, of which botocore waits for 60 and tries several times.
CONNECT_TIMEOUT = 10

Info = namedtuple('Info', [
    'size',     # bytes
    'version',  # text; differs once the object was replaced
    'time',     # of its last change by the store's clock, seconds
])


def unusable(url, error):
    """The `ScoringError` for a store that cannot be used."""
    # What the libraries say may be long, and is one line at most here.
    words = _reason_of(error) or getattr(error, 'strerror', None) or text(error)
    words = words.split('\n')[0].strip()
    return ScoringError('store', file=url, reason=(words or type(error).__name__).rstrip('.')[:300])


def _tried(url, function, *args):
    try:
        return function(*args)
    except Exception as error:
        raise unusable(url, error)


class Remote(object):
    """What fsspec reaches."""

    is_local = False

    def __init__(self, filesystem, warn):
        self.filesystem = filesystem
        self._silence = Silence(warn)

    def info(self, url):
        """The `Info` of an object; raises `Absent`."""
        details = self._patiently(url, self.filesystem.info, url)
        if details.get('type') == 'directory':
            raise Absent(url)
        return self._info_of(details, url)

    def _info_of(self, details, url=None):
        changed = details.get('LastModified') or details.get('last_modified') or details.get('mtime')
        # A listing lacks some of what `info` has: the version of an object in a bucket that keeps them all.
        version = [details[key] for key in ('ETag', 'etag', 'generation', 'VersionId') if details.get(key)]
        return Info(details['size'], '{0} {1}'.format(details['size'], (version or [changed])[0]),
                    _seconds(changed or url and self._changed(url)))

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
                stored = self.read(url)
            except Absent:
                raise unusable(url, error)
            if stored != data:
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
        """{name: its `Info`, or None for what is no object} of a folder, empty if there is none."""
        try:
            entries = self._patiently(folder, self.filesystem.ls, folder, detail=True)
        except Absent:
            return {}
        return {entry['name'].rpartition('/')[2]: self._info_of(entry) if entry['type'] == 'file' else None
                for entry in entries if not entry['name'].endswith('/')}

    def remove(self, urls):
        """Removes objects of exactly these names: `rm` would take some for patterns."""
        if urls:
            try:
                self._patiently(urls[0], self._remove, list(urls))
            except Absent:
                pass

    def _remove(self, urls):
        if hasattr(self.filesystem, 'call_s3'):
            _remove_from_s3(self.filesystem, urls)
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
                _remove_uploads_from_s3(self.filesystem, url, begins)
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


class Silence(object):
    """Reports, once, that a store does not answer: `warn` takes a line, in a thread of its own."""

    def __init__(self, warn):
        self._warn = warn

    @contextmanager
    def reported(self, url):
        """A context for what asks the store."""
        answered = threading.Event()
        start_thread('store', self._watch, url, answered)
        try:
            yield
        finally:
            answered.set()

    def _watch(self, url, answered):
        for _ in range(STEPS):
            if answered.wait(REPORT_AFTER / STEPS):
                return
        warn, self._warn = self._warn, lambda line: None
        warn('{0} has not responded for {1:.0f} s. Retrying.'.format(
            without_password(url), REPORT_AFTER))


class GuardedFile(object):
    """A file of fsspec, whose errors are those of its store."""

    # What pyarrow asks of a file.
    mode = 'rb'

    def __init__(self, file, url):
        self._file = file
        self._url = url

    def read(self, size=-1):
        return _tried(self._url, self._file.read, size)

    def seek(self, *place):
        return _tried(self._url, self._file.seek, *place)

    def tell(self):
        return self._file.tell()

    @property
    def closed(self):
        return self._file.closed

    def close(self):
        _tried(self._url, self._file.close)


class GrowingObject(object):
    """An object that is written: in one put if it is small, which can be tried again."""

    def __init__(self, store, url):
        self._store = store
        self._url = url
        self._pending = []
        self._size = 0
        # Of fsspec, once it is large.
        self._file = None

    def write(self, data):
        self._pending.append(data)
        self._size += len(data)
        if self._size > SMALL:
            self._send()

    def complete(self):
        """The object is there once this has returned."""
        if self._file is None:
            self._store.put(self._url, b''.join(self._pending))
            return
        self._send()
        _tried(self._url, self._file.close)

    def discard(self):
        """Gives up what is half written; never fails."""
        if self._file is not None:
            try:
                self._file.discard()
            except Exception:
                pass
            self._file.closed = True

    def _send(self):
        if self._file is None:
            self._file = _tried(self._url, self._store.filesystem.open, self._url, 'wb')
        _tried(self._url, self._file.write, b''.join(self._pending))
        self._pending = []


def _is_final(error):
    # ValueError: it is the options that are wrong.
    return isinstance(error, (PermissionError, ValueError)) or getattr(error, 'errno', None) in FINAL


def _without_disguise(error):
    """What kept fsspec from asking an HTTP server: it says of everything that it was not found."""
    cause = error.__cause__
    return cause if type(cause).__module__.startswith('aiohttp') else error


def _seconds(changed):
    """A time as seconds, whatever a store gives."""
    return changed.timestamp() if hasattr(changed, 'timestamp') else float(changed or 0)


# --- what differs between the stores that speak S3 -----------------------------------


def options_for_s3(options):
    """Options for s3fs, so that it sends no more than every store understands."""
    from botocore.config import Config
    config = dict((str(name), 'when_required') for name in CHECKSUMS
                  if name in Config.OPTION_DEFAULTS)
    config[str('connect_timeout')] = CONNECT_TIMEOUT
    config.update(options.get('config_kwargs') or {})
    return dict(options, config_kwargs=config)


def _reason_of(error):
    """Why a store refused something, a text; None where the error does not come of its answer.

    Some answer with a code and no words: Ceph does.
    """
    response = getattr(getattr(error, '__cause__', None) or error, 'response', None)
    error_data = response.get('Error', {}) if isinstance(response, dict) else {}
    return error_data.get('Message') or error_data.get('Code')


def _remove_from_s3(filesystem, urls):
    """Removes objects of one bucket; raises `OSError`."""
    bucket, keys = filesystem.split_path(urls[0])[0], [filesystem.split_path(url)[1] for url in urls]
    for start in range(0, len(keys), MAX_REMOVED):
        response = filesystem.call_s3('delete_objects', Bucket=bucket, Delete={
            'Objects': [{'Key': key} for key in keys[start:start + MAX_REMOVED]], 'Quiet': True})
        for error in response.get('Errors', ()):
            raise (PermissionError if error.get('Code') == 'AccessDenied' else OSError)(
                '{0}: {1}'.format(error.get('Key'), error.get('Message') or error.get('Code')))


def _remove_uploads_from_s3(filesystem, url, begins):
    """Ends the uploads in parts of an object, or of all whose URLs begin so."""
    bucket, key = filesystem.split_path(url)[:2]
    key = key.rstrip('/') + '/' * url.endswith('/')
    for upload in list(_uploads(filesystem, bucket, key)):
        # Not every store heeds the prefix.
        if upload['Key'].startswith(key) if begins else upload['Key'] == key:
            filesystem.call_s3('abort_multipart_upload', Bucket=bucket, Key=upload['Key'],
                               UploadId=upload['UploadId'])


def _uploads(filesystem, bucket, prefix):
    marker = {}
    while marker is not None:
        response = filesystem.call_s3('list_multipart_uploads', Bucket=bucket, Prefix=prefix, **marker)
        for upload in response.get('Uploads', ()):
            yield upload
        marker = {
            'KeyMarker': response['NextKeyMarker'], 'UploadIdMarker': response['NextUploadIdMarker'],
        } if response.get('IsTruncated') else None
