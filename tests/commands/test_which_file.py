"""Which file of a run is which: no two may be one, on one machine and on a cluster alike."""

from __future__ import absolute_import, unicode_literals

import importlib.util
import json
import os
import random

import pytest

from datarobot_batch_scoring.compat import WINDOWS
from scoring import IMPORT, LOG, numbered

posix = pytest.mark.skipif(WINDOWS, reason='links')
needs_cluster = pytest.mark.skipif(not all(importlib.util.find_spec(each) for each in ('distributed', 's3fs')),
                                   reason='needs the extras dask and s3')


@pytest.fixture
def refused(run_command, server, folder):
    """`refused(words, option, ...)`: exit code 2 with these words; nothing was sent or changed."""
    def run(words, *args):
        before = tree(folder)
        result = run_command('batch_scoring_sse', ['--host=' + server.url, IMPORT, '--yes'] + list(args))
        assert (result.code, result.out, result.stray, server.log) == (2, '', False, []), result
        assert [word for word in words if word not in result.err] == [], result.err
        assert 'Traceback' not in result.err and 'Unexpected' not in result.err
        assert len(result.err.splitlines()) <= 2, result.err
        assert tree(folder) == before
    return run


def tree(folder):
    """{path: content} of all files but the log."""
    found = {}
    for above, _, names in os.walk(folder.path):
        for name in names:
            path = os.path.join(above, name)
            if os.path.isfile(path) and name != LOG:
                with open(path, 'rb') as source:
                    found[path] = source.read()
    return found


# --- on one machine ---------------------------------------------------------------

CHECKPOINT = 'out.csv.shelve'
RUN = os.path.join('out.csv.run', '')


@pytest.mark.parametrize('words, options', [
    (['dataset', 'bad-rows file'], ['--bad_rows=data.csv']),
    (['dataset', 'log'], ['--log=data.csv']),
    (['output', 'bad-rows file'], ['--bad_rows=sub/../out.csv']),
    (['output', 'log'], ['--log=out.csv']),
    (['bad-rows file', 'report'], ['--bad_rows=both.html', '--report=both.html']),
    (['bad-rows file', 'log'], ['--bad_rows=both', '--log=both']),
    (['report', 'log'], ['--report=both.html', '--log=both.html']),
    (['checkpoint', 'bad-rows file'], ['--bad_rows=' + CHECKPOINT]),
    (['checkpoint', 'log'], ['--log=' + CHECKPOINT]),
    (['--ca_bundle', 'output'], ['--ca_bundle=ca.pem', '--out=ca.pem']),
    (['ini file', 'bad-rows file'], ['--bad_rows=batch_scoring.ini']),
    (['bad-rows file', 'inside'], ['--bad_rows=' + RUN + 'bad.csv']),
    (['log', 'inside'], ['--log=' + RUN + 'log']),
    (['report', 'inside'], ['--report=' + RUN + 'r.html'])])
def test_no_two_files_of_a_run_are_one(refused, folder, words, options):
    for name in ('sub', 'out.csv.run'):
        os.mkdir(folder(name))
    folder.write('data.csv', numbered(3))
    folder.write('ca.pem', b'')
    folder.write('batch_scoring.ini', b'[batch_scoring]\nverbose = no\n')
    refused(words, 'data.csv', *options)


@posix
@pytest.mark.parametrize('link', [os.symlink, os.link] if not WINDOWS else [])
@pytest.mark.parametrize('more', [[], ['--scheduler=local']])
@needs_cluster
def test_links_do_not_hide_that_the_bad_rows_are_the_dataset(refused, folder, link, more):
    folder.write('data.csv', numbered(3))
    link(folder('data.csv'), folder('bad.csv'))
    refused(['dataset', 'bad-rows file', 'same file'], 'data.csv', '--bad_rows=bad.csv', *more)


