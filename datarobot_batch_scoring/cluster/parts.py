"""The parts of a run: which bytes of the input are which rows, and which of them are a part.

Pure: what is known comes in, and what was read back is checked here.
"""

from __future__ import absolute_import, division, unicode_literals

import re
from collections import namedtuple

from datarobot_batch_scoring.cluster import ranges
from datarobot_batch_scoring.dataset.checks import SHOWN_SHORT
from datarobot_batch_scoring.output.sealed import is_count, is_text

# The first range is small: it is scored before all others, and tells the labels.
FIRST_RANGE = 64 << 10
# A run has about so many parts, but of these sizes, and never more than the last number: a
# part that is lost is little work, and S3 takes so many to join.
PARTS, SMALLEST, LARGEST, MAX_PARTS = 64, 128 << 10, 32 << 20, 9000
# A range is no larger than this, so that a scan takes as little memory with a large input as with
# a small one, but for one so large that the client would have too many of them in mind.
RANGE, MAX_RANGES = 2 << 20, 100000
# With --n_samples, the batches in a part, at least, and parts that there are then, at least.
BATCHES, FEWEST_PARTS = 4, 16

MAX_TEXT = 1 << 16
MAX_LABELS = 1 << 20
# Digits of names that `RunDirectory.attempt` gives.
_PLAN = re.compile(r'plan-[0-9a-f]{12}\Z')
_INPUT = re.compile(r'input-[0-9a-f]{12}\Z')
_OBJECT = r'{0}-{1:06d}-[0-9a-f]{{12}}\Z'
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')

# What ranges are read of.
Source = namedtuple('Source', [
    'url',       # of the dataset, or of what it was unpacked to
    'size',      # bytes
    'version',   # as in `stores.Info`
    'encoding',  # UTF-8, or a codec of single bytes
    'start',     # its byte with which the first record after the header begins
])

Plan = namedtuple('Plan', [
    'name',       # no other plan has it; it is in the records of its parts
    'matching',   # what must not change before resuming, as `resume.what_must_match` has it
    'dataset',    # its URL
    'version',    # of the dataset
    'source',     # Source
    'step',       # bytes of a part, about
    'stretches',  # [ranges.RowRange, ...]: the parts; none until all is scanned
])

# The commit of a part: what is in it, and under which name.
Record = namedtuple('Record', [
    'plan',      # the name of the plan that it is a part of
    'part',      # its number
    'name',      # of the object with its rows
    'size', 'checksum',  # of that: bytes, CRC-32
    'rows',
    'nulls',
    'labels',    # a list; None: no row has predictions
    'bad',       # rows that were set aside
    'bad_name', 'bad_size',  # of the object with these; None, 0: there are none
    'version', 'bad_version',  # of both objects, as in `stores.Info`; '' for a file: its checksum tells
    'stretch',   # [start, end, row, rows, line] of the input
    'digest',    # sha256 of that
    'figures',   # what `predictions.RowStatistics.plain` gives, for a report
    'notes',     # {'blank', 'ctrl_z': line of the first such, or None; 'short': as `checks.Short` has it;
                 # 'bad': [[row, line, reason, unsendable], ...], see `events.BadRow`}
])

# What a process of the cluster is to do.
Task = namedtuple('Task', [
    'name',    # of a function in `tasks`
    'label',   # what it does, for Dask's dashboard
    'number',  # of the part or range
    'args',    # a function that gives the arguments at the time it is submitted
    'on_done',  # hears what the function gave, and returns tasks that follow, or None
    'rows',    # that it scores, or finds, at most
])
Task.__new__.__defaults__ = (lambda value: None, 0)


def rows_of(row_range):
    """(the first, the last): the numbers of the rows of a row range."""
    return row_range.row, row_range.row + row_range.rows - 1


