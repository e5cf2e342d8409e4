"""What the dataset of a run on a cluster is, wherever it is."""

from __future__ import absolute_import, unicode_literals

import os
import shutil
import tempfile

from datarobot_batch_scoring.cluster.source import Stored
from datarobot_batch_scoring.dataset import inspect
from datarobot_batch_scoring.dataset.parquet import BEGINNING
from datarobot_batch_scoring.errors import Absent, ScoringError, UsageError
from datarobot_batch_scoring.output.locations import local_path

# Enough of a remote dataset to find out what it is.
HEAD = 8 << 20


def look_at(settings, store):
    """The `inspect.Dataset` of a URL, and the `stores.Info` of it before it was read.

    Raises `UsageError` for what cannot be read or has no rows.
    """
    url = settings.dataset
    try:
        info = store.info(url)
        stored = Stored(store, url, info.size)
        if store.is_local:
            return _in_words_of(stored, settings, local_path(url)), info
        _check_readable(store, url, info)
        head = store.read(url, 0, HEAD)
        if BEGINNING.match(head):
            # What it is stands at its end.
            return inspect.inspect(settings, stored), info
    except Absent:
        raise _not_there(store, url)
    except UsageError:
        raise
    except ScoringError as error:
        raise error.as_usage()
    folder = tempfile.mkdtemp()
    try:
        path = os.path.join(folder, 'head')
        with open(path, 'wb') as target:
            target.write(head)
        return _in_words_of(stored, settings, path), info
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_readable(store, url, info):
    if info.size is None:
        raise UsageError('no_length', file=url)
    if info.size > 1 and not store.has_ranges(url):
        raise UsageError('no_ranges', file=url)


def _not_there(store, url):
    if not store.is_local and store.listing(url):
        return UsageError('is_folder', file_kind='dataset', file=url)
    return UsageError('no_dataset', file=url)


def _in_words_of(source, settings, path):
    """The same of a file; what it raises names the `Stored` dataset."""
    try:
        return inspect.inspect(settings._replace(dataset=path))._replace(source=source)
    except UsageError as error:
        raise error.as_usage(file=source.name) if 'file' in error.facts else error
