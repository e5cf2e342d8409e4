"""Carries a run to a Dask cluster: the client's side, step by step."""

from __future__ import absolute_import, division, unicode_literals

import functools
import hashlib
import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager

from datarobot_batch_scoring.cluster import joining, planning, storage_options
from datarobot_batch_scoring.cluster.connecting import LOCAL, connected, quietly
from datarobot_batch_scoring.cluster.ledger import Ledger
from datarobot_batch_scoring.cluster.members import Members
from datarobot_batch_scoring.cluster.parts import Task, rows_of
from datarobot_batch_scoring.cluster.remains import RunDirectory
from datarobot_batch_scoring.cluster.source import Stored
from datarobot_batch_scoring.cluster.stores import check_installed, open_store
from datarobot_batch_scoring.cluster.watching import Watching
from datarobot_batch_scoring.cluster.wire import Errand
from datarobot_batch_scoring.console.masking import without_password
from datarobot_batch_scoring.dataset import checks, inspect
from datarobot_batch_scoring.dataset.csv_bytes import lift_field_size_limit
from datarobot_batch_scoring.dataset.parquet import BEGINNING
from datarobot_batch_scoring.errors import Absent, ScoringError, Stopped, UsageError
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.local.signals import Signals
from datarobot_batch_scoring.output.bad_rows import header_line
from datarobot_batch_scoring.output.targets import compress_rows
from datarobot_batch_scoring.output.lease import Lease
from datarobot_batch_scoring.output.locations import as_path, as_url, is_url, local_path, scheme_of
from datarobot_batch_scoring.output.columns import header
from datarobot_batch_scoring.run import columns, files, plans, resume, typed
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.scoring.request import Checked, header_record
from datarobot_batch_scoring.server import client_certificate, protocols
from datarobot_batch_scoring.settings.servers import unsupported_options
from datarobot_batch_scoring.settings.values import MAX_IN_FLIGHT

# Enough of a remote dataset to find out what it is.
HEAD = 8 << 20


def check(settings):
    """Raises `UsageError` for what cannot be on a cluster, or gets in another file's way."""
    names = [name for name in (settings.dataset, settings.out, settings.bad_rows) if name]
    check_installed('--scheduler' if settings.scheduler else 'A URL',
                    [scheme_of(name) for name in names if is_url(name)])
    if settings.reads_stdin or settings.writes_stdout:
        raise UsageError('streams_on_cluster')
    files.check(settings, on_cluster=True)
    storage = storage_options.read(settings)
    storage_options.check(settings, storage)
    for name in names:
        # That of the bad rows would be noticed only at the end.
        open_store(as_url(name), storage)


