"""Charts as inline SVG; the page's style sheet gives the colours."""

from __future__ import absolute_import, division, unicode_literals

import math
from xml.sax.saxutils import escape

from datarobot_batch_scoring.prompts import printable

WIDTH = 720
HEIGHT = 200
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 40

ROW = 26
LABEL = 200
NUMBER = 130


def text(value):
    """A value as text of HTML."""
    return escape(printable('{0}'.format(value)), {'"': '&quot;', "'": '&#39;'})


def count(value):
    """A number as a person reads it: 12,345 or 12,345.67."""
    if value == int(value):
        return '{0:,}'.format(int(value))
    return '{0:,.2f}'.format(value) if abs(value) >= 10 else '{0:.3g}'.format(value)


def short(value):
    """A number for an axis, in few characters."""
    for size, sign in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if 1e15 > abs(value) >= size * 10:
            return '{0:.4g}{1}'.format(value / size, sign)
    return '{0:.4g}'.format(value)


def columns(bars, title, x_title, y_title):
    """Bars side by side: `bars` are (start, end, height, words shown on it)."""
    low, high = bars[0][0], bars[-1][1]
    across = (WIDTH - LEFT - RIGHT) / (high - low)
    levels = _levels(max(bar[2] for bar in bars))
    up = (HEIGHT - TOP - BOTTOM) / levels[-1]
    floor = HEIGHT - BOTTOM
    shapes = _grid(levels, up, floor)
    for start, end, height, words in bars:
        left, width = LEFT + (start - low) * across, (end - start) * across
        shapes.append(_bar(left, floor - height * up, max(width - 1, 0.5), height * up, words))
    for value in _round_values(low, high, _step((high - low) / 6)):
        shapes.append(_text(LEFT + (value - low) * across, floor + 16, short(value), 'middle'))
    shapes.append(_text((LEFT + WIDTH) / 2, HEIGHT - 5, x_title, 'middle'))
    shapes.append('<text class="axis" text-anchor="middle" transform="translate(12 {0}) '
                  'rotate(-90)">{1}</text>'.format((TOP + floor) // 2, text(y_title)))
    return _svg(HEIGHT, title, shapes)


def rows(bars, title):
    """Bars one below the other: `bars` are (label, length, words behind it)."""
    most = max(bar[1] for bar in bars)
    across = (WIDTH - LABEL - NUMBER) / most
    shapes = []
    for number, (label, length, words) in enumerate(bars):
        y = number * ROW
        shapes.append(_bar(LABEL, y + 3, max(length * across, 1), ROW - 8,
                           '{0}: {1}'.format(label, words)))
        shapes.append(_text(LABEL - 8, y + 16, _cut(label), 'end', 'label'))
        shapes.append(_text(LABEL + length * across + 8, y + 16, words, 'start'))
    return _svg(len(bars) * ROW, title, shapes)


def _svg(height, title, shapes):
    return '<svg viewBox="0 0 {0} {1}" role="img" aria-label="{2}">\n{3}\n</svg>'.format(
        WIDTH, height, text(title), '\n'.join(shapes))


def _grid(levels, up, floor):
    shapes = []
    for level in levels:
        y = floor - level * up
        shapes.append('<line class="{0}" x1="{1}" x2="{2}" y1="{3:.1f}" y2="{3:.1f}"/>'.format(
            'grid' if level else 'floor', LEFT, WIDTH - RIGHT, y))
        shapes.append(_text(LEFT - 6, y + 4, short(level), 'end'))
    return shapes


def _bar(x, y, width, height, words):
    return ('<rect class="bar" x="{0:.1f}" y="{1:.1f}" width="{2:.1f}" height="{3:.1f}">'
            '<title>{4}</title></rect>').format(x, y, width, height, text(words))


def _text(x, y, words, anchor, kind='axis'):
    return '<text class="{0}" x="{1:.1f}" y="{2:.1f}" text-anchor="{3}">{4}</text>'.format(
        kind, x, y, anchor, text(words))


def _cut(label, most=22):
    return label if len(label) <= most else label[:most - 1] + '\u2026'


def _levels(most):
    """Some round numbers from 0 to `most` or a little more; nothing is counted in parts of one."""
    step = max(_step(most / 4), 1)
    return [step * number for number in range(max(int(math.ceil(most / step)), 1) + 1)]


def _step(least):
    """1, 2 or 5 times a power of ten: the next one from `least` on."""
    power = 10.0 ** math.floor(math.log10(least or 1))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least)


def _round_values(low, high, step):
    """The multiples of `step` from `low` to `high`."""
    return [step * number
            for number in range(int(math.ceil(low / step)), int(math.floor(high / step)) + 1)]
