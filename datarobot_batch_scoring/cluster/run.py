"""A run on a cluster, from its settings to the end; `run.score` calls it."""

from __future__ import absolute_import, division, unicode_literals

import functools

from datarobot_batch_scoring.cluster import extras, joining, planning, source, starting, storage_options
from datarobot_batch_scoring.cluster.members import Members
from datarobot_batch_scoring.cluster.remains import Remains
from datarobot_batch_scoring.cluster.scanning import Scanning
from datarobot_batch_scoring.cluster.stores import open_store
from datarobot_batch_scoring.cluster.totals import Totals
from datarobot_batch_scoring.cluster.watching import Task, Watching
from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.csv_bytes import lift_field_size_limit
from datarobot_batch_scoring.errors import Absent, ScoringError, UsageError
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.local.signals import Signals
from datarobot_batch_scoring.output import sink
from datarobot_batch_scoring.output.bad_rows import header_line
from datarobot_batch_scoring.output.gzip_members import compress_rows
from datarobot_batch_scoring.output.lease import Lease
from datarobot_batch_scoring.output.locations import as_path, as_url, is_url, scheme_of
from datarobot_batch_scoring.output.rows import header
from datarobot_batch_scoring.run import columns, files, plans, resume
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.settings.values import MAX_IN_FLIGHT

HEAD = 1 << 20


def check(settings):
    """Raises `UsageError` for what cannot be on a cluster, or gets in another file's way."""
    names = [name for name in (settings.dataset, settings.out, settings.bad_rows) if name]
    extras.check('--scheduler' if settings.scheduler else 'A URL', [scheme_of(name) for name in names if is_url(name)])
    if settings.reads_stdin or settings.writes_stdout:
        raise UsageError('streams_on_cluster')
    files.check(settings, on_cluster=True)
    storage = storage_options.read(settings)
    storage_options.check(settings, storage)
    for name in names:
        # That of the bad rows would be noticed only at the end.
        open_store(as_url(name), storage)


def score(settings, listener, progress, person, caught, before_sending):
    """Scores a dataset; returns `messages.Finished`.

    `before_sending` is what `run.score` does once it is known how the run begins.
    """
    storage = storage_options.read(settings, progress.warn)
    listener.recorder.hide(storage_options.secrets_of(storage))
    run = _Run(settings, storage, listener, progress, caught, progress.warn)
    run.lease.take()
    try:
        if not run.lease.sees_others:
            progress.warn('{0} knows no conditions: another run that writes {1} would not be '
                          'noticed.'.format(scheme_of(run.settings.out), run.settings.out))
        run.decide(person)
        run.settings = before_sending(run.settings, run.data, run.start, listener, progress)
        listener.begin(run.settings, run.start, run.info.size)
        return run.see_to_the_end()
    finally:
        run.lease.give_up()


def dry_run(settings, warn):
    """(`inspect.Dataset`, rows, batches) of what is cut and checked; nothing is sent or written."""
    def hear(event, role=None):
        if isinstance(event, events.Warned):
            warn(event.line)
        return ()
    storage = storage_options.read(settings, warn)

    def check_all():
        with Signals() as caught:
            run = _Run(settings, storage, hear, None, caught, warn)
            return (run.data,) + run.check_all()
    return storage_options.masking_secrets(storage, check_all)


