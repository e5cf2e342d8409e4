"""The sink: rows come in any order, and are committed in that of the input, once each."""

from __future__ import absolute_import, unicode_literals

import errno
import io
import itertools
import os

import pytest

from datarobot_batch_scoring.dataset.checks import NONE_SHORT, Short
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import bad_rows, checkpoint, sink, targets
from datarobot_batch_scoring.output.journal import Journal
from datarobot_batch_scoring.output.sink import Sink
from datarobot_batch_scoring.scoring.predictions import RowStatistics
from scoring import unpacked
from sinks import (
    LABELS, LAYOUT, PLAN, Outputs, accepted, bad_lines_of, commit_all, rejected, rows_of)


@pytest.fixture
def outputs(folder):
    """`outputs(...)`: `sinks.Outputs` in the folder, whose last sink ends with the test."""
    made = []

    def make(*args, **options):
        made.append(Outputs(folder, *args, **options))
        return made[-1]
    yield make
    for each in made:
        each.abandon()


@pytest.fixture
def output(outputs):
    return outputs(bad_rows='bad.csv')


# What comes in, one after another, and the first rows that are committed after each.
HISTORIES = [
    ('in order', [accepted(0, 2), accepted(2), accepted(3, 4)], [2, 3, 7]),
    ('the last first', [accepted(3, 4), accepted(2), accepted(0, 2)], [0, 0, 7]),
    ('one is missing', [accepted(0), accepted(2), accepted(3)], [1, 1, 1]),
    ('a bad row waits for a row that is accepted', [rejected(0), accepted(2), rejected(1)], [0, 1, 3]),
    ('a later row is accepted', [rejected(0), rejected(1), accepted(5)], [0, 0, 2]),
    ('only bad rows', [rejected(0), rejected(1)], [0, 0]),
]


@pytest.mark.parametrize('events, committed', [each[1:] for each in HISTORIES],
                         ids=[each[0] for each in HISTORIES])
def test_what_is_next_is_committed(output, folder, events, committed):
    opened = output.open()
    for event, rows in zip(events, committed):
        opened.add(event)
        commit_all(opened)
        bad = [each.first_row for each in events if each.bad and each.first_row < rows]
        assert (opened.rows, opened.totals()[0], opened.bad) == (rows, rows, len(bad))
        assert folder.has('out.csv') == bool(rows)
        if rows:
            assert folder.read('out.csv') == rows_of(rows, bad)
            assert folder.read('bad.csv') == bad_lines_of(bad)


def test_what_is_committed_is_returned_once(output):
    opened = output.open()
    for event in accepted(2, 2), accepted(0), rejected(1):
        opened.add(event)
    assert [each.first_row for each in commit_all(opened)] == [0, 1, 2]
    assert commit_all(opened) == []


def test_nulls_and_bytes_are_counted(output):
    opened = output.open()
    opened.add(accepted(0, nulls=2))
    opened.add(accepted(1, nulls=3))
    commit_all(opened)
    assert opened.totals() == (2, 5, len(rows_of(2)), 0)


def test_the_lines_with_too_few_fields_are_counted_in_order(output):
    opened = output.open()
    for event in accepted(1, short=Short(1, (30,))), accepted(2, short=Short(1, (40,))):
        opened.add(event)
    commit_all(opened)
    assert opened.short == NONE_SHORT
    opened.add(accepted(0, short=Short(1, (20,))))
    commit_all(opened)
    assert opened.short == Short(3, (20, 30, 40))


def test_rows_before_the_first_one_wanted_are_not_counted(output, folder):
    opened = output.open(first_row=5)
    opened.add(accepted(5, 2))
    commit_all(opened)
    assert opened.totals()[0] == 2 and opened.rows == 7
    assert folder.read('out.csv').splitlines()[1:] == [b'5,k5,0.5', b'6,k6,0.5']


# --- limits ------------------------------------------------------------------------

def test_ten_rows_that_are_rejected_before_one_is_accepted_end_the_run(output, folder):
    opened = output.open(max_bad_rows=100)
    for row in range(1, sink.MAX_INITIAL_REJECTIONS):
        opened.add(rejected(row))
    assert opened.commit_next() == [] and len(opened.waiting) == 9
    opened.add(rejected(0))
    with pytest.raises(ScoringError) as caught:
        opened.commit_next()
    assert 'row 0 (dataset line 2)' in caught.value.message and 'reason 0' in caught.value.detail
    assert not folder.has('out.csv')


def test_nine_rows_that_are_rejected_end_the_run_only_if_no_other_is_accepted(output):
    opened = output.open(max_bad_rows=100)
    for row in range(9):
        opened.add(rejected(row))
    with pytest.raises(ScoringError):
        opened.check_accepted()
    opened.add(accepted(9))
    opened.check_accepted()
    assert len(commit_all(opened)) == 10 and opened.waiting == []


