"""How far a run has got: a bar on a terminal, or a line now and then with --verbose."""

from __future__ import absolute_import, division, unicode_literals

import os
import sys

from datarobot_batch_scoring.compat import monotonic

# A run that is over by then needs no bar.
BAR_AFTER = 1.0
BAR_EVERY = 0.2
BAR_FORMAT = '{percentage:3.0f}%|{bar:10}| {desc}'
LINE_EVERY = 5.0
TYPES = 'Detecting column types: {0:.0%} of the dataset read'


def make_progress(settings, person):
    """The `Silent`, `Lines` or `Bar` that suits the settings and standard error."""
    # Rows on the same terminal would run into the bar.
    alone = not (settings.writes_stdout and _is_terminal(sys.stdout))
    if (person.present or settings.verbose) and alone and _is_terminal(sys.stderr):
        try:
            from tqdm import tqdm
            return Bar(person, tqdm)
        except ImportError:
            pass
    return Lines(person) if settings.verbose else Silent(person)


def _is_terminal(stream):
    try:
        return stream is not None and stream.isatty() and os.environ.get('TERM') != 'dumb'
    except ValueError:
        return False


class Silent(object):
    """Passes on messages, and shows no progress."""

    def __init__(self, person):
        self.warn = person.warn
        self.say = person.say

    def update(self, record):
        pass

    def looked_at(self, share):
        """Before the run: this share of the dataset was read for the types of its columns."""

    def close(self):
        pass


class Lines(Silent):
    """A line every few seconds."""

    def __init__(self, person):
        super(Lines, self).__init__(person)
        self._next = monotonic() + LINE_EVERY

    def update(self, record):
        if monotonic() >= self._next:
            self._next = monotonic() + LINE_EVERY
            self.say(line(record))

    def looked_at(self, share):
        if monotonic() >= self._next:
            self._next = monotonic() + LINE_EVERY
            self.say(TYPES.format(share))


class Bar(Silent):
    """A tqdm bar, removed at the end and while a line is shown."""

    def __init__(self, person, tqdm):
        super(Bar, self).__init__(person)
        self._tqdm = tqdm
        self._bar = None
        self._next = monotonic() + BAR_AFTER
        self.warn = self._beside(person.warn)
        self.say = self._beside(person.say)

    def _beside(self, say):
        def beside(line):
            if self._bar is not None:
                self._bar.clear()
            say(line)
            if self._bar is not None:
                self._bar.refresh()
        return beside

    def update(self, record):
        self._draw_now_and_then(record.share or 0.0, lambda: self._words(record))

    def looked_at(self, share):
        self._draw_now_and_then(share, lambda: 'detecting column types')

    def _draw_now_and_then(self, share, words):
        now = monotonic()
        if now < self._next:
            return
        self._next = now + BAR_EVERY
        try:
            self._draw(share, words())
        except (IOError, OSError, ValueError):
            # A terminal that is gone must not end the run.
            self._next = float('inf')

    def _draw(self, share, words):
        if self._bar is None:
            # tqdm's monitor would be one more thread beside which to fork.
            self._tqdm.monitor_interval = 0
            self._bar = self._tqdm(
                total=100, leave=False, dynamic_ncols=True, file=sys.stderr, mininterval=0,
                ascii=not _can_show(sys.stderr, '\u2588'), bar_format=BAR_FORMAT)
        self._bar.n = 100 * share
        self._bar.set_description_str(words, refresh=False)
        self._bar.refresh()

    def _words(self, record):
        if record.traffic.failing:
            return '{0} rows, waiting: {1}'.format(record.rows, record.traffic.last_failure)
        parts = ['{0} rows'.format(record.rows)]
        left = record.seconds_left
        if left is not None:
            parts.append('{0} left'.format(self._tqdm.format_interval(left)))
        # The least important part comes last: a narrow terminal cuts it off.
        return ', '.join(parts + ['{0:.0f}/s'.format(record.throughput), state(record)])

    def close(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def line(record):
    """How far the run is, as a line of text."""
    share = '' if record.share is None else '{0:.0%} of the input, '.format(record.share)
    return '{0} rows, {1}{2:.0f} rows/s, {3}'.format(
        record.rows, share, record.throughput, state(record))


def state(record):
    """What the run is waiting for, in a few words."""
    words = '{0} in flight, {1}{2} retries'.format(
        record.traffic.in_flight,
        '{0:.0f} rows per batch, '.format(record.traffic.batch_rows) if record.traffic.batch_rows else '',
        sum(record.traffic.retries.values()))
    if record.bad:
        words += ', {0} set aside'.format(record.bad)
    if record.traffic.failing:
        words += ', waiting: ' + record.traffic.last_failure
    return words


def _can_show(stream, sign):
    try:
        sign.encode(getattr(stream, 'encoding', None) or 'ascii')
        return True
    except (UnicodeError, LookupError):
        return False
