"""Keeps passwords, tokens and keys out of whatever a person may read, the list of processes too."""

from __future__ import absolute_import, unicode_literals

import base64
import copy
import io
import os
import re
import sys

from six.moves.urllib.parse import quote, quote_plus, unquote

from datarobot_batch_scoring.compat import PY2, text, to_text
from datarobot_batch_scoring.system import overwrite_memory

MASK = '*****'

# Masking every 'a' in a message would give away a one-letter password.
MIN_SECRET_LENGTH = 3

PROXIES = ('http_proxy', 'https_proxy', 'all_proxy')

# In a store, a question mark may be a part of a name.
_HAS_QUERY = re.compile(r'https?://[^?#]*\?', re.IGNORECASE)
_PASSWORD = re.compile(r'^([a-z][a-z0-9+.-]*://[^/?#:]*):[^/?#]*@', re.IGNORECASE)
# A secret in a query: that of a presigned URL, say.
_IN_QUERY = re.compile(r'([?&][^=&#]*(?:key|secret|token|passw|pwd|credential|auth|signature|\bsig)[^=&#]*=)([^&#]+)',
                       re.IGNORECASE)
_USERINFO = re.compile(r'^(?:[a-z][a-z0-9+.-]*://)?([^/?#]*)@', re.IGNORECASE)


def secrets(settings, environ=os.environ):
    """Every text that must not be shown, longest first.

    These are the password, token and key, the credentials in the URLs of host and
    proxies, the passwords in those of files, and the Authorization headers made from them, also in base64 and
    quoted as in URLs, JSON and HTML.
    """
    texts_to_hide = list(settings.secrets)
    pairs = [(settings.user or '', secret) for secret in (settings.password, settings.api_token)
             if secret]
    urls = [settings.host]
    for name in PROXIES:
        urls += [environ.get(name), environ.get(name.upper())]
    for url in urls:
        pairs += in_url(to_text(url)) if url else []
    for url in (settings.dataset, settings.out, settings.bad_rows):
        texts_to_hide += in_file_url(to_text(url)) if url else []
    texts_to_hide += [secret for _, secret in pairs]
    texts = [_in_base64('%s:%s' % pair) for pair in pairs]
    for secret in texts_to_hide:
        if secret and len(secret) >= MIN_SECRET_LENGTH:
            texts += forms(secret)
    return tuple(sorted(set(texts), key=len, reverse=True))


def in_url(url):
    """[(user, password)] of a URL that has them; a user alone may be a token."""
    userinfo = _USERINFO.match(url)
    if not userinfo:
        return []
    user, colon, password = userinfo.group(1).partition(':')
    pairs = [(user, password), (unquote(user), unquote(password))]
    return pairs if colon else pairs + [('', username) for username, _ in pairs]


def forms(secret):
    """A secret as it is, in base64, and quoted as in URLs, JSON and HTML: a list of texts."""
    # Imported late: help and usage errors do not need them.
    import json
    from xml.sax.saxutils import escape
    data = secret.encode('utf-8')
    quoted = [quote(data), quote(data, str('')), quote_plus(data)]
    for ascii_only in (True, False):
        quoted.append(json.dumps(secret, ensure_ascii=ascii_only)[1:-1])
    for apostrophe in ("'", '&#39;', '&#x27;'):
        quoted.append(escape(secret, {'"': '&quot;', "'": apostrophe}))
    quoted.append(escape(secret))
    return [secret, _in_base64(secret)] + ['{0}'.format(form) for form in quoted]


def _in_base64(secret):
    # Without the padding, which may or may not be there.
    return base64.b64encode(secret.encode('utf-8')).decode('ascii').rstrip('=')


def masked(line, secrets):
    """The line with each of `secrets` masked."""
    # A short one may be a part of a long one.
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, MASK)
    return line


def masked_error(error, secrets):
    """A copy of a `ScoringError` with each of `secrets` masked."""
    copied = copy.copy(error)
    copied.facts = {name: masked(value, secrets) if isinstance(value, text) else value
                    for name, value in error.facts.items()}
    return copied


def without_credentials(url):
    """The URL as it may be shown: without user and password."""
    head, at, tail = url.rpartition('@')
    scheme = head.partition('://')[0] + '://' if '://' in head else ''
    return scheme + tail


def in_file_url(url):
    """The secrets in the URL of a file: a password, and those of a query where it has one, a list."""
    # What is before an @ without a password may be a container.
    pairs = in_url(url) if _PASSWORD.match(url) else []
    secrets_in_url = [secret for _, secret in pairs]
    if _HAS_QUERY.match(url):
        secrets_in_url += [form for _, value in _IN_QUERY.findall(url) for form in (value, unquote(value))]
    return secrets_in_url


def without_password(url):
    """The URL of a file without the secrets in it."""
    url = _PASSWORD.sub(r'\1@', url)
    return _IN_QUERY.sub(r'\1' + MASK, url) if _HAS_QUERY.match(url) else url


def with_password(url, urls):
    """A URL as it was before `without_password`: it is one of `urls`, or in, or beside, a folder of them."""
    for known in urls:
        shown = without_password(known)
        if shown != known and url.startswith(shown.rstrip('/')):
            return known.rstrip('/') + url[len(shown.rstrip('/')):]
    return url


def show_to_system(words, shown):
    """Makes the list of processes show `shown` instead of `words`, the end of the command line.

    Both are lists of text, equally long. Does nothing if the system is not Linux,
    does not reveal where the command line is, or has other words there. Processes
    forked later show the same; spawned ones never had it.
    """
    if shown == words or not sys.platform.startswith('linux'):
        return
    if not PY2 and sys.argv[1:] == words:
        # From Python 3.14.10 on, the command line of a fork server has these.
        sys.argv[1:] = shown
    try:
        with io.open('/proc/self/cmdline', 'rb') as source:
            line = source.read()
        with io.open('/proc/self/stat', 'rb') as source:
            start, end = _place_of_arguments(source.read())
    except (EnvironmentError, ValueError, IndexError):
        return
    arguments = line.split(b'\0')[:-1]
    first = len(arguments) - len(words)
    if end - start != len(line) or [_word(argument) for argument in arguments[first:]] != words:
        return
    arguments[first:] = [
        argument if word == shown_word else _bytes(shown_word)
        for argument, word, shown_word in zip(arguments[first:], words, shown)]
    overwrite_memory(start, line, b'\0'.join(arguments) + b'\0')


def _place_of_arguments(stat):
    # proc(5): fields 48 and 49; the second field, a name, may contain spaces and brackets.
    fields = stat.rpartition(b') ')[2].split()
    return int(fields[45]), int(fields[46])


def _word(argument):
    return to_text(argument) if PY2 else os.fsdecode(argument)


def _bytes(word):
    return word.encode('utf-8', 'replace') if PY2 else os.fsencode(word)