class OnCluster(object):
    """A run on a cluster; `score.score` says what a carrier does, and when."""

    where = 'scored'
    check = staticmethod(check)

    def __init__(self, settings, warn):
        lift_field_size_limit()
        self.settings = settings._replace(
            dataset=as_url(settings.dataset), out=as_url(settings.out),
            bad_rows=as_url(settings.bad_rows))
        # How many rows are scored of a run that has failed.
        self.kept = 0
        # The types of the columns, a list; None: they have none.
        self.data = self.matching = self.types = None
        self._out = settings.out
        self._warn = warn
        self._storage = storage_options.read(settings, warn)
        self.secrets = storage_options.secrets_of(self._storage)
        self._shape = self._layout = self._directory = self._parts_before = None
        self._planner = self._lease = self._before = None
        # URLs of files that were not there when the run began.
        self._new = ()

    def open(self):
        """Looks at the dataset, and at what is where the run writes."""
        store = self._store(self.settings.dataset)
        self.data, info = _look_at(self.settings, store)
        self._planner = planning.Planner(self.settings, store, self.data, info)
        self._shape = plans.shape_of(self.settings, self.data)
        delimiter = self._shape.output_delimiter.decode('ascii')
        self._layout = columns.layout_of(
            self.settings, delimiter, self.data.dialect.columns)
        self.matching = resume.what_must_match(self.settings, self.data, delimiter)
        store = self._store(self.settings.out)
        self._directory = RunDirectory(store, self.settings.out)
        self._parts_before = planning.check_is_ours(self.settings, self._directory)
        self._lease = Lease(store, self._directory.folder, self._out,
                            as_path(self.settings.out) if store.is_local else None)

    def _store(self, url):
        return open_store(url, self._storage, self._warn)

    @property
    def size(self):
        """Bytes of the dataset."""
        return self._planner.info.size

    def lock(self):
        """Takes the output; returns what an earlier run left of it, for `resume.decide`."""
        self._lease.take()
        if not self._lease.sees_others:
            self._warn('{0} lacks conditional writes: a second run writing {1} would go '
                       'undetected.'.format(scheme_of(self.settings.out), self.settings.out))
        self._before = planning.PlanBefore(
            self.settings, self.data, self._directory, self._store, self._lease.confirm)
        self._new = [url for url in (self.settings.out, self.settings.bad_rows)
                     if url and not url.endswith('/') and not self._before.exists(url)]
        return self._before

    def prepare(self, start, progress):
        """Finds out the types of the columns, if the requests have such; the processes get them."""
        self._shape = typed.prepare(self, self._shape, start.types, progress)

    def close(self):
        """Lets others have the output."""
        if self._lease:
            self._lease.give_up()

    def score(self, start, listener, caught):
        """Scores all parts and joins them; returns `messages.Finished`."""
        ledger = Ledger(self.settings, start.labels, listener)
        with self._connected() as members:
            watching = Watching(members, ledger.hear, caught, self._lease)
            caught.queue()
            members.begin(self._errand(members.count()), self._lease.confirm)
            try:
                plan, records = self._planner.find(
                    self._before, self.matching, self._directory, watching, self._lease)
                ledger.begin(records, self._layout.counted)
                plan = self._score_parts(plan, ledger, watching, listener)
                size = self._join(plan, ledger, watching, listener) if ledger.totals.rows else 0
            except Stopped:
                self.kept = ledger.totals.rows
                raise
            except ScoringError:
                # A run that has taken the output over has taken the processes, and removed the parts.
                self._lease.check()
                self.kept = ledger.totals.rows
                raise
            finally:
                watching.finish()
        totals = ledger.totals
        if totals.rows:
            planning.clear(self.settings, self._directory, self._lease.confirm)
            self._lease.release()
        return messages.Finished(totals.rows, totals.nulls, size, totals.bad)

    def write_empty(self):
        """Writes the files of a dataset without rows; returns `messages.Finished`."""
        for name, data in plans.empty_files(self.settings, self._shape, self.data.dialect.columns):
            is_folder = name.endswith('/')
            first = name + 'part-00000.csv' if is_folder else name
            self._lease.confirm()
            if is_folder:
                self._store(name).remove([name + part for part in self._parts_before])
            # A part without a header would seem to be another program's.
            if data or not is_folder:
                self._store(name).put(first, data)
        planning.clear(self.settings, self._directory, self._lease.confirm)
        self._lease.release()
        return messages.Finished(0, 0, len(data), 0)

    def check_all(self):
        """What is `Checked` of the whole input; nothing is sent or written."""
        self._shape = typed.prepare_dry_run(self, self._shape)
        checked = []
        with Signals() as caught, self._connected() as members:
            watching = Watching(members, lambda event, role=None: (), caught, self._lease)
            members.begin(self._errand(members.count()))
            plan = self._planner.new(None, self.matching, self._directory, watching)

            def task(number, row_range, at_end):
                return Task('check', 'check rows {0} to {1}'.format(*rows_of(row_range)), number,
                            lambda: (row_range, at_end, plan.source), checked.append)
            try:
                self._planner.scan(plan, watching, task)
            finally:
                self._planner.discard(plan, self._directory)
        return Checked(sum(part.rows for part in checked), sum(part.batches for part in checked),
                       faults=sorted((fault for part in checked for fault in part.faults),
                                     key=lambda fault: fault.error.facts['line']),
                       short=functools.reduce(checks.added, [part.short for part in checked], checks.NONE_SHORT),
                       **self._first_lines([part._asdict() for part in checked]))

    @contextmanager
    def _connected(self):
        scheduler = self.settings.scheduler or LOCAL
        most_each = int(MAX_IN_FLIGHT) if self.settings.auto_concurrent else None
        with connected(scheduler, self.settings.timeout) as client:
            members = Members(client, scheduler, plans.first_in_flight(self.settings), most_each)
            try:
                yield members
            finally:
                quietly(members.leave)

    def _errand(self, processes):
        return errand_for(self.settings, self._storage, plans.worker_plan(
            self.settings, self._shape, self._layout, None, processes, 0),
            header_record(self.data.dialect.columns), self._lease.token)

    def _score_parts(self, plan, ledger, watching, listener):
        """Scans the input while its parts are scored; returns the whole `Plan`."""
        def on_more(parts):
            first, end = self.settings.wanted_rows
            if parts.rows > first:
                listener(messages.Read(
                    min(end, parts.rows) - first, int(parts.share * self.size)), 'batcher')
            if parts.whole and not plan.stretches:
                self._planner.keep(parts.plan, self._directory, self._lease)
        plan = self._planner.scan(
            plan, watching, lambda *part: ledger.task(plan, *part), on_more,
            lambda: ledger.labels is None)
        ledger.check_accepted()
        return plan

    # --- the end ---

    def _join(self, plan, ledger, watching, listener):
        """Makes the output of the parts; returns its size."""
        # Whatever has gone wrong, no row may be missing or doubled unnoticed.
        planning.check_whole(plan, ledger.records, self.settings.wanted_rows, self._directory.folder)
        self._directory.check_objects(ledger.records.values())
        records = [ledger.records[number] for number in sorted(ledger.records)]
        for warning in checks.warnings(
                short=ledger.totals.short, **self._first_lines([record.notes for record in records])):
            listener(events.Warned(*warning), 'writer')
        kept = list(columns.kept_names(self.settings, self.data.dialect.columns))
        first = header(self._layout, kept, ledger.labels)
        names = [(record.name, record.size, record.checksum) for record in records if record.size]
        if self.settings.out.endswith('/'):
            size = self._put_apart(first, names, watching)
        else:
            size, = self._put_together([(self.settings.out, first, names)], watching, self._new)
        if self.settings.bad_rows:
            linesep = self._layout.linesep.encode('ascii')
            self._put_together([(
                self.settings.bad_rows, header_line(header_record(self.data.dialect.columns), linesep),
                [joining.bad_rows_of(record, self._directory, self.settings.bad_rows)
                 for record in records])], watching, self._new)
        return size

    def _put_apart(self, first, names, watching):
        """Makes a directory of the parts, each with the header; returns its size."""
        out = self.settings.out
        wanted = ['part-{0:05d}.csv'.format(number) for number in range(len(names))]
        foreign = [name for name in self._directory.store.names(out)
                   if planning.PART.match(name) and name not in self._parts_before]
        if foreign:
            raise joining.foreign(out + foreign[0])
        sizes = self._put_together(
            [(out + name, first, [part]) for name, part in zip(wanted, names)], watching,
            [out + name for name in wanted if name not in self._parts_before])
        # What a run before had more.
        self._lease.confirm()
        self._directory.store.remove([
            out + name for name in self._parts_before if name not in wanted])
        return sum(sizes)

    def _put_together(self, wanted, watching, new=()):
        """Makes objects, each of (URL, first bytes, names of what follows): their sizes.

        Those of `new` do not replace what another program has put there meanwhile.
        """
        sizes = []

        def task(number, url, first, names):
            is_new = url in new
            # Other users can read the arguments of tasks.
            url = without_password(url)
            first = compress_rows(first) if url.endswith('.gz') else first
            return Task('join', 'join {0} parts of {1}'.format(
                len(names), url.rpartition('/')[2]), number,
                lambda: (url, first, names, is_new), sizes.append)
        watching.carry_out([task(number, *what) for number, what in enumerate(wanted)])
        return sizes

    def _first_lines(self, notes):
        """{'blank', 'ctrl_z': the first such line of the dataset, or None}."""
        lines = {kind: [note[kind] for note in notes if note[kind]] for kind in ('blank', 'ctrl_z')}
        lines['blank'] += [self.data.blank_line] if self.data.blank_line else []
        return {kind: min(numbers) if numbers else None for kind, numbers in lines.items()}


def _look_at(settings, store):
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


def errand_for(settings, storage, plan, input_header, token=''):
    """The `Errand` of a run, with all its secrets; `plan` is a `pool.PoolPlan`, `token` that of its lease."""
    # A dry run has no output, and takes the place of no other run.
    out = uuid.uuid4().hex if settings.dry_run else settings.out
    name = hashlib.sha256(out.encode('utf-8')).hexdigest()[:12]
    secret = settings.api_token or settings.datarobot_key or settings.sends_authorization
    certificate = client_certificate.with_contents(plan.endpoint.certificate)
    plan = plan._replace(
        endpoint=plan.endpoint._replace(certificate=certificate),
        ping=plan.ping and plan.ping._replace(certificate=certificate))
    unsupported = unsupported_options(settings.command, protocols.of(settings))
    return Errand(
        run='{0}-{1}'.format(name, uuid.uuid4().hex[:12]), settings=settings,
        from_environment='api_token' not in unsupported and not secret,
        storage=storage, plan=plan._replace(
            secrets=plan.secrets + storage_options.secrets_of(storage)), input_header=input_header, token=token)
