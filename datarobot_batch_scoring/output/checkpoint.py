"""The checkpoint beside the output: a shelve that survives a kill between any two steps."""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import shelve
import struct
import zlib

from six.moves.collections_abc import MutableMapping

from datarobot_batch_scoring.compat import fsync, pread_all, write_all

SLOTS = 3
ALIGNMENT = 4096
# What a slot may grow by: numbers with more digits, and a few digests.
ROOM = 4096
FORMAT = 2
# Of version 2.0.0.
OLD_FORMATS = (1,)

# A slot never has as many bytes; a file that has more is not read.
MOST_CAPACITY = 64 << 20

# magic, serial number, length and CRC-32 of what follows
_HEAD = struct.Struct(str('>8sQII'))
# What a checkpoint begins with, from its first byte on disk.
MAGIC = b'DRBSCKPT'


def path_for(out):
    """The path of the checkpoint that belongs to an output file, whatever link leads to that."""
    return os.path.realpath(out) + '.shelve'


class SlotFile(MutableMapping):
    """A mapping of bytes to bytes, kept in a file that is never torn.

    `sync` writes all of it into one of three slots: not the newest, and not
    the last that was forced to disk. So there is always a whole state that
    the system has, and one that the disk has. The file has its full size from
    the start: a full disk cannot get in the way later.
    """

    def __init__(self, descriptor, items, serial=0, slot=None, capacity=None):
        self._descriptor = descriptor
        self._items = items
        self.serial = serial
        self._newest = self._forced = slot
        self._capacity = capacity

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
        slot = next(each for each in range(SLOTS) if each not in (self._newest, self._forced))
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
        room = _HEAD.size + size + ROOM
        self._capacity = -(-room // ALIGNMENT) * ALIGNMENT
        io.FileIO(self._descriptor, 'r+', closefd=False).truncate(0)
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
    for slot in range(SLOTS if _HEAD.size < capacity <= MOST_CAPACITY else 0):
        data = pread_all(descriptor, capacity, slot * capacity)
        if len(data) < _HEAD.size:
            continue
        magic, serial, length, crc = _HEAD.unpack(data[:_HEAD.size])
        payload = data[_HEAD.size:_HEAD.size + length]
        if magic == MAGIC and zlib.crc32(payload, serial & 0xffffffff) & 0xffffffff == crc:
            try:
                states.append(SlotFile(descriptor, _load(payload), serial, slot, capacity))
            except (ValueError, AttributeError, RuntimeError):
                # Nothing of ours, whoever made the sum right.
                continue
    return sorted(states, key=lambda state: state.serial, reverse=True)


class Checkpoint(shelve.Shelf):
    """The state of a run, as a shelve of plain values.

    Its keys: `run` (what must be the same to resume, a dict), `labels`,
    `rows` and `nulls` (in the output), `digests` (of their input),
    `length` (of the output in bytes), `checksum` (its CRC-32) and `forced` (the
    part of it that the disk surely has); and `bad`, None or likewise of the rows
    that were set aside, a dict as `BadRows.state` gives it.
    Values are JSON, not pickles: loading them runs no code.
    """

    def __getitem__(self, key):
        return json.loads(self.dict[key.encode('utf-8')].decode('utf-8'))

    def __setitem__(self, key, value):
        self.dict[key.encode('utf-8')] = json.dumps(value, sort_keys=True).encode('utf-8')

    def __del__(self):
        # A shelf would write itself when it is forgotten: after its file was
        # closed, or while a user says that nothing may be changed.
        pass

    def force(self):
        """Forces what was synced last to disk; raises OSError."""
        self.dict.force()

    def state(self):
        """All of it as a plain dict."""
        return {key: self.get(key) for key in (
            'format', 'run', 'labels', 'rows', 'nulls', 'digests', 'length', 'forced',
            'checksum', 'bad')}


def new(descriptor, matching):
    """An empty checkpoint for a run; nothing is written yet.

    `matching` is what must be the same to resume, a dict of plain values.
    """
    checkpoint = Checkpoint(SlotFile(descriptor, {}))
    for key, value in (('format', FORMAT), ('run', matching), ('labels', None), ('rows', 0),
                       ('nulls', 0), ('digests', []), ('length', 0), ('forced', 0), ('checksum', 0),
                       ('bad', None)):
        checkpoint[key] = value
    return checkpoint


def load(descriptor, out):
    """The newest checkpoint in the file that the output file bears out.

    Returns (checkpoint, None), (None, None) where no run was ever committed, or
    (None, why there is none that fits).
    """
    slots = [Checkpoint(each) for each in read_slots(descriptor)]
    if not slots:
        return None, 'it is damaged' if _was_in_use(descriptor) else None
    states = [each for each in slots if _is_valid(each)]
    if not states:
        return None, ('another version of this program wrote it'
                      if any(_format(each) in OLD_FORMATS for each in slots) else 'it is damaged')
    newest = _files(states[0], out)
    if not all(_intact(path, file) for path, file in newest):
        return None, 'the output is lost or shorter than it was'
    for state in states:
        files = _files(state, out)
        # A state from before what was forced to disk fits where that was edited.
        if (all(file['length'] >= last['forced'] for (_, file), (_, last) in zip(files, newest))
                and all(_borne_out(path, file) for path, file in files)):
            return state, None
    return None, 'the output is not what was written'


def at(descriptor, serial):
    """The checkpoint with a serial number that `load` gave."""
    return next(Checkpoint(each) for each in read_slots(descriptor) if each.serial == serial)


def _was_in_use(descriptor):
    """Whether more was written than the first state, which comes before the first row."""
    size = os.fstat(descriptor).st_size
    capacity = size // SLOTS
    return capacity > MOST_CAPACITY or capacity > _HEAD.size and any(
        pread_all(descriptor, _HEAD.size, slot * capacity).strip(b'\0')
        for slot in range(1, SLOTS))


def _format(state):
    try:
        return state.get('format')
    # RuntimeError: nested too deeply
    except (ValueError, RuntimeError):
        return None


def _is_valid(state):
    """Whether all values have the types and ranges that they are written with."""
    # Late: only the main process reads what others may have written.
    import trafaret as t
    count = t.Int(gte=0)
    text = t.String(allow_blank=True)
    file = {'length': count, 'forced': count, 'checksum': t.Int(gte=0, lt=1 << 32)}
    digest = t.Tuple(count, t.Regexp('[0-9a-f]{64}$'))
    shape = t.Dict(dict(
        file, format=t.Enum(FORMAT), labels=t.Or(t.Null, t.List(text)), rows=count, nulls=count,
        run=t.Mapping(text, t.Or(t.Null, t.Bool, count, text, t.List(text))),
        digests=t.List(digest, min_length=1),
        bad=t.Or(t.Null, t.Dict(dict(file, rows=count, name=t.String)))))
    try:
        found = shape.check(state.state())
    # RuntimeError: nested too deeply
    except (t.DataError, ValueError, RuntimeError):
        return False
    ends = [end for end, _ in found['digests']]
    return (found['forced'] <= found['length'] and ends == sorted(ends)
            and bool(found['rows']) <= bool(found['length']))


def _files(checkpoint, out):
    """[(path, what a checkpoint says of it)] of the output and the bad rows."""
    found, bad = [(out, checkpoint)], checkpoint.get('bad')
    # A file without rows is made anew.
    if bad and bad['rows']:
        found.append((path_of(bad['name'], out), bad))
    return found


def stored_name(path, out):
    """The name of a file for the checkpoint of the output `out`: both may be moved together."""
    path, folder = os.path.realpath(path), os.path.dirname(os.path.realpath(out))
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        # Windows: they are on different drives.
        return path


def path_of(name, out):
    """The path of the file that `stored_name` gave a name."""
    return os.path.join(os.path.dirname(os.path.realpath(out)), name)


def _intact(path, file):
    """Whether a file may be as long as a checkpoint says, for what was forced to disk."""
    # A power cut takes neither the name nor what was forced to disk: then
    # somebody else did, and no older checkpoint makes up for that.
    try:
        return os.path.getsize(path) >= file['forced']
    except EnvironmentError:
        return not file['length']


def _borne_out(path, file):
    """Whether a file begins with as many bytes as a checkpoint says, of that CRC-32 and rows."""
    # What was not forced to disk may be missing after a power cut although the
    # file is long enough, and what was may have been edited since.
    length, checksum, lines, quoted = file['length'], 0, 0, False
    try:
        for piece in pieces(path, 0, length):
            checksum = zlib.crc32(piece, checksum)
            lines += piece.count(b'\n')
            quoted = quoted or b'"' in piece
        if length and os.path.getsize(path) < length:
            return False
    except EnvironmentError:
        return not length
    # A quoted field may hold line ends, and a gzipped file shows none.
    rows = max(lines - 1, 0)
    counted = path.endswith('.gz') or (rows >= file['rows'] if quoted else rows == file['rows'])
    return checksum & 0xffffffff == file['checksum'] and counted


def pieces(path, start, end):
    """The bytes of a file from `start` to `end`, as far as it has them, piece by piece."""
    with io.open(path, 'rb') as source:
        source.seek(start)
        piece = source.read(min(end - start, 1 << 20))
        while piece:
            yield piece
            start += len(piece)
            piece = source.read(min(end - start, 1 << 20))
