"""How the records of an input are written, and which delimiter stands between their fields."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.dataset import grammar

# Two groups: a space or an exclamation mark is often just text.
COMMON_DELIMITERS = ',;\t|'
RARE_DELIMITERS = '!', ' '

SAMPLE_ROWS = 1000

Dialect = namedtuple('Dialect', [
    'delimiter',         # one byte; empty: a single column
    'encoding',          # a Python codec
    'columns',           # the header's names, white space around them stripped
    'fast',              # no field holds a line break, says --fast
    'field_size_limit',  # in characters
])


def detect_delimiter(sample, whole):
    """The delimiter of the CSV that begins with `sample` (UTF-8): one byte, or none.

    It is the one that gives the header and all records the same number of
    fields above one. Where none does, since some records are too short or
    too long, or the first is longer than the sample, it is one that suits
    half of them. `whole`: nothing follows.
    """
    counts = {each: count_fields(sample, each.encode('ascii'), whole)
              for each in COMMON_DELIMITERS + ''.join(RARE_DELIMITERS)}
    for group in (COMMON_DELIMITERS,) + RARE_DELIMITERS:
        # A header alone proves little: with a wrong delimiter a quote may take in all the rest.
        fitting = [(-counts[each][0], group.index(each)) for each in group
                   if len(counts[each]) > 1 and counts[each][0] > 1 and len(set(counts[each])) == 1]
        if fitting:
            return group[min(fitting)[1]].encode('ascii')
    ragged = [each for each in COMMON_DELIMITERS if _mostly_fits(counts[each])]
    return ragged[0].encode('ascii') if ragged else b''


def _mostly_fits(counts):
    if not counts or counts[0] < 2:
        return False
    records = counts[1:]
    return records.count(counts[0]) * 2 >= len(records) or min(records) > 1


def count_fields(sample, delimiter, whole):
    """How many fields each of the first records has, the header first."""
    masked = grammar.mask(sample, delimiter)
    if not whole:
        masked = masked[:masked.rfind(grammar.RECORD_END) + 1]
    lines = masked.replace(grammar.BLANK, b'').split(grammar.RECORD_END)
    if not lines[-1]:
        lines.pop()
    return [line.count(grammar.DELIMITER) + 1 for line in lines[:SAMPLE_ROWS]]
