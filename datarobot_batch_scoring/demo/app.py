"""What the demo server answers; no sockets here."""

from __future__ import absolute_import, unicode_literals

import base64
import json
import re
import time
import zlib
from collections import OrderedDict, namedtuple

from six.moves.urllib.parse import parse_qsl

from .bodies import (
    as_csv, drum_answer, fastrag_answer, mlflow_answer, predapi_answer, read_table, v1_answer, v2_answer)
from .model import TEXT_TARGET, Model

MAX_BYTES = 50 * 1024 * 1024

PROJECT_ID = '5f0000000000000000000000'
# What the ids of each command stand for.
MODEL_IDS = {
    '5f000000000000000000a001': 'monthly_rent',
    '5f000000000000000000a002': 'let_in_a_week',
    '5f000000000000000000a003': 'energy_class',
}
DEPLOYMENT_IDS = {
    '5f000000000000000000d001': 'monthly_rent',
    '5f000000000000000000d002': 'let_in_a_week',
    '5f000000000000000000d003': 'energy_class',
    '5f000000000000000000d004': TEXT_TARGET,
}

Request = namedtuple('Request', [
    'method',
    'target',   # path and query, as in the request line
    'headers',  # dict, names in lower case
    'body',     # bytes, as sent
])

Response = namedtuple('Response', ['status', 'headers', 'body'])

# Who may ask; None: anyone, any key.
Account = namedtuple('Account', ['user', 'password', 'api_token', 'key'])

DEMO_ACCOUNT = Account('demo@example.com', 'demo', 'demo-token', None)

# The kinds of `Route` for which one has to say who one is.
WITH_ACCOUNT = ('model', 'deployment')
# How servers of other vendors answer.
FOREIGN = {'drum': drum_answer, 'fastrag': fastrag_answer, 'mlflow': mlflow_answer, 'v2': v2_answer}
# What an error calls the thing that a route's id names; others are called as their kind is.
CALLED = {'many': 'deployment', 'prefix': 'model', 'model_of': 'model', 'about': 'model'}
# What such a server without a prefix predicts.
FIRST_TARGET = 'monthly_rent'

# What a path asks for.
Route = namedtuple('Route', [
    'kind',       # 'token', 'model', 'deployment', 'import', 'ping' or, for other vendors' servers,
                  # 'prefix', 'many', 'model_of', 'about' (a model) or 'root'
    'version',    # 'predApi/v1.0', 'api/v1', 'api/v2', 'drum', 'fastrag', 'mlflow' or 'v2'
    'ids',        # of the project and the model, the deployment, the import, or the prefix
    'codes_key',  # where explanations go in the answer; None: no explanations
])

_VERSION = '^/(predApi/v1\\.0|api/v1)'
_ROUTES = [
    ('token', _VERSION + '/api_token()$'),
    ('model', _VERSION + '/([0-9a-f]{24})/([0-9a-f]{24})'
     '/(predict|reasonCodesPredictions)$'),
    ('deployment', _VERSION + '/deployments/([0-9a-f]{24})'
     '/(predictions|predictionExplanations)$'),
    ('import', '^/(predApi/v1\\.0)/([^/]+)/(predict|reasonCodesPredictions)$'),
    ('deployment', '^/(api/v2)/deployments/([0-9a-f]{24})/(predictions)$'),
]
# The target is the last part of the prefix, where there is one.
_PREFIX = '^(?!/predApi/|/api/)(?:/[^/]+)*?/?([^/]*)'
_FOREIGN_ROUTES = [
    ('many', 'drum', '^/deployments/([^/]+)/predictions$'),
    ('prefix', 'fastrag', '^/fastrag(?:/([^/]*))?/predictions/$'),
    ('ping', 'fastrag', '^/fastrag(?:/([^/]*))?/ping/$'),
    ('prefix', 'drum', _PREFIX + '/(?:predictions|predict)/$'),
    ('prefix', 'mlflow', _PREFIX + '/invocations$'),
    ('model_of', 'v2', '^(?:/[^/]+)*?/v2/models/([^/]+)(?:/versions/[^/]+)?/infer$'),
    ('ping', 'drum', _PREFIX + '/ping/$'),
    ('ping', 'mlflow', _PREFIX + '/ping$'),
    ('ping', 'v2', '^(?:/[^/]+)*?/v2/(?:health|models/[^/]+(?:/versions/[^/]+)?)/(ready)$'),
    ('about', 'v2', '^(?:/[^/]+)*?/v2/models/([^/]+)(?:/versions/[^/]+)?$'),
    ('root', 'v2', '^(?:/[^/]+)*?/(v2)$'),
]
# What a query may have besides (documented).
ARGUMENTS = ('thresholdHigh', 'thresholdLow', 'maxNgramExplanations', 'excludeAdjustedPredictions',
             'explanationNumTopClasses', 'predictionWarningEnabled', 'passthroughColumns')
