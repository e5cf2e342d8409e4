"""What --query and --header add to requests: their names are shown, their values are not."""

from __future__ import absolute_import, unicode_literals

import hashlib
import re

from six.moves.urllib.parse import unquote

# In place of a value.
HIDDEN = '*****'

# Arguments that have an option of their own.
TAKEN = ('maxExplanations', 'maxCodes')

# A shorter value, such as `all` or `0.5`, is no secret by itself, but it is behind its name.
MIN_SECRET_LENGTH = 6
# How servers repeat an argument: as in the URL, as Python or JSON would write it, and in words.
REPEATED = ('{0}={1}', "{0}': '{1}", "{0}': {1}", '{0}": "{1}', '{0}": {1}', '{0}: {1}', '{0} {1}')

_WRONG = re.compile('[^!-~]|#')

# What the program itself says of the body and the connection; so is all that begins with Content-.
OWN = frozenset([
    'transfer-encoding', 'connection', 'keep-alive', 'expect', 'te', 'trailer', 'upgrade', 'accept-encoding'])
AUTHORIZATION = 'authorization'

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r'[\t -~]*\Z')


class Query(type('')):
    """A query string as it is sent."""

    @property
    def pairs(self):
        """[(name, value or None)] of its arguments, as they are written."""
        parts = [part.partition('=') for part in self.split('&') if part]
        return [(name, value if equals else None) for name, equals, value in parts]

    @property
    def names(self):
        """The names of its arguments, unquoted."""
        return [unquote(name) for name, _ in self.pairs]

    @property
    def shown(self):
        """It with every value masked."""
        return '&'.join(name if value is None else name + '=' + HIDDEN for name, value in self.pairs)

    @property
    def plain(self):
        """What a checkpoint and a report have of it: names and a digest."""
        return '{0} (sha256 {1})'.format(
            self.shown, hashlib.sha256(self.encode('ascii')).hexdigest()[:16])

    @property
    def secrets(self):
        """The texts that must not be shown."""
        secrets_found = []
        for name, value in self.pairs:
            for text in {value, unquote(value)} if value else ():
                secrets_found += secrets_in(name, text)
        return secrets_found

    def added_to(self, url):
        """A URL with it."""
        return url + ('&' if '?' in url else '?') + self


def secrets_in(name, value):
    """The texts that must not be shown, of a named value."""
    if len(value) >= MIN_SECRET_LENGTH:
        return [value]
    return [form.format(name, value) for form in REPEATED]


def fault_of(query):
    """What is wrong with a query string, in words that follow it; or None."""
    if _WRONG.search(query):
        return 'contains a space, a #, a control or a non-ASCII character: write it as in a URL, such as %20'
    for name in Query(query).names:
        if name in TAKEN:
            return 'must not contain {0}: use --max_prediction_explanations'.format(name)
    return None


def masked(query):
    """A query string, valid or not, with every value masked."""
    return Query(query).shown


class Headers(tuple):
    """Pairs (name, value) of text, of which no two have the same name."""

    @property
    def names(self):
        """The names in lower case."""
        return [name.lower() for name, _ in self]

    @property
    def secrets(self):
        """The texts that must not be shown."""
        return [text for name, value in self if value for text in secrets_in(name, value)]


def parse_headers(lines):
    """(the `Headers` of text with one per line, None), or (None, what is wrong with it in words)."""
    pairs = []
    for line in lines.split('\n'):
        name, colon, value = line.partition(':')
        name, value = name.strip(), value.strip()
        if not colon or not _NAME.match(name) or not _VALUE.match(value):
            return None, 'has an invalid header: it must be <name>: <value>, in ASCII'
        if name.lower() in OWN or name.lower().startswith('content-'):
            return None, 'sets {0}, which the program sets itself'.format(name)
        pairs.append((name, value))
    headers = Headers(pairs)
    twice = [name for name in headers.names if headers.names.count(name) > 1]
    return (None, 'repeats {0}'.format(twice[0])) if twice else (headers, None)
