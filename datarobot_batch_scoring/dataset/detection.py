"""Finds the types of the columns of the dataset.

A type is guessed from the first block of records and verified on each further one, so that it does
not depend on how the records are cut into batches.
"""

from __future__ import absolute_import, division, unicode_literals

import re

from datarobot_batch_scoring.dataset import escapes
from datarobot_batch_scoring.dataset.csv_bytes import split_columns
from datarobot_batch_scoring.dataset.cutter import MIB, NO_LIMIT, Cutter, Limits
from datarobot_batch_scoring.dataset.grammar import mask, without_blank_lines
from datarobot_batch_scoring.dataset.types import (
    BOOLEAN, DIGITS, INTEGER, MISSING_PATTERN, NUMBER, STRING, VALUES, compiled, first_other)
from datarobot_batch_scoring.errors import DatasetError, UndecodableInput

MAX_SCANNED = 256 * MIB
MAX_OF_STREAM = MIB
BLOCK = MIB

# Until a value is seen; then a column without any, but for the words for a missing one.
UNKNOWN, WORDS = 'unknown', 'words'
# Of a column that is said to be an integer: it is a number once a value is missing.
WHOLE, MAY_LACK = 'whole', 'may lack'

# What may still be in a column of a type that was detected. An integer has no missing value:
# with one it is a number, wherever that is.
_FITS = {
    INTEGER: compiled(DIGITS),
    NUMBER: compiled('{0}|{1}|'.format(VALUES[NUMBER], MISSING_PATTERN)),
    BOOLEAN: compiled('{0}|{1}|'.format(VALUES[BOOLEAN], MISSING_PATTERN)),
    WORDS: compiled(MISSING_PATTERN + '|'),
    UNKNOWN: compiled(''),
    WHOLE: re.compile(r'\0(?=(?:{0}|)(?:\0|\Z))'.format(MISSING_PATTERN).encode('ascii')),
}
# In turn, what a column may be if it is not what it seemed to be.
_NEXT = {
    UNKNOWN: (WORDS, INTEGER, NUMBER, BOOLEAN),
    WORDS: (NUMBER, BOOLEAN),
    INTEGER: (NUMBER,),
    NUMBER: (),
    BOOLEAN: (),
}


class Detection(object):
    """The types of columns, as far as the records that it was shown tell.

    `known` has for each the type that it is said to have, or None.
    """

    def __init__(self, known, delimiter):
        self._delimiter = delimiter
        self._kinds = [WHOLE if kind == INTEGER else kind or UNKNOWN for kind in known]
        self._open = [place for place, kind in enumerate(self._kinds) if kind in (WHOLE, UNKNOWN)]
        # Whether a column that is UNKNOWN has had records, all of them without a value.
        self._seen = False

    def add(self, batch):
        """Looks at the records of a `Batch`."""
        raw = batch.raw
        if not batch.regular:
            raw = without_blank_lines(raw, mask(raw, self._delimiter))
        columns = split_columns(raw, batch.rows, self._delimiter, len(self._kinds), batch.regular)
        for place in self._open:
            self._kinds[place] = self._look(self._kinds[place], columns[place])
        self._open = [place for place in self._open if self._kinds[place] not in (STRING, MAY_LACK)]
        self._seen = True

    def _look(self, kind, values):
        if first_other(values, _FITS[kind]) is None:
            return kind
        if kind == WHOLE:
            return MAY_LACK
        return next((candidate for candidate in _NEXT[kind]
                     if not (candidate == INTEGER and self._seen)
                     and first_other(values, _FITS[candidate]) is None), STRING)

    @property
    def is_sure(self):
        """Whether no further record can change a type."""
        return not self._open

    @property
    def types(self):
        """A list of `TYPES`. A column without a value is a number: it is missing everywhere."""
        ends = {UNKNOWN: NUMBER, WORDS: STRING, WHOLE: INTEGER, MAY_LACK: NUMBER}
        return [ends.get(kind, kind) for kind in self._kinds]


def detect(dataset, known, tell=lambda share: None, most=MAX_SCANNED):
    """The types of the columns of an `inspect.Dataset`, a list of `TYPES`.

    `known` has for each column the type that it is said to have, or None. `tell(share)` is called
    with how much of what it looks at is read. Where the dataset cannot be read further, what was
    read decides: the run will come to that place.
    """
    source = dataset.source
    most = MAX_OF_STREAM if source.is_stream else most
    reader = dataset.read_from(dataset.start.byte)
    cutter = Cutter(_up_to_byte(reader, most), dataset.dialect, Limits(NO_LIMIT, BLOCK), dataset.start)
    detection = Detection(known, dataset.dialect.delimiter)
    try:
        for batch in cutter:
            detection.add(escapes.sendable(batch) if dataset.dialect.translated else batch)
            if detection.is_sure:
                break
            size = source.size() or most
            tell(min(max(reader.file_position() / size, batch.end / most), 1.0))
    except (DatasetError, UnicodeDecodeError):
        pass
    finally:
        reader.close()
    return detection.types


def _up_to_byte(reader, most):
    """A function that reads from `reader`, and breaks off after `most` bytes."""
    left = [most]

    def read(size):
        if not left[0]:
            # Not as at the end: the last record may not be whole.
            raise UndecodableInput('')
        piece = reader.read(min(size, left[0]))
        left[0] -= len(piece)
        return piece
    return read
