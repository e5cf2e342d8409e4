"""Does a server that is asked over https:// speak plain HTTP, or the other way round?"""

from __future__ import absolute_import, unicode_literals

import socket
import ssl

import requests
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.server.headers import WANTS_TLS

PATIENCE = 3.0
PORTS = {'http': 80, 'https': 443}
QUESTION = b'OPTIONS * HTTP/1.0\r\n\r\n'


def note(url, lost):
    """What to add to the reason of a `connection.Lost` if the other scheme would work, else ''.

    It sends nothing of the user's. Behind a proxy it cannot tell.
    """
    # Whoever shows a certificate speaks TLS.
    if lost.kind not in ('connection', 'tls') or 'certificate' in lost.reason.lower():
        return ''
    if requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
        return ''
    parts = urlsplit(url)
    try:
        connection = socket.create_connection(
            (parts.hostname, parts.port or PORTS[parts.scheme]), PATIENCE)
    except (EnvironmentError, UnicodeError):
        return ''
    try:
        connection.settimeout(PATIENCE)
        if parts.scheme == 'https':
            return (' (it speaks no TLS: write http:// in --host)'
                    if _speaks_http(connection) else '')
        return ' (it speaks TLS: write https:// in --host)' if _speaks_tls(connection) else ''
    finally:
        connection.close()


def _speaks_http(connection):
    try:
        connection.sendall(QUESTION)
        # nginx and others answer in HTTP, but only to say that they want TLS.
        answer = connection.recv(1 << 10)
        return answer.startswith(b'HTTP/') and not WANTS_TLS.search(answer)
    except EnvironmentError:
        return False


def _speaks_tls(connection):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        context.wrap_socket(connection).close()
        return True
    except (EnvironmentError, ValueError):
        return False