@posix
def test_two_links_to_a_file_that_is_not_there_yet_are_one(refused, folder):
    folder.write('data.csv', numbered(3))
    os.symlink('there.csv', folder('out.csv'))
    os.mkdir(folder('sub'))
    os.symlink('../there.csv', folder('sub/bad.csv'))
    refused(['output', 'bad-rows file', 'same file'], 'data.csv', '--bad_rows=sub/bad.csv')


@pytest.mark.parametrize('option', ['--bad_rows=s3://b/bad.csv', '--report=s3://b/r.html', '--log=s3://b/log',
                                    '--bad_rows=file:///tmp/bad.csv', '--report=file:///tmp/r.html'])
def test_a_url_where_one_machine_cannot_use_one_is_refused(refused, folder, option):
    folder.write('data.csv', numbered(3))
    folder.write('out.csv', b'of last month')
    refused([option.partition('=')[2], 'URL'], 'data.csv', option)


# --- on a cluster -----------------------------------------------------------------

@pytest.mark.parametrize('option', ['--report=s3://b/r.html', '--log=s3://b/log', '--report=file:///tmp/r.html'])
@needs_cluster
def test_a_report_and_a_log_are_never_urls(refused, folder, option):
    folder.write('data.csv', numbered(3))
    refused([option.partition('=')[2], 'URL'], 'data.csv', option, '--scheduler=local')


@pytest.mark.parametrize('option', ['--bad_rows=gs://b/bad.csv', '--out=gs://b/out.csv', '--bad_rows=nothing://b/bad'])
@needs_cluster
def test_a_store_that_is_not_installed_is_refused_before_anything_is_sent(refused, folder, option):
    folder.write('data.csv', numbered(3))
    folder.write('out.csv', b'of last month')
    refused([option.partition('=')[2].partition(':')[0] + '://'], 'data.csv', option, '--scheduler=local')


@pytest.mark.parametrize('words, options', [
    (['dataset', 'bad-rows file'], ['--bad_rows=data.csv']),
    (['dataset', 'bad-rows file'], ['--bad_rows={url}/data.csv']),
    (['dataset', 'output'], ['--out={url}/sub/../data.csv']),
    (['dataset', 'output'], ['--out={URL}/data%2Ecsv']),
    (['output', 'bad-rows file'], ['--out={url}/o.csv', '--bad_rows={local}/o.csv']),
    (['output', 'bad-rows file'], ['--bad_rows=out.csv']),
    (['storage options', 'output'], ['--out=storage.json']),
    (['storage options', 'bad-rows file'], ['--bad_rows=storage.json']),
    (['checkpoint', 'bad-rows file'], ['--bad_rows=' + CHECKPOINT]),
    (['bad-rows file', 'inside'], ['--bad_rows=' + RUN + 'bad.csv']),
    (['log', 'inside'], ['--log=' + RUN + 'log']),
    (['report', 'inside'], ['--report=' + RUN + 'r.html']),
    (['dataset', 'inside'], ['--out=./']),
    (['bad-rows file', 'inside'], ['--out=parts/', '--bad_rows=parts/bad.csv']),
    (['report', 'inside'], ['--out=parts/', '--report=parts/r.html']),
    (['bad-rows file', 'is a directory'], ['--out=parts/', '--bad_rows=parts'])])
@needs_cluster
def test_no_two_files_of_a_run_on_a_cluster_are_one(refused, folder, words, options):
    for name in ('sub', 'out.csv.run', 'parts'):
        os.mkdir(folder(name))
    folder.write('data.csv', numbered(3))
    folder.write('storage.json', b'{}')
    refused(words, 'data.csv', '--scheduler=local', '--storage_options=storage.json', *[each.format(
        url='file://' + folder.path, URL='FILE://' + folder.path, local='local://' + folder.path)
        for each in options])


