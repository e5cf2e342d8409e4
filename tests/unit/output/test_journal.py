"""The journal: its slots hold what was committed last, whatever a crash or a hand does to the file."""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import struct
import zlib

import pytest

from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output import checkpoint, lock
from datarobot_batch_scoring.output.journal import Journal, Slots
from sinks import LABELS, MATCHING, Outputs, accepted, bad_lines_of, commit_all, digests, rejected, rows_of

OUT, KEPT = 'out.csv', 'out.csv.shelve'
HEAD = struct.Struct(str('>8sQII'))


@pytest.fixture
def outputs(folder):
    made = Outputs(folder, bad_rows='bad.csv')
    yield made
    made.abandon()


def commit(outputs, *events, **options):
    """Commits each of some events, and leaves the output like a kill."""
    opened = outputs.open(**options)
    for event in events:
        opened.add(event)
        commit_all(opened)
    outputs.abandon()


def slots(folder):
    """[(serial number, items), ...] of the checkpoint, by slot; None: it is empty."""
    data = folder.read_raw(KEPT)
    capacity, found = len(data) // 3, []
    for slot in range(3):
        magic, serial, length, crc = HEAD.unpack_from(data, slot * capacity)
        payload = data[slot * capacity + HEAD.size:][:length]
        known = serial and zlib.crc32(payload, serial) & 0xffffffff == crc
        found.append((serial, json.loads(payload.decode('utf-8'))) if known else None)
    return found


def change(folder, name, at, data):
    with io.open(folder(name), 'r+b') as target:
        target.seek(at)
        target.write(data)


def test_a_state_is_written_into_the_slot_that_is_neither_newest_nor_on_disk(outputs, folder):
    opened = outputs.open()
    numbers = []
    for row in range(4):
        opened.add(accepted(row))
        commit_all(opened)
        numbers.append([slot and slot[0] for slot in slots(folder)])
    # The first state, before the first row, is on disk.
    assert numbers == [[1, 2, None], [1, 2, 3], [1, 4, 3], [1, 4, 5]]
    assert json.loads(slots(folder)[2][1]['rows']) == 4


def test_the_state_has_what_a_resumed_run_needs(outputs, folder):
    commit(outputs, accepted(0, 3, nulls=2), rejected(3))
    state = outputs.state()
    output, bad = rows_of(4, [3]), bad_lines_of([3])
    assert state == {
        'format': 2, 'run': MATCHING, 'labels': list(LABELS), 'rows': 4, 'nulls': 2, 'short': [0, []],
        'digests': [list(digest) for digest in digests(4)], 'figures': None,
        'length': len(output), 'checksum': zlib.crc32(output) & 0xffffffff, 'forced': 0,
        'bad': {'rows': 1, 'length': len(bad), 'forced': 0, 'name': 'bad.csv',
                'checksum': zlib.crc32(bad) & 0xffffffff}}


def test_a_resumed_run_notes_what_it_is_given_now(outputs, folder):
    commit(outputs, accepted(0))
    with_other = Outputs(folder)
    locked = lock.LockedFile(outputs.out)
    serial, seen = checkpoint.load(locked.descriptor, outputs.out)[0].dict.serial, locked.snapshot()
    locked.close()
    journal = Slots(with_other.out, seen, {'command': 'other'}, digests(1), serial)
    assert journal.restore()['rows'] == 1
    journal.force({'nulls': 7})
    journal.close(complete=False)
    state = outputs.state()
    assert (state['run'], state['nulls'], state['rows']) == ({'command': 'other'}, 7, 1)


def test_a_journal_of_an_output_that_cannot_be_resumed_says_nothing():
    journal = Journal()
    journal.begin({})
    journal.commit({})
    journal.force({})
    journal.close(complete=True)
    assert journal.restore() is None


# --- what is in the way ------------------------------------------------------------

def test_another_run_on_the_output_is_refused(outputs, folder):
    held = lock.LockedFile(outputs.out)
    with pytest.raises(ScoringError) as caught:
        Slots(outputs.out, held.snapshot(), MATCHING)
    held.close()
    assert 'Another run is writing' in caught.value.message


def test_a_run_in_the_meantime_is_noticed(outputs, folder):
    locked = lock.LockedFile(outputs.out)
    seen = locked.snapshot()
    locked.close()
    commit(outputs, accepted(0))
    with pytest.raises(ScoringError) as caught:
        Slots(outputs.out, seen, MATCHING)
    assert 'in the meantime' in caught.value.message


