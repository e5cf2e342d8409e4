"""The plans: what each process of a run is told when it starts."""

from __future__ import absolute_import, division, unicode_literals

import os
from collections import namedtuple

from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.dataset import cutter
from datarobot_batch_scoring.local.batcher import BatcherPlan
from datarobot_batch_scoring.local.writer import WriterPlan
from datarobot_batch_scoring.output.bad_rows import header_line
from datarobot_batch_scoring.output.csv_text import JSON_LINES, is_json_lines
from datarobot_batch_scoring.output.sink import SinkPlan
from datarobot_batch_scoring.scoring.predictions import RowStatistics
from datarobot_batch_scoring.output.columns import ALL, header
from datarobot_batch_scoring.output.targets import compress_rows
from datarobot_batch_scoring.run import columns
from datarobot_batch_scoring.scoring.pace import FIRST, Budget
from datarobot_batch_scoring.scoring.pool import PoolPlan, share_of
from datarobot_batch_scoring.server import client_certificate, headers, protocols
from datarobot_batch_scoring.server.connection import Endpoint
from datarobot_batch_scoring.server.protocols.base import DATAROBOT
from datarobot_batch_scoring.scoring.request import Shape, header_record
from datarobot_batch_scoring.system import cores, file_limit, standard_stream

# Files, pipes and connections that a process of a run has open: always; for each request
# in flight (its connection, and the lookup of its host's address); and, in the main
# process, for each worker process.
OPEN_FILES = 22
OPEN_A_REQUEST = 2
OPEN_A_PROCESS = 10

Plans = namedtuple('Plans', [
    'batcher',  # batcher.BatcherPlan
    'workers',  # list of pool.PoolPlan, one for each process
    'writer',   # writer.WriterPlan
])


def shape_of(settings, data):
    """The `request.Shape` of the batches of an `inspect.Dataset`."""
    delimiter = (settings.output_delimiter or '').encode('ascii') or data.dialect.delimiter
    if is_json_lines(settings.out):
        delimiter = JSON_LINES.encode('ascii')
    return Shape(
        dialect=data.dialect,
        header=header_record(columns.sent_names(settings, data.dialect.columns)),
        sent=columns.sent_positions(settings, data.dialect.columns),
        kept=columns.kept_positions(settings.keep_cols, data.dialect.columns),
        output_delimiter=delimiter or b',')


def make_plans(settings, data, shape, matching, start, seen):
    """The `Plans` of a run that begins at a `resume.Start`.

    `data` is its `inspect.Dataset`, `shape` the `request.Shape` of its batches, `matching` is what must not change
    before resuming, `seen` is what `LockedFile.snapshot` returned.
    """
    layout = columns.layout_of(
        settings, shape.output_delimiter.decode('ascii'), data.dialect.columns)
    stream = standard_stream(1) if settings.writes_stdout else None
    processes = worker_processes(settings, data)
    return Plans(
        BatcherPlan(dataset=data,
                    limits=cutter.limits(settings, shape.form and shape.form.max_rows, first_in_flight(settings)),
                    sized=settings.auto_sample,
                    n_concurrent=first_in_flight(settings), trying=settings.auto_concurrent,
                    timeout=settings.timeout, start=start.position, digests=start.digests,
                    rows=settings.wanted_rows, budget=budget_of(settings, processes),
                    one_first=settings.extra_cols == ALL and start.labels is None),
        [worker_plan(settings, shape, layout, start.labels, processes, number) for number in range(processes)],
        WriterPlan(sink=sink_plan(settings, data, layout, start.tally),
                   path=settings.out, stream=stream, matching=matching, resume=start.resumed,
                   digests=start.digests, seen=seen, input_header=header_record(data.dialect.columns)))


def sink_plan(settings, data, layout, tally):
    """The `sink.SinkPlan` of an output; `tally` is that of its rows so far, None if unknown."""
    return SinkPlan(
        layout=layout, kept_names=list(columns.kept_names(settings, data.dialect.columns)),
        bad_rows=settings.bad_rows, max_bad_rows=settings.max_bad_rows,
        first_row=settings.first_row, tally=tally or RowStatistics(), tally_is_whole=tally is not None)


