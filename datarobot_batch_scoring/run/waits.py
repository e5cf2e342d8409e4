"""Long waits that a server asks for while it scores other rows: nothing else would report them."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server.retry import MAX_BACKOFF

# Seconds until a wait is reported, and from one report to the next.
REPORTED_AFTER = 5.0
REPORTED_AGAIN = 600.0


class LongWaits(object):
    """Remembers the wait that is to be reported next."""

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
