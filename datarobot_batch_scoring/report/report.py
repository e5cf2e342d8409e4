"""Writes the report on a run: its figures as JSON, or as a page."""

from __future__ import absolute_import, division, unicode_literals

import errno
import functools
import hashlib
import io
import json
import math
import os
import platform
import time
from collections import Counter, OrderedDict

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.compat import text as TEXT
from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.errors import (
    EXIT_BAD_ROWS, EXIT_OK, Interrupted, Terminated, UsageError)
from datarobot_batch_scoring.report import page
from datarobot_batch_scoring.scoring import histogram, predictions
from datarobot_batch_scoring.settings.table import OPTIONS
from datarobot_batch_scoring.settings.values import plain
from datarobot_batch_scoring.system import O_BINARY, O_NOFOLLOW

LATENCY_BINS = 40
# The figures that are not of one run, and those that are not if the checkpoint has them.
WHOLE = ['rows', 'bad_rows', 'null_values', 'short_lines', 'bytes.read', 'bytes.output']
TALLIED = ['bad_rows_by_reason', 'predictions', 'prediction_columns']
QUANTILES = (5, 25, 50, 75, 95)
SECRET = frozenset(option.name for option in OPTIONS if option.secret)


def snapshot(path):
    """What has the report's name: the path that links lead to, and the file there, if any."""
    path = os.path.realpath(path)
    try:
        status = os.lstat(path)
        return path, (status.st_dev, status.st_ino)
    except OSError:
        return path, None


def write(settings, recorder, error, warn, before):
    """Writes the report that `settings` ask for, if any; never fails.

    `before` is what `snapshot` returned at the start: what came under that name since is left alone.

    `error` is the `ScoringError` that ended the run, or None. A run that could
    not begin (`UsageError`) has no report. `warn` is called if it cannot be written.
    """
    if not settings.report or isinstance(error, UsageError):
        return
    data = report_data(settings, recorder, error)
    if settings.report.lower().endswith('.json'):
        words = json.dumps(data, indent=2) + '\n'
    else:
        words = page.page(data)
    try:
        with _open(settings.report, before) as target:
            # Paths may contain lone surrogates, which UTF-8 cannot encode.
            target.write(words.encode('utf-8', 'backslashreplace'))
    except EnvironmentError as failure:
        line = 'The report {0} cannot be written: {1}.'.format(settings.report, failure.strerror)
        LOGGER.warning('%s', line)
        warn(line)


def _open(path, before):
    """The file of the report, empty; raises `OSError`."""
    now = snapshot(path)
    if now not in (before, (before[0], None)):
        raise OSError(errno.EEXIST, 'another program has put something there')
    descriptor = os.open(now[0], os.O_WRONLY | os.O_CREAT | O_BINARY | O_NOFOLLOW | (
        os.O_TRUNC if now[1] else os.O_EXCL), 0o666)
    return io.open(descriptor, 'wb')


def report_data(settings, recorder, error):
    """Every figure of a run as plain data, in the order in which they are shown.

    `rows_before` are those of the runs that this one went on from. What is
    `of_the_whole_output` counts them too, all else is of this run.
    """
    # First: what follows takes time.
    figures, seconds, speed, now = recorder.traffic.figures, recorder.seconds, recorder.throughput, time.time()
    predicted = recorder.tally.predicted
    return OrderedDict([
        ('program', 'datarobot_batch_scoring'),
        ('version', __version__),
        ('python', platform.python_version()),
        ('versions', _versions()),
        ('input', OrderedDict([('sha256', _input_digest(settings, recorder, error))])),
        ('outcome', _outcome(error)),
        ('reason', [masking.masked(line, recorder.secrets) for line in error.lines()]
         if error else []),
        ('exit_code', _exit_code(recorder, error)),
        ('began', _moment(now - seconds)),
        ('ended', _moment(now)),
        ('seconds', round(seconds, 3)),
        ('rows', recorder.rows),
        ('rows_before', recorder.first_row),
        ('of_the_whole_output', WHOLE + (TALLIED if recorder.tally_is_whole else [])),
        ('rows_scored', recorder.scored),
        ('bad_rows', recorder.bad),
        ('bad_rows_by_reason', _by_times(Counter(
            {masking.masked(reason, recorder.secrets): times
             for reason, times in recorder.tally.reasons.items()}))),
        ('mean_rows_per_second', round(speed, 3)),
        ('limited_by', recorder.limits),
        ('batches', recorder.traffic.answers),
        ('requests', recorder.traffic.requests),
        ('retries', OrderedDict(sorted(recorder.traffic.retries.items()))),
        ('splits', recorder.traffic.splits),
        ('null_values', recorder.nulls),
        ('short_lines', OrderedDict([('count', recorder.short.count), ('first', list(recorder.short.lines))])),
        ('bytes', OrderedDict([
            ('read', recorder.position), ('sent', recorder.traffic.sent_bytes),
            ('received', recorder.traffic.received_bytes), ('output', recorder.output_bytes)])),
        ('latency', _latency(figures)),
        ('latency_histogram', _latency_histogram(figures)),
        ('throughput', _throughput(figures, seconds)),
        ('batch_rows', recorder.traffic.timeline.batch_rows()),
        ('concurrency', recorder.traffic.timeline.concurrency()),
        ('rows_per_second', recorder.traffic.timeline.rows_per_second()),
        ('suits', recorder.recommended and recorder.recommended._asdict()),
        ('predictions', _predictions(predicted)),
        ('prediction_columns', OrderedDict(
            (label, _column(column)) for label, column in predicted.columns.items())
         if predicted else OrderedDict()),
        ('settings', _settings(settings, recorder.secrets)),
    ])


