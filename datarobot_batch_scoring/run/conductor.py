"""Says what all engines must know, and when a run has no hope."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.scoring import events
from datarobot_batch_scoring.server.request_error import NOT_READY, NO_CONTACT, OTHER_SCHEME, UNKNOWN_HOST

# What ends a run that had no predictions once there were so many, by the kind of the failure.
FIRST_MISFITS = 2
MISFITS = {events.PAGE: 'page', events.OTHER_SHAPE: 'other_shape'}


class Conductor(object):
    """Orders for all engines, made of what each of them says; `recorder` has counted it before."""

    def __init__(self, settings, recorder):
        self._settings = settings
        self._recorder = recorder
        self._labels = None
        self._other_route = False
        self._contact = self._waits_for_start = False
        self._misfits = 0
        self._down = False
        self._concurrency = None

    def hear(self, event):
        """The orders that come of an event, None: a second has passed.

        Raises `ScoringError` to end the run.
        """
        handler = self.HANDLERS.get(type(event))
        return (handler(self, event) if handler else []) + self._tuned()

    def _tuned(self):
        """The order for another concurrency, where that is tuned."""
        traffic = self._recorder.traffic
        if not traffic.tuned:
            return []
        before, self._concurrency = self._concurrency, (traffic.flow.concurrency, traffic.flow.settled)
        if before in (None, self._concurrency):
            return []
        return [events.Concurrency(traffic.flow.concurrency, not traffic.flow.settled)]

    def _on_second(self, event):
        self._check_contact()
        return []

    def _on_answered(self, event):
        self._contact = True
        was_down, self._down = self._down, False
        return [events.Recovered()] if was_down else []

    def _on_retried(self, event):
        self._down = True
        self._waits_for_start = event.kind == NOT_READY
        if event.kind == OTHER_SCHEME and not self._contact:
            raise self._no_contact('other_scheme', event.reason)
        if event.kind == UNKNOWN_HOST and not self._contact:
            raise self._no_contact('unknown_host', event.reason)
        if event.kind not in NO_CONTACT:
            self._contact = True
        if event.kind in MISFITS:
            self._note_misfit(event)
        self._check_contact()
        return []

    def _on_refused(self, event):
        self._contact = self._contact or not event.failing
        self._down = self._down or event.failing
        return []

    def _on_size_limit(self, event):
        return [event]

    def _on_slow_to_send(self, event):
        return [events.SizeLimit(event.size)] if self._settings.auto_sample else []

    def _on_labels(self, event):
        if self._labels is not None:
            return []
        self._labels = event.labels
        return [event]

    def _on_other_route(self, event):
        was_known, self._other_route = self._other_route, True
        return [] if was_known else [event]

    HANDLERS = {
        type(None): _on_second,
        events.Answered: _on_answered,
        events.Retried: _on_retried,
        events.Refused: _on_refused,
        events.SizeLimit: _on_size_limit,
        events.SlowToSend: _on_slow_to_send,
        events.Labels: _on_labels,
        events.OtherRoute: _on_other_route,
    }

    def _note_misfit(self, event):
        self._misfits += 1
        # A sign-in page will not go away; a gateway's page, after predictions came, may.
        if self._misfits >= FIRST_MISFITS and not self._recorder.traffic.answers:
            raise self._no_contact(MISFITS[event.kind], event.reason)

    def _check_contact(self):
        """Gives up if nothing has answered for as long as an answer may take."""
        traffic = self._recorder.traffic
        if self._contact or not traffic.failing or not self._settings.waits_for_server:
            return
        # What is in flight may have reached a server that has just come up.
        limit = self._settings.timeout * (2 if traffic.in_flight else 1)
        if self._recorder.seconds >= limit:
            raise self._no_contact(
                'not_ready' if self._waits_for_start else 'no_connection', traffic.last_failure)

    def _no_contact(self, kind, reason):
        return ScoringError(
            kind, host=masking.without_credentials(self._settings.host),
            reason=self._recorder.masked(reason).rstrip('.'),
            seconds='{0:g}'.format(self._settings.timeout))
