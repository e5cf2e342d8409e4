"""What --storage_options holds for fsspec, and the secrets in it."""

from __future__ import absolute_import, unicode_literals

import base64
import io
import json
import os
import re

from six.moves.urllib.parse import parse_qsl, unquote, urlsplit

from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output.locations import is_url
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.protocols.base import DATAROBOT
from datarobot_batch_scoring.settings.secrets import is_loopback, may_be_read_by_others, private

# Bytes of the file, and objects and lists inside one another.
MAX_BYTES = 64 << 10
MAX_DEPTH = 20

# All below such a name is secret.
_SECRET = re.compile(r'(?i)key|secret|token|passw|pwd|credential|auth|cookie|bearer|connection_string'
                     r'|signature|sas|\bsig\b')
# A scheme of the Authorization header.
_AUTHORIZATION = re.compile(r'(?i)(basic|bearer|token)\s+(\S+)\s*\Z')


def read(settings, warn=None):
    """What the file of --storage_options holds, a dict of dicts; raises `UsageError`.

    Calls `warn` with a line if others can read the secrets in it.
    """
    path = settings.storage_options
    if not path:
        return {}
    try:
        with io.open(path, 'rb') as source:
            data = source.read(MAX_BYTES + 1)
            status = os.fstat(source.fileno())
    except EnvironmentError as error:
        raise UsageError('storage_unreadable', file=path, reason=error.strerror)
    if len(data) > MAX_BYTES:
        raise UsageError('storage_large', limit=MAX_BYTES, file=path)
    storage = _parsed(path, data)
    if warn and secrets_of(storage) and may_be_read_by_others(status):
        warn('--storage_options: other users can read the file {0}. Run: {1}'.format(
            path, private(path)))
    return storage


def _parsed(path, data):
    try:
        storage = json.loads(data.decode('utf-8'))
        # Half a surrogate pair is nothing that can be sent or shown.
        _texts_of(storage).encode('utf-8')
    except ValueError:
        storage = None
    except RuntimeError:
        raise _too_deep(path)
    if not isinstance(storage, dict) or not all(
            isinstance(options, dict) for options in storage.values()):
        raise UsageError('storage_format', file=path)
    if _is_too_deep(storage):
        raise _too_deep(path)
    return storage


def _texts_of(value):
    return json.dumps(value, ensure_ascii=False)


def _is_too_deep(value):
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
    return any(isinstance(item, (dict, list)) for item in level)


def _children(value):
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep(path):
    return UsageError('storage_deep', file=path)


def secrets_of(storage):
    """The texts in the storage options that must not be shown, in all forms, a tuple."""
    forms = [form for secrets in _named_secrets(storage).values() for secret in secrets
             if len(secret) >= masking.MIN_SECRET_LENGTH for form in masking.forms(secret)]
    return tuple(sorted(set(forms), key=len, reverse=True))


def _named_secrets(storage):
    """{'s3: client_kwargs.token': its secret texts}."""
    secrets_by_name = {}
    for scheme, options in storage.items():
        for names, value in _values_of(options, ()):
            secrets = _secrets_in(names, value)
            if secrets:
                secrets_by_name['{0}: {1}'.format(scheme, '.'.join(names))] = secrets
    return secrets_by_name


def _values_of(value, names):
    """Yields (names that lead to it, value) of all that is no object or list."""
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, child in pairs:
            for pair in _values_of(child, names + ('{0}'.format(name),)):
                yield pair
    else:
        yield names, value


def _secrets_in(names, value):
    if value is None or isinstance(value, bool):
        return []
    value = '{0}'.format(value)
    if any(_SECRET.search(name) for name in names):
        return [value] + _parts_of(value)
    return _in_url(value)


def _parts_of(secret):
    """The secrets that are parts of another: of a header, and of a connection string."""
    parts = [value for name, _, value in (pair.partition('=') for pair in secret.split(';'))
             if value and _SECRET.search(name)]
    header = _AUTHORIZATION.match(secret)
    if header:
        parts.append(header.group(2))
        if header.group(1).lower() == 'basic':
            parts.append(_password_in(header.group(2)))
    return parts + _in_url(secret)


def _password_in(encoded):
    """The password in the base64 of user and password; '' if it is not that."""
    try:
        return base64.b64decode(encoded.encode('ascii')).decode('utf-8').partition(':')[2]
    except (ValueError, TypeError):
        return ''


def _in_url(url):
    """The secrets in the user information and the query of a URL."""
    if not is_url(url):
        return []
    secrets = [text for pair in masking.in_url(url) for text in pair[1:]]
    try:
        query = urlsplit(url).query
    except ValueError:
        return secrets
    for name, value in parse_qsl(query):
        if _SECRET.search(name):
            raw = [field.partition('=')[2] for field in query.split('&')
                   if unquote(field.partition('=')[0]) == name]
            secrets += [value] + raw
    return secrets


def check(settings, storage):
    """Raises `UsageError` if secrets would go to other machines for everyone to read."""
    scheduler = settings.scheduler or ''
    if not scheduler.startswith('tcp:') or is_loopback(scheduler):
        return
    if settings.header or settings.client_cert:
        raise UsageError('plain_secrets', scheduler=scheduler,
                         option='header' if settings.header else 'client_cert')
    if settings.password or settings.api_token or settings.datarobot_key or '@' in settings.host:
        raise UsageError('plain_credentials', scheduler=scheduler, variables=_variables(settings))
    for option in ('dataset', 'out', 'bad_rows'):
        url = getattr(settings, option)
        if url and masking.in_file_url(url):
            raise UsageError('plain_url', scheduler=scheduler, file=masking.without_password(url))
    names = sorted(_named_secrets(storage))
    if names:
        raise UsageError('plain_storage', names=', '.join(names), scheduler=scheduler)


def _variables(settings):
    protocol = protocols.of(settings)
    return ' and '.join([protocol.token_variable] + ['DATAROBOT_KEY'] * (
        protocol.family == DATAROBOT))
