"""Counts what happens in a run, and says what all workers must know of it."""

from __future__ import absolute_import, division, unicode_literals

import logging
from collections import Counter

from datarobot_batch_scoring import messages
from datarobot_batch_scoring.masking import without_credentials
from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.logs import LOGGER, logger_of

FIRST_CONTACT_TRIES = 3
NO_CONTACT = ('connection', 'tls', 'proxy')

SILENCE = 60.0
SILENCE_AGAIN = 600.0


class Recorder(object):
    """The figures of a run so far, and the listener of its supervisor."""

    def __init__(self, settings, start, size, person):
        self._settings = settings
        self._person = person
        self.began = monotonic()
        self.size = size
        self.first_row = self.rows = start.row
        self.nulls = start.nulls
        self.position = 0
        self.read_all = False
        self.requests = self.answers = self.splits = 0
        self.in_flight = 0
        self.sent_bytes = self.received_bytes = 0
        self.retries = Counter()
        self.last_failure = None
        self._contact = False
        self._failing = False
        self._success_at = self.began
        self._silence = SILENCE
        self._labels = None
        self._warned = set()

    def __call__(self, event, role=None):
        """Takes an event; returns the messages that all workers must get."""
        if event is None:
            self._look_for_silence()
            return ()
        name = '_on_' + type(event).__name__.lower()
        return getattr(self, name)(event, role) or ()

    def seconds(self):
        return monotonic() - self.began

    # --- events ---

    def _on_read(self, event, role):
        self.position, self.read_all = event.position, event.done

    def _on_written(self, event, role):
        self.rows, self.nulls = event.rows, event.nulls

    def _on_sent(self, event, role):
        self.requests += 1
        self.in_flight += 1
        self.sent_bytes += event.sent_bytes

    def _on_answered(self, event, role):
        self.in_flight -= 1
        self.answers += 1
        self.received_bytes += event.received_bytes
        self._contact = True
        self._success_at = monotonic()
        self._silence = SILENCE
        if self._failing:
            self._failing = False
            LOGGER.info('the server answers again')
            return [messages.Recovered()]

    def _on_retried(self, event, role):
        self.in_flight -= 1
        self.retries[event.kind] += 1
        self.last_failure = event.reason
        self._failing = True
        LOGGER.info('rows %d to %d: %s; again in %.1f s', event.first_row,
                    event.first_row + event.rows - 1, event.reason, event.wait)
        if event.kind not in NO_CONTACT:
            self._contact = True
        elif (not self._contact and self._settings.n_retry is None
              and event.rounds >= FIRST_CONTACT_TRIES):
            raise ScoringError('No connection to {0}: {1}.'.format(
                without_credentials(self._settings.host), event.reason),
                hint='Look at --host, the network, the proxy and the TLS options.')

    def _on_ceiling(self, event, role):
        self.in_flight -= 1
        self.splits += 1
        LOGGER.info('a request of %d bytes was too much; batches are cut smaller', event.size)
        return [event]

    def _on_labels(self, event, role):
        if self._labels is None:
            self._labels = event.labels
            self._check_pred_name(event.labels)
            return [event]

    def _check_pred_name(self, labels):
        if self._settings.pred_name and len(labels) > 2:
            self._warn('pred_name', '--pred_name is ignored: there are {0} classes.'.format(
                len(labels)))

    def _on_warned(self, event, role):
        self._warn(event.kind, event.line)

    def _on_logged(self, event, role):
        logger_of(role).log(event.level, '%s', event.line)

    def _warn(self, kind, line):
        LOGGER.warning('%s', line)
        if kind not in self._warned:
            self._warned.add(kind)
            self._person.warn(line)

    def _look_for_silence(self):
        silent = monotonic() - self._success_at
        if self._failing and silent >= self._silence:
            self._silence = silent + SILENCE_AGAIN
            self._person.warn('Nothing was scored for {0:.0f} s; the last failure: {1}.'.format(
                silent, self.last_failure))
            LOGGER.log(logging.WARNING, 'nothing was scored for %.0f s', silent)
