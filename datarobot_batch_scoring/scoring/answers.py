"""Reads a prediction server's answer and checks it; every number keeps its text."""

from __future__ import absolute_import, unicode_literals

from collections import OrderedDict, namedtuple
from itertools import islice

from datarobot_batch_scoring.compat import text as TEXT
from datarobot_batch_scoring.dataset.json_text import (
    MAX_KEYS, MISSING, InvalidResponse, Number, OtherShape, decode, elements_of, parse)
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.columns import (
    ALL, explanation_parts, label_text, labels_differ, names_of, shown_labels)
from datarobot_batch_scoring.output.csv_text import JSON_LINES, field


# A column of the output.
Column = namedtuple('Column', (
    'fields',  # a list of bytes, quoted as CSV
    'nulls',   # how many of them were null
    'texts',   # True: the others were JSON strings, though some may look like numbers
))


class Answer(namedtuple('Answer', (
    'ids',           # list of bytes: the row ids as sent; None: rows stand as they were sent
    'labels',        # tuple of text: sorted, unless the answer has an order of its own
    'values',        # a Column for each label
    'explanations',  # a Column for each part of each explanation in turn
    'thresholds',    # Column, or None when not asked for
    'decisions',     # likewise, or when they are counted; None as well if there are none
    'extras',        # OrderedDict: name of an extra column to its Column; missing ones are empty
    'may_lack',      # True: an extra column that it has not is missing, and not just empty
    'dropped',       # True: rows have more explanations than were asked for
))):
    """What a server has answered, column by column."""

    __slots__ = ()

    def names(self, layout):
        """What all batches must agree on."""
        return names_of(self.labels, self.extras, layout)


# Reading stops at so many rows beyond twice the number sent.
COUNTED_BEYOND = 1000

# What an explanation calls its parts after the strength (documented).
DETAIL_KEYS = ('featureValue', 'qualitativeStrength', 'label')


class WrongCount(OtherShape):
    """The answer has another number of rows than were sent."""


def read(body, layout, rows):
    """The `Answer` for `rows` rows, in the order sent; raises `InvalidResponse` or `ScoringError`."""
    table, fault, count = _Table(layout), None, 0
    beside = {layout.protocol.extras_key: None} if layout.protocol.extras_key else {}
    for item in elements_of(decode(body), layout.protocol.rows_keys, rows, beside, bool(layout.extras)):
        count += 1
        if count > 2 * rows + COUNTED_BEYOND:
            raise WrongCount('%d rows were sent and more than %d predictions received' % (
                rows, count - 1))
        if fault is None and count <= rows:
            try:
                table.add(item)
            except (InvalidResponse, ScoringError) as error:
                fault = error
    if count != rows:
        raise WrongCount('%d rows were sent and %d predictions received' % (rows, count))
    if fault is not None:
        raise fault
    if table.extras:
        table.extras.add_table(beside.get(layout.protocol.extras_key), rows)
    return table.answer()


class Columns(object):
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
        self._parts = len(explanation_parts(layout))
        self._explanations = Columns(self._parts * layout.explanations, layout.delimiter)
        self._dropped = False
        self.extras = ExtraColumns(layout) if layout.extras else None
        self._threshold = Columns(1, layout.delimiter) if layout.threshold else None
        self._decision = (Columns(1, layout.delimiter)
                          if layout.decision or layout.counted else None)

    def add(self, item):
        """Adds an element of the answer's list; raises `InvalidResponse` or `ScoringError`."""
        row = self._layout.protocol.read_row(item, self._layout)
        scores = _by_label(row.scores)
        if self._labels is None:
            self._labels = tuple(ordered(list(scores), row))
            self._values = Columns(len(scores), self._layout.delimiter)
        elif len(scores) != len(self._labels) or any(label not in scores for label in self._labels):
            raise OtherShape(labels_differ(list(self._labels), sorted(scores)))
        if row.id is not MISSING:
            self._ids.append(_row_id(row.id))
        self._rows += 1
        self._values.add([scores[label] for label in self._labels])
        self._explanations.add(self._explained(row.explanations))
        if self.extras:
            self.extras.add_row(row.extras)
        if self._threshold:
            self._threshold.add([row.threshold])
        if row.decision is MISSING:
            self._decision = None
        elif self._decision:
            self._decision.add([row.decision])

    def answer(self):
        if self._ids and len(self._ids) != self._rows:
            raise InvalidResponse('the response is malformed: only some rows have a row id')
        return Answer(
            ids=self._ids or None, labels=self._labels or (),
            values=self._values.columns() if self._values else [],
            explanations=self._explanations.columns(),
            thresholds=self._threshold.columns()[0] if self._threshold else None,
            decisions=self._decision.columns()[0] if self._decision else None,
            extras=self.extras.columns() if self.extras else {},
            may_lack=bool(self.extras) and self.extras.may_lack, dropped=self._dropped)

    def _explained(self, explanations):
        """The parts of each explanation in turn, `MISSING` where the row has fewer."""
        count, values = self._layout.explanations, []
        if not count:
            return values
        try:
            # Not sliced: from Python 3.12 on, slicing a dict raises KeyError, not TypeError.
            for item in islice(explanations, count):
                values += item.get('feature'), item.get('strength')
                if self._layout.details:
                    # Without qualitative strength (SHAP) and label, the fields are empty.
                    values += [item.get(key, MISSING) for key in DETAIL_KEYS]
            self._dropped = self._dropped or len(explanations) > count
        except (AttributeError, TypeError):
            raise OtherShape('the response is malformed: explanations are not a list of objects')
        return values + [MISSING] * (self._parts * count - len(values))


