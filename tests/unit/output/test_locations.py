"""Two names are one file where the store of a URL, or the system, says so."""

from __future__ import absolute_import, unicode_literals

import os

import pytest

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output import locations

SAME = [
    ('s3://b/k', 's3a://b/k'), ('S3://b/k', 's3://b/k'), ('s3:///b/k', 's3://b/k'), ('s3://s3://b/k', 's3://b/k'),
    ('s3://b/k/', 's3://b/k'), ('s3://b/k?versionId=7', 's3://b/k'), ('gs://b/k', 'gcs://b/k'),
    ('gs://b/k#123', 'gs://b/k'), ('abfs://c@account.example/k', 'az://c/k'), ('abfss://c/k', 'abfs://c/k'),
    ('http://Host/a%2Ecsv', 'https://host:443/a.csv'), ('http://host//x/../a.csv#top', 'http://host/a.csv'),
    ('http://me:pw@host/a', 'http://host/a'), ('sftp://h/d/../k', 'ssh://h/k'), ('hdfs://h/a%20b', 'hdfs://h//a b'),
    ('/etc/../nowhere', 'file:///nowhere'), ('/no/where/x', 'local:///no//where/./x'), ('file:///%6eo', '/no')]
DIFFERENT = [
    ('s3://b/k', 's3://b/K'), ('s3://b//k', 's3://b/k'), ('s3://b/a%20b', 's3://b/a b'), ('s3://b/k', 's3://c/k'),
    ('s3://b/k', 'gs://b/k'), ('s3://b/k#1', 's3://b/k'), ('s3://b/p/../k', 's3://b/k'),
    ('http://host/a?x=1', 'http://host/a?x=2'), ('/no/a', '/no/b'), ('/no/where', 's3://no/where')]


@pytest.mark.parametrize('name, other', SAME)
def test_two_names_of_one_thing_are_the_same(name, other):
    assert locations.same(name, other) and locations.same(other, name)


@pytest.mark.parametrize('name, other', DIFFERENT)
def test_names_of_two_things_are_different(name, other):
    assert not locations.same(name, other)


@pytest.mark.parametrize('name, folder', [
    ('s3a://b/p/q/k', 's3://b/p/'), ('s3://b/p/k', 's3://b/p'), ('/no/where/x', '/no'), ('file:///no/where', '/no/')])
def test_what_is_below_a_folder_is_inside_it(name, folder):
    assert locations.is_inside(name, folder) and not locations.is_inside(folder, name)
    assert not locations.is_inside(name + 'x', folder + 'x')


@pytest.mark.parametrize('name', ['s3://b', 's3://b/', 'gs://b//', 's3://b/k\0', 'file:///a%00', 'file://host/a',
                                  's3://b/p/', 'http://host'])
def test_what_can_be_no_dataset_is_refused(name):
    with pytest.raises(UsageError):
        locations.check('dataset', name)


@pytest.mark.parametrize('path', ['a b.csv', 'what?.csv', '#1.csv', '100%.csv', '100%25.csv', '[1]*.csv', ';x'])
def test_a_path_that_becomes_a_url_is_that_path_again(path):
    assert locations.as_path(locations.as_url(path)) == os.path.abspath(path)


def test_a_url_of_the_user_is_written_as_ours():
    assert locations.as_url('S3://Bucket/Key') == 's3://Bucket/Key'
    if os.sep == '/':
        assert locations.as_url('LOCAL:///a b?c#d') == 'file:///a%20b%3Fc%23d'
