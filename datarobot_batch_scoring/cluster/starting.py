"""What is decided before a run on a cluster begins: names, and whether it resumes."""

from __future__ import absolute_import, unicode_literals

import hashlib
import os
import re
import uuid
from collections import namedtuple

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

# How a run begins.
Beginning = namedtuple('Beginning', [
    'plan',     # planning.Plan of the run that it resumes, or None
    'records',  # {number: Record} of the parts that it need not score
    'start',    # resume.Start
])


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


def decide(settings, matching, data, info, remains, person, confirm):
    """The `Beginning` of a run; raises `UsageError` if the user says no, or cannot resume.

    `info` is the `stores.Info` of the dataset. What an earlier run left is removed, if this one
    does not resume it; `confirm` is that of the lease.
    """
    before = None if settings.resume is False else planning.read(remains)
    path = as_path(settings.out)
    if settings.resume and before is None and not is_url(path):
        _check_no_single_run(path)
    if before is None:
        return _anew(settings, data, remains, person, confirm)
    changed = resume.what_changed(before.matching, matching)
    if changed:
        difference, remedy = resume.differs(changed[0], before.matching, matching)
        resume.check_discard(difference, remedy, settings, person)
        return _anew(settings, data, remains, person, confirm)
    records = remains.all_committed(before.name)
    question = '{0} rows of an earlier run are in {1}. Resume?'.format(
        sum(each.rows for each in records.values()), remains.folder)
    if settings.resume or person.ask(question, '--resume, --no-resume, --yes or --no'):
        return Beginning(before, records, _start(settings, data, records))
    return _anew(settings, data, remains, person, confirm)


def _check_no_single_run(path):
    kept = checkpoint.path_for(path)
    # An empty one is the lock of this run.
    if os.path.exists(kept) and os.path.getsize(kept):
        raise UsageError('other_carrier', file=path, how='without')


def _anew(settings, data, remains, person, confirm):
    if _exists(settings.out, remains.store):
        resume.check_overwrite('output', as_path(settings.out), person, settings.resume)
    if settings.report and os.path.lexists(settings.report):
        resume.check_overwrite('report', settings.report, person)
    if settings.bad_rows and not is_url(settings.bad_rows) and os.path.lexists(settings.bad_rows):
        resume.check_overwrite('bad-rows file', settings.bad_rows, person)
    confirm()
    clear(settings, remains)
    return Beginning(None, {}, _start(settings, data, {}))


def clear(settings, remains):
    """Removes all that runs with this output left, but for the lock and the output itself."""
    remains.remove(but=('lock-',))
    for url in (settings.out, settings.bad_rows):
        if url and scheme_of(url) == scheme_of(settings.out):
            is_folder = url.endswith('/')
            remains.store.remove_uploads(url + 'part-' * is_folder, begins=is_folder)


def _exists(url, store):
    try:
        return bool(store.names(url) if url.endswith('/') else store.info(url))
    except Absent:
        return False


def _start(settings, data, records):
    totals = Totals(records.values())
    first = settings.first_row
    return resume.Start(
        resumed=None, digests=(), labels=labels_of(records),
        position=Position(totals.rows + first, data.start.byte, data.start.line),
        nulls=totals.nulls, bad=totals.bad, tally=totals.tally)


def labels_of(records):
    """The labels of the run, a tuple; None while no part has any."""
    for number in sorted(records):
        if records[number].labels:
            return tuple(records[number].labels)
    return None
