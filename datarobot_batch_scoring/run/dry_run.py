"""Cuts and checks the whole input in this process; sends and writes nothing."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.cutter import Cutter, limits
from datarobot_batch_scoring.server.request import make_body


def cut_all(dataset, shape, n_samples, warn):
    """(rows, batches) of a `inspect.Dataset`; raises `DatasetError` for what cannot be sent."""
    reader = dataset.read_from(dataset.start.byte)
    cutter = Cutter(reader.read, dataset.dialect, limits(n_samples), dataset.start)
    cutter.blank_line = dataset.blank_line
    rows = count = 0
    short_line = None
    for batch in cutter:
        body = make_body(batch, shape)
        short_line = short_line or body.short_line
        rows, count = rows + batch.rows, count + 1
    if cutter.blank_line:
        warn(checks.blank_line_warning(cutter.blank_line))
    if short_line:
        warn(checks.short_line_warning(short_line))
    return rows, count
