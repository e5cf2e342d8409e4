"""Cuts and checks the whole input in this process; sends and writes nothing."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.cutter import Cutter, limits
from datarobot_batch_scoring.dataset.utf8 import Utf8Input
from datarobot_batch_scoring.server.request import make_body


def cut_all(dataset, shape, n_samples, warn):
    """(rows, batches) of a `inspect.Dataset`; raises `DatasetError` for what cannot be sent."""
    reader = Utf8Input(dataset, dataset.data_start)
    cutter = Cutter(
        reader.read, shape.delimiter.encode('ascii'), limits(n_samples), not shape.fast,
        shape.field_size_limit, dataset.first_line, shape.columns)
    cutter.blank_line = dataset.blank_line
    rows = count = 0
    short_line = None
    for cut in cutter:
        body = make_body(cut, shape)
        short_line = short_line or body.short_line
        rows, count = rows + cut.rows, count + 1
    if cutter.blank_line:
        warn(checks.blank_line_warning(cutter.blank_line))
    if short_line:
        warn(checks.short_line_warning(short_line))
    return rows, count
