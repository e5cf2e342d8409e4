"""Counts what happens in a run, and knows how the server is."""

from __future__ import absolute_import, division, unicode_literals

from collections import Counter, namedtuple

from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.cutter import MAX_BATCH_BYTES, MAX_BATCH_ROWS
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.report.timeline import Figures, Timeline
from datarobot_batch_scoring.scoring import events, flow
from datarobot_batch_scoring.scoring.predictions import RowStatistics
from datarobot_batch_scoring.server.protocols.base import OVERLOAD_STATUSES

# What a run sent is near its limit from this share of it on, if it took so many seconds.
NEARLY, MIN_SECONDS_SEEN = 0.9, 1.0
# What a server answers that is full, as `events.Retried` has it.
FULL = frozenset('{0}'.format(status) for status in OVERLOAD_STATUSES)

# Values of --n_concurrent and --n_samples for the server that was scored with.
Recommended = namedtuple('Recommended', 'n_concurrent n_samples')
# Rows left, when it is asked how many a batch should have.
PLENTY = 1 << 40


class Recorder(object):
    """The figures of a run so far; those of its requests are in `traffic`."""

    def __init__(self, settings, clock):
        self._settings = settings
        self._clock = clock
        self._hidden = ()
        self.secrets = masking.secrets(settings)
        self.began = clock()
        self.traffic = Traffic(settings, self.began)
        self.size = self.first_row = self.rows = self.nulls = self.position = 0
        self.first_bad = self.bad = 0
        # Of the whole output, if the rows before it are known.
        self.tally, self.tally_is_whole = RowStatistics(), True
        self.rows_read = self.output_bytes = 0
        self.input_digest = None
        self.short = checks.NONE_SHORT
        # As what the dataset was read, in words.
        self.read_as = ''

    def hide(self, secrets):
        """Has more secrets (a tuple of text) masked than the settings hold."""
        self._hidden = secrets
        self.secrets += secrets

    def begin(self, settings, start, size):
        """Begins the run: `settings` has all secrets by now, `start` is a `resume.Start`."""
        self.secrets = masking.secrets(settings) + self._hidden
        self.began = self._clock()
        self.traffic = Traffic(settings, self.began, tuned=settings.auto_concurrent)
        self.size = size
        self.first_row = self.rows = max(start.position.row - settings.first_row, 0)
        self.nulls, self.short = start.nulls, start.short
        self.first_bad = self.bad = start.bad
        self.tally_is_whole = start.tally is not None
        self.tally = start.tally or self.tally

    def hear(self, event):
        """Counts an event; None: a second has passed."""
        handler = self.HANDLERS.get(type(event))
        if handler:
            handler(self, event)
        else:
            self.traffic.hear(event, self._clock(), self.masked(getattr(event, 'reason', '')))

    def masked(self, line):
        """A line of text without secrets."""
        return masking.masked(line, self.secrets)

    @property
    def seconds(self):
        """Seconds since the run began."""
        return self._clock() - self.began

    @property
    def throughput(self):
        """Rows per second in this run."""
        return (self.rows - self.first_row) / max(self.seconds, 1e-9)

    @property
    def limits(self):
        """The names of the options that limited the speed, if any: what they allow was nearly sent."""
        sent = (('rows_per_second', self.traffic.rows_sent), ('requests_per_second', self.traffic.requests))
        if self.seconds < MIN_SECONDS_SEEN:
            return []
        return [name for name, number in sent if getattr(self._settings, name)
                and number / self.seconds >= NEARLY * getattr(self._settings, name)]

    @property
    def scored(self):
        """Rows with predictions that this run added to the output."""
        return self.rows - self.first_row - (self.bad - self.first_bad)

    @property
    def share(self):
        """The share of the input, 0 to 1, that is in the output; None until something is known.

        Of the bytes that are read, the same share counts as of the rows that are written.
        """
        wanted = self._settings.wanted_rows
        if not wanted.is_open:
            return min(self.rows / (wanted.last - wanted.first), 1.0)
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
        return (rows_in_all - self.rows) / self.throughput

    @property
    def recommended(self):
        """The `traffic.Recommended` for the server; None before the first answer."""
        return self.traffic.recommended(self._clock())

    def _on_read(self, event):
        self.rows_read, self.position = event.rows, event.position

    def _on_input_digest(self, event):
        self.input_digest = event.sha256

    def _on_written(self, event):
        self.rows, self.nulls, self.output_bytes = event.rows, event.nulls, event.size
        self.bad = event.bad
        self.tally = event.tally or self.tally
        self.short = event.short

    HANDLERS = {
        messages.Read: _on_read,
        messages.InputDigest: _on_input_digest,
        messages.Written: _on_written,
    }


