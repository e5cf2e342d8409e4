"""What a user reads of the server's words: one line, without control characters and secrets."""

from __future__ import absolute_import, unicode_literals

import json
import re

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.console.characters import UNPRINTABLE
from datarobot_batch_scoring.console.masking import masked
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server import protocol

SHOWN_TEXT = 300
# Taking tags out takes time that grows with the square.
MOST_HTML = 10000

HINTS = {
    400: 'Look at the columns of the dataset: the model expects those that it was trained on.',
    401: 'Look at --user, --api_token (or --password) and --datarobot_key.',
    403: 'Look at --api_token and --datarobot_key: they may not be valid for this server.',
    404: 'Look at --host, --api_version and the ids.',
    405: 'Look at --host and --api_version.',
    407: 'Look at HTTP_PROXY and HTTPS_PROXY: the proxy wants credentials.',
    422: 'Look at the model and at --max_prediction_explanations.',
}

# What to do about an HTML page in place of an answer.
PAGE_HINT = ('It may be the page of a proxy, or one to sign in to the network. Look at --host, '
             'HTTP_PROXY and HTTPS_PROXY.')


def status_error(status, body, location, secrets, what='the request', short=''):
    """The `ScoringError` for a status that is never retried, without `secrets`.

    `what` was refused; `short` is the warning of a record with too few fields in it.
    """
    if isinstance(location, bytes):
        # A header, on 2.7.
        location = location.decode('latin-1')
    if 300 <= status < 400:
        message = ('The server answered {0} with a redirect ({1}){2}, which is not followed, for '
                   'it would carry the key to another host.').format(
            what, status, ' to ' + one_line(location, secrets) if location else '')
        hint = 'Look at --host: name the server that it redirects to, if you trust it.'
    else:
        message = 'The server refused {0} with status {1}.'.format(what, status)
        hint = HINTS.get(status, 'Look at --host and --api_version.')
        if status == 400 and protocol.WANTS_TLS.search(body):
            hint = 'Write https:// in --host.'
    return ScoringError(message, said_by_server(body, secrets), (short + ' ' + hint).strip())


def said_by_server(body, secrets):
    """What a server said, as the detail of an error; may be empty."""
    said = server_message(body, secrets)
    return 'It said: ' + said if said else ''


def server_message(body, secrets):
    """What a server said in an error's body (bytes), as `one_line` makes it."""
    said = body.decode('utf-8', 'replace')
    try:
        message = json.loads(said).get('message')
        if message:
            said = message if isinstance(message, text) else json.dumps(message)
    except (ValueError, AttributeError, RuntimeError):
        # A secret may hold what looks like a tag.
        said = masked(said, secrets)
        if '<' in said:
            said = re.sub(r'(?s)<(style|script).*?</\1>|<[^>]*>', ' ', said[:MOST_HTML])
    return one_line(said, secrets)


def page_in(headers, body, secrets):
    """What a page (HTML) that came for an answer says, as `one_line` makes it; None: it is none."""
    kind = headers.get('Content-Type', '').lower()
    if 'html' not in kind and not re.match(br'\s*<(!doctype|html|head|body)\b', body, re.I):
        return None
    return server_message(body, secrets)


def one_line(said, secrets=()):
    """Text of a server in one line, without control characters and `secrets`, cut."""
    # First, since a part of a secret, or one with other spaces, is not found any more.
    said = masked(said, secrets)
    said = ' '.join(re.sub(UNPRINTABLE, ' ', said).split())
    return said if len(said) <= SHOWN_TEXT else said[:SHOWN_TEXT] + '...'
