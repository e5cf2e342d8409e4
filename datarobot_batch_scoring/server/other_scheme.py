"""Does a server that is asked over https:// speak plain HTTP, or the other way round?"""

from __future__ import absolute_import, unicode_literals

import re
import socket
import ssl
from collections import namedtuple

import requests
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.server.headers import WANTS_TLS

PATIENCE = 3.0
PORTS = {'http': 80, 'https': 443}
QUESTION = b'OPTIONS * HTTP/1.0\r\n\r\n'
# What OpenSSL says, from version to version, of a peer whose first bytes are no TLS.
NO_TLS = re.compile('(?i)wrong version number|unknown protocol|record layer failure')

Found = namedtuple('Found', [
    'note',      # what to add to the reason of the `RequestError`; may be empty
    'certain',   # True: no other try can change it
])
NOTHING = Found('', False)


def look(url, lost, before=None):
    """What is `Found` of the other scheme after a `connection.RequestError`.

    `before` is what was found last time, if it was looked for already: that stays, unless a
    server that was not there then may be now. It sends nothing of the user's. Behind a proxy
    it cannot tell.
    """
    if before and (before.certain or lost.kind != 'tls'):
        return before
    # A peer that presents a certificate uses TLS.
    if lost.kind not in ('connection', 'tls') or 'certificate' in lost.reason.lower():
        return NOTHING
    if requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
        return NOTHING
    parts = urlsplit(url)
    place = parts.hostname, parts.port or PORTS[parts.scheme]
    if parts.scheme == 'https':
        if not _ask(place, _http):
            return NOTHING
        # A connection that was closed may be a load balancer's that is starting.
        return Found(' (the server does not use TLS: set --host to http://)',
                     bool(NO_TLS.search(lost.reason)))
    in_tls = _ask(place, _tls)
    if in_tls is None:
        return NOTHING
    # Now it is there, even if it was not when the request was lost.
    return Found(' (the server uses TLS: set --host to https://)', in_tls and not _ask(place, _http))


def _ask(place, speak):
    """What `speak` returns of a new connection; None if it fails."""
    try:
        connection = socket.create_connection(place, PATIENCE)
    except (EnvironmentError, UnicodeError):
        return None
    try:
        connection.settimeout(PATIENCE)
        return speak(connection)
    except (EnvironmentError, ValueError):
        return None
    finally:
        connection.close()


def _http(connection):
    """Whether what is sent in plain HTTP is answered in it."""
    connection.sendall(QUESTION)
    # nginx and others answer in HTTP, but only to say that they want TLS.
    answer = connection.recv(1 << 10)
    return answer.startswith(b'HTTP/') and not WANTS_TLS.search(answer)


def _tls(connection):
    """Whether what is sent over TLS is answered in HTTP; None without TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    secured = context.wrap_socket(connection)
    try:
        return _http(secured)
    except EnvironmentError:
        return False
    finally:
        secured.close()
