"""Charts as inline SVG; the page's style sheet gives the colours."""

from __future__ import absolute_import, division, unicode_literals

import math
import unicodedata
from xml.sax.saxutils import escape

from datarobot_batch_scoring.console.terminal import printable

WIDTH = 720
HEIGHT = 200
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 40

# Of bars one below the other: one that is alone, and one of several.
THICK, THIN = 18, 12
LABEL = 200

# The most room that a digit takes on an axis, and where a narrow window makes it larger.
DIGIT = 8
LARGE_DIGIT = 11


def text(value):
    """A value as HTML text."""
    return escape(printable('{0}'.format(value)), {'"': '&quot;', "'": '&#39;'})


def count(value):
    """A number as a person reads it: 12,345 or 12,345.67."""
    if value == int(value):
        return '{0:,}'.format(int(value))
    return '{0:,.2f}'.format(value) if abs(value) >= 10 else '{0:.3g}'.format(value)


def short(value, digits=4):
    """A number for an axis, in few characters."""
    for size, sign in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if 1e15 > abs(value) >= size * 10:
            return '{0:.{1}g}{2}'.format(value / size, digits, sign)
    return '{0:.{1}g}'.format(value, digits)


def moment(stamp):
    """A moment of a report as a person reads it."""
    return (stamp or '').replace('T', ' ').replace('Z', ' UTC')


def columns(bars, title, x_title, y_title, before=()):
    """Bars side by side: `bars` are (start, end, height, tooltip).

    `before` has the heights of others, which are drawn as a line around them.
    """
    heights = [height for _, _, height, _ in bars]
    across, up, shapes = _axes(bars, max(heights + list(before)), x_title, y_title)
    low, floor = bars[0][0], HEIGHT - BOTTOM
    outline = ['M{0:.1f} {1:.1f}'.format(LEFT, floor)]
    for start, end, height, words in bars:
        left, width = LEFT + (start - low) * across, (end - start) * across
        shapes.append(_bar(left, floor - height * up, max(width - 1, 0.5), height * up, words))
    for (_, end, _, _), height in zip(bars, before):
        outline.append('V{0:.1f} H{1:.1f}'.format(floor - height * up, LEFT + (end - low) * across))
    if before:
        outline.append('V{0:.1f}'.format(floor))
        shapes.append('<path class="before" d="{0}"/>'.format(' '.join(outline)))
    return _svg(HEIGHT, title, shapes)


def _axes(bars, most, x_title, y_title):
    """(units across, units up, shapes) for bars that begin with (start, end)."""
    low, high = bars[0][0], bars[-1][1]
    across = (WIDTH - LEFT - RIGHT) / (high - low)
    levels = _levels(most)
    up = (HEIGHT - TOP - BOTTOM) / levels[-1]
    floor = HEIGHT - BOTTOM
    shapes = _grid(levels, up, floor)
    for value, words in _marks(low, high):
        x = LEFT + (value - low) * across
        if x + len(words) * DIGIT / 2 <= WIDTH:
            shapes.append(_text(x, floor + 16, words, 'middle'))
    shapes.append(_text((LEFT + WIDTH) / 2, HEIGHT - 5, x_title, 'middle'))
    shapes.append('<text class="axis" text-anchor="middle" transform="translate(8 {0}) '
                  'rotate(-90)">{1}</text>'.format((TOP + floor) // 2, text(y_title)))
    return across, up, shapes


def rows(groups, title):
    """Bars one below the other: `groups` are (label, [(length, words after it, class), ...])."""
    bars = [bar for _, group in groups for bar in group]
    longest = max(length for length, _, _ in bars) or 1
    across = (WIDTH - LABEL - LARGE_DIGIT * max(len(words) for _, words, _ in bars)) / longest
    shapes, top = [], 0
    for label, group in groups:
        thickness = THICK if len(group) == 1 else THIN
        height = len(group) * (thickness + 2) - 2
        shapes.append(_text(LABEL - 8, top + 7 + height // 2, _cut(printable(label)), 'end', 'label'))
        for place, (length, words, kind) in enumerate(group):
            y = top + 3 + place * (thickness + 2)
            shapes.append(_bar(LABEL, y, max(length * across, 1), thickness,
                               '{0}: {1}'.format(label, words), kind))
            shapes.append(_text(LABEL + length * across + 8, y + 4 + thickness // 2, words, 'start'))
        top += height + 8
    return _svg(top, title, shapes)


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


def _bar(x, y, width, height, words, kind='bar'):
    return ('<rect class="{5}" x="{0:.1f}" y="{1:.1f}" width="{2:.1f}" height="{3:.1f}">'
            '<title>{4}</title></rect>').format(x, y, width, height, text(words), kind)


def _text(x, y, words, anchor, kind='axis'):
    return '<text class="{0}" x="{1:.1f}" y="{2:.1f}" text-anchor="{3}">{4}</text>'.format(
        kind, x, y, anchor, text(words))


def _cut(label, most=22):
    """The label, cut to the width of `most` ordinary letters."""
    widths = [_width(letter) for letter in label]
    if sum(widths) <= most:
        return label
    length = len(label)
    while sum(widths[:length]) > most - 1:
        length -= 1
    return label[:length] + '\u2026'


def _width(letter):
    if unicodedata.east_asian_width(letter) in 'WF' or letter in 'MW@':
        return 2
    return 1.5 if letter.isupper() or letter in 'mw%' else 1


def _marks(low, high):
    """(value, text) along an axis: digits enough to tell values apart, and room for each."""
    step = _step((high - low) / 6)
    values = _round_values(low, high, step)
    largest = max(abs(low), abs(high))
    digits = min(max(math.floor(math.log10(largest)) - math.floor(math.log10(step)) + 1, 4), 15)
    marks = []
    for value in values:
        words = short(value, int(digits))
        # More than 15 digits are noise.
        if not marks or marks[-1][1] != words:
            marks.append((value, words))
    longest = max([0] + [len(words) for _, words in marks])
    room = (WIDTH - LEFT - RIGHT) // ((longest + 1) * LARGE_DIGIT)
    return marks[::max(int(math.ceil(len(marks) / room)), 1)]


def _levels(most):
    """Some round whole numbers from 0 to `most` or a little more."""
    step = max(_step(most / 4), 1)
    return [step * number for number in range(max(int(math.ceil(most / step)), 1) + 1)]


def _step(least):
    """The smallest number from `least` on that is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least or 1))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)


def _round_values(low, high, step):
    """The multiples of `step` from `low` to `high`."""
    return [step * number
            for number in range(int(math.ceil(low / step)), int(math.floor(high / step)) + 1)]