_CODES_KEYS = {'reasonCodesPredictions': 'reasonCodes',
               'predictionExplanations': 'predictionExplanations'}


def find_route(path):
    """The `Route` that a path (without its query) stands for, or None."""
    for kind, pattern in _ROUTES:
        match = re.match(pattern, path)
        if match:
            parts = match.groups()
            return Route(kind, parts[0], list(parts[1:-1]),
                         _CODES_KEYS.get(parts[-1]))
    for kind, version, pattern in _FOREIGN_ROUTES:
        match = re.match(pattern, path)
        if match:
            return Route(kind, version, [group or '' for group in match.groups()], None)
    return None


def other_slash(path):
    """The path with or without a slash at its end, whichever there is a route for; or None."""
    variant = path[:-1] if path.endswith('/') else path + '/'
    return variant if find_route(path) is None and find_route(variant) else None


class HttpError(Exception):
    """A request that cannot be answered: a status and a message."""

    def __init__(self, status, message, headers=()):
        super(HttpError, self).__init__(status, message)
        self.response = Response(status, [('Content-Type', 'application/json')]
                                 + list(headers), _json({'message': message}))


class Application(object):
    """Answers requests of all three commands with one model.

    `application(request)` returns a `Response`. The same request gets the
    same answer, except for the time it took and that a POST to `api_token`
    replaces the token.
    """

    def __init__(self, account=DEMO_ACCOUNT, max_bytes=MAX_BYTES, model=None):
        self.account = account
        self.max_bytes = max_bytes
        self.model = model or Model()
        self.created = 0  # tokens, so far

    def __call__(self, request):
        started = time.time()
        number = [('X-DataRobot-Request-ID', '{0:08x}'.format(
            zlib.crc32(request.target.encode('utf-8') + request.body) & 0xffffffff))]
        try:
            content = self._answer(request)
        except HttpError as error:
            return error.response._replace(headers=error.response.headers + number)
        # Where 1.16.5 has to find it: in a header, and with api/v1 in the answer,
        # where servers send it (observed).
        took = round(max(time.time() - started, 0) * 1000, 3)
        if 'execution_time' in content:
            content['execution_time'] = took
        return Response(200, number + [('Content-Type', 'application/json'),
                                       ('X-DataRobot-Execution-Time', repr(took))],
                        _json(content))

    def _answer(self, request):
        path, _, query = request.target.partition('?')
        route = find_route(path)
        if other_slash(path):
            raise HttpError(308, 'It is elsewhere', [('Location', other_slash(path))])
        if route is None:
            raise HttpError(404, 'No such route: {0}'.format(path))
        if route.kind == 'ping':
            return {'message': 'OK'}
        if route.kind == 'token':
            return self.answer_token(request)
        if route.kind in WITH_ACCOUNT:
            self.check_account(request)
        if route.kind == 'root':
            return {'name': 'demo', 'version': '2', 'extensions': []}
        target = self._target(route)
        if route.kind == 'about':
            return {'name': target, 'versions': [], 'platform': '', 'inputs': [], 'outputs': []}
        if request.method != 'POST':
            raise _not_allowed(request, 'POST')
        check_kind(request, route)
        codes = max_codes(route, query)
        given = arguments(route, query)
        body = unpack(request, self.max_bytes)
        rows = self.read_rows(body)
        scored = [explained(self.model.score(target, row, codes), given) for row in rows]
        if route.version == 'api/v1':
            return v1_answer(scored, self.model.task(target), route.ids[-1])
        if route.version in FOREIGN:
            return dict(FOREIGN[route.version](scored, self.model.task(target)), **batch_id(route, body))
        passed = [passed_through(row, given) for row in rows] if 'passthroughColumns' in given else ()
        return predapi_answer(scored, self.model.threshold(target), codes_key(route, codes), passed)

    def _target(self, route):
        if route.kind == 'model' and route.ids[0] != PROJECT_ID:
            raise HttpError(404, 'No project {0}'.format(route.ids[0]))
        targets = dict((target, target) for target in list(self.model.targets) + [TEXT_TARGET])
        known = {'model': MODEL_IDS, 'deployment': DEPLOYMENT_IDS, 'import': targets,
                 'many': dict(targets, **DEPLOYMENT_IDS),
                 'prefix': dict(targets, **{'': FIRST_TARGET}), 'model_of': targets, 'about': targets}
        if route.ids[-1] not in known[route.kind]:
            raise HttpError(404, 'No {0} {1}'.format(
                CALLED.get(route.kind, route.kind), route.ids[-1]))
        return known[route.kind][route.ids[-1]]

    def answer_token(self, request):
        """The answer of `api_token`: GET fetches, POST makes a new one."""
        if request.method not in ('GET', 'POST'):
            raise _not_allowed(request, 'GET, POST')
        user, password = _basic(request)
        account = self.account
        if account.user is not None and (
                user != account.user or password != account.password):
            raise HttpError(401, 'Invalid user name or password')
        if request.method == 'POST':
            self.created += 1
            self.account = account._replace(
                api_token='demo-token-{0}'.format(self.created))
        return {'api_token': self.account.api_token}

    def check_account(self, request):
        """Raises HttpError unless the request has the token and the key."""
        account = self.account
        if account.key and request.headers.get('datarobot-key') != account.key:
            raise HttpError(401, 'The datarobot-key header is missing')
        if account.user is None:
            return
        if not request.headers.get('authorization'):
            raise HttpError(401, 'Invalid Authorization header. No credentials provided.')
        scheme, _, secret = request.headers.get(
            'authorization', '').partition(' ')
        if scheme == 'Bearer':
            granted = secret.strip() == account.api_token
        else:
            granted = _basic(request) == (account.user, account.api_token)
        if not granted:
            raise HttpError(401, 'Invalid API token')

    def read_rows(self, body):
        """The rows of a request's body, as dicts of column name to text."""
        try:
            header, records = read_table(as_csv(body) if body[:1] == b'{' else body)
        except ValueError as error:
            raise HttpError(400, '{0}'.format(error))
        if not records:
            raise HttpError(422, 'No data to predict on.')
        unknown = sorted(set(header) - set(self.model.features)
                         - set(self.model.ignored))
        if unknown:
            raise HttpError(400, 'Unknown columns: ' + ', '.join(unknown))
        missing = sorted(set(self.model.features) - set(header))
        if missing:
            raise HttpError(400, 'Missing columns: ' + ', '.join(missing))
        for line, record in records:
            if len(record) > len(header):
                raise HttpError(
                    400, 'Line {0} has {1} fields, the header {2}'.format(
                        line, len(record), len(header)))
        rows = [dict(zip(header, record)) for _, record in records]
        for row in rows:
            # So that there are rows that `--bad_rows` is for.
            if re.match(r'-\d', row.get('area_m2', '')):
                raise HttpError(422, 'The area is below zero: {0}'.format(row['area_m2']))
        return rows


