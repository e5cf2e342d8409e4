"""What is decided before a run on a cluster begins: names, and whether it resumes."""

from __future__ import absolute_import, unicode_literals

import hashlib
import os
import re
import uuid

from datarobot_batch_scoring.cluster import planning, storage_options
from datarobot_batch_scoring.cluster.calls import Errand
from datarobot_batch_scoring.cluster.stores import Absent
from datarobot_batch_scoring.cluster.totals import Totals
from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.errors import ScoringError, UsageError
from datarobot_batch_scoring.output import checkpoint
from datarobot_batch_scoring.output.locations import as_path, is_url, scheme_of
from datarobot_batch_scoring.run import resume
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.settings.servers import unsupported_options

_PART = re.compile(r'part-\d{5,}\.csv\Z')
_ROW_ID = re.compile(br'"?row_id"?(?!\w)')
# Parts whose headers are looked at, and bytes of one that are.
MAX_HEADERS, HEADER_SIZE = 4, 64 << 10


def errand_for(settings, storage, plan, input_header):
    """The `Errand` of a run, with all its secrets; `plan` is a `pool.PoolPlan`."""
    # A dry run has no output, and takes the place of no other run.
    out = uuid.uuid4().hex if settings.dry_run else settings.out
    name = hashlib.sha256(out.encode('utf-8')).hexdigest()[:12]
    secret = settings.api_token or settings.datarobot_key
    unsupported = unsupported_options(settings.command, protocols.of(settings))
    return Errand(
        run='{0}-{1}'.format(name, uuid.uuid4().hex[:12]), settings=settings,
        from_environment='api_token' not in unsupported and not secret,
        storage=storage, plan=plan._replace(
            secrets=plan.secrets + storage_options.secrets_of(storage)), input_header=input_header)


def check_is_ours(settings, remains):
    """Raises `UsageError` if what is in the way of a run is not this program's, on a machine or in a store.

    Returns the names of what is in the directory of parts, a set.
    """
    try:
        if not remains.is_ours(lambda: planning.is_there(remains)):
            raise UsageError('not_a_run_directory', file=as_path(remains.folder))
        return _check_parts(settings, remains.store) if settings.out.endswith('/') else set()
    except UsageError:
        raise
    except ScoringError as error:
        raise error.as_usage()


def _check_parts(settings, store):
    names = store.listing(settings.out)
    if names is None or not all(is_file and _PART.match(name) for name, is_file in names.items()):
        raise _not_only_parts(settings)
    # Not of all: in a store, each is a request.
    some = sorted(names)[:MAX_HEADERS] + sorted(names)[-1:]
    headers = set(store.read(settings.out + name, 0, HEADER_SIZE).partition(b'\n')[0] for name in some)
    if len(headers) > 1 or names and not settings.skip_row_id and not _ROW_ID.match(headers.pop()):
        raise _not_only_parts(settings)
    return set(names)


def _not_only_parts(settings):
    return UsageError('not_only_parts', file=as_path(settings.out))


class PlanBefore(object):
    """What an earlier run on a cluster left: its plan and the records of parts.

    It is for `resume.decide`, as `resume.CheckpointBefore` is. `open_store(url)` gives a
    `stores.Store`, and `confirm` is that of the lease.
    """

    def __init__(self, settings, data, remains, open_store, confirm):
        # Where its rows are.
        self.place = remains.folder
        # planning.Plan of the run to go on from, or None.
        self.plan = None
        # {number: Record} of the parts that need not be scored.
        self.records = {}
        self._settings = settings
        self._data = data
        self._remains = remains
        self._open_store = open_store
        self._confirm = confirm

    def read(self):
        """Whether there is a run to go on from."""
        self.plan = planning.read(self._remains)
        if self.plan:
            self.records = self._remains.all_committed(self.plan.name)
        return self.plan is not None

    def check_carrier(self):
        """Raises `UsageError` if there is a run without --scheduler to go on from."""
        path = as_path(self._settings.out)
        kept = checkpoint.path_for(path)
        # An empty one is the lock of this run.
        if not is_url(path) and os.path.exists(kept) and os.path.getsize(kept):
            raise UsageError('other_carrier', file=path, how='without')

    def difference(self, matching):
        """(why it does not fit, what to do about it), in words; (None, None): it fits.

        Whether the dataset is the same is found out part by part.
        """
        changed = resume.what_changed(self.plan.matching, matching)
        return resume.differs(changed[0], self.plan.matching, matching) if changed else (None, None)

    @property
    def rows(self):
        """How many rows are committed."""
        return sum(record.rows for record in self.records.values())

    def owns_bad_rows(self):
        """Whether --bad_rows may be written: it is made at the end, when a kill may leave it."""
        return True

    def exists(self, name):
        """Whether there is a file, or an object, with a name."""
        if not is_url(name):
            return os.path.lexists(name)
        store = self._open_store(name)
        try:
            return bool(store.names(name) if name.endswith('/') else store.info(name))
        except Absent:
            return False

    @property
    def start(self):
        """The `resume.Start` of a run with these parts."""
        totals = Totals(self.records.values())
        return resume.Start(
            resumed=None, digests=(), labels=labels_of(self.records),
            position=Position(totals.rows + self._settings.first_row, self._data.start.byte,
                              self._data.start.line),
            nulls=totals.nulls, bad=totals.bad, tally=totals.tally)

    def discard(self):
        """Removes what the earlier run left; returns the `resume.Start` of one that does not go on."""
        self._confirm()
        clear(self._settings, self._remains)
        self.plan, self.records = None, {}
        return self.start


def clear(settings, remains):
    """Removes all that runs with this output left, but for the lock and the output itself."""
    remains.remove(but=('lock-',))
    for url in (settings.out, settings.bad_rows):
        if url and scheme_of(url) == scheme_of(settings.out):
            is_folder = url.endswith('/')
            remains.store.remove_uploads(url + 'part-' * is_folder, begins=is_folder)


def labels_of(records):
    """The labels of the run, a tuple; None while no part has any."""
    for number in sorted(records):
        if records[number].labels:
            return tuple(records[number].labels)
    return None
