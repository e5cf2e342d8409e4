"""A run, from its settings to its result: what the commands call."""

from __future__ import absolute_import, division, unicode_literals

import platform
import traceback
from collections import namedtuple
from contextlib import closing

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.console import masking, terminal
from datarobot_batch_scoring.console.logs import LOGGER, Logs
from datarobot_batch_scoring.console.progress import make_progress
from datarobot_batch_scoring.dataset import checks, decimals
from datarobot_batch_scoring.errors import ScoringError, UsageError, of_the_system
from datarobot_batch_scoring.local import supervisor
from datarobot_batch_scoring.local.signals import Signals
from datarobot_batch_scoring.output.locations import as_path
from datarobot_batch_scoring.report import report
from datarobot_batch_scoring.run import columns, resume, transport, typed
from datarobot_batch_scoring.run.conductor import Conductor
from datarobot_batch_scoring.run.listener import Listener
from datarobot_batch_scoring.run.narrator import SILENCE, Narrator
from datarobot_batch_scoring.run.recorder import Recorder

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
    'short_lines',  # how many lines of this run have fewer fields than the header, in words; or ''
])


def score(settings, person, carrier):
    """Scores a dataset; returns the `Result` when every row is in the output or set aside.

    `settings` is a `settings.Settings`, `person` is whoever is asked and told
    (`terminal.Terminal` or `terminal.NonInteractive`). Raises `UsageError` if nothing has been
    sent yet, and otherwise `ScoringError`, after which the output can be resumed.

    `carrier` is `one_machine.OneMachine`, or a class with the same methods: `check` raises
    `UsageError` for settings that it cannot carry out; `open` looks at the dataset; `lock` holds
    the output, and returns what an earlier run left of it; `prepare` finds out what the requests
    need; `score` carries the run out; `check_all` is a dry run; `close` gives up what it holds.
    """
    supervisor.check_process()
    carrier.check(settings)
    if settings.client_cert:
        from datarobot_batch_scoring.server import client_certificate
        client_certificate.check(settings)
    if settings.reads_stdin and terminal.stdin_prompt():
        person.say(terminal.stdin_prompt())
    if settings.dry_run or settings.check:
        return _without_writing(settings, person, carrier(settings, person.warn))
    with Signals() as caught:
        report_before = report.seen(settings.report) if settings.report else None
        progress = make_progress(settings, person)
        recorder = Recorder(settings)
        listener = Listener(
            Narrator(settings, recorder, progress), recorder, Conductor(settings, recorder))
        logs = Logs(settings, person, progress.warn, lambda: recorder.secrets)
        LOGGER.info('datarobot_batch_scoring %s, Python %s: %s', __version__, platform.python_version(),
                    person.typed or settings.command)
        try:
            result, failure = _attempt(settings, carrier, listener, progress, person, caught)
            report.write(settings, recorder, failure, progress.warn, report_before)
        except Exception:
            # A bug in this program: the details go to the log, while it is open.
            LOGGER.error('%s', traceback.format_exc())
            raise
        finally:
            progress.close()
            logs.close()
    if failure:
        raise failure
    return result


def _without_writing(settings, person, run):
    try:
        if settings.check:
            return _check(settings, person, run)
        with closing(run):
            run.open()
            checked = run.check_all()
        for kind in checks.WARNINGS:
            if getattr(checked, kind):
                person.warn(checks.warning(kind, getattr(checked, kind)))
        if checked.faults:
            person.warn(checks.unsendable_warning(checked.faults))
        if not checked.rows:
            raise checks.no_such_row(as_path(run.data.name), settings.rows)
    except ScoringError as error:
        failure = masking.masked_error(error, tuple(run.secrets) + tuple(masking.secrets(settings)))
    else:
        _warn_of_reading(run.data, person.warn)
        return Result(None, checked.rows, 0, 0, 0, 0, 0.0, 0, '',
                      _read_as(run.data.dialect, run.types), '', '')
    failure.resumable = False
    failure.reader = person.reads
    raise failure


def _check(settings, person, run):
    with Signals(), closing(run):
        run.open()
        _warn_of_reading(run.data, person.warn)
        if transport.danger(settings):
            person.warn(transport.danger(settings))
        rows, names = 0, []
        if not run.data.empty:
            rows, names = 1, run.check_first_row(person)
    return Result(None, rows, rows, rows, 0, 0, 0.0, 0, checks.a_few(names),
                  _read_as(run.data.dialect, run.types), '', '')


def _attempt(settings, carrier, listener, progress, person, caught):
    """(Result, None) or (None, ScoringError).

    The error is returned, not raised: raised here, it would have the one that was
    caught, with its secrets, in its traceback.
    """
    try:
        return _score(settings, carrier, listener, progress, person, caught), None
    except ScoringError as error:
        # A server may have echoed what it was sent.
        failure = masking.masked_error(error, listener.recorder.secrets)
        failure.reader = person.reads
        if (settings.reads_stdin or settings.writes_stdout
                or resume.leaves_nothing(settings.out)):
            failure.resumable = False
        for line in failure.lines():
            LOGGER.error('%s', line)
        return None, failure
    except Exception as error:
        failure = of_the_system(error)
        if failure is None:
            raise
        return None, failure


