"""What a server says in a response, as a user sees it: one line, no control characters, no secrets."""

from __future__ import absolute_import, unicode_literals

import json
import re

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.console.masking import masked
from datarobot_batch_scoring.console.terminal import UNPRINTABLE
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.server.headers import REQUIRES_TLS

SHOWN_TEXT = 300
MESSAGE_PREFIX = 'Server message: '
# The time to remove tags grows with the square of the length.
MAX_HTML = 10000
# Of a request's number, in characters.
MAX_ID_LENGTH = 100


def status_error(reply, protocol, secrets, url, rows='', about_it='', without_rows=None):
    """The `ScoringError` for a `connection.Response` that no other try can change, without `secrets`.

    It is for `url`; `rows` says where in the dataset the cause may be, and is empty where rows cannot be it;
    `about_it` is what may be wrong with them, such as a record with too few fields. For `without_rows` see
    `server_message`.
    """
    status, location = reply.status, reply.headers.get('Location')
    if isinstance(location, bytes):
        # On 2.7, headers are bytes.
        location = location.decode('latin-1')
    if 300 <= status < 400:
        kind, remedy = 'redirect', 'If you trust the redirect target, pass it as --host.'
    elif status == 400 and REQUIRES_TLS.search(reply.body):
        kind, remedy = 'status' if rows else 'rejected', 'Write https:// in --host.'
    else:
        kind, remedy = 'status' if rows else 'rejected', protocol.remedy(reply, url)
    detail = error_detail(reply, secrets, without_rows)
    if kind == 'rejected':
        detail = detail.partition(MESSAGE_PREFIX)[2].rstrip('.')
    return ScoringError(
        kind, '' if kind == 'rejected' else detail, what=rows or 'the request', status=status,
        said=': ' + detail if detail else '',
        target=' to ' + one_line(location, secrets) if location else '',
        remedy=(about_it + ' ' + remedy).strip())


def error_detail(reply, secrets, without_rows=None):
    """What a server said in a `connection.Response`, as the detail of an error; may be empty."""
    message = server_message(reply.body, secrets, without_rows)
    return ((MESSAGE_PREFIX + message if message else '') + request_id(reply, secrets)).strip()


def request_id(reply, secrets):
    """The number of a request as DataRobot's support asks for it, to put behind a text; or ''."""
    value = reply.headers.get('X-DataRobot-Request-ID') or ''
    if isinstance(value, bytes):
        # On 2.7, headers are bytes.
        value = value.decode('latin-1')
    value = one_line(value[:MAX_ID_LENGTH], secrets)
    return ' (request ID {0})'.format(value) if value else ''


def server_message(body, secrets, without_rows=None):
    """What a server said in the body of an error (bytes), as `one_line` gives it.

    `without_rows` is a function that takes from its text what it repeats of the request.
    """
    said = body.decode('utf-8', 'replace')
    try:
        answer = json.loads(said)
        # The second in the Open Inference Protocol.
        message = answer.get('message') or answer.get('error')
        if message:
            said = message if isinstance(message, text) else json.dumps(message)
            said = _last_line(answer.get('stack_trace')) + said
    except (ValueError, AttributeError, RuntimeError):
        # Before tags are removed: a secret may contain what looks like one.
        said = masked(said, secrets)
        if '<' in said:
            said = re.sub(r'(?s)<(style|script).*?</\1>|<[^>]*>', ' ', said[:MAX_HTML])
    if without_rows:
        said = without_rows(said)
    return one_line(said, secrets)


def _last_line(trace):
    """The line of a Python traceback that says what was raised (observed: MLflow); or ''."""
    lines = trace.strip().splitlines() if isinstance(trace, text) else []
    return lines[-1].strip() + ' - ' if len(lines) > 1 else ''


def page_in(headers, body, secrets):
    """The words of an HTML page in place of an answer, as `one_line` gives them, or None."""
    kind = headers.get('Content-Type', '').lower()
    if 'html' not in kind and not re.match(br'\s*<(!doctype|html|head|body)\b', body, re.I):
        return None
    return server_message(body, secrets)


def whole_characters(message):
    """A text in which half a surrogate pair, which JSON can have, is a replacement character."""
    # 2.7 knows no such handler, and needs none.
    return message.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace')


def one_line(message, secrets=()):
    """A server's text in one line, without control characters and `secrets`, shortened."""
    # First: part of a secret, or one with other spaces, would not be recognised later.
    message = masked(whole_characters(message), secrets)
    message = ' '.join(re.sub(UNPRINTABLE, ' ', message).split())
    return message if len(message) <= SHOWN_TEXT else message[:SHOWN_TEXT] + '...'
