"""A worker of a cluster sends, of what its environment has, only what is meant for that server."""

from __future__ import absolute_import, unicode_literals

import sys

import pytest

from datarobot_batch_scoring import make_settings
from datarobot_batch_scoring.run import columns, plans

pytestmark = pytest.mark.skipif(sys.version_info < (3, 9), reason='as old as no cluster is')

ENVIRONMENT = {'DATAROBOT_API_TOKEN': 'vendors', 'DATAROBOT_KEY': 'key',
               'BATCH_SCORING_API_TOKEN': 'theirs'}


@pytest.mark.parametrize('command, options, expected', [
    ('batch_scoring_deployment_aware', {'deployment_id': 'c' * 24}, ('Bearer vendors', 'key', None)),
    ('batch_scoring_deployment_aware', {'deployment_id': 'rent', 'protocol': 'drum'},
     ('Bearer theirs', None, 'Bearer theirs')),
    ('batch_scoring_sse', {'protocol': 'mlflow'}, ('Bearer theirs', None, 'Bearer theirs')),
    ('batch_scoring_sse', {'import_id': 'flats'}, (None, None, None)),
])
def test_the_credentials_of_a_workers_environment_go_where_they_belong(
        monkeypatch, command, options, expected):
    from datarobot_batch_scoring.cluster import host
    from datarobot_batch_scoring.cluster import client as starting
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, ENVIRONMENT[name])
    settings = make_settings(
        command, host='http://127.0.0.1:1', dataset='data.csv', dry_run=True, **options)
    plan = plans.worker_plan(settings, None, columns.layout_of(settings, ','), None, 1, 0)
    made = host._plan_of(starting.errand_for(settings, {}, plan, b''))
    found = made.endpoint.headers
    assert (found.get('Authorization'), found.get('datarobot-key'),
            made.ping and made.ping.headers.get('Authorization')) == expected