def check_kind(request, route):
    """Raises `HttpError` for a Content-Type that the real server refuses (observed)."""
    kind = request.headers.get('content-type', '').lower()
    if route.version == 'mlflow' and 'charset' in kind and not kind.endswith('charset=utf-8'):
        raise HttpError(415, 'The scoring server only supports UTF-8')


def batch_id(route, body):
    """What an answer repeats of a request (bytes): {'id': ...}, or {}."""
    return {'id': json.loads(body.decode('utf-8')).get('id')} if route.version == 'v2' else {}


def unpack(request, max_bytes):
    """The body of a request, unpacked; raises HttpError."""
    encoding = request.headers.get('content-encoding', '').strip().lower()
    if not encoding:
        return request.body
    if encoding != 'gzip':
        raise HttpError(415, 'Unknown Content-Encoding: ' + encoding)
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        body = unpacker.decompress(request.body, max_bytes + 1)
        if len(body) > max_bytes:
            raise too_large(max_bytes)
        body += unpacker.flush()
    except zlib.error:
        raise HttpError(400, 'The body is not gzip')
    return body


def too_large(max_bytes):
    """The error for a body that is longer than `max_bytes`."""
    return HttpError(413, 'More than {0} bytes in one request'.format(
        max_bytes))


def _not_allowed(request, allowed):
    return HttpError(405, 'Not allowed here: ' + request.method,
                     [('Allow', allowed)])


