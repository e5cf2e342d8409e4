"""The certificate that this client shows to a server, and the key to it."""

from __future__ import absolute_import, unicode_literals

import io
import os
import ssl
import tempfile
from collections import namedtuple
from contextlib import contextmanager

from requests.packages.urllib3.util.ssl_ import create_urllib3_context

from datarobot_batch_scoring.errors import UsageError

# Where certificate and key are; and, for processes of other machines, the PEM files themselves (bytes).
ClientCertificate = namedtuple('ClientCertificate', 'cert key contents')


class _Encrypted(Exception):
    pass


def of(settings):
    """The `ClientCertificate` of a run, or None."""
    if not settings.client_cert:
        return None
    return ClientCertificate(settings.client_cert, settings.client_key or settings.client_cert, None)


def check(settings):
    """Raises `UsageError` if the files of the settings are no certificate with its key."""
    certificate = of(settings)
    if not certificate:
        return
    for option in ('client_cert', 'client_key'):
        if getattr(settings, option):
            _contents(option, getattr(settings, option))
    try:
        context(certificate, True)
    except _Encrypted:
        raise UsageError('client_key_encrypted')
    except (EnvironmentError, ValueError) as error:
        raise UsageError('client_pair', reason=getattr(error, 'reason', None) or 'no certificate and key in PEM')


def with_contents(certificate):
    """It with the files themselves."""
    return certificate and certificate._replace(contents=(
        _contents('client_cert', certificate.cert), _contents('client_key', certificate.key)))


def _contents(option, path):
    try:
        with io.open(path, 'rb') as source:
            return source.read()
    except EnvironmentError as error:
        raise UsageError('client_file', option=option, reason=error.strerror)


def context(certificate, verify):
    """The `ssl.SSLContext` of connections; `verify` is as `requests` takes it. None without a certificate."""
    if certificate is None:
        return None
    made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    asked = []

    def password(*_):
        # What it raised would not come through on 3.6.
        asked.append(True)
        return str('none')
    with _files(certificate) as (cert, key):
        try:
            made.load_cert_chain(cert, key, password)
        except EnvironmentError:
            if asked:
                raise _Encrypted()
            raise
    return made


@contextmanager
def _files(certificate):
    """The paths of certificate and key: what came from another machine is in files while they are loaded."""
    if certificate.contents is None:
        yield certificate.cert, certificate.key
        return
    paths = []
    try:
        for content in certificate.contents:
            # Nobody else can read it.
            descriptor, path = tempfile.mkstemp()
            paths.append(path)
            with os.fdopen(descriptor, 'wb') as target:
                target.write(content)
        yield paths
    finally:
        for path in paths:
            os.remove(path)
