"""What differs between the stores that speak S3."""

from __future__ import absolute_import, unicode_literals

# Objects that one request can remove.
MAX_REMOVED = 1000
# Those of before 2025 refuse a body with a checksum behind it, as botocore sends them unasked over
# https. Nothing is lost: the hash of a body is signed.
CHECKSUMS = ('request_checksum_calculation', 'response_checksum_validation')

# Seconds to connect, of which botocore waits for 60 and tries several times.
CONNECT_TIMEOUT = 10


def options_for_all(options):
    """Options for s3fs, so that it sends no more than every store understands."""
    from botocore.config import Config
    config = dict((str(name), 'when_required') for name in CHECKSUMS
                  if name in Config.OPTION_DEFAULTS)
    config[str('connect_timeout')] = CONNECT_TIMEOUT
    config.update(options.get('config_kwargs') or {})
    return dict(options, config_kwargs=config)


def reason_of(error):
    """Why a store refused something, a text; None where the error does not come of its answer.

    Some answer with a code and no words: Ceph does.
    """
    response = getattr(getattr(error, '__cause__', None) or error, 'response', None)
    found = response.get('Error', {}) if isinstance(response, dict) else {}
    return found.get('Message') or found.get('Code')


def remove(filesystem, urls):
    """Removes objects of one bucket; raises `OSError`."""
    bucket, keys = filesystem.split_path(urls[0])[0], [filesystem.split_path(url)[1] for url in urls]
    for start in range(0, len(keys), MAX_REMOVED):
        found = filesystem.call_s3('delete_objects', Bucket=bucket, Delete={
            'Objects': [{'Key': key} for key in keys[start:start + MAX_REMOVED]], 'Quiet': True})
        for error in found.get('Errors', ()):
            raise (PermissionError if error.get('Code') == 'AccessDenied' else OSError)(
                '{0}: {1}'.format(error.get('Key'), error.get('Message') or error.get('Code')))


def remove_uploads(filesystem, url, begins):
    """Ends the uploads in parts of an object, or of all whose URLs begin so."""
    bucket, key = filesystem.split_path(url)[:2]
    key = key.rstrip('/') + '/' * url.endswith('/')
    for each in list(_uploads(filesystem, bucket, key)):
        # Not every store heeds the prefix.
        if each['Key'].startswith(key) if begins else each['Key'] == key:
            filesystem.call_s3('abort_multipart_upload', Bucket=bucket, Key=each['Key'],
                               UploadId=each['UploadId'])


def _uploads(filesystem, bucket, prefix):
    marker = {}
    while marker is not None:
        found = filesystem.call_s3('list_multipart_uploads', Bucket=bucket, Prefix=prefix, **marker)
        for each in found.get('Uploads', ()):
            yield each
        marker = {
            'KeyMarker': found['NextKeyMarker'], 'UploadIdMarker': found['NextUploadIdMarker'],
        } if found.get('IsTruncated') else None
