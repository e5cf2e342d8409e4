"""Informs the user of what happens in a run, on standard error and in the log."""

from __future__ import absolute_import, unicode_literals

import time

from datarobot_batch_scoring.console import progress as how_far
from datarobot_batch_scoring.console.logs import LOGGER, logger_of
from datarobot_batch_scoring.console.masking import without_credentials
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.output.columns import split_names
from datarobot_batch_scoring.run import columns
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.server.request_error import MAX_BACKOFF, NO_CONTACT, REPORTED_AFTER, waiting_for

# Seconds without a success, while requests fail, until the user is told: first, then, and
# after that each time.
SILENCE = 5.0
SILENCE_LATER = 60.0
SILENCE_AGAIN = 600.0

# The same while nothing has come from the server yet.
UNREACHED = 1.0

# Seconds between lines on progress in the log, with --verbose and without.
LOGGED_OFTEN = 10.0
LOGGED_SELDOM = 60.0

# Seconds from one report of a wait that the server asked for to the next.
REPORTED_AGAIN = 600.0


class Narrator(object):
    """Says what is new; `recorder` has counted what was before."""

    def __init__(self, settings, recorder, progress, clock):
        self._settings = settings
        self._recorder = recorder
        self._progress = progress
        self._clock = clock
        self._silence = SILENCE
        # Whether anything has come from the server.
        self._contact = False
        self._logged_every = LOGGED_OFTEN if settings.verbose else LOGGED_SELDOM
        self._logged_at = clock()
        self._long_waits = LongWaits()
        self._labels = None
        self._names = ()
        self._warned = set()

    def hear(self, event, role):
        """Reports an event; None: a second has passed."""
        handler = self.HANDLERS.get(type(event))
        if handler:
            handler(self, event, role)

    def ordered(self, orders):
        """Logs orders for all engines."""
        for order in orders:
            if isinstance(order, events.Concurrency) and not order.trying:
                LOGGER.info('concurrency tuned to %d requests in flight', order.number)
            elif isinstance(order, events.OtherRoute):
                LOGGER.info('the server lacks the current route for explanations: they are '
                            'requested at %s', protocols.of(self._settings).other_path(self._settings))

    def check_duplicate_names(self, names, labels):
        """Warns, once, of columns that share a name; `names` are those of the dataset."""
        self._names = names
        kept = columns.kept_names(self._settings, names)
        duplicate_names = columns.duplicate_names(self._settings, kept, labels)
        if duplicate_names:
            self._warn('duplicate_names', columns.duplicate_names_warning(duplicate_names))

    def begin(self):
        """The run begins now."""
        self._logged_at = self._clock()

    def _on_second(self, event, role):
        self._look_for_silence()
        long_wait = self._long_waits.due(self._clock(), self._recorder.traffic.success_at)
        if long_wait:
            self._warn('row {0}'.format(long_wait.first_row), wait_warning(long_wait))
        now = self._clock()
        if now - self._logged_at >= self._logged_every:
            self._logged_at = now
            LOGGER.info('%s', how_far.line(self._recorder))
        self._progress.update(self._recorder)

    def _on_answered(self, event, role):
        self._contact = True
        if self._recorder.traffic.failing:
            LOGGER.info('the server recovered')
            if self._silence > SILENCE:
                self._progress.say(
                    'The server recovered after {0:.0f} s.'.format(self._silent))
            self._silence = SILENCE

    def _on_retried(self, event, role):
        # A server that seems to be down is left alone for longer than the rows would wait.
        LOGGER.info('rows %d to %d: %s; next retry in %.1f s at the earliest', event.first_row,
                    event.first_row + event.rows - 1, event.reason,
                    max(event.wait, event.next_try))
        self._long_waits.note(event, self._clock())
        self._contact = self._contact or event.kind not in NO_CONTACT

    def _on_refused(self, event, role):
        self._contact = self._contact or not event.failing
        LOGGER.info('rows %d to %d: %s', event.first_row, event.first_row + event.rows - 1,
                    event.reason)

    def _on_split(self, event, role):
        LOGGER.info('splitting rows %d to %d', event.first_row, event.first_row + event.rows - 1)

    def _on_set_aside(self, event, role):
        LOGGER.info('row %d (dataset line %d) is set aside: %s', event.row, event.line,
                    event.reason)

    def _on_size_limit(self, event, role):
        LOGGER.info('a request of %d bytes was too large; using smaller batches', event.size)

    def _on_slow_to_send(self, event, role):
        if self._settings.auto_sample:
            LOGGER.info('sending takes too long; limiting batches to %d bytes', event.size)

    def _on_labels(self, event, role):
        if self._labels is None:
            self._labels = event.labels
            self._check_pred_name(split_names(event.labels)[0])
            self.check_duplicate_names(self._names, event.labels)

    def _on_warned(self, event, role):
        self._warn(event.kind, event.line)

    def _on_logged(self, event, role):
        logger_of(role).log(event.level, '%s', event.line)

    HANDLERS = {
        type(None): _on_second,
        events.Answered: _on_answered,
        events.Retried: _on_retried,
        events.Refused: _on_refused,
        events.Split: _on_split,
        messages.SetAside: _on_set_aside,
        events.SizeLimit: _on_size_limit,
        events.SlowToSend: _on_slow_to_send,
        events.Labels: _on_labels,
        events.Warned: _on_warned,
        events.Logged: _on_logged,
    }

    def _check_pred_name(self, labels):
        chosen = self._settings.pred_cols or labels
        most = 1 if self._settings.pred_cols else 2
        if self._settings.pred_name and len(chosen) > most:
            self._warn('pred_name', '--pred_name is ignored: there are {0} classes.'.format(
                len(chosen)))

    def _warn(self, kind, line):
        LOGGER.warning('%s', line)
        if kind not in self._warned:
            self._warned.add(kind)
            self._progress.warn(self._recorder.masked(line))

    @property
    def _silent(self):
        """Seconds since the last success, or since the run began."""
        return self._clock() - self._recorder.traffic.success_at

    def _look_for_silence(self):
        silent, traffic = self._silent, self._recorder.traffic
        is_first = self._silence == SILENCE and not self._contact
        if not traffic.failing or silent < (min(UNREACHED, SILENCE) if is_first else self._silence):
            return
        self._silence = SILENCE_LATER if silent < SILENCE_LATER else silent + SILENCE_AGAIN
        if is_first:
            self._say_what_is_waited_for()
            return
        since = time.strftime('%H:%M:%S', time.localtime(time.time() - silent))
        left = traffic.next_try - self._clock()
        line = 'No rows scored for {0:.0f} s (since {1}): {2}. Next retry {3}.'.format(
            silent, since, traffic.last_failure.rstrip('.'),
            'in {0:.0f} s'.format(left) if left >= 1 else 'now')
        self._progress.warn(line)
        LOGGER.warning('%s', line)

    def _say_what_is_waited_for(self):
        left = None
        if self._settings.waits_for_server:
            left = self._settings.timeout - self._recorder.seconds
        line = waiting_for(without_credentials(self._settings.host), self._recorder.traffic.last_failure, left)
        self._progress.warn(line)
        LOGGER.warning('%s', line)


class LongWaits(object):
    """Long waits that a server asks for while it scores other rows: nothing else would report them."""

    def __init__(self):
        self._event = self._since = self._reported_at = None

    def note(self, event, now):
        """Notes an `events.Retried`. No backoff is that long: the server asked for the wait."""
        if event.wait > MAX_BACKOFF and not self._event:
            self._event, self._since = event, now

    def due(self, now, success_at):
        """The event to report now, or None; `success_at` is when a request last succeeded.

        While nothing has succeeded since, that is reported instead.
        """
        event = self._event
        if event is None or now - self._since < REPORTED_AFTER:
            return None
        reported = self._reported_at is not None and now - self._reported_at < REPORTED_AGAIN
        if success_at <= self._since or reported:
            if now - self._since >= event.wait:
                self._event = None
            return None
        self._event, self._reported_at = None, now
        return event


def wait_warning(event):
    """What the user reads about an event that is due."""
    return ('Rows {0} to {1} wait {2:.0f} s until the next attempt, as the server asked (Retry-After): {3}. '
            'Other rows are being scored.').format(
                event.first_row, event.first_row + event.rows - 1, event.wait, event.reason.rstrip('.'))
