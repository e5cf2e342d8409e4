"""The plan of a run: what an earlier one left, what a new one is made of, and how it is scanned.

The plan is beside the output, and read back by a run that resumes. What decides it is written
before anything is scored, and the rest once the whole input is scanned.
"""

from __future__ import absolute_import, division, unicode_literals

import os
import re

from datarobot_batch_scoring.cluster import ranges, source
from datarobot_batch_scoring.cluster.ledger import Totals
from datarobot_batch_scoring.cluster.parts import (
    Parts, Plan, Source, Task, check_plan, fits, is_wanted, rows_of, step_of)
from datarobot_batch_scoring.cluster.remains import BLANK, FORMAT
from datarobot_batch_scoring.console.masking import with_password, without_password
from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.errors import Absent, ScoringError, UsageError
from datarobot_batch_scoring.output import checkpoint, sealed
from datarobot_batch_scoring.output.locations import as_path, is_url, scheme_of
from datarobot_batch_scoring.run import resume

# Bytes that are scanned in one task: a task costs its processes some milliseconds, and parts
# wait for it. The first ones are not kept waiting.
TOGETHER = 16 << 20
# Bytes of a dataset that tell where its first record begins.
HEAD = 1 << 20
PART = re.compile(r'part-\d{5,}\.csv\Z')
_ROW_ID = re.compile(br'"?row_id"?(?!\w)')
# Parts whose headers are looked at, and bytes of one that are.
MAX_HEADERS, HEADER_SIZE = 4, 64 << 10


class Planner(object):
    """Makes the plan of a run, and scans the dataset: `data`, an `inspect.Dataset` in `store`.

    `info` is its `stores.Info` before it was read.
    """

    def __init__(self, settings, store, data, info):
        self._settings = settings
        self._input = store
        self.data, self.info = data, info

    def find(self, before, matching, remains, watching, lease):
        """(`parts.Plan`, {number: `Record`} of its parts that need not be scored).

        It is the plan of `before`, a `PlanBefore`, where that still holds: else it is made again,
        and what was scored counts where the dataset is the same.
        """
        plan = before.plan
        if plan and plan.version == self.info.version and self._is_readable(plan.source, remains):
            return plan, before.records
        plan, records = self.new(before.plan, matching, remains, watching), before.records
        if before.plan:
            # Nothing is scored before it is known what is right of that.
            plan = self.scan(plan, watching)
            records = self._keep_what_is_right(before, plan, watching)
            lease.confirm()
            remains.withdraw(sorted(set(before.records) - set(records)))
        self.keep(plan, remains, lease)
        return plan, records

    def keep(self, plan, remains, lease):
        """Writes the plan down."""
        lease.confirm()
        write(remains, plan)

    def new(self, before, matching, remains, watching):
        """A `parts.Plan` of which nothing is scanned; with the name and the parts of another, or None."""
        read = self._readable(remains, watching)
        return Plan(
            name=before.name if before else remains.attempt('plan'), matching=matching,
            dataset=without_password(self._settings.dataset), version=self.info.version, source=read,
            step=before.step if before else step_of(read), stretches=[])

    def discard(self, plan, remains):
        """Removes what was made for a plan that is not kept."""
        if plan.source.url != plan.dataset:
            remains.store.remove([self._whole(plan.source.url)])
            remains.end_blank_plan()

    def scan(self, plan, watching, follow=lambda number, row_range, last: None,
             on_more=lambda parts: None, one_by_one=lambda: False):
        """Scans what is not scanned yet, with what follows; returns the whole plan.

        `follow(number, row_range, is_last)` gives the `Task` for a part, or None. `on_more(parts)`
        is called whenever more is known, `one_by_one` as `Watching.carry_out` does.
        """
        parts = Parts(plan, self.data.start.line,
                      0 if self._settings.auto_sample else self._settings.n_samples)

        def tasks_for(numbers):
            on_more(parts)
            last = len(parts.stretches) - 1 if parts.whole else None
            tasks = [follow(number, parts.stretches[number], number == last) for number in numbers
                     if is_wanted(parts.stretches[number], self._settings.wanted_rows)]
            return [task for task in tasks if task]

        def scan_of(numbers):
            grid = [parts.grid[number] for number in numbers]
            start, end = grid[0][0], grid[-1][1]
            # A row has a byte at least.
            return Task('scan', 'scan bytes {0} to {1}'.format(start, end - 1), numbers[0],
                        lambda: (plan.source, grid),
                        lambda scans: tasks_for(parts.add(dict(zip(numbers, scans)))), end - start)
        watching.carry_out(tasks_for(range(len(parts.stretches))) if parts.whole else [
            scan_of(numbers) for numbers in _in_groups(parts.grid)], one_by_one)
        return parts.plan

    def _keep_what_is_right(self, before, plan, watching):
        kept, row_ranges = {}, dict(enumerate(plan.stretches))

        def task(number, record):
            def compare(digest):
                if digest == record.digest:
                    kept[number] = record
            return Task('digest', 'read rows {0} to {1} again'.format(*rows_of(row_ranges[number])),
                        number, lambda: (plan.source, row_ranges[number]), compare)
        watching.carry_out([task(number, record) for number, record in before.records.items()
                            if row_ranges.get(number) == tuple(record.stretch)])
        wrong = sorted(set(before.records) - set(kept))
        unscored = [
            number for number, row_range in enumerate(before.plan.stretches or plan.stretches)
            if is_wanted(row_range, self._settings.wanted_rows) and number not in before.records]
        if wrong and (not unscored or wrong[0] < unscored[0]):
            raise resume.cannot_resume(as_path(
                self._settings.out), 'the dataset differs in the rows that were scored')
        return kept

    def _is_readable(self, read, remains):
        """Whether the `parts.Source` of a plan is still what it was."""
        if source.can_split(self.data):
            return read == self._source()
        try:
            info = remains.store.info(self._whole(read.url))
        except Absent:
            return False
        return read == self._unpacked(read.url, info)

    def _readable(self, remains, watching):
        """The `parts.Source` that ranges can be read of: unpacked before, where need be."""
        url, data = self._settings.dataset, self.data
        if source.can_split(data):
            return self._source()
        remains.begin_plan()
        target = remains.folder + remains.attempt('input')
        shown = without_password(url)
        watching.carry_out([Task('unpack', 'unpack ' + shown.rpartition('/')[2], 0, lambda: (
            shown, self.info.size, self.info.version, data.gzipped, data.dialect.encoding, data.kind,
            without_password(target)))])
        return self._unpacked(target, remains.store.info(target))

    def _source(self):
        url = self._settings.dataset
        return source.source_of(
            without_password(url), self.info, self.data, self._input.read(url, 0, HEAD))

    def _whole(self, url):
        return with_password(url, [self._settings.dataset, self._settings.out])

    def _unpacked(self, url, info):
        return Source(without_password(url), info.size, info.version, 'utf-8', self.data.start.byte)


