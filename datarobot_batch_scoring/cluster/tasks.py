"""What the processes of a cluster are asked to do: scan, unpack, score, join.

They return ('done', value), ('failed', how `wire.failure_of` gives an error) or ('again', why).
"""

from __future__ import absolute_import, unicode_literals

import functools
import hashlib
import traceback
from collections import namedtuple

from datarobot_batch_scoring.cluster import host, joining, ranges, source
from datarobot_batch_scoring.cluster.wire import failure_of
from datarobot_batch_scoring.cluster.engine import Ended
from datarobot_batch_scoring.cluster.remains import PartJournal, RunDirectory
from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.dataset import cutter
from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.dataset.changes import has_changed
from datarobot_batch_scoring.errors import Absent, ScoringError
from datarobot_batch_scoring.local.child import unexpected
from datarobot_batch_scoring.output import lease
from datarobot_batch_scoring.output.bad_rows import BadRows
from datarobot_batch_scoring.output.sink import Sink, SinkPlan
from datarobot_batch_scoring.output.targets import SmallUpload, Upload
from datarobot_batch_scoring.scoring.predictions import RowStatistics
from datarobot_batch_scoring.scoring.request import check_batches

READ_MORE = 1 << 20


def task(function):
    """A function whose errors are values: raised, Dask would print their tracebacks."""
    @functools.wraps(function)
    def guarded(run, *args):
        try:
            return 'done', function(run, *args)
        except Ended:
            return 'again', 'its process gave it up'
        except ScoringError as error:
            # Other users can read the results of tasks.
            return 'failed', failure_of(masking.masked_error(
                error, host.here(run).engine.plan.secrets))
        except Exception as error:
            # A bug in this program: the details go to the log of the client.
            host.here(run).engine.log(traceback.format_exc())
            return 'failed', failure_of(unexpected('cluster', error))
    return guarded


@task
def unpack(run, url, size, version, gzipped, encoding, kind, target):
    """Writes the text of a dataset of that version to `target`, a URL, as UTF-8."""
    here = host.here(run)
    url, target = here.whole(url), here.whole(target)
    store = here.store(url)
    try:
        with here.store(target).create(target) as opened:
            source.unpack(source.Stored(store, url, size), gzipped, encoding, kind, opened)
    except ScoringError:
        # Whatever it was, a change explains it.
        source.check_version(store, url, version)
        raise
    source.check_version(store, url, version)


@task
def scan(run, read, grid):
    """A `ranges.Scan` for each (start, end) of a grid in a `parts.Source`.

    Each is of the lines that begin from there to before there, and None if there are none.
    """
    here = host.here(run)
    dialect = here.errand.plan.shape.dialect
    read, scans = here.source(read), []
    for start, end in grid:
        data, first = _lines(here.store(read.url), read, start, end)
        scans.append(ranges.Scan(first, len(data), *ranges.scan(
            data, dialect.delimiter, not dialect.fast)) if data else None)
    return scans


def _lines(store, read, start, end):
    """(bytes of the lines, where they begin)."""
    before = min(1, start - read.start)
    data = source.read(store, read, start - before, min(end + 1, read.size))
    first = ranges.first_line_start(data, before)
    if first is None or start - before + first >= end:
        return b'', None
    behind, last = end - (start - before), None
    while end < read.size:
        last = ranges.first_line_start(data, behind)
        reached = start - before + len(data)
        if last is not None or reached >= read.size:
            break
        data += source.read(store, read, reached, min(reached + READ_MORE, read.size))
    return data[first:last], start - before + first


@task
def score(run, plan, part, row_range, at_end, labels, read):
    """The `Record` of a part of the plan with that name, once it is committed.

    A list of `events.Scored` where no row of the run was accepted yet, and all of these were
    rejected: the part is not committed.
    """
    here = host.here(run)
    remains = _run_directory(here)
    done = remains.committed(plan, part)
    if done and done.stretch == list(row_range):
        return done
    if labels is not None:
        here.engine.know(labels)
    job = here.engine.begin(row_range.row, row_range.row + row_range.rows, part)
    try:
        handed = _hand_out(here, job, row_range, at_end, read)
        _let_the_next_begin()
        return _commit(here, remains, job, plan, row_range, handed)
    except _NoneAccepted as refused:
        return refused.rows
    finally:
        here.engine.end(job)


# What became of a row range that was cut.
_Handed = namedtuple('_Handed', [
    'end_row',  # the row behind it
    'digest',   # its sha256, as UTF-8
    'blank_line', 'ctrl_z',  # as `cutter.Cutter` has them
])


def _hand_out(here, job, row_range, at_end, read):
    """Cuts a row range and hands its batches to the engine."""
    settings = here.errand.settings
    first = settings.first_row
    reading, cut = _cutting(here, row_range, at_end, read)
    end_row = job.score_all(cut, lambda batch: batch.start.row >= first) or row_range.row
    if not (at_end or settings.rows) and end_row != row_range.row + row_range.rows:
        raise has_changed(settings.dataset)
    return _Handed(end_row, reading.digest(), cut.blank_line, cut.ctrl_z)


