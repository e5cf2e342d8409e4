"""The names of the commands and of the kinds of prediction server, as a user types them."""

from __future__ import absolute_import, unicode_literals

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
