"""Does a server that is asked over https:// speak plain HTTP, or the other way round?"""

from __future__ import absolute_import, unicode_literals

import re
import socket
import ssl
from collections import namedtuple

import requests
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.server.headers import REQUIRES_TLS

PROBE_TIMEOUT = 3.0
PORTS = {'http': 80, 'https': 443}
QUESTION = b'OPTIONS * HTTP/1.0\r\n\r\n'
# What OpenSSL says, from version to version, of a peer whose first bytes are no TLS.
NO_TLS = re.compile('(?i)wrong version number|unknown protocol|record layer failure')

SchemeCheck = namedtuple('SchemeCheck', [
    'hint',      # what to add to the reason of the `RequestError`; may be empty
    'is_final',  # True: no other try can change it
])
NO_CHANGE = SchemeCheck('', False)


def check_scheme(url, lost, before=None):
    """The `SchemeCheck` after a `connection.RequestError`.

    `before` is what was found last time, if it was looked for already: that stays, unless a
    server that was not there then may be now. It sends nothing of the user's. Behind a proxy
    it cannot tell.
    """
    if before and (before.is_final or lost.kind != 'tls'):
        return before
    # A peer that presents a certificate uses TLS.
    if lost.kind not in ('connection', 'tls') or 'certificate' in lost.reason.lower():
        return NO_CHANGE
    if requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
        return NO_CHANGE
    parts = urlsplit(url)
    address = parts.hostname, parts.port or PORTS[parts.scheme]
    if parts.scheme == 'https':
        if not _probe(address, _http):
            return NO_CHANGE
        # A connection that was closed may be a load balancer's that is starting.
        return SchemeCheck(' (the server does not use TLS: set --host to http://)',
                           bool(NO_TLS.search(lost.reason)))
    in_tls = _probe(address, _tls)
    if in_tls is None:
        return NO_CHANGE
    # Now it is there, even if it was not when the request was lost.
    return SchemeCheck(' (the server uses TLS: set --host to https://)', in_tls and not _probe(address, _http))


def _probe(address, exchange):
    """What `exchange` returns of a new connection; None if it fails."""
    try:
        connection = socket.create_connection(address, PROBE_TIMEOUT)
    except (EnvironmentError, UnicodeError):
        return None
    try:
        connection.settimeout(PROBE_TIMEOUT)
        return exchange(connection)
    except (EnvironmentError, ValueError):
        return None
    finally:
        connection.close()


def _http(connection):
    """Whether what is sent in plain HTTP is answered in it."""
    connection.sendall(QUESTION)
    # nginx and others answer in HTTP, but only to say that they want TLS.
    answer = connection.recv(1 << 10)
    return answer.startswith(b'HTTP/') and not REQUIRES_TLS.search(answer)


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