def _score(settings, carrier, listener, progress, person, caught):
    _say_where_to(settings, progress)
    with closing(carrier(settings, progress.warn)) as run:
        listener.recorder.hide(run.secrets)
        run.open()
        before = run.lock()
        start = resume.decide(run.settings, run.matching, person, before)
        if run.data.empty:
            listener.begin(run.settings, start, 0)
            listener.recorder.read_as = _read_as(run.data.dialect)
            return _result(run.write_empty(), listener.recorder, settings)
        run.settings = _before_sending(run.settings, run.data, start, listener, progress)
        run.prepare(start, progress)
        listener.begin(run.settings, start, run.size)
        try:
            finished = run.score(start, listener, caught)
        except ScoringError as error:
            resume.say_what_is_kept(error, _what_is_kept(run, settings), progress)
            raise
        _check_rows(finished, run)
    return _result(finished, listener.recorder, settings)


def _check_rows(finished, run):
    if not finished.rows and run.settings.rows:
        raise checks.no_such_row(as_path(run.data.name), run.settings.rows)
    if not finished.rows:
        raise UsageError('no_rows', file=as_path(run.data.name))


def _before_sending(settings, data, start, listener, progress):
    """Says what there is to be said, and buys a token if need be: the settings with it."""
    listener.recorder.read_as = _read_as(data.dialect)
    _say_what_is_read(data, settings, start, progress)
    listener.narrator.check_duplicate_names(columns.kept_names(settings, data.dialect.columns), start.labels or ())
    if transport.danger(settings):
        LOGGER.warning('%s', transport.danger(settings))
        progress.warn(transport.danger(settings))
    if settings.password:
        from datarobot_batch_scoring.server import api_token
        settings = settings._replace(api_token=api_token.fetch(settings, progress, SILENCE))
    return settings


def _say_what_is_read(data, settings, start, progress):
    dialect = data.dialect
    LOGGER.info('%s: encoding %s, delimiter %r, %d columns; rows from %d on', data.name,
                dialect.encoding, dialect.delimiter.decode('ascii'), len(dialect.columns),
                max(start.position.row, settings.first_row))
    _warn_of_reading(data, progress.warn)


def _warn_of_reading(data, warn):
    if data.decimal_commas:
        LOGGER.warning('%s', decimals.warning(data.decimal_commas))
        warn(decimals.warning(data.decimal_commas))
    if data.guessed:
        warn('Assuming that the encoding of {0} is {1}; if not, set --encoding.'.format(
            data.name, data.dialect.encoding))


def _read_as(dialect, found=None):
    delimiter = dialect.delimiter.decode('ascii')
    return '{0}, encoding {1}, {2}{3}'.format(
        _counted(len(dialect.columns), 'column'), dialect.encoding,
        "delimiter '{0}'".format(delimiter.replace('\t', '\\t')) if delimiter else 'no delimiter',
        '; types: ' + typed.listed(dialect.columns, found) if found else '')


def _say_where_to(settings, progress):
    line = 'The host is {0}; {1}.'.format(
        masking.without_credentials(settings.host),
        'the ini file is {0}'.format(settings.ini) if settings.ini else 'there is no ini file')
    LOGGER.info('%s', line)
    for warning in settings.warnings:
        LOGGER.warning('%s', warning)
    if settings.verbose:
        progress.say(line)


def _result(finished, recorder, settings):
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
        recorder.traffic.course.usual_batch_rows, recorder.traffic.course.usual_concurrency)
    if recorder.seconds < MIN_SECONDS_SEEN:
        return words
    return words + '; recommended: --n_concurrent={0} --n_samples={1}'.format(
        recommended.n_concurrent, recommended.n_samples)


def summary_line(result, settings):
    """What a user reads at the end."""
    line = _account(result, settings)
    if settings.verbose and result.server:
        line += '; ' + result.server
    if settings.unknown_keys:
        line += '; {0} has unknown keys: {1}'.format(
            settings.ini, ', '.join(settings.unknown_keys))
    return line


def _account(result, settings):
    if settings.check and result.rows:
        return 'Everything is right: row {0} was scored ({1}); the columns would be {2}; nothing was written.'.format(
            settings.first_row, result.dataset, result.server)
    if result.out is None:
        return '{0}; {1}; nothing was sent or written{2}.'.format(
            _counted(result.rows, 'row'), result.dataset, ', not even ' + settings.report if settings.report else '')
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


def _counted(count, one, several=None):
    return '{0} {1}'.format(count, one if count == 1 else several or one + 's')


def _are(count):
    return 'is' if count == 1 else 'are'


def _what_is_kept(run, settings):
    """What a run that has ended early leaves and how to go on, in a line; '' for nothing."""
    if not run.kept:
        return ''
    if settings.writes_stdout:
        how = 'Such a run cannot be resumed'
    elif settings.reads_stdin:
        how = 'To continue, put the dataset into a file, and run the command with that file and --resume'
    else:
        how = 'To continue, rerun with --resume'
    return '{0} {1} {2}. {3}.'.format(_counted(run.kept, 'row'), _are(run.kept), run.where, how)


def _where(settings):
    return 'on standard output' if settings.writes_stdout else 'in ' + settings.out
