"""Reads an ordinary answer from its text, many times faster than by decoding JSON.

The rows of an answer mostly differ in only a few values. The text around these
is taken from the first row, and one regular expression collects the values of all
rows. Then the answer is put together again from both, and the result is used only
if that gives exactly the bytes that the server sent. No Python loop runs over the
rows. The values are many small objects, so callers turn garbage collection off.
"""

from __future__ import absolute_import, unicode_literals

import re
from collections import namedtuple
from itertools import chain, islice

from datarobot_batch_scoring.dataset.json_text import (
    MAX_VALUE_LENGTH, MISSING, InvalidResponse, Number, decode, first_end, no_list, parse)
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.columns import explanation_parts, label_text
from datarobot_batch_scoring.output.csv_text import field
from datarobot_batch_scoring.scoring.answers import Answer, Column, column_of, ordered

_STRING = br'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
_NO_NUMBER = br'null|true|false|NaN|-?Infinity|' + _STRING
_VALUE = br'(-?(?:0|[1-9]\d*)(?:\.\d+|)(?:[eE][-+]?\d+|)|' + _NO_NUMBER + br')'
# The same where the text behind it is known: what is most frequent comes first. No text can
# match in more than one way, so a row that does not fit fails at once.
_VALUE_BEFORE_TEXT = br'(\d\.\d+|[1-9]\d*|' + br'|'.join([
    br'0',
    br'[1-9]\d+\.\d+',
    br'(?:0|[1-9]\d*)(?:\.\d+|)[eE][-+]?\d+',
    br'-(?:0|[1-9]\d*)(?:\.\d+|)(?:[eE][-+]?\d+|)', _NO_NUMBER]) + br')'
# A string before a colon is a key: the group is not set.
_KEY_OR_VALUE = re.compile(_STRING + br'[ \t\n\r]*:|' + _VALUE)
_SEPARATOR = re.compile(br'[ \t\n\r]*,[ \t\n\r]*')
_PIECE = 1 << 17  # bytes
_MARKER = b'@rows@'
_MAX_ROW_BYTES = 1 << 18  # bytes
# Compiling a regular expression takes 14 KB for each value of a row.
MAX_VALUES = 1000

# The first row: its bytes, where its values are in them, its labels, and a `Row`
# in which each value is replaced by its position in `spans`.
_Pattern = namedtuple('_Pattern', 'first spans labels row')


class _Unfit(Exception):
    """The answer is not an ordinary one; it may still be right."""


def read(body, layout, rows):
    """What `answers.read` returns for an answer, or None if only that can tell."""
    if layout.extras:
        return None
    try:
        start, end, first = _locate_rows(body, layout)
        pattern = _pattern_of(first, layout)
        return _answer(_columns(body, start, end, pattern, rows), pattern, layout, rows)
    # AssertionError: before Python 3.5, a regular expression has at most 100 groups.
    except (_Unfit, InvalidResponse, ScoringError, AssertionError, OverflowError):
        return None


def _locate_rows(body, layout):
    """Where in an answer (bytes) the list of rows starts and ends, and the first row.

    Start and end are inside the list's brackets. Raises `InvalidResponse` if the text
    around the list is not that of an ordinary answer.
    """
    decode(body)
    names = layout.protocol.rows_keys
    opening = re.search(
        b'"(' + '|'.join(names).encode('ascii') + br')"[ \t\n\r]*:[ \t\n\r]*\[[ \t\n\r]*', body)
    end = body.rfind(b']')
    if not opening or end < opening.end():
        raise no_list(names)
    name, start = opening.group(1).decode('ascii'), opening.end()
    head, tail = body[:start], body[end:]
    if len(head) + len(tail) > MAX_VALUE_LENGTH:
        raise no_list(names)
    around = parse(decode(head + b'"' + _MARKER + b'"' + tail))
    if (not isinstance(around, dict) or around.get(name) != [_MARKER.decode('ascii')]
            or _MARKER in head or _MARKER in tail):
        raise no_list(names)
    beginning = body[start:start + _MAX_ROW_BYTES].decode('utf-8', 'ignore')
    return start, end, beginning[:first_end(beginning)].encode('utf-8')


def _read_numbered_row(numbered, row, layout):
    """The `Row` of `numbered`, JSON with numbers in place of values, and its labels.

    The labels are taken from `row`, the same JSON (bytes) with the values in it.
    """
    read_row = layout.protocol.read_row
    labels = [label_text(label) for label, _ in read_row(parse(decode(row)), layout).scores]
    return read_row(parse(decode(numbered)), layout), labels


