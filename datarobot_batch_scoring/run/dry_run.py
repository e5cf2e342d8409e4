"""Cuts and checks the whole input in this process; sends and writes nothing."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.changes import Watch
from datarobot_batch_scoring.dataset.cutter import Cutter, limits
from datarobot_batch_scoring.dataset.digests import Digest
from datarobot_batch_scoring.scoring.request import make_body


def cut_all(dataset, shape, settings, warn):
    """(rows, batches) of a `inspect.Dataset`; raises `DatasetError` for what cannot be sent."""
    reader = Watch(dataset, dataset.start.byte)
    digest = Digest(dataset.header_digests(), dataset.start.byte)
    cutter = Cutter(reader.read, dataset.dialect, limits(settings.n_samples), dataset.start,
                    lambda rest: reader.check(digest.segments, rest), settings.rows)
    cutter.blank_line = dataset.blank_line
    rows = count = 0
    short_line = None
    for batch in cutter:
        digest.add(batch.raw)
        if settings.rows and batch.start.row < settings.rows[0]:
            continue
        body = make_body(batch, shape)
        short_line = short_line or body.short_line
        rows, count = rows + batch.rows, count + 1
    if cutter.blank_line:
        warn(checks.blank_line_warning(cutter.blank_line))
    if cutter.ctrl_z:
        warn(checks.ctrl_z_warning(cutter.ctrl_z))
    if short_line:
        warn(checks.short_line_warning(short_line))
    if not rows:
        raise checks.no_such_row(dataset.name, settings.rows)
    return rows, count