def step_of(source):
    """How many bytes a part has, about."""
    size = source.size - source.start
    return max(min(max(size // PARTS, SMALLEST), LARGEST), size // MAX_PARTS)


def range_of(source, step):
    """How many bytes a range has, where a part has `step`."""
    return max(min(step, RANGE), (source.size - source.start) // MAX_RANGES)


def grid(source, step):
    """[(start, end), ...] of the ranges of a `Source`."""
    starts = [source.start]
    size = range_of(source, step)
    while starts[-1] < source.size:
        starts.append(starts[-1] + (FIRST_RANGE if len(starts) == 1 else size))
    # Nothing but the end of a record, or less, is left for a last range that is small.
    return list(zip(starts, starts[1:-1] + [source.size])) or [(source.start, source.size)]


class Parts(object):
    """The parts of a `Plan`, known one by one while its ranges are scanned, in any order.

    Its rows begin on `line`; `batch_rows` is --n_samples, or 0. Stretches that are too small for a part are joined.
    """

    def __init__(self, plan, line, batch_rows):
        self.grid = grid(plan.source, plan.step)
        self.stretches = list(plan.stretches)
        self._plan = plan
        # A last batch that is a small one is to be rare.
        self._least = BATCHES * batch_rows
        self._largest = (plan.source.size - plan.source.start) // FEWEST_PARTS
        # Ranges begin and end with lines, so that a part has some bytes more or fewer.
        self._large = plan.step - range_of(plan.source, plan.step) // 2
        self._composing = ranges.Composing(line)
        self._scanned = {}
        self._next = len(self.grid) if plan.stretches else 0
        # What may yet become a part.
        self._small = None

    @property
    def whole(self):
        """Whether all of them are known."""
        return self._next == len(self.grid)

    @property
    def plan(self):
        """The plan with all that is known of it."""
        return self._plan._replace(stretches=self.stretches)

    @property
    def rows(self):
        """The rows that are in these parts."""
        if not self.stretches:
            return 0
        return self.stretches[-1].row + self.stretches[-1].rows

    @property
    def share(self):
        """How much of the input is scanned, from 0 to 1."""
        return self.grid[self._next - 1][1] / self._plan.source.size if self._next else 0.0

    def add(self, scans):
        """Takes in {number: `ranges.Scan` of that range, or None where no line begins in it}.

        Returns the numbers of the parts that are known from now on.
        """
        known = len(self.stretches)
        self._scanned.update(scans)
        while self._next in self._scanned:
            scan = self._scanned.pop(self._next)
            self._next += 1
            if scan:
                self._join(self._composing.add(scan))
        if self.whole:
            self._join(self._composing.end(), at_end=True)
        return range(known, len(self.stretches))

    def _join(self, row_range, at_end=False):
        if row_range:
            part = self._small or row_range
            self._small = part._replace(end=row_range.end, rows=row_range.row + row_range.rows - part.row)
        if self._small and (at_end or self._is_large(self._small)):
            self.stretches.append(self._small)
            self._small = None

    def _is_large(self, part):
        size = part.end - part.start
        return (not self.stretches or size >= self._largest
                or size >= self._large and part.rows >= self._least)


def is_wanted(row_range, rows):
    """Whether a part has some of these `values.Rows`."""
    return row_range.row < rows.last and row_range.row + row_range.rows > rows.first


def check_plan(plan, folder):
    """Raises `ValueError` unless a `Plan` in a run directory, a URL, is one.

    Its parts cover the rows without a gap; it reads nothing but the dataset, and what that was
    unpacked to.
    """
    source = plan.source
    good = (_is_name(_PLAN, plan.name) and _is_matching(plan.matching)
            and all(is_text(value, MAX_TEXT) for value in (
                plan.dataset, plan.version, source.url, source.version, source.encoding))
            and is_count(source.size) and is_count(source.start) and is_count(plan.step, 1))
    if not good:
        raise ValueError('not a plan')
    if source.url != plan.dataset and not (
            source.url.startswith(folder) and _INPUT.match(source.url[len(folder):])):
        raise ValueError('not its dataset')
    _check_row_ranges(plan.stretches, source)


def _check_row_ranges(row_ranges, source):
    end, row, line = source.start, 0, 1
    for row_range in row_ranges:
        if not all(map(is_count, row_range)):
            raise ValueError('not a row range')
        # Blank lines may precede the first.
        follows = row_range.start == end or not row and row_range.start > end
        if not (follows and row_range.end > row_range.start and row_range.rows and row_range.row == row
                and row_range.line >= line):
            raise ValueError('a gap')
        end, row, line = row_range.end, row + row_range.rows, row_range.line
    if row_ranges and end != source.size:
        raise ValueError('not the whole dataset')


def check_record(record, number):
    """Raises `ValueError` unless a `Record` is one of the part with that number."""
    good = (record.part == number and is_count(record.part)
            and _is_name(_PLAN, record.plan) and _is_object('part', number, record.name)
            and all(map(is_count, (record.size, record.checksum, record.rows, record.nulls,
                                   record.bad, record.bad_size)))
            and record.checksum < 1 << 32 and record.bad <= record.rows and bool(record.rows) == bool(record.size)
            and all(is_text(value, MAX_TEXT) for value in (record.version, record.bad_version))
            and _are_labels(record.labels) and _is_name(_SHA256, record.digest)
            and isinstance(record.stretch, list) and len(record.stretch) == 5
            and all(map(is_count, record.stretch)) and record.rows <= record.stretch[3])
    if not good:
        raise ValueError('not a record')
    if record.bad and not _is_object('bad', number, record.bad_name) or not record.bad and (
            record.bad_name, record.bad_size) != (None, 0):
        raise ValueError('not an object with bad rows')
    # Those who read them check the rest.
    if record.figures is not None and not isinstance(record.figures, dict):
        raise ValueError('not figures')
    _check_notes(record)


def _check_notes(record):
    notes = record.notes
    if not isinstance(notes, dict) or set(notes) != set(['blank', 'ctrl_z', 'short', 'bad']):
        raise ValueError('not notes')
    lines = [notes[kind] for kind in ('blank', 'ctrl_z')]
    if not all(line is None or is_count(line) for line in lines):
        raise ValueError('not lines')
    count, lines = notes['short']
    if not (is_count(count) and isinstance(lines, list) and len(lines) <= SHOWN_SHORT and all(map(is_count, lines))):
        raise ValueError('not short lines')
    bad = notes['bad']
    if not (isinstance(bad, list) and len(bad) == record.bad
            and all(isinstance(entry, list) and len(entry) == 4 for entry in bad)):
        raise ValueError('not notes of bad rows')
    first, rows = record.stretch[2:4]
    for row, line, reason, unsendable in bad:
        if not (is_count(row) and is_count(line) and is_text(reason, MAX_TEXT)
                and (unsendable is None or is_text(unsendable, MAX_TEXT))
                and first <= row < first + rows):
            raise ValueError('not a bad row')


def rows_wanted(row_range, rows):
    """How many of its rows are among these `values.Rows`."""
    return max(min(rows.last, row_range.row + row_range.rows) - max(rows.first, row_range.row), 0)


def fits(record, row_ranges, rows):
    """Whether a record is of a part of these row ranges, and has all rows of it that are wanted."""
    if record.part >= len(row_ranges):
        return False
    row_range = row_ranges[record.part]
    # Only at the end of the dataset may there be fewer than a scan has seen.
    wanted = rows_wanted(row_range, rows)
    return record.stretch == list(row_range) and (
        record.rows == wanted or record.part == len(row_ranges) - 1 and record.rows < wanted)


def _is_name(pattern, name):
    return is_text(name, 100) and bool(pattern.match(name))


def _is_object(kind, number, name):
    return _is_name(re.compile(_OBJECT.format(kind, number)), name)


def _are_labels(labels):
    return labels is None or isinstance(labels, list) and all(
        is_text(label, MAX_LABELS) for label in labels)


def _is_matching(matching):
    return isinstance(matching, dict) and all(
        value is None or isinstance(value, bool) or is_count(value) or is_text(value, MAX_TEXT)
        or isinstance(value, list) and all(is_text(text, MAX_TEXT) for text in value)
        for value in matching.values())
