"""Counts what happens in a run, and says what all workers must know about it."""

from __future__ import absolute_import, division, unicode_literals

import time
from collections import Counter, namedtuple

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.console import masking, progress as how_far
from datarobot_batch_scoring.console.logs import LOGGER, logger_of
from datarobot_batch_scoring.dataset.cutter import AUTO_ROWS, AUTO_SIZE
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.report.course import Course
from datarobot_batch_scoring.report.figures import Figures
from datarobot_batch_scoring.scoring.tally import Tally
from datarobot_batch_scoring.run import columns
from datarobot_batch_scoring.run.waits import LongWaits, wait_warning
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.scoring.concurrency import ConcurrencyTuner
from datarobot_batch_scoring.scoring.sizer import BatchSizer
from datarobot_batch_scoring.server.lost import NOT_READY
from datarobot_batch_scoring.server.protocols.shape import OF_THE_FULL

# What a server answers that is full, as `events.Retried` has it.
FULL = frozenset('{0}'.format(status) for status in OF_THE_FULL)
NO_CONTACT = ('connection', 'tls', 'proxy', NOT_READY, events.OTHER_SCHEME)
FIRST_MISFITS = 2
# What ends a run that had no predictions, by the kind of the failure.
MISFITS = {events.PAGE: 'page', events.OTHER_SHAPE: 'other_shape'}

# Seconds without a success, while requests fail, until the user is told: first, then, and
# after that each time.
SILENCE = 5.0
SILENCE_LATER = 60.0
SILENCE_AGAIN = 600.0

# What to name for the server that was scored with: values of --n_concurrent and --n_samples.
Suits = namedtuple('Suits', 'n_concurrent n_samples')
# Rows left, when it is asked how many a batch should have.
PLENTY = 1 << 40

# Seconds between lines on progress in the log, with --verbose and without.
LOGGED_OFTEN = 10.0
LOGGED_SELDOM = 60.0


