"""Where records end: what part each byte of UTF-8 CSV has in the grammar.

Pure functions over bytes. A *mask* of the input has the same length, and in
it every byte is replaced by its part in the grammar, so that whole-buffer
operations (`count`, `rfind`, `translate`) can do what would otherwise take a
loop over rows.
"""

from __future__ import absolute_import, unicode_literals

import re

# The parts of a mask.
DELIMITER, RECORD_END, QUOTE, TEXT, INSIDE, SPACE, BLANK = (
    b',', b'\n', b'"', b'x', b'i', b' ', b'b')

_BLANK_LINE = re.compile(br'^ *\n|^ +\Z', re.M)
_BLANK_RUN = re.compile(br'b+')


def mask(data, delimiter, follow_quotes=True):
    """The part that each byte of `data` has in the grammar of CSV.

    `data` begins where a record begins; `delimiter` is one byte, or empty for
    a single column. Quotes mean what they mean to the `csv` module. A blank
    line has no record end. The result is as long as `data`.
    """
    masked = _mask(data, delimiter, follow_quotes, SPACE)
    if _has_blank_lines(masked):
        masked = _BLANK_LINE.sub(lambda line: BLANK * len(line.group()), masked)
    return masked


def regular_mask(data, delimiter, columns):
    """The `mask` of data in which all records have so many fields, more than one.

    None where that is not so. It costs half as much as `mask`: a blank line
    would be a record of one field, so none has to be looked for.
    """
    masked = _mask(data, delimiter, True, TEXT)
    end = masked.rfind(RECORD_END) + 1
    delimiters = delimiters_of(masked)
    delimiters = delimiters[:delimiters.rfind(RECORD_END) + 1]
    if columns < 2 or delimiters != delimiters_in(delimiters.count(RECORD_END), columns):
        return None
    blank_rest = end < len(data) and not data[end:].strip(b' \t')
    return None if blank_rest else masked


def _mask(data, delimiter, follow_quotes, space):
    """The mask in which blank lines are records, and white space is shown as `space`."""
    if follow_quotes and b'"' in data:
        masked = _mask_quoted(data, delimiter, space)
    else:
        masked = data.translate(_classes(delimiter, TEXT, space))
    if b'\r' in masked:
        masked = masked.replace(b'\r\n', b' \n').replace(b'\r', b'\n')
    return masked


def _classes(delimiter, quote, space):
    """The `translate` table from the bytes outside of quotes to their parts."""
    table = bytearray(TEXT * 256)
    for byte, part in ((b'\n', RECORD_END), (b'\r', b'\r'), (b' ', space), (b'\t', space),
                       (b'"', quote), (b'\0', INSIDE)) + ((delimiter, DELIMITER),) * len(delimiter):
        table[ord(byte)] = ord(part)
    return bytes(table)


_INSIDE_QUOTES = bytearray(INSIDE * 256)
_INSIDE_QUOTES[ord('"')] = ord('"')
_INSIDE_QUOTES = bytes(_INSIDE_QUOTES)


def _mask_quoted(data, delimiter, space):
    # Split at the quotes, every second part is inside of quotes, if each quote
    # opens, doubles or closes a field. That is proved by what stands next to
    # them; where it does not hold, a quote is text, and fields are followed.
    parts = data.split(b'"')
    outside = b'"'.join(parts[0::2]).translate(
        _classes(delimiter, QUOTE, space))
    # rfind takes a third of the time that `in` takes here.
    pairs = [pair for part in set([TEXT, space]) for pair in (part + QUOTE, QUOTE + part)]
    if any(outside.rfind(pair) >= 0 for pair in pairs) or (
            len(parts) % 2 == 0 and outside.endswith((TEXT, SPACE))):
        return _mask_fields(data, delimiter, space)
    parts[0::2] = outside.split(b'"')
    parts[1::2] = b'"'.join(parts[1::2]).translate(_INSIDE_QUOTES).split(b'"')
    return b'"'.join(parts)


def _mask_fields(data, delimiter, space):
    # NUL is refused in the input, so it can stand for 'inside' here.
    quoted = re.compile(br'(?:(?<=[\r\n' + re.escape(delimiter) + br'])|\A)'
                        br'"[^"]*(?:""[^"]*)*(?:"|\Z)')
    hidden = quoted.sub(lambda field: b'\0' * len(field.group()), data)
    return hidden.translate(_classes(delimiter, TEXT, space))


def _has_blank_lines(masked):
    squeezed = masked.translate(None, SPACE)
    return (squeezed.startswith(b'\n') or b'\n\n' in squeezed
            or masked.endswith(SPACE))


def delimiters_of(masked):
    """What is left of a mask without all text: delimiters, record ends, blank lines."""
    return masked.translate(None, TEXT + INSIDE + QUOTE + SPACE)


def delimiters_in(rows, columns):
    """What `delimiters_of` gives for so many records of so many fields."""
    return (DELIMITER * (columns - 1) + RECORD_END) * rows


def count_rows(masked):
    """The number of records in a mask; the last may lack its line end."""
    ends = masked.count(RECORD_END)
    rest = masked[masked.rfind(RECORD_END) + 1:]
    return ends + bool(rest.strip(BLANK))


def count_lines(data):
    """The number of line ends in `data`: LF, CRLF and CR."""
    lines = data.count(b'\n')
    returns = data.count(b'\r')
    return lines + returns - data.count(b'\r\n') if returns else lines


def without_blank_lines(raw, masked):
    """`raw` without the blank lines that its mask shows."""
    if BLANK not in masked:
        return raw
    kept, start = [], 0
    for run in _BLANK_RUN.finditer(masked):
        kept.append(raw[start:run.start()])
        start = run.end()
    return b''.join(kept) + raw[start:]


def end_of_rows(masked, rows, start=0):
    """Where the `rows`-th record after `start` ends; the mask holds as many."""
    ends = re.compile(b'(?:[^\n]*\n){' + str(rows).encode('ascii') + b'}')
    return ends.match(masked, start).end()