def test_no_row_is_no_reason_to_end_the_run(output):
    output.open().check_accepted()


def test_the_bad_rows_that_are_allowed_are_committed_before_the_run_ends(output, folder):
    opened = output.open(max_bad_rows=2)
    for event in accepted(0), rejected(1), rejected(2), accepted(3), rejected(4), accepted(5):
        opened.add(event)
    assert [each.first_row for each in opened.commit_next()] == [0, 1, 2, 3]
    with pytest.raises(ScoringError) as caught:
        opened.commit_next()
    assert 'Bad-row limit (2) exceeded at row 4 (dataset line 6)' in caught.value.message
    assert output.bad_rows in caught.value.hint
    assert folder.read('out.csv') == rows_of(4, [1, 2])
    assert output.state()['rows'] == 4


def test_bad_rows_of_an_earlier_run_count_towards_the_limit(output):
    opened = output.open(max_bad_rows=1)
    for event in accepted(0), rejected(1):
        opened.add(event)
    commit_all(opened)
    opened.close(complete=False)
    opened = output.open(resume=True, max_bad_rows=1)
    opened.add(rejected(2))
    with pytest.raises(ScoringError):
        opened.commit_next()


def test_a_part_of_a_run_has_no_limit_and_no_header():
    class Memory(targets.Target):
        data = b''

        def append(self, data):
            self.data += data
    rows, bad = Memory(), Memory()
    opened = Sink(PLAN._replace(kept_names=None, max_bad_rows=None, first_row=10), rows,
                  bad_rows.BadRows(bad, '\n'), Journal())
    opened.labels = LABELS
    for row in range(10, 15):
        opened.add(rejected(row))
    commit_all(opened)
    opened.close(complete=True)
    assert rows.data == b''.join(b'%d,k%d,\n' % (row, row) for row in range(10, 15))
    assert bad.data == bad_lines_of(range(10, 15)).partition(b'\n')[2]
    assert opened.totals() == (5, 0, len(rows.data), 5)


# --- the tally of a report -----------------------------------------------------------

@pytest.mark.parametrize('counted, whole, known', [
    (True, True, True), (True, False, False), (False, True, False)])
def test_the_checkpoint_has_the_tally_of_all_rows_or_none(output, counted, whole, known):
    opened = output.open(layout=LAYOUT._replace(counted=counted), tally_is_whole=whole)
    for event in accepted(0), rejected(1):
        opened.add(event)
    commit_all(opened)
    opened.close(complete=False)
    figures = {'predicted': None, 'reasons': {'reason 1': 1}}
    assert (RowStatistics().plain() if not counted else figures) == opened.tally.plain()
    assert output.state()['figures'] == (figures if known else None)


# --- the end, and going on -------------------------------------------------------------

def test_a_complete_output_has_no_checkpoint_beside_it(output, folder):
    opened = output.open()
    opened.add(accepted(0))
    commit_all(opened)
    assert folder.has('out.csv.shelve')
    opened.close(complete=True)
    assert not folder.has('out.csv.shelve') and folder.read('out.csv') == rows_of(1)


def test_an_earlier_output_is_kept_until_a_row_is_committed(output, folder):
    folder.write('out.csv', b'earlier')
    opened = output.open()
    opened.add(rejected(0))
    opened.commit_next()
    opened.close(complete=False)
    assert folder.read('out.csv') == b'earlier'


@pytest.mark.parametrize('name, bad_name', [('out.csv', 'bad.csv'), ('out.csv.gz', 'bad.csv.gz')])
def test_a_resumed_output_is_the_same(outputs, folder, name, bad_name):
    def packed(scored):
        zipped = targets.AppendFile('output', name).compressed
        return scored if scored.bad else scored._replace(csv=zipped(scored.csv))
    output = outputs(name, bad_rows=bad_name)
    opened = output.open()
    for event in accepted(0, 2), rejected(2):
        opened.add(packed(event))
    commit_all(opened)
    # What was not committed is cut off.
    with io.open(output.out, 'ab') as target:
        target.write(b'torn')
    opened = output.open(resume=True)
    assert (opened.rows, opened.labels, opened.bad) == (3, LABELS, 1)
    for event in rejected(4), accepted(3):
        opened.add(packed(event))
    commit_all(opened)
    opened.close(complete=True)

    def text(name):
        return unpacked(folder.read_raw(name)) if name.endswith('.gz') else folder.read(name)
    assert text(name) == rows_of(5, [2, 4])
    assert text(bad_name) == bad_lines_of([2, 4])


