"""Puts parts together, in order, without reading them where the store can do that itself."""

from __future__ import absolute_import, unicode_literals

import os
import shutil
import stat
import zlib

from datarobot_batch_scoring.cluster.stores import EXTRAS, Absent, unusable
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.targets import MAGIC, compress_rows, unpack
from datarobot_batch_scoring.output.locations import as_path, local_path, scheme_of
from datarobot_batch_scoring.system import fsync, fsync_folder

READ_SIZE = 4 << 20
# What S3 takes as a part of an upload, but for the last: at least, and at most.
MIN_PART_SIZE, MAX_PART_SIZE = 5 << 20, 5 << 30
# Objects that GCS puts together in one go.
MAX_COMPOSED = 32


def join(remains, store, out, header, names, confirm=lambda: None):
    """Makes an object `out` of a header (bytes) and others; returns its size.

    `names` has (name, size, CRC-32 or None) of each, in the folder of `remains`. They stay.
    `confirm` is called before the output is replaced; it and this raise `ScoringError`.
    """
    pieces = [(remains.folder + name, size, checksum) for name, size, checksum in names if size]
    size = len(header) + sum(piece[1] for piece in pieces)
    if store.is_local and remains.store.is_local:
        _append(store, remains, out, header, pieces, confirm)
    elif store is remains.store and hasattr(store.filesystem, 'call_s3') and size >= MIN_PART_SIZE:
        _copy_on_s3(store, out, header, pieces, confirm)
    elif store is remains.store and _is_in_one_bucket_of_gcs(store, remains.folder, out):
        _compose_on_gcs(store, remains, out, header, pieces, confirm)
    else:
        with store.create(out) as target:
            _write(remains.store, target, header, pieces)
            confirm()
    return size


def _append(store, remains, out, header, pieces, confirm):
    beside = remains.folder + remains.attempt('joined')
    with store.create(beside) as target:
        _write(store, target, header, pieces)
    path = os.path.realpath(local_path(out))
    confirm()
    try:
        # Of a folder of parts.
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _replace(local_path(beside), path)
        fsync_folder(os.path.dirname(path))
    except OSError as error:
        raise unusable(out, error)


def _replace(beside, path):
    """Puts a file in the place of another, and leaves it that one's mode and names."""
    try:
        before = os.stat(path)
    except FileNotFoundError:
        os.replace(beside, path)
        return
    if before.st_nlink > 1:
        with open(beside, 'rb') as source, open(path, 'wb') as target:
            shutil.copyfileobj(source, target, READ_SIZE)
            target.flush()
            fsync(target.fileno())
        os.remove(beside)
        return
    try:
        os.chown(beside, before.st_uid, before.st_gid)
    except (OSError, AttributeError):
        # Only root may give files away.
        pass
    os.chmod(beside, stat.S_IMODE(before.st_mode))
    os.replace(beside, path)


def _write(store, target, header, pieces):
    target.write(header)
    for url, size, expected in pieces:
        checksum = position = 0
        while position < size:
            data = _read(store, url, position, min(position + READ_SIZE, size))
            checksum = zlib.crc32(data, checksum) & 0xffffffff
            position += len(data)
            target.write(data)
        if expected not in (None, checksum):
            raise damaged(url)


def _read(store, url, start, end):
    try:
        data = store.read(url, start, end)
    except Absent:
        raise damaged(url)
    if len(data) < end - start:
        raise damaged(url)
    return data


def bad_rows_of(record, remains, path):
    """(name, size, None) of the rows that were set aside, compressed like the file `path`.

    That may have had another name when they were.
    """
    if not record.bad_name:
        return None, 0, None
    data = _read(remains.store, remains.folder + record.bad_name, 0, record.bad_size)
    gzipped = path.endswith('.gz')
    if data.startswith(MAGIC) == gzipped:
        return record.bad_name, record.bad_size, None
    data = compress_rows(data) if gzipped else b''.join(unpack([data]))
    name = remains.attempt('bad', record.part)
    remains.store.put(remains.folder + name, data)
    return name, len(data), None


def check_free(remains, store, out, header, names):
    """Raises `ScoringError` if there is an object `out` that `join` has not made of the same."""
    pieces = [(remains.folder + name, size, None) for name, size, _ in names if size]
    try:
        size = store.info(out).size
    except Absent:
        return
    if size != len(header) + sum(piece[1] for piece in pieces):
        raise foreign(out)
    _write(remains.store, _Same(store, out), header, pieces)


