"""The checkpoint beside the output: a shelf that survives a kill between any two steps."""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import re
import shelve
import stat
import struct
import zlib

import six
from six.moves.collections_abc import MutableMapping

from datarobot_batch_scoring.output.csv_text import BAD_ROWS_COLUMNS, is_json_lines
from datarobot_batch_scoring.output.targets import unpack
from datarobot_batch_scoring.system import fsync, pread_all, write_all

SLOTS = 3
ALIGNMENT = 4096
# How much a state may grow: numbers with more digits, and a few digests.
ROOM = 4096
# The same for figures. They are text inside text, where a quote or a backslash takes two bytes.
ROOM_FOR_FIGURES = 64 << 10
FORMAT = 2
# That of version 2.0.0.
OLD_FORMATS = (1,)

# No slot has this many bytes; a file whose slots have more is not read.
MAX_CAPACITY = 64 << 20

# magic, serial number, and the length and CRC-32 of what follows
_HEAD = struct.Struct(str('>8sQII'))
# What a checkpoint begins with, from the first byte that reaches the disk.
MAGIC = b'DRBSCKPT'


def path_for(out):
    """The path of the checkpoint of an output file, whatever links lead to that."""
    return os.path.realpath(out) + '.shelve'


class SlotFile(MutableMapping):
    """A mapping of bytes to bytes, kept in a file that is never torn.

    `sync` writes all of it into one of three slots: neither the newest nor the
    last that was forced to disk. So the system always has one whole state, and
    so does the disk. The file has its full size from the start, so that a full
    disk cannot get in the way later.
    """

    def __init__(self, descriptor, items, serial=0, slot=None, capacity=None, room=ROOM):
        self._descriptor = descriptor
        self._items = items
        self.serial = serial
        self._newest = self._forced = slot
        self._capacity = capacity
        self._room = room

    def __getitem__(self, key):
        return self._items[key]

    def __setitem__(self, key, value):
        self._items[key] = value

    def __delitem__(self, key):
        del self._items[key]

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def sync(self):
        """Writes the state; a kill at any moment leaves this one or the one before."""
        payload = _dump(self._items)
        if self._capacity is None or _HEAD.size + len(payload) > self._capacity:
            self._allocate(len(payload))
        self.serial += 1
        slot = next(number for number in range(SLOTS) if number not in (self._newest, self._forced))
        head = _HEAD.pack(MAGIC, self.serial, len(payload),
                          zlib.crc32(payload, self.serial & 0xffffffff) & 0xffffffff)
        os.lseek(self._descriptor, slot * self._capacity, os.SEEK_SET)
        write_all(self._descriptor, head + payload)
        self._newest = slot

    def force(self):
        """Forces the newest state to disk."""
        fsync(self._descriptor)
        self._forced = self._newest

    def _allocate(self, size):
        if self._capacity is not None:
            raise ValueError('the state has outgrown its slot')
        room = _HEAD.size + size + self._room
        self._capacity = -(-room // ALIGNMENT) * ALIGNMENT
        if os.fstat(self._descriptor).st_size:
            io.FileIO(self._descriptor, 'r+', closefd=False).truncate(0)
            # After a power cut, parts of a run that was discarded would look like damage.
            os.fsync(self._descriptor)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        write_all(self._descriptor, MAGIC.ljust(SLOTS * self._capacity, b'\0'))


def _dump(items):
    return json.dumps({key.decode('utf-8'): value.decode('utf-8')
                       for key, value in items.items()}, sort_keys=True).encode('utf-8')


def _load(payload):
    return {key.encode('utf-8'): value.encode('utf-8')
            for key, value in json.loads(payload.decode('utf-8')).items()}


def read_slots(descriptor):
    """The whole states in the file, as `SlotFile`s, the newest first."""
    size = os.fstat(descriptor).st_size
    capacity = size // SLOTS
    states = []
    for slot in range(SLOTS if _HEAD.size < capacity <= MAX_CAPACITY else 0):
        data = pread_all(descriptor, capacity, slot * capacity)
        if len(data) < _HEAD.size:
            continue
        magic, serial, length, crc = _HEAD.unpack(data[:_HEAD.size])
        payload = data[_HEAD.size:_HEAD.size + length]
        if magic == MAGIC and zlib.crc32(payload, serial & 0xffffffff) & 0xffffffff == crc:
            try:
                states.append(SlotFile(descriptor, _load(payload), serial, slot, capacity))
            except (ValueError, AttributeError, RuntimeError):
                # Not one of ours, even though the checksum is right.
                continue
    return sorted(states, key=lambda state: state.serial, reverse=True)


class Checkpoint(shelve.Shelf):
    """The state of a run, as a shelve of plain values.

    Its keys: `run` (a dict of what must not change before resuming), `labels`,
    `rows`, `nulls` and `short` (in the output; see `checks.Short`), `digests` (of the input for these rows),
    `length` (of the output in bytes), `checksum` (its CRC-32) and `forced` (how
    many of these bytes are certain to be on disk); `bad`, None or the same for the
    rows that were set aside, a dict as `BadRows.state` gives it; and `figures`, None or
    what a report needs of the rows, a dict of plain values that its reader checks.
    Values are JSON, not pickles: loading them runs no code.
    """

    def __getitem__(self, key):
        return json.loads(self.dict[key.encode('utf-8')].decode('utf-8'))

    def __setitem__(self, key, value):
        self.dict[key.encode('utf-8')] = json.dumps(value, sort_keys=True).encode('utf-8')

    def __del__(self):
        # A shelf writes itself when it is garbage-collected: after its file was
        # closed, or while the user is asked and says that nothing may change.
        pass

    def force(self):
        """Forces what was last synced to disk; raises OSError."""
        self.dict.force()

    def state(self):
        """All of it as a plain dict."""
        return {key: self.get(key) for key in (
            'format', 'run', 'labels', 'rows', 'nulls', 'short', 'digests', 'length', 'forced',
            'checksum', 'bad', 'figures')}


def new(descriptor, matching, with_figures=False):
    """An empty checkpoint for a run; nothing is written yet.

    `matching` is what must not change before resuming, a dict of plain values.
    """
    room = ROOM + ROOM_FOR_FIGURES if with_figures else ROOM
    checkpoint = Checkpoint(SlotFile(descriptor, {}, room=room))
    for key, value in (('format', FORMAT), ('run', matching), ('labels', None), ('rows', 0),
                       ('nulls', 0), ('short', (0, [])), ('digests', []), ('length', 0), ('forced', 0), ('checksum', 0),
                       ('bad', None), ('figures', None)):
        checkpoint[key] = value
    return checkpoint


def load(descriptor, out, bad_rows=None):
    """The newest checkpoint in the file that the output file bears out, and that of the bad rows.

    `bad_rows` is the path that those are to have from now on, or None. Returns (checkpoint, None),
    (None, None) if nothing was ever committed, or (None, why there is none that fits).
    """
    slots = [Checkpoint(slot) for slot in read_slots(descriptor)]
    if not slots:
        return None, 'it is damaged' if _was_in_use(descriptor) else None
    states = [checkpoint for checkpoint in slots if _is_valid(checkpoint)]
    if not states:
        return None, ('another version of this program wrote it'
                      if any(_format(checkpoint) in OLD_FORMATS for checkpoint in slots) else 'it is damaged')
    newest = _files(states[0], out, bad_rows)
    if not all(_intact(path, file) for path, file in newest):
        return None, 'the output is lost or shorter than it was'
    for state in states:
        files = _files(state, out, bad_rows)
        # A state older than what was forced to disk would fit only because that was edited.
        if (all(file['length'] >= last['forced'] for (_, file), (_, last) in zip(files, newest))
                and all(_matches_checkpoint(path, file) for path, file in files)):
            return state, None
    return None, 'the output is not what was written'


def at(descriptor, serial):
    """The checkpoint with a serial number that `load` gave."""
    return next(Checkpoint(slot) for slot in read_slots(descriptor) if slot.serial == serial)


def _was_in_use(descriptor):
    """Whether more was written than the first state, which precedes the first row."""
    size = os.fstat(descriptor).st_size
    capacity = size // SLOTS
    return capacity > MAX_CAPACITY or capacity > _HEAD.size and any(
        pread_all(descriptor, _HEAD.size, slot * capacity).strip(b'\0')
        for slot in range(1, SLOTS))


def _format(state):
    try:
        return state.get('format')
    # RuntimeError: nested too deeply
    except (ValueError, RuntimeError):
        return None


def _is_valid(state):
    """Whether all values have the types and ranges that this program writes."""
    # Imported late: only the main process reads what others may have written.
    import trafaret as t
    # `t.Int` alone takes text for numbers too.
    whole = t.Or(*map(t.Type, six.integer_types))
    count = whole & t.Int(gte=0, lt=1 << 63)
    text = t.String(allow_blank=True)
    file = {'length': count, 'forced': count, 'checksum': whole & t.Int(gte=0, lt=1 << 32)}
    digest = t.Tuple(count, t.Regexp('[0-9a-f]{64}$'))
    shape = t.Dict(dict(
        file, format=t.Enum(FORMAT), labels=t.Or(t.Null, t.List(text)), rows=count, nulls=count,
        short=t.Tuple(count, t.List(count)),
        run=t.Mapping(text, t.Or(t.Null, t.Bool, count, text, t.List(text))),
        digests=t.List(digest, min_length=1),
        bad=t.Or(t.Null, t.Dict(dict(file, rows=count, name=t.String & _as_path))),
        figures=t.Or(t.Null, t.Mapping(text, t.Any))))
    try:
        values = shape.check(state.state())
    # RuntimeError: nested too deeply
    except (t.DataError, ValueError, RuntimeError):
        return False
    ends = [end for end, _ in values['digests']]
    return (values['forced'] <= values['length'] and ends == sorted(ends)
            and bool(values['rows']) <= bool(values['length']))


def _as_path(name):
    try:
        os.lstat(name)
    except EnvironmentError:
        pass
    # Text with a NUL, say. Python 2 says TypeError.
    except (ValueError, TypeError):
        from trafaret import DataError
        raise DataError('not a path')
    return name


def _files(checkpoint, out, bad_rows):
    """[(path, what a checkpoint says about it)] for the output and the bad rows."""
    said = dict((key, checkpoint.get(key)) for key in ('rows', 'length', 'forced', 'checksum'))
    # Its rows are numbered as in the input, and --rows may have left out the first ones.
    said['rows'] = rows_in_output(checkpoint)
    files, bad = [(out, said)], checkpoint.get('bad')
    # A file without rows is rewritten.
    if bad and bad['rows'] and may_be_read(bad['name'], out, bad_rows):
        files.append((path_of(bad['name'], out), bad))
    return files


def stored_name(path, out):
    """The name of a file in the checkpoint of the output `out`; both may be moved together."""
    path, folder = os.path.realpath(path), os.path.dirname(os.path.realpath(out))
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        # Windows: they are on different drives.
        return path


def path_of(name, out):
    """The path of the file with a name from `stored_name`."""
    return os.path.join(os.path.dirname(os.path.realpath(out)), name)


def may_be_read(name, out, bad_rows):
    """Whether a file with a name from `stored_name` is beside the output, or beside `bad_rows`.

    Others may have written the checkpoint, and what it names is copied to `bad_rows`.
    """
    folders = [os.path.dirname(os.path.realpath(path)) for path in (out, bad_rows) if path]
    return os.path.dirname(os.path.realpath(path_of(name, out))) in folders


def _intact(path, file):
    """Whether a file still has all that was forced to disk, as far as its size tells."""
    # A power cut takes neither the name nor what was forced to disk. If they are
    # gone, somebody removed them, and no older checkpoint makes up for that.
    try:
        # A FIFO would be waited for.
        return stat.S_ISREG(os.stat(path).st_mode) and os.path.getsize(path) >= file['forced']
    except EnvironmentError:
        return not file['length']


def _has_its_header(path, file):
    """Whether a file begins like bad rows, if it is one of them; raises OSError."""
    if 'name' not in file:
        return True
    start = next(pieces(path, 0, 1 << 10), b'')
    try:
        start = next(unpack([start]), b'') if path.endswith('.gz') else start
    except zlib.error:
        return False
    return start.startswith(BAD_ROWS_COLUMNS)


def _matches_checkpoint(path, file):
    """Whether a file begins with the bytes and rows that a checkpoint says, of that CRC-32."""
    # After a power cut, what was not forced to disk may be missing even if the file
    # is long enough, and what was forced may have been edited since.
    length, checksum, lines, quoted = file['length'], 0, 0, False
    try:
        if not _has_its_header(path, file):
            return False
        for piece in pieces(path, 0, length):
            checksum = zlib.crc32(piece, checksum)
            lines += piece.count(b'\n')
            quoted = quoted or b'"' in piece
        if length and os.path.getsize(path) < length:
            return False
    except EnvironmentError:
        return not length
    # A quoted field may contain line breaks, and a gzipped file shows none.
    is_json = is_json_lines(path)
    rows, quoted = max(lines - (not is_json), 0), quoted and not is_json
    counted = path.endswith('.gz') or (rows >= file['rows'] if quoted else rows == file['rows'])
    return checksum & 0xffffffff == file['checksum'] and counted


def pieces(path, start, end):
    """Yields the bytes of a file from `start` to `end`, as far as it has them, in pieces."""
    with io.open(path, 'rb') as source:
        source.seek(start)
        piece = source.read(min(end - start, 1 << 20))
        while piece:
            yield piece
            start += len(piece)
            piece = source.read(min(end - start, 1 << 20))


def rows_in_output(state):
    """How many rows are in the output, according to the state of a checkpoint."""
    first = re.match('[0-9]{0,18}', '{0}'.format(state['run'].get('rows') or '')).group()
    return max(state['rows'] - int(first or 0), 0)