def first_in_flight(settings):
    """How many requests are in flight at first."""
    most = int(settings.n_concurrent)
    return min(most, FIRST) if settings.auto_concurrent else most


def fit_concurrency(settings, data, warn):
    """`settings` with no more concurrent requests than the system allows open connections.

    `warn` is called with a line if that lowers their number.
    """
    processes = worker_processes(settings, data)
    limit = file_limit(OPEN_FILES + OPEN_A_REQUEST * -(-settings.n_concurrent // processes))
    if limit is None:
        return settings
    most = type(settings.n_concurrent)(max((limit - OPEN_FILES) // OPEN_A_REQUEST, 1) * processes)
    if most >= settings.n_concurrent:
        return settings
    warn('Limiting concurrency to {0:d}, not {1:d}: the open-file limit is {2} (ulimit -n).'.format(
        most, settings.n_concurrent, limit))
    return settings._replace(n_concurrent=most)


def worker_plan(settings, shape, layout, labels, processes, number):
    """The `pool.PoolPlan` of process `number`, from 0, of so many."""
    protocol = protocols.of(settings)
    base = masking.without_credentials(settings.host)

    def url_of(path):
        return settings.query.added_to(base + path) if settings.query else base + path
    other_path = protocol.other_path(settings)
    endpoint = Endpoint(
        url=url_of(protocol.path(settings)),
        headers=protocol.headers(settings), timeout=settings.timeout,
        verify=headers.verification(settings), given=settings.header,
        certificate=client_certificate.of(settings))
    return PoolPlan(
        endpoint=endpoint, secrets=masking.secrets(settings), compress=settings.compress,
        n_retry=settings.max_retries,
        n_concurrent=settings.n_concurrent,
        threads=share_of(first_in_flight(settings), processes, number),
        processes=processes, number=number, shape=shape, layout=layout,
        gzip_output=settings.out.endswith('.gz'), labels=labels,
        sized=settings.auto_sample,
        ping=protocol.ping_path(settings) and endpoint._replace(
            url=base + protocol.ping_path(settings), headers=protocol.ping_headers(settings)),
        sets_aside=bool(settings.bad_rows),
        other_url=other_path and url_of(other_path),
        budget=budget_of(settings, processes, number))


def budget_of(settings, processes, number=0):
    """The `pace.Budget` of process `number`, from 0, of so many; None: there is no limit."""
    budget = Budget(settings.requests_per_second, settings.rows_per_second, 1 / processes, number / processes)
    return budget if budget.is_limited else None


def worker_processes(settings, data):
    """The number of worker processes: one a core, but no more than the input has work for."""
    count = max(1, min(first_in_flight(settings), cores(), _useful_processes(data)))
    limit = file_limit(OPEN_FILES + OPEN_A_PROCESS * count)
    return count if limit is None else max(1, (limit - OPEN_FILES) // OPEN_A_PROCESS)


def _useful_processes(data):
    size = data.source.size()
    if size is None:
        return cores()
    return -(-size * (10 if data.gzipped else 1) // cutter.MAX_BATCH_BYTES)


def empty_files(settings, shape, input_columns):
    """[(name, bytes), ...]: the bad rows and the output of a dataset with these columns and no rows.

    The output has its header if `class_names` tells it, otherwise nothing. `shape` is a `request.Shape`.
    """
    files, line = [], b''
    if settings.bad_rows:
        files.append((settings.bad_rows, header_line(header_record(input_columns), os.linesep.encode('ascii'))))
    if settings.class_names:
        # Those of `datarobot` as in its responses.
        labels = tuple(sorted(settings.class_names) if settings.protocol == DATAROBOT else settings.class_names)
        layout = columns.layout_of(settings, shape.output_delimiter.decode('ascii'))
        line = header(layout, list(columns.kept_names(settings, input_columns)), labels)
    return [(name, compress_rows(data) if name.endswith('.gz') else data)
            for name, data in files + [(settings.out, line)]]