@posix
@needs_cluster
def test_a_dataset_in_the_folder_that_a_link_leads_the_parts_to_is_refused(refused, folder):
    os.mkdir(folder('there'))
    os.symlink('there', folder('parts'))
    folder.write('there/part-00000.csv', numbered(3))
    refused(['dataset', 'inside'], 'there/part-00000.csv', '--scheduler=local', '--out=parts/')


# --- in a store -------------------------------------------------------------------

@pytest.fixture
def storage(s3, folder):
    options = s3.options['s3']
    folder.write('storage.json', json.dumps({'s3': options, 's3a': options}).encode('ascii'))
    return '--storage_options=storage.json'


@pytest.mark.parametrize('dataset, options, words', [
    ('s3://B/in.csv', ['--out=s3a://B/in.csv'], ['dataset', 'output']),
    ('S3://B/in.csv', ['--out=s3://B/in.csv'], ['dataset', 'output']),
    ('s3://B/in.csv', ['--out=s3:///B/in.csv'], ['dataset', 'output']),
    ('s3://B/in.csv', ['--out=s3://B/in.csv?versionId=1'], ['dataset', 'output']),
    ('s3://B/in.csv', ['--bad_rows=s3a://B/in.csv'], ['dataset', 'bad-rows file']),
    ('data.csv', ['--out=s3://B/o.csv', '--bad_rows=s3://B/o.csv'], ['output', 'bad-rows file']),
    ('data.csv', ['--out=s3://B/o.csv', '--bad_rows=s3a://B/o.csv'], ['output', 'bad-rows file']),
    ('data.csv', ['--out=s3://B/p//o.csv', '--bad_rows=s3a://B/p//o.csv'], ['output', 'bad-rows file']),
    ('data.csv', ['--out=s3://B/o.csv', '--bad_rows=s3a://B/o.csv.run/b'], ['bad-rows file', 'inside']),
    ('s3://B/in.csv', ['--out=s3a://B/'], ['bucket']),
    ('s3://B/p/in.csv', ['--out=s3a://B/p/'], ['dataset', 'inside']),
    ('data.csv', ['--out=s3://B/p/', '--bad_rows=s3://B/p/bad.csv'], ['bad-rows file', 'inside'])])
@needs_cluster
def test_no_two_objects_of_a_run_are_one(s3_refused, dataset, options, words):
    s3_refused(words, dataset, *options)


@pytest.fixture
def s3_refused(request, refused, folder):
    s3 = request.getfixturevalue('s3')
    storage = request.getfixturevalue('storage')
    data = numbered(3)
    folder.write('data.csv', data)
    for name in ('in.csv', 'p/in.csv'):
        s3.files.pipe_file(s3.bucket + name, data)

    def run(words, *args):
        before = s3.names()
        refused(words, storage, *[each.replace('//B', '//' + s3.bucket[5:-1]).replace(
            '/B/', '/' + s3.bucket[5:]) for each in args])
        assert s3.names() == before
        assert s3.files.cat_file(s3.bucket + 'in.csv') == data
    return run


# --- at random --------------------------------------------------------------------

PLACES = ['a/o.csv', 'a/p/o.csv', 'a/O.csv', 'o.csv', 'a/new.csv', 'a/p/new.csv', 'a/b c.csv', 'a/100%.csv',
          'a/100%25.csv', 'a/what?.csv', 'a/#1.csv', 'a/o[1].csv', 'a/o1.csv', 'a/\xe9.csv', 'a/link.csv',
          'to_a/o.csv', 'to_a/new.csv', 'to_p/o.csv', 'to_p/../o.csv', 'to_p/../new.csv', 'a/hard.csv',
          'a/to_nowhere.csv', 'a/nowhere.csv']