def _pattern_of(first, layout):
    """The `_Pattern` of the row `first` (bytes); raises `_Unfit` or `InvalidResponse`."""
    values = (match.span(1) for match in _KEY_OR_VALUE.finditer(first) if match.group(1))
    spans = list(islice(values, MAX_VALUES + 1))
    if len(spans) > MAX_VALUES:
        raise _Unfit
    numbers = [b'%d' % i for i in range(len(spans))]
    numbered = b''.join(chain.from_iterable(zip(_around(first, spans), numbers + [b''])))
    row, labels = _read_numbered_row(numbered, first, layout)
    if len(set(labels)) != len(labels) or (layout.explanations and row.explanations):
        raise _Unfit
    return _Pattern(first, spans, labels, row)


def _around(first, spans):
    """The pieces of `first` before, between and after `spans`."""
    starts = [0] + [end for _, end in spans]
    ends = [start for start, _ in spans] + [len(first)]
    return [first[start:end] for start, end in zip(starts, ends)]


def _slot(value):
    if not isinstance(value, Number):
        raise _Unfit
    return int(value)


def _columns(body, start, end, pattern, rows):
    """The values of all rows, as sent: {position in `spans`: list of bytes}.

    Positions whose value is the same in every row may be missing.
    """
    separator = _SEPARATOR.match(body, start + len(pattern.first))
    if rows > 1 and not separator:
        raise _Unfit
    # A single value without an end could be taken for a shorter one.
    separator = separator.group() if separator else b','
    labels = {_slot(label) for label, _ in pattern.row.scores if isinstance(label, Number)}
    varying = [i for i in range(len(pattern.spans)) if i not in labels]
    # The fewer values may vary, the faster.
    for slots in (_likely(pattern.row), varying):
        constants = _around(pattern.first, [pattern.spans[slot] for slot in slots])
        pieces = _pieces(body, start, end, constants, separator)
        table = _collect(pieces, constants, separator)
        if table and len(table) == rows * len(constants):
            return {slot: table[i::len(constants)] for i, slot in enumerate(slots, 1)}
    raise _Unfit


def _likely(row):
    """Positions of the values that usually vary, in order."""
    slots = set(_slot(value) for _, value in row.scores)
    if row.id is not MISSING:
        slots.add(_slot(row.id))
    if isinstance(row.decision, Number):
        slots.add(_slot(row.decision))
    return sorted(slots)


def _pieces(body, start, end, constants, separator):
    """Yields the rows in pieces, each with a separator at its end.

    Small pieces, and the objects made from them, stay in the processor's cache, and
    their memory is reused: asking the system for more would cost as much as the work.
    """
    row_end = constants[-1] + separator
    between = row_end + constants[0]
    boundary = body.find(between, start + _PIECE, end)
    while boundary >= 0:
        cut = boundary + len(row_end)
        yield body[start:cut]
        start = cut
        boundary = body.find(between, start + _PIECE, end)
    yield body[start:end].rstrip(b' \t\n\r') + separator


def _collect(pieces, constants, separator):
    """The first constant and the values of each row in one list; None if more varies."""
    row_end = constants[-1] + separator
    following = [b''] + constants[1:-1] + [row_end]
    pattern = re.compile(
        re.escape(constants[0])
        + b''.join(_VALUE_BEFORE_TEXT + _skip(constant) for constant in constants[1:-1])
        + _VALUE_BEFORE_TEXT + re.escape(row_end), re.DOTALL)
    table = []
    for piece in pieces:
        # The text before the first row and after each row, with the values in between.
        values = pattern.split(piece)
        values.pop()
        rows = len(values) // len(constants)
        values[::len(constants)] = constants[:1] * rows
        parts = values * 2
        parts[::2] = values
        parts[1::2] = following * rows
        if b''.join(parts) != piece:
            return None
        table += values
    return table


def _skip(constant):
    """A pattern for the length and the ends of `constant`; the rest is compared later."""
    if len(constant) < 3:
        return re.escape(constant)
    return re.escape(constant[:1]) + b'.{%d}' % (len(constant) - 2) + re.escape(constant[-1:])


def _answer(columns, pattern, layout, rows):
    row = pattern.row

    def column(value):
        slot = _slot(value)
        tokens = columns.get(slot)
        if tokens is None:
            start, end = pattern.spans[slot]
            tokens = [pattern.first[start:end]] * rows
        return column_of(tokens, layout.delimiter)

    scores = ordered(list(zip(pattern.labels, [value for _, value in row.scores])), row)
    wanted = layout.decision or layout.counted
    return Answer(
        ids=None if row.id is MISSING else columns[_slot(row.id)],
        labels=tuple(label for label, _ in scores),
        values=[column(value) for _, value in scores],
        explanations=[Column([field(None, layout.delimiter)] * rows, 0, False)] * (
            len(explanation_parts(layout)) * layout.explanations),
        thresholds=column(row.threshold) if layout.threshold else None,
        decisions=column(row.decision) if wanted and row.decision is not MISSING else None,
        extras={}, may_lack=False, dropped=False)
