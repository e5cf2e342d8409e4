"""The plan of a run: which bytes of the input are which rows, and which of them are a part.

It is written once, beside the output, and read back by a run that resumes.
"""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.cluster import ranges
from datarobot_batch_scoring.cluster.remains import from_json, to_json
from datarobot_batch_scoring.cluster.stores import Absent

FORMAT = 1

# The first range is small: it is scored before all others, and tells the labels.
FIRST_RANGE = 64 << 10
# A run has about so many parts, but of these sizes, and never more than the last number: a
# part that is lost is little work, and S3 takes so many to join.
PARTS, SMALLEST, LARGEST, MOST_PARTS = 64, 128 << 10, 32 << 20, 9000
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
    'step',       # bytes of a range
    'ranges',     # [[start, size, sha256], ...]
    'stretches',  # [ranges.Stretch, ...]: the parts
])


def step_of(source):
    """How many bytes a range has."""
    size = source.size - source.start
    return max(min(max(size // PARTS, SMALLEST), LARGEST), size // MOST_PARTS)


def grid(source, step):
    """[(start, end), ...] of the ranges of a `Source`."""
    starts = [source.start]
    while starts[-1] < source.size:
        starts.append(starts[-1] + (FIRST_RANGE if len(starts) == 1 else step))
    # Nothing but the end of a record, or less, is left for a last range that is small.
    return list(zip(starts, starts[1:-1] + [source.size])) or [(source.start, source.size)]


def parts_of(scans, line, n_samples):
    """The `ranges.Stretch`es to score: those of the scans, joined where they are too small."""
    found = ranges.compose(scans, 0, line)
    rows = sum(each.rows for each in found)
    least = min(BATCHES * (n_samples or 0), rows // FEWEST_PARTS)
    parts = []
    for each in found:
        if len(parts) > 1 and parts[-1].rows < least:
            parts[-1] = parts[-1]._replace(end=each.end, rows=parts[-1].rows + each.rows)
        else:
            parts.append(each)
    return parts


def wanted(stretches, rows):
    """[(number, stretch), ...] of the parts with rows that are to be scored."""
    return [(number, each) for number, each in enumerate(stretches)
            if not rows or each.row < rows[1] and each.row + each.rows > rows[0]]


def write(remains, plan):
    """Writes a plan; from then on the run can be resumed."""
    remains.store.put(remains.plan, to_json(dict(
        plan._asdict(), source=list(plan.source), stretches=[list(each) for each in plan.stretches],
        format=FORMAT)))


def read(remains):
    """The `Plan` of an earlier run, or None."""
    try:
        found = from_json(remains.store.read(remains.plan))
        if found.pop('format') != FORMAT:
            return None
        return Plan(**dict(found, source=Source(*found['source']), stretches=[
            ranges.Stretch(*each) for each in found['stretches']]))
    except (Absent, ValueError, KeyError, TypeError, AttributeError):
        return None


def still_right(before, now, records):
    """Which `Record`s of the plan `before` are right in the plan `now`: (certain, to be read).

    Two dicts by number. The bytes of those that are to be read may have changed or not.
    """
    known = set(map(tuple, now.ranges))
    changed = [(start, start + size) for start, size, digest in before.ranges
               if (start, size, digest) not in known]
    stretches = dict(enumerate(now.stretches))
    certain, doubtful = {}, {}
    for number, record in records.items():
        start, end = record.stretch[:2]
        if stretches.get(number) == tuple(record.stretch):
            touched = any(first < end and last > start for first, last in changed)
            (doubtful if touched else certain)[number] = record
    return certain, doubtful