class _Run(object):
    """What the steps of a run know of each other."""

    def __init__(self, settings, storage, listener, progress, caught, warn):
        lift_field_size_limit()
        self.settings = settings._replace(
            dataset=as_url(settings.dataset), out=as_url(settings.out),
            bad_rows=as_url(settings.bad_rows))
        self._out = settings.out
        self._listener = listener
        self._progress = progress
        self._caught = caught
        self._storage = storage
        self._store = functools.partial(open_store, options=storage, warn=warn)
        self._input, self._output = self._store(self.settings.dataset), self._store(self.settings.out)
        self.data, self.info = source.look_at(self.settings, self._input)
        self._shape = plans.shape_of(self.settings, self.data)
        self._layout = columns.layout_of(
            self.settings, self._shape.output_delimiter.decode('ascii'), self.data.dialect.columns)
        self._remains = Remains(self._output, self.settings.out)
        self._parts_before = starting.check_is_ours(self.settings, self._remains)
        self.lease = Lease(
            self._output, self._remains.folder, settings.out,
            as_path(self.settings.out) if self._output.is_local else None)
        self.before = self.start = None
        self._members = self._watching = None
        self._plan = None
        self._matching = None
        self._records = {}
        self._totals = Totals()
        self._labels = None

    def decide(self, person):
        """Finds out whether the run resumes another."""
        self._matching = resume.what_must_match(
            self.settings, self.data, self._shape.output_delimiter.decode('ascii'))
        self.before = starting.PlanBefore(
            self.settings, self.data, self._remains, self._store, self.lease.confirm)
        self.start = resume.decide(self.settings, self._matching, person, self.before)
        self._records = dict(self.before.records)
        self._labels = self.start.labels

    def see_to_the_end(self):
        """Scores and joins; returns `messages.Finished`."""
        with self._connected() as self._members:
            self._watching = Watching(self._members, self._hear, self._caught, self.lease)
            self._caught.queue()
            self._begin(self.lease.confirm)
            try:
                self._find_plan()
                self._score()
                size = self._join()
            except ScoringError:
                self._say_what_is_kept()
                raise
            finally:
                self._watching.finish()
        self.lease.confirm()
        starting.clear(self.settings, self._remains)
        return messages.Finished(
            self._totals.rows, self._totals.nulls, size, self._totals.bad)

    def check_all(self):
        """(rows, batches): reads all of the input, and raises what is wrong with it."""
        found = []
        with self._connected() as self._members:
            self._watching = Watching(self._members, self._hear, self._caught, self.lease)
            self._begin()
            plan = self._new_plan(None)

            def check(number, stretch, last):
                return Task('check', 'check rows {0} to {1}'.format(*_rows_of(stretch)), number,
                            lambda: (stretch, last, plan.source), found.append)
            try:
                self._scan(plan, check)
            finally:
                if plan.source.url != self.settings.dataset:
                    self._output.remove([plan.source.url])
                    self._remains.end_blank_plan()
        rows, count = sum(each[0] for each in found), sum(each[1] for each in found)
        if not rows:
            raise checks.no_such_row(self._out_of_dataset(), self.settings.rows)
        self._warn_of_lines([each[2] for each in found])
        return rows, count

    def _connected(self):
        most_each = int(MAX_IN_FLIGHT) if self.settings.auto_concurrent else None
        return Members(
            self.settings.scheduler, self.settings.timeout, plans.first_in_flight(self.settings), most_each)

    def _begin(self, *confirm):
        self._members.begin(self._errand(self._members.count()), *confirm)

    def _errand(self, processes):
        return starting.errand_for(self.settings, self._storage, plans.worker_plan(
            self.settings, self._shape, self._layout, None, processes, 0),
            self._shape.header)

    def _hear(self, event, role=None):
        if isinstance(event, events.Labels):
            self._labels = self._labels or tuple(event.labels)
        return self._listener(event, role)

    # --- the plan ---

    def _find_plan(self):
        before = self.before.plan
        if before and before.version == self.info.version and self._is_readable(before.source):
            self._plan = before
            return
        plan = self._new_plan(before)
        if before:
            # Nothing is scored before it is known what is right of that.
            plan = self._scan(plan)
            self._keep_what_is_right(before, plan)
        self._keep_plan(plan)

    def _keep_plan(self, plan):
        self._plan = plan
        self.lease.confirm()
        planning.write(self._remains, plan)

    def _new_plan(self, before):
        """A plan of which nothing is scanned; with the name and the parts of another, or None."""
        read = self._readable()
        return planning.Plan(
            name=before.name if before else self._remains.attempt('plan'),
            matching=self._matching, dataset=self.settings.dataset, version=self.info.version,
            source=read, step=before.step if before else planning.step_of(read),
            stretches=[])

    def _keep_what_is_right(self, before, plan):
        kept, stretches = {}, dict(enumerate(plan.stretches))

        def compare(record, digest):
            if digest == record.digest:
                kept[record.part] = record
        self._watching.carry_out([Task(
            'digest', 'read rows {0} to {1} again'.format(*_rows_of(stretches[number])),
            number, lambda number=number: (plan.source, stretches[number]),
            functools.partial(compare, record)) for number, record in self._records.items()
            if stretches.get(number) == tuple(record.stretch)])
        wrong = sorted(set(self._records) - set(kept))
        open_ones = [number for number, each in enumerate(before.stretches or plan.stretches)
                     if planning.is_wanted(each, self.settings.rows) and number not in self._records]
        if wrong and (not open_ones or wrong[0] < open_ones[0]):
            raise resume.cannot_resume(
                self._out, 'the dataset differs in the rows that were scored')
        self.lease.confirm()
        self._remains.withdraw(wrong)
        self._records = kept

    def _is_readable(self, read):
        """Whether the `planning.Source` of a plan is still what it was."""
        if source.can_split(self.data):
            return read == self._readable()
        try:
            found = self._output.info(read.url)
        except Absent:
            return False
        return read == source.Source(
            read.url, found.size, found.version, 'utf-8', self.data.start.byte)

    def _readable(self):
        """The `planning.Source` that ranges can be read of: unpacked before, where need be."""
        url, data = self.settings.dataset, self.data
        if source.can_split(data):
            return source.source_of(url, self.info, data, self._input.read(url, 0, HEAD))
        self._remains.begin_plan()
        target = self._remains.folder + self._remains.attempt('input')
        self._watching.carry_out([Task('unpack', 'unpack {0}'.format(_name_of(url)), 0, lambda: (
            url, self.info.version, data.gzipped, data.dialect.encoding, target))])
        found = self._output.info(target)
        return source.Source(target, found.size, found.version, 'utf-8', data.start.byte)

    def _scan(self, plan, follow=lambda number, stretch, last: None, on_more=lambda parts: None,
              one_by_one=lambda: False):
        """Scans what is not scanned yet, with what follows; returns the whole plan."""
        parts = planning.Parts(plan, self.data.start.line, self.settings.n_samples)
        self._watching.carry_out(
            Scanning(parts, self.settings.rows, follow, on_more).tasks(), one_by_one)
        return parts.plan

    # --- the parts ---

    def _score(self):
        self._totals = Totals(self._records.values(), self._layout.counted)
        self._note_totals()
        self._rejected, self._unaccepted = [], []
        self._scan(self._plan, self._task, self._note_more, lambda: self._labels is None)
        if self._rejected and self._labels is None:
            raise sink.none_accepted(self._rejected)

    def _task(self, number, stretch, last):
        if number in self._records:
            return None
        task = Task('score', 'score rows {0} to {1}'.format(*_rows_of(stretch)), number, lambda: (
            self._plan.name, number, stretch, last, self._labels, self._plan.source),
            lambda value: self._note_part(task, value), stretch.rows)
        return task

    def _note_more(self, parts):
        first, end = self.settings.rows or (0, parts.rows)
        if parts.rows > first:
            self._listener(messages.Read(
                min(end, parts.rows) - first, int(parts.share * self.info.size)), 'batcher')
        if parts.whole and not self._plan.stretches:
            self._keep_plan(parts.plan)

    def _note_part(self, task, value):
        """Takes in what a task gave; returns those to do again now that a row is accepted."""
        if isinstance(value, list):
            if self._labels is not None:
                return [task]
            # No row of it was accepted, nor of any before.
            self._rejected += value
            self._unaccepted.append(task)
            if len(self._rejected) >= sink.MAX_INITIAL_REJECTIONS:
                raise sink.none_accepted(self._rejected)
            return None
        if value.part not in self._records:
            self._records[value.part] = value
            self._totals.add(value)
        self._labels = self._labels or (value.labels and tuple(value.labels))
        for row, line, reason in value.notes['bad']:
            self._listener(messages.SetAside(row, line, reason), 'writer')
        self._note_totals()
        if self._labels is None:
            return None
        again, self._unaccepted = self._unaccepted, []
        return again

    def _note_totals(self):
        totals = self._totals
        self._listener(messages.Written(
            totals.rows, totals.nulls, totals.size, totals.bad, totals.tally), 'writer')
        if totals.bad > self.settings.max_bad_rows:
            noted = sorted(each for record in self._records.values()
                           for each in record.notes['bad'])
            row, line, reason = noted[self.settings.max_bad_rows]
            raise sink.too_many(events.Scored(
                first_row=row, rows=1, digests=(), labels=None, nulls=0, short_line=None, csv=None,
                predicted=None, bad=events.BadRow(line, reason, b'', [])), self.settings)

    # --- the end ---

    def _join(self):
        if not self._totals.rows:
            if self.settings.rows:
                raise checks.no_such_row(self._out_of_dataset(), self.settings.rows)
            raise UsageError('no_rows', file=self._out_of_dataset())
        # Whatever has gone wrong, no row may be missing or doubled unnoticed.
        planning.check_whole(self._plan, self._records, self.settings.rows, self._remains.folder)
        self._remains.check_objects(self._records.values())
        self._warn_of_lines([each.notes for each in self._records.values()])
        records = [self._records[number] for number in sorted(self._records)]
        kept = list(columns.kept_names(self.settings, self.data.dialect.columns))
        first = header(self._layout, kept, self._labels)
        names = [(each.name, each.size, each.checksum) for each in records if each.size]
        if self.settings.out.endswith('/'):
            size = self._put_apart(first, names)
        else:
            size, = self._put_together([(self.settings.out, first, names)])
        if self.settings.bad_rows:
            linesep = self._layout.linesep.encode('ascii')
            self._put_together([(
                self.settings.bad_rows, header_line(self._shape.header, linesep),
                [joining.bad_rows_of(each, self._remains, self.settings.bad_rows) for each in records])])
        return size

    def _put_apart(self, first, names):
        """Makes a folder of the parts, each with the header; returns its size."""
        out = self.settings.out
        wanted = ['part-{0:05d}.csv'.format(number) for number in range(len(names))]
        sizes = self._put_together([
            (out + name, first, [each]) for name, each in zip(wanted, names)])
        # What a run before had more.
        self.lease.confirm()
        self._output.remove([out + name for name in self._parts_before if name not in wanted])
        return sum(sizes)

    def _put_together(self, wanted):
        """Makes objects, each of (URL, first bytes, names of what follows): their sizes."""
        def arguments(url, first, names):
            return (url, compress_rows(first) if url.endswith('.gz') else first, names,
                    self.lease.token)
        done = []
        self._watching.carry_out([Task(
            'join', 'join {0} parts of {1}'.format(len(each[2]), _name_of(each[0])), number,
            lambda each=each: arguments(*each), done.append) for number, each in enumerate(wanted)])
        return done

    def _warn_of_lines(self, notes):
        words = {'blank': checks.blank_line_warning, 'ctrl_z': checks.ctrl_z_warning,
                 'short': checks.short_line_warning}
        for kind in ('blank', 'ctrl_z', 'short'):
            lines = [each[kind] for each in notes if each[kind]]
            if kind == 'blank' and self.data.blank_line:
                lines.append(self.data.blank_line)
            if lines:
                self._listener(events.Warned(kind, words[kind](min(lines))), 'writer')

    def _out_of_dataset(self):
        return as_path(self.settings.dataset)

    def _say_what_is_kept(self):
        rows = self._totals.rows
        if rows and not self.lease.lost:
            line = '{0} rows are scored. To go on, run the same command with --resume.'.format(rows)
            LOGGER.info('%s', line)
            self._progress.say(line)


def _rows_of(stretch):
    """(the first, the last): the numbers of the rows of a stretch."""
    return stretch.row, stretch.row + stretch.rows - 1


def _name_of(url):
    return url.rpartition('/')[2]