class ExtraColumns(object):
    """The columns of --extra_cols in one answer; `layout.extras` names them, or is ALL."""

    def __init__(self, layout):
        self._all = layout.extras == ALL
        self._delimiter = layout.delimiter
        self._rows = 0
        self._columns = OrderedDict()
        if not self._all:
            for name in layout.extras:
                self._begin(name)
        self._seen = set()
        # Whether a name that no row has is missing: some row has what could hold it.
        self.may_lack = False

    def add_row(self, values):
        """Adds what `Row.extras` has for the next row; raises `InvalidResponse`."""
        values = values.copy()
        self.may_lack = not values.pop(None, False) or self.may_lack
        if self._all:
            for name in values:
                if name not in self._columns:
                    self._begin(name)
        for name, column in self._columns.items():
            column.add([values.get(name, MISSING)])
        self._seen.update(values)
        self._rows += 1

    def add_table(self, table, rows):
        """Adds columns that an answer has beside its rows (observed: DRUM); None: there are none."""
        if table is None:
            return
        names, data = (table.get('columns'), table.get('data')) if isinstance(table, dict) else (None, None)
        if not isinstance(names, list) or not isinstance(data, list) or len(data) != rows or not all(
                isinstance(row, list) and len(row) == len(names) for row in data):
            raise OtherShape('the response is malformed: extraModelOutput has no "columns" with "data" for each row')
        for at, name in enumerate(map(label_text, names)):
            if name in self._seen or not (self._all or name in self._columns):
                continue
            column = self._columns[name] = Columns(1, self._delimiter)
            for row in data:
                column.add([row[at]])
            self._seen.add(name)

    def columns(self):
        """OrderedDict: name to its `Column`; raises `InvalidResponse` for one that no row has."""
        for name in self._columns:
            if name not in self._seen and self.may_lack:
                raise lacks(name, self._seen)
        return OrderedDict((name, column.columns()[0]) for name, column in self._columns.items())

    def _begin(self, name):
        if len(self._columns) >= MAX_KEYS:
            raise OtherShape('the response is malformed: its rows have more than %d other names' % MAX_KEYS)
        column = self._columns[label_text(name)] = Columns(1, self._delimiter)
        for _ in range(self._rows):
            column.add([MISSING])


def fitted(answer, names, delimiter):
    """An `answers.Answer` with the extra columns `names`; raises `InvalidResponse` for one it lacks."""
    missing = [name for name in names if name not in answer.extras]
    if missing and answer.may_lack:
        raise lacks(missing[0], answer.extras)
    empty = Column([field(None, delimiter)] * len(answer.values[0].fields), 0, False)
    extras = dict.fromkeys(missing, empty)
    extras.update(answer.extras)
    return answer._replace(extras=extras)


def lacks(name, names):
    """The `OtherShape` of an answer without a name of --extra_cols; it has others."""
    return OtherShape('no row has "%s" (--extra_cols); there is: %s' % (name, shown_labels(sorted(names))))


def ordered(labels, row):
    """Labels (a list, or pairs that begin with them) in the order of their columns."""
    return labels if row.in_order else sorted(labels)


def _by_label(scores):
    by_label = OrderedDict((label_text(label), value) for label, value in scores)
    if len(by_label) != len(scores):
        raise InvalidResponse('the response is malformed: a row has the same label twice')
    return by_label


def _row_id(value):
    if not isinstance(value, Number):
        raise InvalidResponse('the response is malformed: a row has no row id')
    return value.encode('ascii')


def column_of(tokens, delimiter):
    """The `Column` of values as they were sent, a list of JSON (bytes)."""
    joined = b','.join(tokens)
    finite = delimiter != JSON_LINES or (b'N' not in joined and b'I' not in joined)
    if b'"' not in joined and b'null' not in joined and finite:
        return Column(tokens, 0, False)
    fields = {token: field(parse(token.decode('utf-8')), delimiter) for token in set(tokens)}
    texts = set(token[:1] == b'"' for token in fields if token != b'null') == set([True])
    return Column(list(map(fields.__getitem__, tokens)), tokens.count(b'null'), texts)
