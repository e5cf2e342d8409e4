"""The plan of a run: which bytes of the input are which rows, and which of them are a part.

It is beside the output, and read back by a run that resumes. What decides it is written before
anything is scored, and the rest once the whole input is scanned.
"""

from __future__ import absolute_import, division, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.cluster import ranges, validation
from datarobot_batch_scoring.cluster.remains import BLANK, FORMAT, from_json
from datarobot_batch_scoring.console.masking import without_password
from datarobot_batch_scoring.errors import Absent, ScoringError
from datarobot_batch_scoring.output import sealed

# The first range is small: it is scored before all others, and tells the labels.
FIRST_RANGE = 64 << 10
# A run has about so many parts, but of these sizes, and never more than the last number: a
# part that is lost is little work, and S3 takes so many to join.
PARTS, SMALLEST, LARGEST, MOST_PARTS = 64, 128 << 10, 32 << 20, 9000
# A range is no larger than this, so that a scan takes as little memory with a large input as with
# a small one, but for one so large that the client would have too many of them in mind.
RANGE, MOST_RANGES = 2 << 20, 100000
# With --n_samples, the batches in a part, at least, and parts that there are then, at least.
BATCHES, FEWEST_PARTS = 4, 16

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
    'stretches',  # [ranges.Stretch, ...]: the parts; none until all is scanned
])


def step_of(source):
    """How many bytes a part has, about."""
    size = source.size - source.start
    return max(min(max(size // PARTS, SMALLEST), LARGEST), size // MOST_PARTS)


def range_of(source, step):
    """How many bytes a range has, where a part has `step`."""
    return max(min(step, RANGE), (source.size - source.start) // MOST_RANGES)


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

    Its rows begin on `line`. Stretches that are too small for a part are joined.
    """

    def __init__(self, plan, line, n_samples):
        self.grid = grid(plan.source, plan.step)
        self.stretches = list(plan.stretches)
        self._plan = plan
        # A last batch that is a small one is to be rare.
        self._least = BATCHES * (n_samples or 0)
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
            found = self._scanned.pop(self._next)
            self._next += 1
            if found:
                self._join(self._composing.add(found))
        if self.whole:
            self._join(self._composing.end(), at_end=True)
        return range(known, len(self.stretches))

    def _join(self, stretch, at_end=False):
        if stretch:
            part = self._small or stretch
            self._small = part._replace(end=stretch.end, rows=stretch.row + stretch.rows - part.row)
        if self._small and (at_end or self._is_large(self._small)):
            self.stretches.append(self._small)
            self._small = None

    def _is_large(self, part):
        size = part.end - part.start
        return (not self.stretches or size >= self._largest
                or size >= self._large and part.rows >= self._least)


def is_wanted(stretch, rows):
    """Whether a part has rows that are to be scored."""
    return not rows or stretch.row < rows[1] and stretch.row + stretch.rows > rows[0]


def check_whole(plan, records, rows, folder):
    """Raises `ScoringError` unless {number: record} has exactly the parts with rows that are wanted."""
    for number, stretch in enumerate(plan.stretches):
        if is_wanted(stretch, rows) and number not in records:
            raise RuntimeError('part {0} has no record'.format(number))
    for number, record in records.items():
        if not validation.fits(record, plan.stretches, rows):
            raise ScoringError('part_disturbed', part=folder + record.name)


def write(remains, plan):
    """Writes a plan, without passwords; from then on the run can be resumed, whatever is known of it."""
    plan = plan._replace(dataset=without_password(plan.dataset), source=plan.source._replace(
        url=without_password(plan.source.url)))
    remains.store.put(remains.plan, sealed.to_bytes(dict(
        plan._asdict(), source=list(plan.source), stretches=[list(each) for each in plan.stretches],
        format=FORMAT)))


def read(remains):
    """The `Plan` of an earlier run, or None."""
    try:
        found = _load(remains.store.read(remains.plan))
        if found.pop('format') != FORMAT:
            return None
        plan = Plan(**dict(found, source=Source(*found['source']), stretches=[
            ranges.Stretch(*each) for each in found['stretches']]))
        validation.check_plan(plan, remains.folder)
        return plan
    except (Absent, ValueError, KeyError, TypeError, AttributeError):
        return None


def _load(data):
    try:
        return sealed.from_bytes(data)
    except ValueError:
        # It was edited, or only begun: a scan finds the same parts again.
        found = from_json(data)
        found.pop('sha256', None)
        return dict(found, stretches=[])


def is_there(remains):
    """Whether there is a plan, or a blank one."""
    try:
        return remains.store.read(remains.plan) == BLANK or read(remains) is not None
    except Absent:
        return False
