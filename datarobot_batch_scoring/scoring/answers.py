"""Reads a prediction server's answer and checks it; every number keeps its text."""

from __future__ import absolute_import, unicode_literals

import re
from collections import OrderedDict, namedtuple
from itertools import islice

from datarobot_batch_scoring.compat import text as TEXT
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.columns import label_text, labels_differ
from datarobot_batch_scoring.output.csv_text import field
from datarobot_batch_scoring.server.json_text import (
    LONGEST_VALUE, MISSING, BadAnswer, Number, OtherShape, decode, elements_of,
    first_end, no_list, parse)

# A column of the output.
Column = namedtuple('Column', (
    'fields',  # a list of bytes, quoted as CSV
    'nulls',   # how many of them were null
    'texts',   # True: the others were JSON strings, though some may look like numbers
))

Answer = namedtuple('Answer', (
    'ids',           # list of bytes: the row ids as sent; None: rows stand as they were sent
    'labels',        # tuple of text: sorted, unless the answer has an order of its own
    'values',        # a Column for each label
    'explanations',  # a Column for each feature and strength in turn
    'thresholds',    # Column, or None when not asked for
    'decisions',     # likewise, or when they are counted; None as well if there are none
))

# Reading stops at so many rows beyond twice the number sent.
COUNTED_BEYOND = 1000

_MARKER = b'@rows@'
_LONGEST_ROW = 1 << 18  # bytes


class WrongCount(OtherShape):
    """The answer has another number of rows than were sent."""


def read(body, layout, rows):
    """The `Answer` for `rows` rows, in the order sent; raises `BadAnswer` or `ScoringError`."""
    table, fault, count = _Table(layout), None, 0
    for item in elements_of(decode(body), layout.protocol.rows_keys, rows):
        count += 1
        if count > 2 * rows + COUNTED_BEYOND:
            raise WrongCount('%d rows were sent and more than %d predictions received' % (
                rows, count - 1))
        if fault is None and count <= rows:
            try:
                table.add(item)
            except (BadAnswer, ScoringError) as error:
                fault = error
    if count != rows:
        raise WrongCount('%d rows were sent and %d predictions received' % (rows, count))
    if fault is not None:
        raise fault
    return table.answer()


class _Columns(object):
    """Some columns of the output, growing row by row."""

    def __init__(self, count, delimiter):
        self._delimiter = delimiter
        self._fields = [[] for _ in range(count)]
        self._nulls = [0] * count
        self._texts = [0] * count

    def add(self, values):
        for number, value in enumerate(values):
            self._fields[number].append(field(value, self._delimiter))
            if value is None:
                self._nulls[number] += 1
            elif isinstance(value, TEXT) and not isinstance(value, Number):
                self._texts[number] += 1

    def columns(self):
        return [Column(fields, nulls, 0 < texts == len(fields) - nulls)
                for fields, nulls, texts in zip(self._fields, self._nulls, self._texts)]


class _Table(object):
    """What goes into the output; nothing else of the rows stays in memory."""

    def __init__(self, layout):
        self._layout = layout
        self._rows = 0
        self._ids = []
        self._labels = None
        self._values = None
        self._explanations = _Columns(2 * layout.explanations, layout.delimiter)
        self._threshold = _Columns(1, layout.delimiter) if layout.threshold else None
        self._decision = (_Columns(1, layout.delimiter)
                          if layout.decision or layout.counted else None)

    def add(self, item):
        """Adds an element of the answer's list; raises `BadAnswer` or `ScoringError`."""
        row = self._layout.protocol.read_row(item, self._layout)
        scores = _by_label(row.scores)
        if self._labels is None:
            self._labels = tuple(ordered(list(scores), row))
            self._values = _Columns(len(scores), self._layout.delimiter)
        elif len(scores) != len(self._labels) or any(each not in scores for each in self._labels):
            raise OtherShape(labels_differ(list(self._labels), sorted(scores)))
        if row.id is not MISSING:
            self._ids.append(_row_id(row.id))
        self._rows += 1
        self._values.add([scores[label] for label in self._labels])
        self._explanations.add(_explanations(row, self._layout.explanations))
        if self._threshold:
            self._threshold.add([row.threshold])
        if row.decision is MISSING:
            self._decision = None
        elif self._decision:
            self._decision.add([row.decision])

    def answer(self):
        if self._ids and len(self._ids) != self._rows:
            raise BadAnswer('the answer is malformed: only some rows have a row id')
        return Answer(
            ids=self._ids or None, labels=self._labels or (),
            values=self._values.columns() if self._values else [],
            explanations=self._explanations.columns(),
            thresholds=self._threshold.columns()[0] if self._threshold else None,
            decisions=self._decision.columns()[0] if self._decision else None)


def locate_rows(body, layout):
    """Where in an answer (bytes) the list of rows starts and ends, and the first row.

    Start and end are inside the list's brackets. Raises `BadAnswer` if the text
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
    if len(head) + len(tail) > LONGEST_VALUE:
        raise no_list(names)
    around = parse(decode(head + b'"' + _MARKER + b'"' + tail))
    if (not isinstance(around, dict) or around.get(name) != [_MARKER.decode('ascii')]
            or _MARKER in head or _MARKER in tail):
        raise no_list(names)
    beginning = body[start:start + _LONGEST_ROW].decode('utf-8', 'ignore')
    return start, end, beginning[:first_end(beginning)].encode('utf-8')


def read_numbered_row(numbered, row, layout):
    """The `Row` of `numbered`, JSON with numbers in place of values, and its labels.

    The labels are taken from `row`, the same JSON (bytes) with the values in it.
    """
    read_row = layout.protocol.read_row
    labels = [label_text(label) for label, _ in read_row(parse(decode(row)), layout).scores]
    return read_row(parse(decode(numbered)), layout), labels


def ordered(labels, row):
    """Labels (a list, or pairs that begin with them) in the order of their columns."""
    return labels if row.in_order else sorted(labels)


def _by_label(scores):
    by_label = OrderedDict((label_text(label), value) for label, value in scores)
    if len(by_label) != len(scores):
        raise BadAnswer('the answer is malformed: a row has the same label twice')
    return by_label


def _row_id(value):
    if not isinstance(value, Number):
        raise BadAnswer('the answer is malformed: a row has no row id')
    return value.encode('ascii')


def _explanations(row, count):
    """Feature and strength in turn, `MISSING` where the row has fewer."""
    values = [MISSING] * (2 * count)
    try:
        # Not sliced: from Python 3.12 on, slicing a dict raises KeyError, not TypeError.
        for i, item in enumerate(islice(row.explanations, count)):
            values[2 * i:2 * i + 2] = item.get('feature'), item.get('strength')
    except (AttributeError, TypeError):
        raise OtherShape('the answer is malformed: explanations are not a list of objects')
    return values
