"""Settings that are made from Python."""

from __future__ import absolute_import, unicode_literals

import os
import re

import pytest

from datarobot_batch_scoring import make_settings
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.settings import table
from scoring import MODEL, PROJECT


def test_settings_are_those_of_the_same_command_line():
    found = make_settings(
        'batch_scoring', host='https://example.com:8080/path', user='Me', api_token='abc',
        project_id=PROJECT, model_id=MODEL, dataset='data.csv', n_retry=3, timeout=2.5,
        keep_cols=['a b', 'c,"d'], delimiter='tab', verbose=True, compress=False, encoding=None,
        resume=False)
    assert (found.host, found.user, found.api_token) == ('https://example.com:8080', 'me', 'abc')
    assert (found.n_retry, found.timeout, found.delimiter) == (3, 2.5, '\t')
    assert found.keep_cols == ('a b', 'c,"d')
    assert (found.verbose, found.compress, found.encoding, found.resume) == (
        True, False, None, False)
    assert (found.out, found.n_concurrent, found.field_size_limit) == ('out.csv', 4, 10485760)


def test_the_help_names_each_setting():
    named = set(re.findall(r'\w+', make_settings.__doc__))
    for command in table.COMMANDS:
        assert set(table.ini_keys(command)) <= named


def test_an_unknown_command_is_a_usage_error():
    with pytest.raises(UsageError):
        make_settings('batch_score', dataset='data.csv')


def test_the_environment_is_read_where_it_is_given(monkeypatch):
    given = dict(host='https://example.com', project_id=PROJECT, model_id=MODEL, dataset='d.csv',
                 user='me')
    monkeypatch.setenv(str('DATAROBOT_API_TOKEN'), str('from-outside'))
    assert make_settings('batch_scoring', **given).api_token is None
    assert make_settings('batch_scoring', os.environ, **given).api_token == 'from-outside'