@pytest.mark.parametrize('make', [
    lambda path: io.open(path, 'wb').write(b'of somebody else'),
    os.mkdir,
    pytest.param(lambda path: os.symlink('data.csv', path),
                 marks=pytest.mark.skipif(WINDOWS, reason='needs a privilege'))])
def test_what_is_no_checkpoint_is_left_alone(outputs, folder, make):
    folder.write('data.csv', b'x\n')
    make(folder(KEPT))
    with pytest.raises(ScoringError) as caught:
        Slots(outputs.out, None, MATCHING)
    assert 'not a checkpoint of this program' in caught.value.message


def test_a_folder_that_is_missing_is_named(folder):
    with pytest.raises(ScoringError) as caught:
        Slots(os.path.join(folder('none'), OUT), None, MATCHING)
    assert folder('none') in caught.value.message


# --- what a resume reads -------------------------------------------------------------

def load(outputs):
    """(rows of the checkpoint that fits or None, why there is none)."""
    locked = lock.LockedFile(outputs.out)
    try:
        found, difference = checkpoint.load(locked.descriptor, outputs.out)
        return found and found['rows'], difference
    finally:
        locked.close()


def newest(folder):
    """(where the newest slot begins, bytes of a slot)."""
    states = slots(folder)
    capacity = len(folder.read_raw(KEPT)) // 3
    return max(range(3), key=lambda at: states[at][0] if states[at] else 0) * capacity, capacity


def tear_newest(folder):
    change(folder, KEPT, newest(folder)[0] + HEAD.size + 5, b'torn')


def tear_all(folder):
    for slot in range(3):
        change(folder, KEPT, slot * newest(folder)[1] + HEAD.size + 5, b'torn')


def rewrite(**items):
    """A function that writes the newest state with other values, and with the right checksum."""
    def write(folder):
        start, _ = newest(folder)
        serial, state = max(slot for slot in slots(folder) if slot)
        payload = json.dumps(dict(state, **{
            name: json.dumps(value) for name, value in items.items()})).encode('utf-8')
        for slot in range(3):
            change(folder, KEPT, slot * newest(folder)[1], checkpoint.MAGIC.ljust(HEAD.size, b'\0'))
        change(folder, KEPT, start, HEAD.pack(
            checkpoint.MAGIC, serial, len(payload), zlib.crc32(payload, serial) & 0xffffffff) + payload)
    return write


def cut(name, by):
    def cut_file(folder):
        folder.write(name, folder.read_raw(name)[:-by])
    return cut_file


LOST = 'the output is lost or shorter than it was'
LOADED = [
    ('nothing', lambda folder: None, (4, None)),
    ('the newest slot is torn', tear_newest, (3, None)),
    ('all slots are torn', tear_all, (None, 'it is damaged')),
    ('rows are missing', cut(OUT, 1), (3, None)),
    ('the output is gone', lambda folder: os.remove(folder(OUT)), (None, LOST)),
    ('a value was edited', lambda folder: change(folder, OUT, 15, b'9'), (0, None)),
    ('bad rows are gone', lambda folder: os.remove(folder('bad.csv')), (None, LOST)),
    ('of version 2.0.0', rewrite(format=1), (None, 'another version of this program wrote it')),
    ('a count below 0', rewrite(rows=-1), (None, 'it is damaged')),
    ('text in place of a count', rewrite(rows='4'), (None, 'it is damaged')),
    ('a digest that is none', rewrite(digests=[[4, 'x']]), (None, 'it is damaged')),
    ('more rows than lines', rewrite(rows=9), (None, 'the output is not what was written')),
    ('more forced than there is', rewrite(forced=63, length=63), (None, LOST)),
]


@pytest.mark.parametrize('happens, found', [each[1:] for each in LOADED],
                         ids=[each[0] for each in LOADED])
def test_the_newest_state_that_the_output_bears_out_is_gone_on_from(outputs, folder, happens, found):
    commit(outputs, accepted(0), accepted(1), accepted(2), rejected(3))
    happens(folder)
    assert load(outputs) == found


def test_a_state_that_outgrows_its_slot_is_not_written_over_others(folder):
    descriptor = os.open(folder('slots'), os.O_RDWR | os.O_CREAT)
    try:
        slots = checkpoint.SlotFile(descriptor, {b'a': b'1'})
        slots.sync()
        slots[b'a'] = b'1' * 9000
        with pytest.raises(ValueError):
            slots.sync()
        del slots[b'a']
        assert (len(slots), list(slots)) == (0, [])
        assert dict(checkpoint.read_slots(descriptor)[0]) == {b'a': b'1'}
    finally:
        os.close(descriptor)
