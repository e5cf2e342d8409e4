"""What the versions of DataRobot's prediction API have in common: credentials and routes."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server.protocols.names import DATAROBOT, DEPLOYMENT, STANDALONE
from datarobot_batch_scoring.server.protocols.shape import (
    Protocol, accepted_headers, basic, bearer)


class DataRobot(Protocol):
    """A version of the API; `name` is that of `--api_version`."""

    family = DATAROBOT
    token_variable = 'DATAROBOT_API_TOKEN'
    gives_tokens = True

    def path(self, settings):
        # The routes are documented.
        count = settings.max_prediction_explanations
        if settings.command == DEPLOYMENT:
            base = '/{0}/deployments/{1}/'.format(self.name, settings.deployment_id)
            return base + ('predictionExplanations?maxCodes={0}'.format(count) if count
                           else 'predictions')
        if settings.command == STANDALONE:
            base = '/{0}/{1}/'.format(self.name, settings.import_id)
        else:
            base = '/{0}/{1}/{2}/'.format(self.name, settings.project_id, settings.model_id)
        return base + ('reasonCodesPredictions?maxCodes={0}'.format(count) if count
                       else 'predict')

    def headers(self, settings):
        found = super(DataRobot, self).headers(settings)
        found.update(common_headers(settings))
        return found

    def authorization(self, settings):
        # Without a user, a token goes as Bearer: current servers prefer that (documented).
        if settings.user:
            return basic(settings.user, settings.api_token)
        return bearer(settings.api_token)


def common_headers(settings):
    """The headers of every request to DataRobot's servers, also for a token."""
    found = accepted_headers()
    if settings.datarobot_key:
        found['datarobot-key'] = settings.datarobot_key
    return found


def token_path(settings):
    """The path at which to fetch (GET) or create (POST) an API token (documented)."""
    return '/{0}/api_token'.format(settings.api_version)
