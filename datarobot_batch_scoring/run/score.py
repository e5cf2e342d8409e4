"""A run, from its settings to its result: what the commands call."""

from __future__ import absolute_import, unicode_literals

import platform
import traceback
from contextlib import closing

from datarobot_batch_scoring import __version__
from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.console import masking, terminal
from datarobot_batch_scoring.console.logs import LOGGER, Logs
from datarobot_batch_scoring.console.progress import make_progress
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.errors import ScoringError, of_the_system
from datarobot_batch_scoring.local import supervisor
from datarobot_batch_scoring.local.signals import Signals
from datarobot_batch_scoring.output.locations import as_path
from datarobot_batch_scoring.report import report
from datarobot_batch_scoring.run import resume
from datarobot_batch_scoring.run.conductor import Conductor
from datarobot_batch_scoring.run.narrator import Narrator
from datarobot_batch_scoring.run.recorder import Recorder
from datarobot_batch_scoring.run.summary import Result, read_as, result_of, what_is_kept
from datarobot_batch_scoring.server.request_error import REPORTED_AFTER
from datarobot_batch_scoring.settings.secrets import security_warning


def score(settings, person, carrier):
    """Scores a dataset; returns the `Result` when every row is in the output or set aside.

    `settings` is a `settings.Settings`, `person` gets prompts and messages
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
        report_before = report.snapshot(settings.report) if settings.report else None
        progress = make_progress(settings, person)
        listener = Listener(settings, progress)
        logs = Logs(settings, person, progress.warn, lambda: listener.recorder.secrets)
        LOGGER.info('datarobot_batch_scoring %s, Python %s: %s', __version__, platform.python_version(),
                    person.typed or settings.command)
        try:
            result, failure = _attempt(settings, carrier, listener, progress, person, caught)
            report.write(settings, listener.recorder, failure, progress.warn, report_before)
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


class Listener(object):
    """Hears what happens in a run, and has it narrated, counted and acted upon."""

    def __init__(self, settings, progress, clock=monotonic):
        self.recorder = Recorder(settings, clock)
        self.narrator = Narrator(settings, self.recorder, progress, clock)
        self._conductor = Conductor(settings, self.recorder)

    def __call__(self, event, role=None):
        """Takes in an event, None once a second; returns the orders for all engines.

        Raises `ScoringError` to end the run.
        """
        # What is new depends on what was counted before.
        self.narrator.hear(event, role)
        self.recorder.hear(event)
        orders = self._conductor.hear(event)
        self.narrator.ordered(orders)
        return orders

    def begin(self, settings, start, size):
        """Begins the run: `settings` has all secrets by now, `start` is a `resume.Start`."""
        self.recorder.begin(settings, start, size)
        self.narrator.begin()


def _attempt(settings, carrier, listener, progress, person, caught):
    """(Result, None) or (None, ScoringError).

    The error is returned, not raised: raised here, it would have the one that was
    caught, with its secrets, in its traceback.
    """
    try:
        _say_where_to(settings, progress)
        with closing(carrier(settings, progress.warn)) as run:
            finished = _carry_out(run, listener, progress, person, caught)
        return result_of(finished, listener.recorder, settings), None
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


def _carry_out(run, listener, progress, person, caught):
    """The steps of a run, which may change its settings: its `messages.Finished`."""
    listener.recorder.hide(run.secrets)
    run.open()
    start = resume.decide(run.settings, run.matching, person, run.lock())
    listener.recorder.read_as = read_as(run.data.dialect)
    if run.data.empty:
        listener.begin(run.settings, start, 0)
        return run.write_empty()
    _say_what_is_read(run, start, listener, progress)
    if run.settings.password:
        from datarobot_batch_scoring.server import asking
        run.settings = run.settings._replace(api_token=asking.fetch_token(run.settings, progress, REPORTED_AFTER))
    run.prepare(start, progress)
    listener.begin(run.settings, start, run.size)
    try:
        finished = run.score(start, listener, caught)
    except ScoringError as error:
        resume.say_what_is_kept(error, what_is_kept(run), progress)
        raise
    _check_rows(finished.rows, run)
    return finished


def _check_rows(rows, run):
    if not rows:
        raise checks.no_rows(as_path(run.data.name), run.settings.rows)


def _say_where_to(settings, progress):
    line = 'The host is {0}; {1}.'.format(
        masking.without_credentials(settings.host),
        'the ini file is {0}'.format(settings.ini) if settings.ini else 'there is no ini file')
    LOGGER.info('%s', line)
    for warning in settings.warnings:
        LOGGER.warning('%s', warning)
    if settings.verbose:
        progress.say(line)


def _say_what_is_read(run, start, listener, progress):
    dialect = run.data.dialect
    LOGGER.info('%s: encoding %s, delimiter %r, %d columns; rows from %d on', run.data.name,
                dialect.encoding, dialect.delimiter.decode('ascii'), len(dialect.columns),
                max(start.position.row, run.settings.first_row))

    def warn(warning):
        LOGGER.warning('%s', warning)
        progress.warn(warning)
    _warn_of_reading(run.data, warn)
    listener.narrator.check_duplicate_names(dialect.columns, start.labels or ())
    if security_warning(run.settings):
        warn(security_warning(run.settings))


def _warn_of_reading(data, warn):
    if data.decimal_commas:
        warn(checks.decimal_comma_warning(data.decimal_commas))
    if data.guessed:
        warn('Assuming that the encoding of {0} is {1}; if not, set --encoding.'.format(
            data.name, data.dialect.encoding))


# --- without an output --------------------------------------------------------------


def _without_writing(settings, person, run):
    try:
        if settings.check:
            return _check(settings, person, run)
        with closing(run):
            run.open()
            if run.data.empty:
                return _unwritten(0, 0, '', run)
            checked = run.check_all()
        for _, warning in checks.warnings(checked.blank, checked.ctrl_z, checked.short):
            person.warn(warning)
        if checked.faults:
            person.warn(checks.unsendable_warning(checked.faults))
        if not checked.rows:
            raise checks.no_rows(as_path(run.data.name), settings.rows)
    except ScoringError as error:
        failure = masking.masked_error(error, tuple(run.secrets) + tuple(masking.secrets(settings)))
    else:
        _warn_of_reading(run.data, person.warn)
        return _unwritten(checked.rows, 0, '', run)._replace(short_lines=checks.short_note(checked.short))
    failure.resumable = False
    failure.reader = person.reads
    raise failure


def _check(settings, person, run):
    with Signals(), closing(run):
        run.open()
        _warn_of_reading(run.data, person.warn)
        if security_warning(settings):
            person.warn(security_warning(settings))
        names = [] if run.data.empty else run.check_first_row(person)
    sent = 0 if run.data.empty else 1
    return _unwritten(sent, sent, checks.a_few(names), run)


def _unwritten(rows, sent, names, run):
    return Result(None, rows, sent, sent, 0, 0, 0.0, 0, names, read_as(run.data.dialect, run.types), '', '')
