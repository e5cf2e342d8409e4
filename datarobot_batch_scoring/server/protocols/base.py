"""What a protocol is: all that differs from one kind of prediction server to another, and their names."""

from __future__ import absolute_import, unicode_literals

import base64
import re

from six.moves.urllib.parse import unquote, urlsplit

# The names of commands, protocols and versions, as a user types them.
PROJECT = 'batch_scoring'
DEPLOYMENT = 'batch_scoring_deployment_aware'
STANDALONE = 'batch_scoring_sse'
COMMANDS = (PROJECT, DEPLOYMENT, STANDALONE)

# The values of --protocol.
DATAROBOT = 'datarobot'
DRUM = 'drum'
MLFLOW = 'mlflow'
V2 = 'v2'

# The values of --api_version, with the first of these.
PREDAPI = 'predApi/v1.0'
API_V1 = 'api/v1'
API_V2 = 'api/v2'

# The environment variables that name the certificates to trust, the one that counts first:
# those of requests, and that of OpenSSL.
CERTIFICATES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE')

RETRIED = frozenset([408, 425, 429])
# A server that has no room for one more request, but also one that is down.
OVERLOAD_STATUSES = frozenset([429, 503])
# Not implemented, and HTTP version not supported: waiting will not change that.
FINAL = frozenset([501, 505])
GATEWAY_TIMEOUT = 504
# What comes if the model fails on a row (500: observed), but also if it is down.
FOR_ITS_ROWS = frozenset([500, 502])

# What to do about an answer that is not 200: send the batch again, and again though its rows may
# be the cause, or it may be too large to be answered in time, or the server may be overloaded; ...
RETRY, MAY_BE_ROWS, TIMEOUT, OVERLOADED = AGAIN = ('retry', 'may be rows', 'timeout', 'overloaded')
# ... split it, since it is too large; look for the rows that are rejected, at once or if a second
# try ends the same way; or end the run.
SPLIT, REJECTED, ROW_ERROR, FATAL = 'split', 'rejected', 'row error', 'fatal'


def reaction_to(status):
    """One of the words above for an HTTP status other than 200, as most servers mean it.

    400, 413, 422, 429 and 502 to 504 are documented or observed. 570 is not documented,
    but the vendor's own client retries it.
    """
    if status == 413:
        return SPLIT
    if status == GATEWAY_TIMEOUT:
        return TIMEOUT
    if status in FOR_ITS_ROWS:
        return MAY_BE_ROWS
    if status in OVERLOAD_STATUSES:
        return OVERLOADED
    if (500 <= status < 600 and status not in FINAL) or status in RETRIED:
        return RETRY
    return REJECTED if status in (400, 422) else FATAL


# Of a batch that is rejected, any row may be the reason.
IF_SOME = 'If only some rows are rejected, set them aside with --bad_rows=<file>.'


