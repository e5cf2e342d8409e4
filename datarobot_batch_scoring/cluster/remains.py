"""The names of what a run keeps beside its output, until the output is whole."""

from __future__ import absolute_import, unicode_literals

import json
import re
import uuid
import zlib

from datarobot_batch_scoring.cluster.parts import Record, check_record
from datarobot_batch_scoring.cluster.stores import Absent, Taken
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import sealed
from datarobot_batch_scoring.output.journal import Journal
from datarobot_batch_scoring.output.locations import run_directory

# Of plans.
FORMAT = 1
_RECORD = re.compile(r'record-(\d{6})\.json\Z')
# What may be in the directory before there is a plan, and what only a plan has there. What ends in
# .tmp is half written.
_BEFORE_PLAN = re.compile(r'((lock-\d{10,18}\.json|probe-[0-9a-f]{32})(\.[0-9a-f]{8}\.tmp)?|'
                          r'plan\.json\.[0-9a-f]{8}\.tmp)\Z')
_OF_PLAN = re.compile(r'(plan\.json|record-\d{6}\.json|(part|bad)-\d{6}-[0-9a-f]{12}|'
                      r'(input|joined)-[0-9a-f]{12})(\.[0-9a-f]{8}\.tmp)?\Z')


class PartJournal(Journal):
    """The journal of a part of a plan: its `record`, which counts once the part is complete.

    `notes` are those of the record, and may be added to until then. Its rows begin with the number
    `first_row`.
    """

    def __init__(self, remains, plan, part, first_row, row_range, digest, notes):
        self._remains = remains
        self._first_row = first_row
        self._bad_name = remains.attempt('bad', part)
        self.record = Record(
            plan=plan, part=part, name=remains.attempt('part', part), size=0, checksum=0, rows=0,
            nulls=0, labels=None, bad=0, bad_name=None, bad_size=0, version='', bad_version='', stretch=list(row_range),
            digest=digest, figures=None, notes=notes)

    def create(self):
        """Creates the object with the rows: see `stores.Store.create`."""
        return self._remains.store.create(self._remains.folder + self.record.name)

    def put_bad_rows(self, data):
        """Puts the object with the rows that were set aside."""
        self._remains.store.put(self._remains.folder + self._bad_name, data)

    def begin(self, state):
        """Notes the labels of the run."""
        self.record = self.record._replace(labels=list(state['labels']))

    def commit(self, state):
        """Notes what has changed of the state."""
        bad = state['bad'] or {'rows': 0, 'length': 0}
        self.record.notes['short'] = state['short']
        self.record = self.record._replace(
            size=state['length'], checksum=state['checksum'], nulls=state['nulls'],
            rows=state['rows'] - self._first_row, figures=state['figures'], bad=bad['rows'],
            bad_name=self._bad_name if bad['rows'] else None, bad_size=bad['length'])

    def close(self, complete):
        """Makes the part count if it is `complete`."""
        if complete:
            self.record = self.record._replace(
                version=self._remains.version(self.record.name),
                bad_version=self._remains.version(self.record.bad_name))
            self._remains.commit(self.record)


