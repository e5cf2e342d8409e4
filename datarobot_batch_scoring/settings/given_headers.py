"""What --header gives: headers for all requests; their names are shown, their values are not."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.settings import query

# What the program itself says of the body and the connection; so is all that begins with Content-.
OWN = frozenset([
    'transfer-encoding', 'connection', 'keep-alive', 'expect', 'te', 'trailer', 'upgrade', 'accept-encoding'])
AUTHORIZATION = 'authorization'

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r'[\t -~]*\Z')


class Headers(tuple):
    """Pairs (name, value) of text, of which no two have the same name."""

    @property
    def names(self):
        """The names in lower case."""
        return [name.lower() for name, _ in self]

    @property
    def secrets(self):
        """The texts that must not be shown."""
        return [text for name, value in self if value for text in query.secrets_in(name, value)]


def parsed(lines):
    """(the `Headers` of text with one per line, None), or (None, what is wrong with it in words)."""
    pairs = []
    for line in lines.split('\n'):
        name, colon, value = line.partition(':')
        name, value = name.strip(), value.strip()
        if not colon or not _NAME.match(name) or not _VALUE.match(value):
            return None, 'has a line that is no header: it must be <name>: <value>, in ASCII'
        if name.lower() in OWN or name.lower().startswith('content-'):
            return None, 'sets {0}, which the program does itself'.format(name)
        pairs.append((name, value))
    found = Headers(pairs)
    twice = [name for name in found.names if found.names.count(name) > 1]
    return (None, 'sets {0} twice'.format(twice[0])) if twice else (found, None)