class Protocol(object):
    """How to talk to one kind of prediction server."""

    # What --protocol calls it; for those of DataRobot, --api_version.
    name = None
    # What --protocol calls it.
    family = None
    # The commands that can speak it.
    commands = ()
    # The environment variable for --api_token.
    token_variable = 'BATCH_SCORING_API_TOKEN'
    # Whether the server gives a token for a user and password, and wants one.
    gives_tokens = False
    # Whether an id is any text that a path can hold, and may be missing if it says nothing.
    ids_are_free = False
    # Of what kind the id is that a standalone server needs; None: the usual one.
    id_kind = None
    # A batch is a CSV file, with the header on top, unless its columns have types: see `form`.
    content_type = 'text/csv; charset=utf8'
    # Whether the values of an answer are in columns and not in rows.
    answers_columns = False
    # Whether the server says, before the run, what it knows of the model.
    describes_model = False
    # The keys under which an answer may have its list of rows.
    rows_keys = ()
    # The key under which it may have a table of extra columns beside the rows.
    extras_key = None
    # Whether an answer with another number of rows is the model's fault, and no accident.
    may_lose_rows = False
    # Whether a redirect to the same URL but for a slash at its end is followed.
    follows_slash = False
    # The statuses at `ping_path` of a server that is not ready: of gateways, and while a model loads.
    not_ready = frozenset([502, 503, 504])
    # What to look at, by the status that ends the run.
    hints = {
        400: 'Check the columns of the dataset: the model expects those that it was trained on. ' + IF_SOME,
        401: 'Check --user, --api_token (or --password) and --datarobot_key.',
        403: 'Check --api_token and --datarobot_key: they may not be valid for this server.',
        404: 'Check --host, --api_version and the ids.',
        405: 'Check --host and --api_version.',
        407: 'Check HTTP_PROXY and HTTPS_PROXY: the proxy requires authentication.',
        422: 'Check the model, and the columns and values of the dataset. ' + IF_SOME,
    }
    other_hint = 'Check --host and --api_version.'

    @property
    def chosen_by(self):
        """The option that chooses it, as it is typed."""
        return '--protocol=' + self.family

    def path(self, settings):
        """The path and query that rows are POSTed to, behind that of `base`."""
        raise NotImplementedError

    def other_path(self, settings):
        """The path for servers that do not know `path`; None: there is none."""
        return None

    def lacks_path(self, reply):
        """Whether a `connection.Response` says that the server does not know `path`."""
        return False

    def base(self, host, settings):
        """What of `host` (a URL) stands before the path; `settings` has the ids."""
        parts = urlsplit(host)
        return '{0}://{1}'.format(parts.scheme, parts.netloc)

    def headers(self, settings):
        """The headers of a request for predictions, a dict of text; they contain secrets."""
        headers = self.ping_headers(settings)
        headers['Content-Type'] = self.content_type
        if settings.compress:
            headers['Content-Encoding'] = 'gzip'
        return headers

    def ping_headers(self, settings):
        """The headers of a request without a body."""
        headers = accepted_headers()
        if settings.api_token:
            headers['Authorization'] = self.authorization(settings)
        elif '@' in settings.host:
            # For a gateway in front of a server that wants no credentials itself.
            headers['Authorization'] = basic(*credentials_in(settings.host))
        return headers

    def authorization(self, settings):
        """The value of the header for `settings.api_token`."""
        return bearer(settings.api_token)

    def ping_path(self, settings):
        """The path, behind `base`, that is asked until the server is ready; None: it cannot be asked."""
        return None

    def sends_types(self, settings):
        """Whether the columns of a request have types."""
        return False

    def form(self, settings, names, types, model):
        """What writes such requests.

        It has `columns` (`types.Column`s), `write(values, id)` and `max_rows`, the most in a
        request or None. `names` and `types` are those of the columns of the dataset, `model` is
        what the server says of the model; None: it was not asked. Raises `UsageError` for columns
        of the model that the dataset lacks.
        """
        raise NotImplementedError

    def read_row(self, item, layout):
        """An element of an answer's list as a `Row`; raises `InvalidResponse` or `ScoringError`.

        `layout` is an `columns.Layout`.
        """
        raise NotImplementedError

    def remedy(self, reply, url):
        """What to do about a `connection.Response` for `url` that ends the run, in words."""
        return self.hints.get(reply.status, self.other_hint)

    def reaction(self, reply):
        """What to do about a `connection.Response` whose status is not 200."""
        return reaction_to(reply.status)

    def without_rows(self, said, header):
        """A server's message up to where it repeats the request, which began with `header` (text)."""
        # As it is, or as Python or JSON would write it.
        echo = re.search(re.escape(header) + r'[\r\n\\]', said) if header else None
        return said[:echo.start()] if echo else said


def accepted_headers():
    """The headers, a dict of text, that say what an answer may be."""
    # No deflate: some servers send it without the zlib header.
    return {'Accept': 'application/json', 'Accept-Encoding': 'gzip'}


def basic(user, secret):
    """The value of an Authorization header for HTTP Basic."""
    pair = '{0}:{1}'.format(user, secret).encode('utf-8')
    return 'Basic ' + base64.b64encode(pair).decode('ascii')


def bearer(token):
    """The value of an Authorization header for a token alone."""
    return 'Bearer ' + token


def credentials_in(host):
    """(user, password) of a host's URL that has them."""
    user, _, password = host.partition('://')[2].rpartition('@')[0].partition(':')
    return unquote(user), unquote(password)


class ThirdParty(Protocol):
    """A server of another vendor."""

    # Where rows are POSTed to, and the other routes that somebody may have pasted into --host.
    route = None
    other_routes = ()

    ids_are_free = True
    may_lose_rows = True
    follows_slash = True
    hints = {
        400: Protocol.hints[400],
        401: 'Check --api_token.',
        403: 'Check --api_token.',
        404: 'Check the path in --host: the path of the server follows it.',
        405: 'Check the path in --host: the path of the server follows it.',
        407: Protocol.hints[407],
        422: 'Check the columns of the dataset, and the model.',
    }
    other_hint = 'Check --host and --protocol.'

    def path(self, settings):
        return self.route

    def base(self, host, settings):
        parts = urlsplit(host)
        path = parts.path.rstrip('/')
        for route in (self.path(settings), self.route) + self.other_routes:
            route = route.rstrip('/')
            if path.endswith(route):
                path = path[:-len(route)]
                break
        return '{0}://{1}{2}'.format(parts.scheme, parts.netloc, path.rstrip('/'))

    def without_rows(self, said, header):
        # They repeat the request as Python would write it.
        said = re.sub(r'(?s)\bb[\'"].*', '', said)
        return super(ThirdParty, self).without_rows(said, header)