def arguments(route, query):
    """The arguments of a query, a dict of text; raises HttpError for one that is not allowed."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    if route.version in FOREIGN:
        return given
    for name in sorted(given):
        if name != count_name(route) and name not in ARGUMENTS:
            raise HttpError(422, "'{0}': {0} is not allowed key".format(name))
    return given


def count_name(route):
    """The argument for the maximum number of explanations on a route, or None."""
    if route.codes_key:
        return 'maxCodes'
    return 'maxExplanations' if route.kind == 'deployment' and route.version != 'api/v1' else None


def max_codes(route, query):
    """The maximum number of explanations that a query asks for; raises HttpError."""
    if route.codes_key and route.version == 'api/v1':
        raise HttpError(404, 'No explanations with api/v1')
    number = arguments(route, query).get(count_name(route))
    if number is None:
        return 3 if route.codes_key else 0
    if not re.match('^[1-9][0-9]{0,5}$', number):
        raise HttpError(422, '{0} is a number above 0'.format(count_name(route)))
    return int(number)


def explained(scored, given):
    """A `model.Scored` without explanations if its value is between the thresholds asked for."""
    if not {'thresholdLow', 'thresholdHigh'}.intersection(given) or not scored.explanations:
        return scored
    try:
        low, high = [float(given.get(name, end)) for name, end in (
            ('thresholdLow', 'inf'), ('thresholdHigh', '-inf'))]
    except ValueError:
        raise HttpError(422, 'thresholdLow and thresholdHigh are numbers')
    return scored._replace(explanations=[]) if low < scored.values[0][1] < high else scored


def passed_through(row, given):
    """The columns of a row that are to be repeated."""
    names = given['passthroughColumns'].split(',')
    return OrderedDict((name, row[name]) for name in names if name in row)


def codes_key(route, most):
    """The key of the explanations in an answer with `most` of them a row, or None."""
    return route.codes_key or ('predictionExplanations' if most else None)


def _basic(request):
    """User and password (or token) of HTTP Basic; ('', '') without them."""
    scheme, _, secret = request.headers.get('authorization', '').partition(' ')
    if scheme != 'Basic':
        return '', ''
    try:
        decoded = base64.b64decode(secret.encode('latin-1')).decode('utf-8')
    except (ValueError, TypeError):
        return '', ''
    user, _, password = decoded.partition(':')
    return user, password


def _json(content):
    return json.dumps(content).encode('ascii')