class Recorder(object):
    """The figures of a run so far, and the listener of its supervisor."""

    def __init__(self, settings, progress, clock=monotonic):
        self._settings = settings
        self._progress = progress
        self._clock = clock
        self._hidden = ()
        self.secrets = masking.secrets(settings)
        self.figures = Figures() if settings.report else None
        self.began = clock()
        self.size = self.first_row = self.rows = self.nulls = self.position = 0
        self.first_bad = self.bad = 0
        # Of the whole output, if the rows before it are known.
        self.tally, self.tally_is_whole = Tally(), True
        self.rows_read = 0
        self.input_digest = None
        self.requests = self.answers = self.splits = 0
        self.in_flight = 0
        self.sent_bytes = self.received_bytes = self.output_bytes = 0
        self.retries = Counter()
        self.last_failure = None
        self.course = Course()
        self._sizing = BatchSizer(int(settings.n_concurrent), settings.timeout)
        self._concurrency = None
        self._rows_sent = 0
        self._contact = self._waits_for_start = False
        self._misfits = 0
        self._long_waits = LongWaits()
        self.failing = False
        self._success_at = self.began
        self._silence = SILENCE
        self._next_try = self.began
        self._logged_every = LOGGED_OFTEN if settings.verbose else LOGGED_SELDOM
        self._logged_at = self.began
        self._labels = None
        self._kept = ()
        self._warned = set()

    def hide(self, secrets):
        """Has more secrets (a tuple of text) masked than the settings hold."""
        self._hidden = secrets
        self.secrets += secrets

    def begin(self, settings, start, size):
        """Begins the run: `settings` has all secrets by now, `start` is a `resume.Start`."""
        self.secrets = masking.secrets(settings) + self._hidden
        self.began = self._success_at = self._logged_at = self._clock()
        self.size = size
        if settings.auto_concurrent:
            self._concurrency = ConcurrencyTuner(int(settings.n_concurrent))
        skipped = self._settings.first_row
        self.first_row = self.rows = max(start.position.row - skipped, 0)
        self.nulls = start.nulls
        self.first_bad = self.bad = start.bad
        self.tally_is_whole = start.tally is not None
        self.tally = start.tally or self.tally

    def __call__(self, event, role=None):
        """Handles an event; returns the messages that all workers must get."""
        if event is None:
            self._look_for_contact()
            self._look_for_silence()
            long_wait = self._long_waits.due(self._clock(), self._success_at)
            if long_wait:
                self._warn('row {0}'.format(long_wait.first_row), wait_warning(long_wait))
            self.course.passed(self.seconds, self.in_flight)
            self._log_progress()
            self._progress.update(self)
            return ()
        return self.HANDLERS[type(event)](self, event, role) or ()

    # --- figures ---

    @property
    def seconds(self):
        """Seconds since the run began."""
        return self._clock() - self.began

    @property
    def speed(self):
        """Rows per second in this run."""
        return (self.rows - self.first_row) / max(self.seconds, 1e-9)

    @property
    def scored(self):
        """Rows with predictions that this run added to the output."""
        return self.rows - self.first_row - (self.bad - self.first_bad)

    @property
    def share(self):
        """The share of the input, 0 to 1, that is in the output; None until something is known.

        Of the bytes that are read, the same share counts as of the rows that are written.
        """
        if self._settings.rows:
            first, last = self._settings.rows
            return min(self.rows / (last - first), 1.0)
        if not (self.rows_read and self.size):
            return None
        return min(self.position / self.size * self.rows / self.rows_read, 1.0)

    @property
    def seconds_left(self):
        """Seconds left, judging by the rows of this run; None until there are any."""
        scored = self.rows - self.first_row
        if not scored or not self.share:
            return None
        rows_in_all = self.rows / self.share
        return (rows_in_all - self.rows) / self.speed

    @property
    def batch_rows(self):
        """Rows of a batch of late; None before the first answer."""
        found = self.course.batch_rows()
        return found[-1][1] if found else None

    @property
    def suits(self):
        """The `Suits` of the server; None before the first answer."""
        if not self.answers:
            return None
        number = int(self._settings.n_concurrent)
        if self._concurrency is not None:
            number = self._concurrency.number
        elif any(self.retries[kind] for kind in FULL):
            number = min(max(int(round(self.course.usual_concurrency)), 1), number)
        rows = min(self._sizing.rows(PLENTY, self._clock()), AUTO_ROWS,
                   AUTO_SIZE * self._rows_sent // max(self.sent_bytes, 1))
        return Suits(number, max(int(float('{0:.2g}'.format(rows))), 1))

    # --- events ---

    def _on_read(self, event, role):
        self.rows_read, self.position = event.rows, event.position

    def _on_input_digest(self, event, role):
        self.input_digest = event.sha256

    def _on_written(self, event, role):
        self.rows, self.nulls, self.output_bytes = event.rows, event.nulls, event.size
        self.bad = event.bad
        self.tally = event.tally or self.tally

    def _on_sent(self, event, role):
        self.course.passed(self.seconds, self.in_flight)
        self.requests += 1
        self.in_flight += 1
        self._rows_sent += event.rows
        self.sent_bytes += event.sent_bytes

    def _on_answered(self, event, role):
        self.course.passed(self.seconds, self.in_flight)
        self.course.answered(event.rows)
        self._sizing.heard(event.rows, event.seconds)
        self.in_flight -= 1
        self.answers += 1
        self.received_bytes += event.received_bytes
        if self.figures:
            self.figures.answered(event, self.seconds)
        self._contact = True
        silent = self._silent
        self._success_at = self._clock()
        if self.failing:
            self.failing = False
            LOGGER.info('the server answers again')
            if self._silence > SILENCE:
                self._progress.say('The server answers again, after {0:.0f} s.'.format(silent))
            self._silence = SILENCE
            return [events.Recovered()] + self._tune('answered', event.rows, event.busy)
        return self._tune('answered', event.rows, event.busy)

    def _tune(self, what, *figures):
        """The orders that come of what happened to a request, where concurrency is found out."""
        policy = self._concurrency
        if policy is None:
            return []
        before = policy.number, policy.settled
        getattr(policy, what)(*figures + (self._clock(),))
        if before == (policy.number, policy.settled):
            return []
        if policy.settled:
            LOGGER.info('%d requests in flight suit the server', policy.number)
        return [events.Concurrency(policy.number, not policy.settled)]

    def _on_retried(self, event, role):
        self.in_flight -= 1
        self.retries[event.kind] += 1
        self.last_failure = self._masked(event.reason)
        self.failing = True
        self._next_try = self._clock() + event.next_try
        # A server that seems to be down is left alone for longer than the rows would wait.
        LOGGER.info('rows %d to %d: %s; again in %.1f s at the earliest', event.first_row,
                    event.first_row + event.rows - 1, event.reason,
                    max(event.wait, event.next_try))
        self._waits_for_start = event.kind == NOT_READY
        self._long_waits.note(event, self._clock())
        if event.kind == events.OTHER_SCHEME and not self._contact:
            raise self._no_contact('other_scheme', self.last_failure)
        if event.kind not in NO_CONTACT:
            self._contact = True
        if event.kind in MISFITS:
            self._note_misfit(event)
        self._look_for_contact()
        if event.kind in FULL:
            return self._tune('refused')
        return self._tune('timed_out') if event.kind == 'timeout' else ()

    def _note_misfit(self, event):
        self._misfits += 1
        # A sign-in page will not go away; a gateway's page, after predictions came, may.
        if self._misfits >= FIRST_MISFITS and not self.answers:
            raise self._no_contact(MISFITS[event.kind], event.reason)

    def _look_for_contact(self):
        """Gives up if nobody has answered for as long as an answer may take."""
        if self._contact or not self.failing or not self._settings.waits_for_server:
            return
        # What is in flight may have reached a server that has just come up.
        patience = self._settings.timeout * (2 if self.in_flight else 1)
        if self.seconds < patience:
            return
        if self._waits_for_start:
            raise self._no_contact('not_ready', self.last_failure)
        raise self._no_contact('no_connection', self.last_failure)

    def _no_contact(self, kind, reason):
        return ScoringError(
            kind, host=masking.without_credentials(self._settings.host), reason=reason.rstrip('.'),
            seconds='{0:g}'.format(self._settings.timeout))

    def _on_refused(self, event, role):
        self.in_flight -= 1
        self._contact = self._contact or not event.failing
        LOGGER.info('rows %d to %d: %s', event.first_row, event.first_row + event.rows - 1,
                    event.reason)
        if event.failing:
            self.failing = True
            self.last_failure = self._masked(event.reason)

    def _on_tried(self, event, role):
        self.in_flight -= 1

    def _on_halved(self, event, role):
        self.splits += 1
        LOGGER.info('rows %d to %d are halved', event.first_row, event.first_row + event.rows - 1)

    def _on_set_aside(self, event, role):
        LOGGER.info('row %d, on line %d of the dataset, is set aside: %s', event.row, event.line,
                    event.reason)

    def _on_ceiling(self, event, role):
        self.in_flight -= 1
        self.splits += 1
        LOGGER.info('a request of %d bytes was too large; batches are cut smaller', event.size)
        return [event]

    def _on_slow_to_send(self, event, role):
        if self._settings.auto_sample:
            LOGGER.info('sending takes too long; batches of %d bytes are cut', event.size)
            return [events.SizeLimit(event.size)]

    def _on_labels(self, event, role):
        if self._labels is None:
            self._labels = event.labels
            self._check_pred_name(event.labels)
            self.check_twins(self._kept, event.labels)
            return [event]

    def _check_pred_name(self, labels):
        chosen = self._settings.pred_cols or labels
        most = 1 if self._settings.pred_cols else 2
        if self._settings.pred_name and len(chosen) > most:
            self._warn('pred_name', '--pred_name is ignored: there are {0} classes.'.format(
                len(chosen)))

    def check_twins(self, kept, labels):
        """Warns, once, of columns that share a name; `kept` has the names of the kept ones."""
        self._kept = kept
        twins = columns.twins(self._settings, kept, labels)
        if twins:
            self._warn('twins', columns.twins_warning(twins))

    def _on_warned(self, event, role):
        self._warn(event.kind, event.line)

    def _on_logged(self, event, role):
        logger_of(role).log(event.level, '%s', event.line)

    HANDLERS = {
        messages.Read: _on_read,
        messages.InputDigest: _on_input_digest,
        messages.Written: _on_written,
        events.Sent: _on_sent,
        events.Answered: _on_answered,
        events.Retried: _on_retried,
        events.Refused: _on_refused,
        events.Tried: _on_tried,
        events.Halved: _on_halved,
        messages.SetAside: _on_set_aside,
        events.SizeLimit: _on_ceiling,
        events.SlowToSend: _on_slow_to_send,
        events.Labels: _on_labels,
        events.Warned: _on_warned,
        events.Logged: _on_logged,
    }

    def _masked(self, line):
        return masking.masked(line, self.secrets)

    def _warn(self, kind, line):
        LOGGER.warning('%s', line)
        if kind not in self._warned:
            self._warned.add(kind)
            self._progress.warn(self._masked(line))

    def _log_progress(self):
        now = self._clock()
        if now - self._logged_at >= self._logged_every:
            self._logged_at = now
            LOGGER.info('%s', how_far.line(self))

    @property
    def _silent(self):
        """Seconds since the last success, or since the run began."""
        return self._clock() - self._success_at

    def _look_for_silence(self):
        silent = self._silent
        if not self.failing or silent < self._silence:
            return
        self._silence = SILENCE_LATER if silent < SILENCE_LATER else silent + SILENCE_AGAIN
        since = time.strftime('%H:%M:%S', time.localtime(time.time() - silent))
        left = self._next_try - self._clock()
        line = 'Nothing was scored for {0:.0f} s, since {1}: {2}. It is tried again {3}.'.format(
            silent, since, self.last_failure.rstrip('.'),
            'in {0:.0f} s'.format(left) if left >= 1 else 'now')
        self._progress.warn(line)
        LOGGER.warning('%s', line)