def _outcome(error):
    if error is None:
        return 'complete'
    if isinstance(error, Interrupted):
        return 'interrupted'
    return 'terminated' if isinstance(error, Terminated) else 'failed'


def _exit_code(recorder, error):
    if error is not None:
        return error.exit_code
    return EXIT_BAD_ROWS if recorder.bad else EXIT_OK


def _moment(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(seconds))


def _versions():
    """The versions of what sends the requests, and of the system."""
    import requests
    import urllib3
    return OrderedDict([('requests', requests.__version__), ('urllib3', urllib3.__version__),
                        ('system', platform.platform())])


def _input_digest(settings, recorder, error):
    """The SHA-256 of the file or stream; None if the run did not read all of it."""
    if error is not None or settings.rows:
        return None
    if settings.reads_stdin:
        return recorder.input_digest
    digest = hashlib.sha256()
    try:
        with io.open(settings.dataset, 'rb') as source:
            for piece in iter(functools.partial(source.read, 1 << 20), b''):
                digest.update(piece)
    except EnvironmentError:
        return None
    return digest.hexdigest()


def _settings(settings, secrets):
    shown = OrderedDict((name, plain(value)) for name, value in zip(settings._fields, settings)
                        if name not in SECRET)
    shown['host'] = masking.without_credentials(settings.host)
    for name, value in shown.items():
        if isinstance(value, TEXT):
            shown[name] = masking.masked(value, secrets)
    return shown


def _latency(figures):
    """Percentiles and maximum of the seconds that answered requests took."""
    percentiles = OrderedDict(('p{0}'.format(percent), seconds)
                              for percent, seconds in sorted(figures.percentiles().items()))
    if percentiles:
        percentiles['max'] = round(figures.longest, 6)
    return percentiles


def _latency_histogram(figures):
    if not figures.latencies:
        return []
    bins = histogram.bins_of(figures.latencies.items(), LATENCY_BINS)
    return [OrderedDict([('from', start), ('to', end), ('requests', times)])
            for start, end, times in histogram.table(bins)]


def _throughput(figures, seconds):
    """Rows by the time when their answers came, in seconds since the beginning."""
    if figures.throughput is None:
        return []
    width = 2.0 ** figures.throughput.exponent
    counts = figures.throughput.counts
    return [OrderedDict([('from', number * width), ('to', min((number + 1) * width, seconds)),
                         ('rows', counts.get(number, 0))])
            for number in range(int(math.ceil(seconds / width)))]


def _by_times(counts):
    return OrderedDict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _predictions(counted):
    """How often each class was predicted, or the spread of the numbers.

    None without answers, and where they have several columns and nothing says which class it is.
    """
    if counted is None:
        return None
    classes = predictions.classes_of(counted)
    if classes:
        return OrderedDict([('classes', _by_times(classes))])
    columns = list(counted.columns.values())
    return _numbers(columns[0]) if len(columns) == 1 and not predictions.are_written(columns[0]) else None


def _column(counted):
    """What is in a column: the spread of its numbers and, if it has texts, their classes or lengths."""
    if predictions.are_written(counted):
        return OrderedDict(list(_numbers(counted).items()) + [('lengths', _numbers(counted.lengths))])
    more = [('classes', _by_times(counted.texts))] if counted.texts else []
    return OrderedDict(list(_numbers(counted).items()) + more)


def _numbers(counted):
    """The spread of the numbers in a `predictions.Counted`; quantiles are exact to within a bin."""
    table = histogram.table(counted.bins) if counted.bins else []
    return OrderedDict([
        ('count', counted.count), ('missing', counted.missing), ('least', counted.least),
        ('mean', _finite(counted.total / counted.count) if counted.count else None),
        ('most', counted.most),
        ('quantiles', OrderedDict(
            ('p{0}'.format(percent), min(max(
                histogram.quantile(counted.bins, percent / 100), counted.least), counted.most))
            for percent in QUANTILES) if counted.bins else OrderedDict()),
        ('histogram', [OrderedDict([('from', start), ('to', end), ('rows', times)])
                       for start, end, times in table])])


def _finite(number):
    return None if math.isnan(number) or math.isinf(number) else number
