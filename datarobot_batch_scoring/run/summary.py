"""How a run went, in words: its `Result`, and what a user reads at the end."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.types import listed
from datarobot_batch_scoring.output.csv_text import is_json_lines

# A run of fewer seconds does not show what suits.
MIN_SECONDS_SEEN = 5.0

Result = namedtuple('Result', [
    'out',       # path of the output; -: standard output
    'rows',      # in the output
    'scored',    # rows that this run scored; the others come from runs that it resumed
    'batches',   # requests that were answered in this run
    'retries',   # requests that were sent again
    'nulls',     # empty fields in the output that were null in the answers
    'seconds',
    'bad_rows',  # rows in the output without predictions: refused by the server, or not fit to be sent
    'server',    # what was seen of the server and, after a long run, the options that suit it, in words
    'dataset',   # as what the dataset was read, in words
    'limits',    # the options that limited the speed, in words; or ''
    'short_lines',  # how many lines have fewer fields than the header, in words; or ''
])


def result_of(finished, recorder, settings):
    """The `Result` of a run, which is logged, by its `messages.Finished`."""
    result = Result(settings.out, finished.rows, recorder.scored,
                    recorder.traffic.answers, sum(recorder.traffic.retries.values()), finished.nulls,
                    recorder.seconds, finished.bad, server_summary(recorder), recorder.read_as,
                    ' and '.join('--' + name for name in recorder.limits),
                    checks.short_note(recorder.short))
    LOGGER.info('%s', summary_line(result, settings))
    if result.server and not settings.verbose:
        LOGGER.info('%s', result.server)
    return result


def server_summary(recorder):
    """How the run went and, after a long run, the options that suit the server, in words; '' without an answer."""
    recommended = recorder.recommended
    if recommended is None:
        return ''
    words = '{0:.0f} rows per batch, {1:.0f} requests in flight'.format(
        recorder.traffic.timeline.usual_batch_rows, recorder.traffic.timeline.usual_concurrency)
    if recorder.seconds < MIN_SECONDS_SEEN:
        return words
    return words + '; recommended: --n_concurrent={0} --n_samples={1}'.format(
        recommended.n_concurrent, recommended.n_samples)


def summary_line(result, settings):
    """What a user reads at the end."""
    line = _sentence(result, settings)
    if settings.verbose and result.server:
        line += '; ' + result.server
    if settings.unknown_keys:
        line += '; {0} has unknown keys: {1}'.format(
            settings.ini, ', '.join(settings.unknown_keys))
    return line


def _sentence(result, settings):
    if settings.check and result.rows:
        return 'Check passed: row {0} was scored ({1}); output columns: {2}; nothing was written.'.format(
            settings.first_row, result.dataset, result.server)
    if result.out is None:
        return '{0}; {1}; nothing was sent or written{2}{3}.'.format(
            _counted(result.rows, 'row'), result.dataset, ', not even ' + settings.report if settings.report else '',
            '; ' + result.short_lines if result.short_lines else '')
    if not result.rows:
        has_header = settings.class_names and not is_json_lines(settings.out)
        return 'The dataset has no rows: nothing was sent, and {0} {1}.'.format(
            'standard output' if settings.writes_stdout else settings.out,
            'has only a header' if has_header else 'is empty')
    return ('{0} {1} {2}: {3} scored in {4}, {5}, {6:.1f} s, {7:.0f} rows/s{8}{9}').format(
        _counted(result.rows, 'row'), _are(result.rows), _where(settings), result.scored,
        _counted(result.batches, 'batch', 'batches'),
        _counted(result.retries, 'retry', 'retries'),
        result.seconds, result.scored / max(result.seconds, 1e-9),
        ', {0}'.format(_counted(result.nulls, 'null value')) if result.nulls else '',
        '; {0} set aside and {1} in {2}'.format(
            _counted(result.bad_rows, 'row was', 'rows were'), _are(result.bad_rows),
            settings.bad_rows)
        if result.bad_rows else '') + ('; limited by ' + result.limits if result.limits else '') + (
            '; ' + result.short_lines if result.short_lines else '')


def read_as(dialect, types=None):
    """As what a dataset is read, in words; `types` are those of its columns, if they are known."""
    delimiter = dialect.delimiter.decode('ascii')
    return '{0}, encoding {1}, {2}{3}'.format(
        _counted(len(dialect.columns), 'column'), dialect.encoding,
        "delimiter '{0}'".format(delimiter.replace('\t', '\\t')) if delimiter else 'no delimiter',
        '; types: ' + listed(dialect.columns, types) if types else '')


def what_is_kept(run):
    """What a run that has ended early leaves and how to go on, in a line; '' for nothing."""
    settings = run.settings
    if not run.kept:
        return ''
    if settings.writes_stdout:
        how = 'Such a run cannot be resumed'
    elif settings.reads_stdin:
        how = 'To continue, save the dataset to a file and rerun with that file and --resume'
    else:
        how = 'To continue, rerun with --resume'
    return '{0} {1} {2}. {3}.'.format(_counted(run.kept, 'row'), _are(run.kept), run.where, how)


def _counted(count, singular, plural=None):
    return '{0} {1}'.format(count, singular if count == 1 else plural or singular + 's')


def _are(count):
    return 'is' if count == 1 else 'are'


def _where(settings):
    return 'on standard output' if settings.writes_stdout else 'in ' + settings.out