class RunDirectory(object):
    """The names and records of a run with this output; `store` is the output's."""

    def __init__(self, store, out):
        self.store = store
        self.folder = run_directory(out) + '/'
        self.plan = self.folder + 'plan.json'

    def attempt(self, kind, number=None):
        """A name that no other attempt has, for a part, say; relative to the folder."""
        number = '' if number is None else '-{0:06d}'.format(number)
        return '{0}{1}-{2}'.format(kind, number, uuid.uuid4().hex[:12])

    def commit(self, record):
        """Makes a part count."""
        self.store.put(self._record(record.part), sealed.to_bytes(dict(record._asdict())))

    def take_back(self, record):
        """Removes a part that was committed when another run had the output, and its record if that is the last."""
        names = [name for name in (record.name, record.bad_name) if name]
        last = self.committed(record.plan, record.part)
        if last and last.name == record.name:
            names.append(self._record(record.part)[len(self.folder):])
        self.store.remove([self.folder + name for name in names])

    def version(self, name):
        """What tells an object from one that replaces it; '' for a file, or None."""
        if name is None or self.store.is_local:
            return ''
        return self.store.info(self.folder + name).version

    def committed(self, plan, number):
        """The `Record` of a part of the plan with that name, or None.

        What a killed run had under way may still be committed when the next has begun.
        """
        try:
            record = Record(**sealed.from_bytes(self.store.read(self._record(number))))
            check_record(record, number)
        except (Absent, TypeError, ValueError):
            return None
        return record if record.plan == plan else None

    def all_committed(self, plan):
        """{number: Record} of the parts of a plan that count."""
        numbers = [int(match.group(1)) for match in map(
            _RECORD.match, self.store.names(self.folder)) if match]
        records = [self.committed(plan, number) for number in numbers]
        there = self.store.listing(self.folder) or {}
        return {record.part: record for record in records if record and self._has_objects(record, there)}

    def _has_objects(self, record, there):
        for name, size, version, checksum in (
                (record.name, record.size, record.version, record.checksum),
                (record.bad_name, record.bad_size, record.bad_version, None)):
            info = there.get(name)
            if size and (info is None or info.size != size or not (
                    self.store.is_local or info.version == version or self._has_content(name, checksum))):
                return False
        return True

    def _has_content(self, name, checksum):
        """Whether an object has this CRC-32: a put that was sent twice may arrive again later."""
        try:
            return zlib.crc32(self.store.read(self.folder + name)) & 0xffffffff == checksum
        except Absent:
            return False

    def check_objects(self, records):
        """Raises `ScoringError` unless the objects of these records are still what was put."""
        there = self.store.listing(self.folder) or {}
        for record in records:
            if not self._has_objects(record, there):
                raise ScoringError('part_disturbed', part=self.folder + record.name)

    def withdraw(self, numbers):
        """Makes parts count no more."""
        self.store.remove([self._record(number) for number in numbers])

    def is_ours(self, has_plan):
        """Whether the directory is one of this program, or none; `has_plan()`: its plan is one."""
        # Twice, since a run that ends at this moment removes its plan last.
        for _ in range(2):
            listing = self.store.listing(self.folder)
            if listing is None or not all(info and _is_our_name(name) for name, info in listing.items()):
                return False
            if all(map(_BEFORE_PLAN.match, listing)) or has_plan():
                return True
        return False

    def remove(self, but, confirm):
        """Removes what runs keep here, except the names that begin like one of `but`.

        What there is was listed before `confirm`, and so is not another run's.
        A blank plan is left to the end, so that a kill leaves neither a run that can be resumed nor
        what seems to be of another program.
        """
        urls = [self.folder + name for name in self.store.names(self.folder)
                if not name.startswith(tuple(but)) and _is_our_name(name)]
        confirm()
        if urls:
            self.store.put(self.plan, BLANK)
            confirm()
            self.store.remove([url for url in urls if url != self.plan])
            confirm()
            self.store.remove([self.plan])
        self.store.remove_uploads(self.folder, begins=True)

    def begin_plan(self):
        """Puts a blank plan, unless there is one."""
        try:
            self.store.put_new(self.plan, BLANK)
        except Taken:
            pass

    def end_blank_plan(self):
        """Removes the plan if it is blank."""
        if self.store.read(self.plan) == BLANK:
            self.store.remove([self.plan])

    def _record(self, number):
        return self.folder + 'record-{0:06d}.json'.format(number)


def _is_our_name(name):
    return _BEFORE_PLAN.match(name) or _OF_PLAN.match(name)


# The plan of a run that cannot be resumed: it has not begun, or its end was interrupted.
BLANK = json.dumps({'format': FORMAT}).encode('ascii')