def _in_groups(grid):
    """The numbers of the ranges in groups, of which the first are small."""
    group = []
    for number, (start, end) in enumerate(grid):
        if group and (number < 4 or end - grid[group[0]][0] > TOGETHER):
            yield group
            group = []
        group.append(number)
    yield group


def check_whole(plan, records, rows, folder):
    """Raises `ScoringError` unless {number: record} has exactly the parts with rows that are wanted."""
    for number, row_range in enumerate(plan.stretches):
        if is_wanted(row_range, rows) and number not in records:
            raise RuntimeError('part {0} has no record'.format(number))
    for number, record in records.items():
        if not fits(record, plan.stretches, rows):
            raise ScoringError('part_disturbed', part=folder + record.name)


def write(remains, plan):
    """Writes a plan; from then on the run can be resumed, whatever is known of it."""
    remains.store.put(remains.plan, sealed.to_bytes(dict(
        plan._asdict(), source=list(plan.source), stretches=[list(row_range) for row_range in plan.stretches],
        format=FORMAT)))


def read(remains):
    """The `parts.Plan` of an earlier run, or None."""
    try:
        fields = _load(remains.store.read(remains.plan))
        if fields.pop('format') != FORMAT:
            return None
        plan = Plan(**dict(fields, source=Source(*fields['source']), stretches=[
            ranges.RowRange(*row_range) for row_range in fields['stretches']]))
        check_plan(plan, remains.folder)
        # Only blank lines may precede the first row: a scan tells.
        begins = not plan.stretches or plan.stretches[0].start == plan.source.start
        return plan if begins else plan._replace(stretches=[])
    except (Absent, ValueError, KeyError, TypeError, AttributeError):
        return None


def _load(data):
    try:
        return sealed.from_bytes(data)
    except ValueError:
        # It was edited, or only begun: a scan finds the same parts again.
        fields = sealed.from_json(data)
        fields.pop('sha256', None)
        return dict(fields, stretches=[])


def is_there(remains):
    """Whether there is a plan, or a blank one."""
    try:
        return remains.store.read(remains.plan) == BLANK or read(remains) is not None
    except Absent:
        return False


def check_is_ours(settings, remains):
    """Raises `UsageError` if what is in the way of a run is not this program's, on a machine or in a store.

    Returns the names of what is in the directory of parts, a set.
    """
    try:
        if not remains.is_ours(lambda: is_there(remains)):
            raise UsageError('not_a_run_directory', file=as_path(remains.folder))
        return _check_parts(settings, remains.store) if settings.out.endswith('/') else set()
    except UsageError:
        raise
    except ScoringError as error:
        raise error.as_usage()


def _check_parts(settings, store):
    names = store.listing(settings.out)
    if names is None or not all(info and PART.match(name) for name, info in names.items()):
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
        # parts.Plan of the run to go on from, or None.
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
        self.plan = read(self._remains)
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
        if changed:
            return resume.differs(changed[0], self.plan.matching, matching)
        if resume.lacks_types(self.plan.matching, matching):
            return resume.NO_TYPES, resume.AS_BEFORE
        return None, None

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
            nulls=totals.nulls, bad=totals.bad, tally=totals.tally, short=totals.short,
            types=self.plan and self.plan.matching.get('column types'))

    def discard(self):
        """Removes what the earlier run left; returns the `resume.Start` of one that does not go on."""
        clear(self._settings, self._remains, self._confirm)
        self.plan, self.records = None, {}
        return self.start


def clear(settings, remains, confirm):
    """Removes all that runs with this output left, but for the lock and the output itself.

    `confirm` raises `LeaseLost`, before each step, if the output is another run's.
    """
    remains.remove(('lock-',), confirm)
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
