"""Where a cluster cannot be used, an error says why and what to install."""

from __future__ import absolute_import, unicode_literals

import sys

import pytest

from datarobot_batch_scoring.cluster import stores
from datarobot_batch_scoring.errors import UsageError


def error_of(what='--scheduler', schemes=()):
    with pytest.raises(UsageError) as caught:
        stores.check_installed(what, schemes)
    return caught.value


def test_a_single_file_program_refuses_the_option_by_name(monkeypatch):
    monkeypatch.setattr(stores, 'BUNDLED', True)
    assert error_of().message == '--scheduler is unavailable in the single-file executable.'


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 8, 18))
    assert error_of('A URL').message == 'A URL requires Python 3.9 or later; this is 3.8.'


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 18))
    monkeypatch.setitem(sys.modules, 'distributed', None)
    error = error_of()
    assert error.message == '--scheduler requires the extra dask, which is not installed.'
    assert '".[dask]"' in error.hint


@pytest.mark.parametrize('schemes, extras_named', [
    (('s3', 's3a'), 'dask,s3'),
    (('gs', 'az'), 'dask,azure,gcs'),
    (('file',), 'dask')])
def test_what_the_stores_need_is_named_with_it(monkeypatch, schemes, extras_named):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 18))
    monkeypatch.setitem(sys.modules, 'distributed', None)
    error = error_of('A URL', schemes)
    assert '".[{0}]"'.format(extras_named) in error.hint
    assert 'the extra {0}, which'.format(extras_named) in error.message
