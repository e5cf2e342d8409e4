"""How the records of an input are written, and which delimiter separates their fields."""

from __future__ import absolute_import, division, unicode_literals

import re
import zlib
from collections import namedtuple

from datarobot_batch_scoring.dataset import grammar
from datarobot_batch_scoring.dataset.json_lines import BEGINNING
from datarobot_batch_scoring.dataset.source import GZIP_FORMAT, MAGIC

# The ones least often used in text come first. Space and exclamation mark are used far too often.
DETECTED_DELIMITERS = '\t|;,'

SAMPLE_ROWS = 1000

# A delimiter that fits this share of the records is the right one; others may just be text.
NEARLY_ALL = 0.9

MARK = '\ufeff'.encode('utf-8')

# The first line that tells Excel the delimiter, with any byte-order marks around it.
_SEP_LINE = re.compile(
    br'(?i)(?:%s)*("?)(?:%s)*sep=(\\t|[^\w"\0-\x08\x0a-\x1f\x7f-\xff])\1(?:\r\n|\r|\n)(?:%s)*'
    .replace(b'%s', MARK))

# UTF-16 and UTF-32, and what switches character sets: there, a byte need not be what it looks like.
_UNSURE = re.compile(b'[\0\x1b]')

_BLANK_START = re.compile(br'\A(?:[ \t]*[\r\n])+')

Dialect = namedtuple('Dialect', [
    'delimiter',         # one byte; empty: a single column
    'encoding',          # a Python codec
    'columns',           # the names in the header, stripped of surrounding white space
    'fast',              # True: --fast promises that no field contains a line break
    'field_size_limit',  # in characters
    'translated',        # True: the text is that of `translation`
])
Dialect.__new__.__defaults__ = (False,)

# How well a delimiter fits the first records.
_Fit = namedtuple('_Fit', [
    # A header alone proves little: with a wrong delimiter a quote may swallow all the rest.
    'same',       # the share of records with as many fields as the header; 0 if there are none
    'more',       # the share with more than one field; 1 if there are none
    'fields',     # number in the header
    'delimiter',
])


def sep_line(text):
    """(delimiter, size in bytes) of a first line `sep=<d>`; (None, 0) if `text` has none."""
    match = _SEP_LINE.match(text)
    if not match:
        return None, 0
    return match.group(2).replace(b'\\t', b'\t'), match.end()


class WantedRows(object):
    """Finds where, in a stream that goes on, the rows end that --rows asks for.

    `last` is the number of the row after them, `delimiter` that of --delimiter, or None. It
    is sure whatever the delimiter is found to be; if it cannot be, the stream is read on.
    """

    def __init__(self, last, delimiter, fast):
        self._records = last + 1
        self._delimiters = [delimiter] if delimiter else list(DETECTED_DELIMITERS) + ['']
        self._fast = fast
        # So many line ends there must be before it is worth another look.
        self._lines = self._records

    def __call__(self, data):
        """How many of the bytes `data`, gzipped maybe, are enough; None: more are needed."""
        if data.startswith(MAGIC):
            return len(data) if self._end_in(_unpacked(data)) else None
        return self._end_in(data)

    def _end_in(self, text):
        first = BEGINNING.match(text)
        if first:
            return _end_of_lines(text, first.end() - 1, self._records - 1)
        lines = text.count(b'\n') + text.count(b'\r')
        if lines < self._lines or _UNSURE.search(text):
            return None
        named, start = sep_line(text)
        delimiters = [delimiter.encode('ascii') for delimiter in self._delimiters] + [named][:bool(named)]
        masks = [grammar.mask(text[start:], delimiter, not self._fast) for delimiter in delimiters]
        complete = min(masked.count(grammar.RECORD_END) for masked in masks)
        if complete < self._records:
            self._lines = lines + self._records - complete
            return None
        return start + max(grammar.end_of_rows(masked, self._records) for masked in masks)


def _end_of_lines(text, end, rows):
    """Where, from `end` on, the first `rows` lines end that are not blank; None: not in `text`."""
    for line in text[end:].split(b'\n')[:-1]:
        end += len(line) + 1
        rows -= bool(line.strip())
        if not rows:
            return end
    return None


def _unpacked(data):
    """What the gzip members that `data` begins with unpack to, as far as they are there."""
    text = b''
    try:
        while data.startswith(MAGIC):
            unpacker = zlib.decompressobj(GZIP_FORMAT)
            text += unpacker.decompress(data)
            data = unpacker.unused_data
    except zlib.error:
        pass
    return text


def detect_delimiter(sample, whole):
    """The delimiter of the CSV that begins with `sample` (UTF-8): one byte, empty for a single column.

    It occurs in the header and gives nearly all records as many fields; if several do,
    it is the one least often used in text. If none does, it is the one that fits best,
    provided that it fits half of the records or occurs in all of them.
    None: the sample has no record after the header. `whole`: nothing follows the sample.
    """
    # A tab in a blank line does not make it a header of two empty names.
    sample = _BLANK_START.sub(b'', sample)
    counts = [(delimiter, count_fields(sample, delimiter.encode('ascii'), whole)) for delimiter in DETECTED_DELIMITERS]
    if not whole and max(len(field_counts) for _, field_counts in counts) < 2:
        return None
    fits = [_fit(delimiter, field_counts) for delimiter, field_counts in counts if field_counts and field_counts[0] > 1]
    proved = [fit for fit in fits if fit.same >= NEARLY_ALL]
    ragged = [fit for fit in fits if fit.same >= 0.5 or fit.more == 1]
    if not ragged:
        return b''
    best = proved[0] if proved else max(ragged, key=lambda fit: fit[:-1])
    return best.delimiter.encode('ascii')


def _fit(delimiter, counts):
    records = counts[1:]
    size = len(records) or 1
    more = sum(count > 1 for count in records) if records else 1
    return _Fit(records.count(counts[0]) / size, more / size, counts[0], delimiter)


def count_fields(sample, delimiter, whole):
    """How many fields each of the first records has, the header first."""
    masked = grammar.mask(sample, delimiter)
    if not whole:
        masked = masked[:masked.rfind(grammar.RECORD_END) + 1]
    lines = masked.replace(grammar.BLANK, b'').split(grammar.RECORD_END)
    if not lines[-1]:
        lines.pop()
    return [line.count(grammar.DELIMITER) + 1 for line in lines[:SAMPLE_ROWS]]
