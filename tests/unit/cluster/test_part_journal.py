"""The journal of a part: its record says what is in it, once it is complete."""

from __future__ import absolute_import, unicode_literals

import io
from contextlib import contextmanager

from datarobot_batch_scoring.compat import PY2
import pytest

if PY2:
    pytest.skip('a cluster needs Python 3', allow_module_level=True)

from datarobot_batch_scoring.cluster.remains import PartJournal, RunDirectory  # noqa: E402
from datarobot_batch_scoring.output.bad_rows import BadRows  # noqa: E402
from datarobot_batch_scoring.output.sink import Sink  # noqa: E402
from datarobot_batch_scoring.output.targets import SmallUpload, Upload  # noqa: E402
from datarobot_batch_scoring.scoring.predictions import RowStatistics  # noqa: E402
from sinks import PLAN, accepted, commit_all, rejected  # noqa: E402


NAME, DIGEST = 'plan-' + '1' * 12, 'd' * 64


class Store(object):
    """Objects in memory."""

    is_local = True

    def __init__(self):
        self.objects = {}

    @contextmanager
    def create(self, url):
        opened = io.BytesIO()
        yield opened
        self.put(url, opened.getvalue())

    def put(self, url, data):
        self.objects[url] = data

    def read(self, url):
        return self.objects[url]


def make_part(events, complete=True):
    """(the store, the `RunDirectory`, the `PartJournal`) of part 3, with the rows from 10 on."""
    store = Store()
    remains = RunDirectory(store, 'memory://out.csv')
    notes = {'blank': None, 'ctrl_z': None, 'short': [0, []], 'bad': [
        [event.first_row, event.bad.line, event.bad.reason, None] for event in events if event.bad]}
    journal = PartJournal(remains, NAME, 3, 10, (0, 9, 10, 4, 12), DIGEST, notes)
    with journal.create() as opened:
        sink = Sink(PLAN._replace(kept_names=None, max_bad_rows=None, first_row=10, tally=RowStatistics()),
                    Upload(opened, gzipped=False),
                    BadRows(SmallUpload(journal.put_bad_rows, gzipped=False), '\n'), journal)
        for event in events:
            sink.add(event)
        commit_all(sink)
    sink.close(complete)
    return store, remains, journal


def test_a_part_counts_with_its_record():
    store, remains, journal = make_part([rejected(12), accepted(10, 2, nulls=2), accepted(13)])
    record = remains.committed(NAME, 3)
    assert record == journal.record
    rows = b'10,k10,0.5\n11,k11,0.5\n12,k12,\n13,k13,0.5\n'
    assert store.read(remains.folder + record.name) == rows
    assert store.read(remains.folder + record.bad_name) == b'12,14,reason 12,r12,x\n'
    assert (record.rows, record.size, record.nulls, record.bad, record.bad_size, record.labels) == (
        4, len(rows), 2, 1, 22, ['p'])
    assert (record.stretch, record.digest, record.figures) == ([0, 9, 10, 4, 12], DIGEST, None)


def test_a_part_without_rows_has_a_record_too():
    store, remains, _ = make_part([])
    record = remains.committed(NAME, 3)
    assert (record.rows, record.size, record.bad_name, record.labels) == (0, 0, None, None)
    assert len(store.objects) == 2


def test_a_part_that_is_not_complete_does_not_count():
    store, remains, _ = make_part([accepted(10)], complete=False)
    assert not any('record' in name for name in store.objects)


def test_a_record_is_of_one_plan():
    _, remains, journal = make_part([accepted(10)])
    assert remains.committed('plan-' + '2' * 12, 3) is None
    assert remains.committed(NAME, 3) == journal.record