class _Same(object):
    """Takes what an object is to consist of; raises `ScoringError` where it differs."""

    def __init__(self, store, url):
        self._store, self._url = store, url
        self._read = 0

    def write(self, data):
        end = self._read + len(data)
        if self._store.read(self._url, self._read, end) != data:
            raise foreign(self._url)
        self._read = end


def foreign(url):
    """The error for a file in the directory of parts that is not this run's."""
    return ScoringError('foreign_part', file=as_path(url))


def damaged(url):
    """The error for a part that is not what its record says."""
    return ScoringError('part_disturbed', part=url)


def _is_in_one_bucket_of_gcs(store, *urls):
    return (EXTRAS.get(scheme_of(urls[0])) == 'gcs'
            and len(set(store.filesystem.split_path(url)[0] for url in urls)) == 1)


def _compose_on_gcs(store, remains, out, header, pieces, confirm):
    first = remains.folder + remains.attempt('joined')
    store.put(first, header)
    urls = [first] + [piece[0] for piece in pieces]
    while len(urls) > MAX_COMPOSED:
        groups = [urls[at:at + MAX_COMPOSED] for at in range(0, len(urls), MAX_COMPOSED)]
        urls = [remains.folder + remains.attempt('joined') for _ in groups]
        for url, group in zip(urls, groups):
            store.compose(url, group)
    confirm()
    store.compose(out, urls)


def _copy_on_s3(store, out, header, pieces, confirm):
    upload = _Upload(store, out)
    try:
        upload.add_bytes(header)
        for url, size, _ in pieces:
            upload.add(url, size)
        confirm()
        upload.complete()
    except ScoringError:
        upload.abort()
        raise
    except Exception as error:
        upload.abort()
        raise unusable(out, error)


class _Upload(object):
    """An upload of several parts, most of which the store copies from objects that it has.

    `merge` of s3fs takes no object below 5 MiB, which most parts are; it completes the output without
    asking whether that is still this run's, and leaves what it has half done when it fails.
    """

    def __init__(self, store, out):
        self._store = store
        self._call = store.filesystem.call_s3
        self._bucket, self._key = store.filesystem.split_path(out)[:2]
        try:
            self._id = self._call(
                'create_multipart_upload', Bucket=self._bucket, Key=self._key)['UploadId']
        except Exception as error:
            raise unusable(out, error)
        self._parts = []
        self._pending = b''

    def add_bytes(self, data):
        self._pending += data
        if len(self._pending) >= MIN_PART_SIZE:
            self._send()

    def add(self, url, size):
        """Adds an object of so many bytes."""
        start = 0
        if self._pending or size < MIN_PART_SIZE:
            start = min(MIN_PART_SIZE - len(self._pending), size)
            if size - start < MIN_PART_SIZE:
                start = size
            self.add_bytes(_read(self._store, url, 0, start))
        while start < size:
            end = min(start + MAX_PART_SIZE, size)
            if size - end < MIN_PART_SIZE:
                end = size if size - start <= MAX_PART_SIZE else size - MIN_PART_SIZE
            self._copy(url, start, end)
            start = end

    def _copy(self, url, start, end):
        bucket, key = self._store.filesystem.split_path(url)[:2]
        response = self._call(
            'upload_part_copy', Bucket=self._bucket, Key=self._key, UploadId=self._id,
            PartNumber=len(self._parts) + 1, CopySource={'Bucket': bucket, 'Key': key},
            CopySourceRange='bytes={0}-{1}'.format(start, end - 1))
        self._note(response['CopyPartResult']['ETag'])

    def _send(self):
        response = self._call(
            'upload_part', Bucket=self._bucket, Key=self._key, UploadId=self._id,
            PartNumber=len(self._parts) + 1, Body=self._pending)
        self._pending = b''
        self._note(response['ETag'])

    def _note(self, tag):
        self._parts.append({'PartNumber': len(self._parts) + 1, 'ETag': tag})

    def complete(self):
        if self._pending:
            self._send()
        self._call('complete_multipart_upload', Bucket=self._bucket, Key=self._key,
                   UploadId=self._id, MultipartUpload={'Parts': self._parts})

    def abort(self):
        """Gives the upload up; never fails."""
        try:
            self._call('abort_multipart_upload', Bucket=self._bucket, Key=self._key,
                       UploadId=self._id)
        except Exception:
            pass