def test_a_resumed_run_may_set_rows_aside_in_another_file(output, folder):
    opened = output.open()
    for event in accepted(0), rejected(1):
        opened.add(event)
    commit_all(opened)
    opened.close(complete=False)
    output.bad_rows = folder('other.csv')
    opened = output.open(resume=True)
    opened.add(rejected(2))
    commit_all(opened)
    assert folder.read('other.csv') == bad_lines_of([1, 2])
    assert folder.read('bad.csv') == bad_lines_of([1])


def test_a_resumed_run_may_be_the_first_to_set_rows_aside(output, folder):
    output.bad_rows = None
    opened = output.open()
    opened.add(accepted(0))
    commit_all(opened)
    opened.close(complete=False)
    output.bad_rows = folder('bad.csv')
    opened = output.open(resume=True)
    opened.add(rejected(1))
    commit_all(opened)
    assert folder.read('bad.csv') == bad_lines_of([1])
    assert output.state()['bad']['name'] == 'bad.csv'


# --- crashes -----------------------------------------------------------------------

class Crash(BaseException):
    """Stands for a kill."""


EVENTS = [accepted(0, 2), rejected(2), accepted(3), accepted(4, 3), rejected(7)]


def run_to_the_end(opened):
    for event in EVENTS:
        if event.first_row >= opened.rows:
            opened.add(event)
            commit_all(opened)
    opened.close(complete=True)


def crash_before(step, monkeypatch):
    """Has the system call with this number raise `Crash`, and half of what it writes written."""
    steps = itertools.count(1)

    def wrap(module, name):
        call = getattr(module, name)

        def wrapped(*args):
            if next(steps) == step:
                if name == 'write_all':
                    call(args[0], args[1][:len(args[1]) // 2])
                raise Crash()
            return call(*args)
        monkeypatch.setattr(module, name, wrapped)
    for module in targets, checkpoint:
        wrap(module, 'write_all')
        wrap(module, 'fsync')
    wrap(targets, 'fsync_folder')
    return steps


@pytest.mark.skipif(WINDOWS, reason='a file that is open cannot be removed')
@pytest.mark.parametrize('force_bytes', [60, 1 << 20])
def test_after_a_crash_at_any_step_a_resumed_output_is_whole(
        output, folder, monkeypatch, force_bytes):
    monkeypatch.setattr(sink, 'FORCE_BYTES', force_bytes)
    monkeypatch.setattr(sink, 'FORCE_SECONDS', 3600)
    for step in itertools.count(1):
        assert step < 200
        for name in 'out.csv', 'bad.csv', 'out.csv.shelve':
            if folder.has(name):
                os.remove(folder(name))
        opened = output.open()
        with monkeypatch.context() as patch:
            crash_before(step, patch)
            try:
                run_to_the_end(opened)
                break
            except Crash:
                pass
        opened = output.open(resume=True)
        run_to_the_end(opened)
        assert folder.read('out.csv') == rows_of(8, [2, 7]), step
        assert folder.read('bad.csv') == bad_lines_of([2, 7]), step
        assert not folder.has('out.csv.shelve')
    assert step > 20


# --- files that cannot be written ------------------------------------------------------

@pytest.mark.parametrize('name, kind', [('out.csv', 'output'), ('bad.csv', 'bad-rows file')])
def test_a_full_disk_ends_the_run_and_leaves_whole_rows(output, folder, monkeypatch, name, kind):
    opened = output.open()
    for event in accepted(0), rejected(1):
        opened.add(event)
    commit_all(opened)
    write_all = targets.write_all

    def fill_disk(descriptor, data):
        if os.path.sameopenfile(descriptor, watched.fileno()):
            write_all(descriptor, data[:3])
            raise OSError(errno.ENOSPC, 'No space left on device')
        write_all(descriptor, data)
    with io.open(folder(name), 'rb') as watched:
        monkeypatch.setattr(targets, 'write_all', fill_disk)
        opened.add(rejected(2))
        with pytest.raises(ScoringError) as caught:
            commit_all(opened)
    assert caught.value.message == 'The {0} {1} cannot be written: No space left on device.'.format(
        kind, folder(name))
    assert '--resume' in caught.value.hint
    assert folder.read('out.csv') == rows_of(2, [1])
    assert folder.read('bad.csv') == bad_lines_of([1])
    assert output.state()['rows'] == 2


def test_an_output_that_another_program_replaces_ends_the_run(output, folder):
    opened = output.open()
    opened.add(accepted(0))
    commit_all(opened)
    folder.write('new.csv', folder.read('out.csv'))
    os.rename(folder('new.csv'), folder('out.csv'))
    with pytest.raises(ScoringError) as caught:
        opened.close(complete=True)
    assert 'was replaced by another program' in caught.value.message
    assert folder.has('out.csv.shelve')
