"""Where records end: the part that each byte of UTF-8 CSV plays in the grammar.

Pure functions of bytes. A *mask* is as long as the input, with every byte
replaced by its part in the grammar, so that whole-buffer operations (`count`,
`rfind`, `translate`) can do what would otherwise take a loop over rows.
"""

from __future__ import absolute_import, unicode_literals

import re

# The parts of a mask.
DELIMITER, RECORD_END, QUOTE, TEXT, INSIDE, SPACE, BLANK = (
    b',', b'\n', b'"', b'x', b'i', b' ', b'b')

# In bytes. What is read for a batch cut by size does not count as large.
_PIECE = 256 << 10
_LARGE = 3 << 20

_ALL_BYTES = bytes(bytearray(range(256)))
_BLANK_LINES = re.compile(br'^[ \n]*\n|^ +\Z', re.M)
_LONE_RETURN = re.compile(b'\r(?!\n)')
_BLANK_RUN = re.compile(br'b+')
_OPEN_FIELD = re.compile(br'"[^"]*(?:""[^"]*)*\Z')

# Ends a file on DOS, and for programs made to read such files.
CTRL_Z = b'\x1a'


def mask(data, delimiter, follow_quotes=True):
    """The part that each byte of `data` plays in the grammar of CSV.

    `data` begins where a record begins; `delimiter` is one byte, or empty for
    a single column. Quotes mean what they mean to the `csv` module. A blank
    line has no record end. The result is as long as `data`.
    """
    masked = _mask(data, delimiter, follow_quotes)
    if _has_blank_lines(masked):
        masked = _BLANK_LINES.sub(lambda lines: BLANK * len(lines.group()), masked)
    return masked


def outline_of(data, delimiter):
    """What tells where the records in `data`, which begins with one, end.

    Returns (outline, quoted, closed): the data without what is inside quotes, a list
    of what is inside, and whether the last quote is closed; if not, the outline ends
    before it. The outline has one quote for each pair and one `RECORD_END` for each
    record end; all the rest keeps its length. None if a quote is text.
    """
    quoted = []
    parts = outside_of(data, delimiter, quoted)
    if parts is None:
        return None
    outside, closed = parts
    return _with_line_feeds(outside, b'x\n'), quoted, closed


def outside_of(data, delimiter, quoted=None):
    """(outline, closed) as above, but with the line endings as they are.

    What is inside quotes is added to the list `quoted`, if there is one.
    """
    if b'"' not in data:
        return data, True
    outside = []
    for parts, is_last in _split_at_quotes(data):
        text = b'"'.join(parts[0::2])
        classes = text.translate(_classes(delimiter, QUOTE, TEXT))
        # The next piece begins with a quote too.
        if _has_quotes_in_text(classes, len(parts) if is_last else 0, (TEXT,)):
            return None
        outside.append(text)
        if quoted is not None:
            quoted += parts[1:-1:2]
    return b''.join(outside), len(parts) % 2 == 1


def delimiters_of_outline(outline, delimiter):
    """An outline stripped of its text: the delimiters and record ends."""
    return outline.translate(None, _ALL_BYTES.replace(delimiter, b'').replace(RECORD_END, b''))


def _mask(data, delimiter, follow_quotes):
    """A mask in which blank lines are records."""
    if follow_quotes and b'"' in data:
        masked = _mask_quoted(data, delimiter)
    else:
        masked = data.translate(_classes(delimiter, TEXT, SPACE))
    return _with_line_feeds(masked, b' \n')


def _with_line_feeds(data, both):
    """`data` with an LF for each CR, and `both` (two bytes) for each CRLF."""
    if b'\r' in data:
        data = data.replace(b'\r\n', both).replace(b'\r', b'\n')
    return data


def _classes(delimiter, quote, space):
    """The `translate` table from the bytes outside quotes to their parts."""
    table = bytearray(TEXT * 256)
    for byte, part in ((b'\n', RECORD_END), (b'\r', b'\r'), (b' ', space), (b'\t', space),
                       (b'"', quote)) + ((delimiter, DELIMITER),) * len(delimiter):
        table[ord(byte)] = ord(part)
    return bytes(table)


_INSIDE_QUOTES = bytearray(INSIDE * 256)
_INSIDE_QUOTES[ord('"')] = ord('"')
_INSIDE_QUOTES = bytes(_INSIDE_QUOTES)


def _mask_quoted(data, delimiter):
    # If every quote opens, doubles or closes a field, every second part of the data
    # split at its quotes is inside quotes. Otherwise a quote is text, and the fields
    # are matched one by one.
    masked = []
    for parts, is_last in _split_at_quotes(data):
        outside = b'"'.join(parts[0::2]).translate(_classes(delimiter, QUOTE, SPACE))
        # The next piece begins with a quote too.
        if _has_quotes_in_text(outside, len(parts) if is_last else 0, (TEXT, SPACE)):
            return _mask_fields(data, delimiter)
        parts[0::2] = outside.split(b'"')
        if len(parts) > 1:
            parts[1::2] = b'"'.join(parts[1::2]).translate(_INSIDE_QUOTES).split(b'"')
        masked.append(b'"'.join(parts))
    return b''.join(masked)