def _cutting(here, row_range, at_end, read):
    """(what reads a row range, the `cutter.Cutter` of its batches)."""
    settings, shape = here.errand.settings, here.errand.plan.shape
    store = here.store(read.url)
    reading = _Reading(store, here.source(read), row_range)
    return reading, cutter.Cutter(
        reading.read, shape.dialect,
        _even(cutter.limits(settings, shape.form and shape.form.max_rows), row_range),
        Position(row_range.row, row_range.start, row_range.line), rows=settings.wanted_rows, whole=at_end)


@task
def check(run, row_range, at_end, read):
    """What is `request.Checked` of a row range that is cut and not sent."""
    here = host.here(run)
    _, cut = _cutting(here, row_range, at_end, read)
    return check_batches(cut, here.errand.plan.shape, here.errand.settings.first_row, here.errand.plan.sets_aside)


class _Reading(object):
    """Reads a row range, and knows its digest."""

    def __init__(self, store, read, row_range):
        self._range = source.Range(store, read, row_range.start, row_range.end)
        self._hash = hashlib.sha256()

    def read(self, size):
        data = self._range.read(size)
        self._hash.update(data)
        return data

    def digest(self):
        """The sha256 of all of it, whether or not it was read before."""
        for _ in iter(lambda: self.read(READ_MORE), b''):
            pass
        return self._hash.hexdigest()


@task
def digest(run, read, row_range):
    """The sha256 of a row range, as UTF-8."""
    here = host.here(run)
    return _Reading(here.store(read.url), here.source(read), row_range).digest()


def _even(limits, row_range):
    # Otherwise a row range would end with a small batch.
    size = row_range.end - row_range.start
    pieces = max(-(-size // limits.size), 1)
    return limits._replace(size=min(size // pieces + size // (50 * pieces) + 1, limits.size))


def _let_the_next_begin():
    """Lets this process begin with another task, so that its requests do not run out."""
    from distributed import secede
    secede()


def _commit(here, remains, job, plan, row_range, handed):
    first_row = max(row_range.row, here.errand.settings.first_row)
    notes = {'blank': handed.blank_line, 'ctrl_z': handed.ctrl_z, 'short': [0, []], 'bad': []}
    journal = PartJournal(remains, plan, job.part, first_row, row_range, handed.digest, notes)
    with journal.create() as opened:
        sink = _open_sink(here, opened, journal, first_row)
        for scored in job.results(handed.end_row):
            sink.add(scored)
            notes['bad'] += [[committed.first_row, committed.bad.line, committed.bad.reason, committed.bad.unsendable]
                             for committed in sink.commit_next() if committed.bad]
        if sink.waiting:
            raise _NoneAccepted(sink.waiting)
        # The run may have been killed and another have ended since, and its directory be gone.
        _check_holder(here, remains)
    try:
        sink.close(complete=True)
        _check_holder(here, remains)
    except (Absent, lease.LeaseLost):
        remains.take_back(journal.record)
        raise
    return journal.record


def _open_sink(here, opened, journal, first_row):
    plan, path, bad_rows = here.errand.plan, here.errand.settings.bad_rows, None
    if path:
        bad_rows = BadRows(SmallUpload(journal.put_bad_rows, path.endswith('.gz')),
                           plan.layout.linesep)
    sink = Sink(SinkPlan(
        layout=plan.layout, kept_names=None, bad_rows=path, max_bad_rows=None,
        first_row=first_row, tally=RowStatistics(), tally_is_whole=True),
        Upload(opened, plan.gzip_output), bad_rows, journal)
    sink.labels = here.engine.pool.labels
    return sink


class _NoneAccepted(Exception):
    """The server rejected all rows of a part; `rows` are these `events.Scored`."""

    def __init__(self, rows):
        super(_NoneAccepted, self).__init__()
        self.rows = rows


@task
def join(run, out, header, names, is_new):
    """Puts a header (bytes) and objects, in order, under the output's name; returns its size.

    `names` has (name, size, CRC-32 or None) of each; one that `is_new` replaces nothing of others.
    """
    here = host.here(run)
    out, remains = here.whole(out), _run_directory(here)

    def confirm():
        _check_holder(here, remains)
        if is_new:
            joining.check_free(remains, here.store(out), out, header, names)
    return joining.join(remains, here.store(out), out, header, names, confirm)


def _run_directory(here):
    out = here.errand.settings.out
    return RunDirectory(here.store(out), out)


def _check_holder(here, remains):
    """Raises `LeaseLost` if another run has the output."""
    lease.check_holder(remains.store, remains.folder, here.errand.settings.out, here.errand.token)