class Traffic(object):
    """What the engines say of their requests, added up.

    `failing` is True from a failure to the next success; `success_at` is when there was one last,
    and `next_try` when there is the next attempt.
    """

    def __init__(self, settings, now, tuned=False):
        self._n_concurrent = int(settings.n_concurrent)
        self.figures = Figures() if settings.report else None
        self.began = self.success_at = self.next_try = now
        self.flow = flow.Flow(flow.Knobs(
            self._n_concurrent, 1, settings.timeout, True, self._n_concurrent if tuned else None))
        self.tuned = tuned
        self.timeline = Timeline()
        self.requests = self.answers = self.splits = 0
        self.rows_sent = self.sent_bytes = self.received_bytes = 0
        self.retries = Counter()
        self.failing = False
        self.last_failure = None

    def hear(self, event, now, reason):
        """Counts an event; `reason` is that of a failure, masked."""
        self.timeline.passed(now - self.began, self.flow.in_flight)
        handler = self.HANDLERS.get(type(event))
        if handler:
            handler(self, event, now, reason)

    @property
    def in_flight(self):
        """How many requests are in flight."""
        return self.flow.in_flight

    @property
    def batch_rows(self):
        """Rows of the last batches; None before the first answer."""
        rows = self.timeline.batch_rows()
        return rows[-1][1] if rows else None

    def recommended(self, now):
        """The `Recommended` for the server; None before the first answer."""
        if not self.answers:
            return None
        number = self._n_concurrent
        if self.tuned:
            number = self.flow.concurrency
        elif any(self.retries[kind] for kind in FULL):
            number = min(max(int(round(self.timeline.usual_concurrency)), 1), number)
        # As if concurrency were not being tuned: that takes smaller batches.
        self.flow.record(events.Concurrency(self._n_concurrent, trying=False), now)
        rows = min(self.flow.rows(PLENTY, now), MAX_BATCH_ROWS,
                   MAX_BATCH_BYTES * self.rows_sent // max(self.sent_bytes, 1))
        return Recommended(number, max(int(float('{0:.2g}'.format(rows))), 1))

    def _sent(self, event, now, reason):
        self.flow.record(flow.Began(event.rows), now)
        self.requests += 1
        self.rows_sent += event.rows
        self.sent_bytes += event.sent_bytes

    def _answered(self, event, now, reason):
        self.timeline.answered(event.rows)
        self.flow.record(flow.Answered(event.rows, event.seconds, event.busy, 0), now)
        self.answers += 1
        self.received_bytes += event.received_bytes
        if self.figures:
            self.figures.answered(event, now - self.began)
        self.success_at = now
        self.failing = False

    def _retried(self, event, now, reason):
        self.flow.record(flow.Failed(
            0, 0.0, event.kind in FULL, event.kind == 'timeout'), now)
        self.retries[event.kind] += 1
        self.next_try = now + event.next_try
        self.failing, self.last_failure = True, reason

    def _refused(self, event, now, reason):
        self._tried(event, now, reason)
        if event.failing:
            self.failing, self.last_failure = True, reason

    def _tried(self, event, now, reason):
        self.flow.record(flow.Ended(0), now)

    def _split(self, event, now, reason):
        self.splits += 1

    def _too_large(self, event, now, reason):
        self._tried(event, now, reason)
        self.splits += 1

    HANDLERS = {
        events.Sent: _sent,
        events.Answered: _answered,
        events.Retried: _retried,
        events.Refused: _refused,
        events.Tried: _tried,
        events.Split: _split,
        events.SizeLimit: _too_large,
    }