def some_name(chance, folder):
    """A path or URL of one of a few files, written in some odd way."""
    path = chance.choice(PLACES)
    for _ in range(chance.randrange(3)):
        at = chance.choice([place for place, each in enumerate(path) if each == '/'] or [-1])
        more = 'a/../' if at < 0 else chance.choice(['./', '/', '../a/' if path[:at] == 'a' else './'])
        path = path[:at + 1] + more + path[at + 1:]
    way = chance.randrange(4)
    if way == 0:
        return path, path
    if way == 1:
        return folder(path), folder(path)
    quoted = ''.join('%{0:02x}'.format(each) if each > 126 or chr(each) in '%' or not chance.randrange(9)
                     else chr(each) for each in bytearray(folder(path)[1:].encode('utf-8')))
    return chance.choice(['file://', 'FILE://', 'local://', 'file://localhost']) + '/' + quoted, folder(path)


@posix
@pytest.mark.parametrize('seed', range(12))
@needs_cluster
def test_of_random_paths_no_two_for_one_file_are_taken_for_different_ones(run_command, server, folder, seed):
    chance = random.Random(seed)
    os.makedirs(folder('a/p'))
    for name in ('a/o.csv', 'a/p/o.csv', 'a/O.csv', 'o.csv', 'a/o[1].csv', 'a/\xe9.csv'):
        folder.write(name, b'')
    for link, name in (('a/link.csv', 'o.csv'), ('to_a', 'a'), ('to_p', 'a/p'), ('a/to_nowhere.csv', 'nowhere.csv')):
        os.symlink(name, folder(link))
    os.link(folder('a/o.csv'), folder('a/hard.csv'))
    for _ in range(10):
        (out, out_path), (bad, bad_path) = some_name(chance, folder), some_name(chance, folder)
        result = run_command('batch_scoring_sse', [
            '--host=' + server.url, IMPORT, '--yes', 'file:///not/there', '--out=' + out, '--bad_rows=' + bad])
        assert result.code == 2 and 'Traceback' not in result.err, result
        assert ('are the same file' in result.err) == is_one(folder, out_path, bad_path), (out, bad, result)
        assert '/not/there' in result.err or 'are the same file' in result.err, (out, bad, result)


def is_one(folder, path, other):
    """Whether a file that is made under one path is there under the other."""
    path, other = os.path.join(folder.path, path), os.path.join(folder.path, other)
    made = [each for each in (path, other) if not os.path.exists(each)]
    for each in made:
        open(each, 'ab').close()
    same = os.path.samefile(path, other)
    for each in made:
        if os.path.exists(each):
            os.remove(os.path.realpath(each))
    return same


KEYS = ['o.csv', 'O.csv', '/o.csv', '//o.csv', 'p/o.csv', 'p//o.csv', 'p/../o.csv', './o.csv', 'o%2Ecsv', 'o.csv?x=1',
        'o.csv?versionId=1', 'o.csv#1', 'a b.csv', 'a+b.csv', 'a%20b.csv', 'o[1].csv', 'o1.csv', '*.csv', '\xe9.csv']


@pytest.mark.parametrize('seed', range(8))
@needs_cluster
def test_of_random_urls_no_two_for_one_object_are_taken_for_different_ones(
        run_command, server, folder, s3, storage, seed):
    chance = random.Random(seed)
    for _ in range(10):
        keys = [chance.choice(KEYS) for _ in range(2)] if chance.randrange(3) else [chance.choice(KEYS)] * 2
        urls = [chance.choice(['s3://', 's3a://', 'S3://', 'S3a://', 's3:///', 's3a:////']) + s3.bucket[5:] + key
                for key in keys]
        result = run_command('batch_scoring_sse', [
            '--host=' + server.url, IMPORT, '--yes', 'file:///not/there', '--out=' + urls[0],
            '--bad_rows=' + urls[1], storage])
        assert result.code == 2 and 'Traceback' not in result.err, result
        objects = [s3.files.split_path('s3://' + s3.bucket[5:] + key)[:2] for key in keys]
        assert (('begins with a slash' if keys[0].startswith('/') else 'are the same file') in result.err) == (
            keys[0].startswith('/') or objects[0] == objects[1]), (urls, result)
