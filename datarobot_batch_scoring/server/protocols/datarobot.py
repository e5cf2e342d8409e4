"""The versions of DataRobot's prediction API, and of its standalone instances."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.server.protocols.base import (
    API_V1, API_V2, COMMANDS, DATAROBOT, DEPLOYMENT, PREDAPI, STANDALONE, Protocol, accepted_headers, basic, bearer)
from datarobot_batch_scoring.server.protocols.rows import predapi_row, v1_row

# What is said with 401 (documented), and what to do about it.
REMEDIES = (
    (re.compile(b'(?i)datarobot-key'),
     'Check --datarobot_key: the server requires that key.'),
    (re.compile(b'(?i)no credentials'),
     'The server accepted none of the credentials sent: pass --api_token, or --user and --password.'),
    (re.compile(b'(?i)api token'), 'Check --api_token (or --user and --password).'),
)
# What a server says that does not know the route: Flask (DRUM), FastAPI (MLflow, MLServer).
NO_ROUTE = re.compile(br'<title>404 Not Found</title>|^\s*\{"detail":"Not Found"\}')
OTHER_SERVERS = ' If DRUM or MLflow runs there, use batch_scoring_sse with --protocol=drum or --protocol=mlflow.'
PROJECT_ROUTES = (
    'Installations newer than release 6.0 and accounts newer than May 2020 have no routes for '
    'projects and models: deploy the model, and use batch_scoring_deployment_aware.')


class DataRobot(Protocol):
    """A version of the API; `name` is that of `--api_version`."""

    family = DATAROBOT
    token_variable = 'DATAROBOT_API_TOKEN'
    gives_tokens = True

    def path(self, settings):
        # The routes are documented.
        count = settings.max_prediction_explanations
        if settings.command == DEPLOYMENT:
            return '/{0}/deployments/{1}/predictions'.format(self.name, settings.deployment_id) + (
                '?maxExplanations={0}'.format(count) if count else '')
        if settings.command == STANDALONE:
            base = '/{0}/{1}/'.format(self.name, settings.import_id)
        else:
            base = '/{0}/{1}/{2}/'.format(self.name, settings.project_id, settings.model_id)
        return base + ('reasonCodesPredictions?maxCodes={0}'.format(count) if count
                       else 'predict')

    def remedy(self, reply, url):
        if reply.status == 401:
            for said, remedy in REMEDIES:
                if said.search(reply.body):
                    return remedy
        if reply.status == 422 and b'is not allowed' in reply.body:
            return 'Check --query.'
        if other_servers(reply):
            return self.hints[404] + other_servers(reply)
        if reply.status == 404 and '/deployments/' not in url:
            return self.hints[404] + ' ' + PROJECT_ROUTES
        return super(DataRobot, self).remedy(reply, url)

    def headers(self, settings):
        headers = super(DataRobot, self).headers(settings)
        headers.update(common_headers(settings))
        return headers

    def authorization(self, settings):
        # Without a user, a token goes as Bearer: current servers prefer that (documented).
        if settings.user:
            return basic(settings.user, settings.api_token)
        return bearer(settings.api_token)

    def read_row(self, item, layout):
        return predapi_row(item, layout)


def other_servers(reply):
    """What to do where a `connection.Response` may be one of another kind of server, to put behind a text; or ''."""
    return OTHER_SERVERS if reply.status == 404 and NO_ROUTE.search(reply.body) else ''


def common_headers(settings):
    """The headers of every request to DataRobot's servers, also for a token."""
    headers = accepted_headers()
    if settings.datarobot_key:
        headers['datarobot-key'] = settings.datarobot_key
    return headers


def token_path(settings):
    """The path at which to fetch (GET) or create (POST) an API token (documented)."""
    return '/{0}/api_token'.format(settings.api_version)


# "'maxExplanations': maxExplanations is not allowed key" (documented).
EXPLANATIONS_NOT_ALLOWED = re.compile(b'maxExplanations.*not allowed', re.DOTALL)


class PredApi(DataRobot):
    """The version that all three commands know."""

    name = PREDAPI
    commands = COMMANDS
    rows_keys = ('data',)

    def other_path(self, settings):
        # Servers before the current route (documented).
        count = settings.max_prediction_explanations
        if settings.command != DEPLOYMENT or not count:
            return None
        return '/{0}/deployments/{1}/predictionExplanations?maxCodes={2}'.format(
            self.name, settings.deployment_id, count)

    def lacks_path(self, reply):
        return reply.status in (404, 405) or (
            reply.status == 422 and EXPLANATIONS_NOT_ALLOWED.search(reply.body) is not None)


class Standalone(PredApi):
    """The version as standalone instances speak it: without users, and with no other version."""

    hints = dict(PredApi.hints)
    hints[401] = hints[403] = (
        'Check --host: a standalone prediction server requires no credentials, so none are sent.')
    hints[404] = 'Check --host and the import id.'
    hints[405] = other_hint = 'Check --host.'

    def remedy(self, reply, url):
        return self.hints.get(reply.status, self.other_hint) + other_servers(reply)


class ApiV1(DataRobot):
    """The same routes but for the version; no explanations."""

    name = API_V1
    # The last takes it, and speaks predApi/v1.0 all the same.
    commands = COMMANDS
    rows_keys = ('predictions',)

    def read_row(self, item, layout):
        return v1_row(item, layout)


class ApiV2(DataRobot):
    """Serverless deployments (documented; no such server was met): the responses of predApi/v1.0, a token as Bearer."""

    name = API_V2
    commands = (DEPLOYMENT,)
    rows_keys = ('data',)
    gives_tokens = False
    chosen_by = '--api_version=' + API_V2

    def authorization(self, settings):
        return bearer(settings.api_token)