def _split_at_quotes(data):
    """Yields (parts, are they the last?) of pieces: each but the first begins with a quote that opens.

    Split at its quotes, a piece takes up to fifty times its size in memory; and small ones stay
    in the processor's cache, which takes half of the time.
    """
    start, size = 0, _PIECE
    while len(data) - start > size:
        parts = data[start:start + size].split(b'"')
        # What begins with the last quote that opens is for the next piece.
        rest = parts[-1:] if len(parts) % 2 == 0 else parts[-2:]
        next_start = start + size - sum(map(len, rest)) - len(rest)
        if next_start > start:
            yield parts[:-len(rest)], False
            start, size = next_start, _PIECE
        else:
            size *= 2
    yield data[start:].split(b'"'), True


def is_dense(data):
    """Whether quotes are so dense that `outline_of` would take many times the memory of `data`."""
    return len(data) > _LARGE and 8 * data.count(b'"') > len(data)


def _has_quotes_in_text(outside, parts, texts):
    """Whether a quote is next to text, as seen from what is outside quotes.

    `parts` is the number of parts into which the quotes split the data, `texts` are
    the signs that stand for text in `outside`.
    """
    for text in texts:
        # rfind takes a third of the time of `in` here.
        if outside.rfind(text + QUOTE) >= 0 or outside.rfind(QUOTE + text) >= 0:
            return True
        if parts % 2 == 0 and outside.endswith(text):
            return True
    return False


def _mask_fields(data, delimiter):
    masked = bytearray(data.translate(_classes(delimiter, TEXT, SPACE)))
    # A pattern that begins with the quote is found thirty times as fast.
    quoted = re.compile(br'"(?:(?<=[\r\n' + re.escape(delimiter) + br']")|(?<=\A"))'
                        br'[^"]*(?:""[^"]*)*(?:"|\Z)')
    for field in quoted.finditer(data):
        start, end = field.span()
        masked[start:end] = INSIDE * (end - start)
    return bytes(masked)


def _has_blank_lines(masked):
    squeezed = masked.translate(None, SPACE)
    return (squeezed.startswith(b'\n') or b'\n\n' in squeezed
            or masked.endswith(SPACE))


def delimiters_of(masked):
    """A mask stripped of its text: the delimiters, record ends and blank lines."""
    return masked.translate(None, TEXT + INSIDE + QUOTE + SPACE)


def odd_records(masked, columns):
    """[(row, number of fields)] of the records in a mask that do not have `columns` fields."""
    if not masked.endswith(RECORD_END):
        masked += RECORD_END
    delimiters = delimiters_of(masked).replace(BLANK, b'')
    if delimiters == delimiters_in(masked.count(RECORD_END), columns):
        return []
    counts = [len(record) + 1 for record in delimiters.split(RECORD_END)[:-1]]
    return [(row, count) for row, count in enumerate(counts) if count != columns]


def lines_before_row(raw, masked, row):
    """How many lines of `raw` come before its record number `row`, from 0."""
    start = end_of_rows(masked, row) if row else 0
    return lines_before_record(raw, masked, start)


def lines_before_record(raw, masked, start):
    """How many lines come before the next record from `start` on, blank ones included."""
    return count_lines(raw[:start + size_of_blank_lines(masked[start:])])


def size_of_blank_lines(masked):
    """The size in bytes of the blank lines that a mask begins with."""
    return len(masked) - len(masked.lstrip(BLANK))


def delimiters_in(rows, columns, delimiter=DELIMITER):
    """What `delimiters_of` gives for `rows` records of `columns` fields."""
    return (delimiter * (columns - 1) + RECORD_END) * rows


def record_ends(masked):
    """Yields where each record in a mask ends; the last may have no line ending."""
    end = -1
    for _ in range(masked.count(RECORD_END)):
        end = masked.index(RECORD_END, end + 1)
        yield end + 1
    if masked[end + 1:].strip(BLANK):
        yield len(masked)


def open_quote(data, delimiter, follow_quotes=True):
    """Where the quote is that `data` leaves open, and where its record begins; or None.

    `data` begins where a record begins.
    """
    if b'"' not in data:
        return None
    masked = mask(data, delimiter, follow_quotes)
    record = max(masked.rfind(RECORD_END), masked.rfind(BLANK)) + 1
    if not follow_quotes:
        masked = masked[:record] + mask(data[record:], delimiter)
    field = max(masked.rfind(DELIMITER) + 1, record)
    return (field, record) if _OPEN_FIELD.match(data, field) else None


def without_ctrl_z(data):
    """`data`, the end of a file, without the Ctrl-Z that ends it and anything after it."""
    text = data.rstrip(CTRL_Z + b'\r\n')
    end = data.find(CTRL_Z, len(text))
    return data if end < 0 else data[:end]


def may_go_on(end):
    """Whether only what follows can tell what `end`, the last bytes read, means.

    A CR may be half of a CRLF, and a Ctrl-Z may be text.
    """
    return end.endswith(b'\r') or end.rstrip(b'\r\n').endswith(CTRL_Z)


def count_rows(masked):
    """The number of records in a mask; the last may have no line ending."""
    ends = masked.count(RECORD_END)
    rest = masked[masked.rfind(RECORD_END) + 1:]
    return ends + bool(rest.strip(BLANK))


def count_lines(data):
    """The number of line endings in `data`: LF, CRLF and CR."""
    lines = data.count(b'\n')
    if b'\r' in data:
        # Twice as fast as counting both kinds.
        lines += len(_LONE_RETURN.findall(data))
    return lines


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
    """Where the `rows`-th record after `start` ends; the mask has at least that many."""
    ends = re.compile(b'(?:[^\n]*\n){' + str(rows).encode('ascii') + b'}')
    return ends.match(masked, start).end()
