"""Where records end: cuts UTF-8 CSV into batches of whole records.

Pure functions over bytes. The work is done on a *mask* of the input: bytes of
the same length in which every byte is replaced by its part in the grammar, so
that whole-buffer operations (`count`, `rfind`, `translate`) can do what would
otherwise take a loop over rows.
"""

from __future__ import absolute_import, unicode_literals

import re
from collections import namedtuple

from datarobot_batch_scoring.compat import not_utf8_at
from datarobot_batch_scoring.errors import ScoringError

MIB = 1 << 20
AUTO_SIZE = 5 * MIB // 2
AUTO_ROWS = 20000
READ_SIZE = MIB
NO_LIMIT = 1 << 62

# `rows` and `size` (in bytes) of one batch at most; a single record may be larger.
Limits = namedtuple('Limits', 'rows size')

Cut = namedtuple('Cut', [
    'raw',         # the bytes of whole records, line ends included
    'rows',        # how many records, blank lines not counted
    'first_line',  # the line of the file where `raw` begins, from 1
    'regular',     # True: no blank lines, and as many fields a record as the header
])

# The parts of a mask.
DELIMITER, RECORD_END, QUOTE, TEXT, INSIDE, SPACE, BLANK = (
    b',', b'\n', b'"', b'x', b'i', b' ', b'b')

_BLANK_LINE = re.compile(br'^ *\n|^ +\Z', re.M)
_BLANK_RUN = re.compile(br'b+')


class UndecodableInput(Exception):
    """Bytes of the input do not fit its encoding.

    `good` is what could be read before them, as UTF-8; `reason` the codec's
    own words.
    """

    def __init__(self, good, reason):
        super(UndecodableInput, self).__init__(good, reason)
        self.good = good
        self.reason = reason


def limits(n_samples):
    """The `Limits` for `--n_samples`, an int or None (cut by size)."""
    if n_samples is None:
        return Limits(AUTO_ROWS, AUTO_SIZE)
    return Limits(n_samples, NO_LIMIT)


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
    if any(part + QUOTE in outside or QUOTE + part in outside for part in set([TEXT, space])) or (
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


def halve(raw, delimiter):
    """Cuts `raw`, at least two records, into two halves.

    Returns (left, rows in left, right, rows in right).
    """
    masked = mask(raw, delimiter)
    rows = count_rows(masked)
    end = end_of_rows(masked, rows // 2)
    return raw[:end], rows // 2, raw[end:], rows - rows // 2


class Cutter(object):
    """Cuts an input into `Cut`s of whole records.

    `read(size)` gives the next bytes of the input as UTF-8, none at its end,
    and may raise `UndecodableInput`. `limits` may be replaced at any time.
    What cannot be cut raises `ScoringError` with the line. `columns` is the
    number of fields in the header. `blank_line` is the first blank line that
    was seen, or None.
    """

    def __init__(self, read, delimiter, limits, follow_quotes=True,
                 field_size_limit=NO_LIMIT, first_line=1, columns=1):
        self.limits = limits
        self.blank_line = None
        self._columns = columns
        self._read = read
        self._delimiter = delimiter
        self._follow_quotes = follow_quotes
        self._field_size_limit = field_size_limit
        self._line = first_line
        self._pending = b''
        self._done = False
        self._error = None

    def __iter__(self):
        """Yields every `Cut` up to the end of the input, in order."""
        wanted = self._read_size()
        while not (self._done or self._error):
            self._fill(wanted)
            size = len(self._pending)
            for cut in self._cut_pending():
                yield cut
            nothing_cut = size == len(self._pending)
            # Doubling what is read keeps the cost of one huge record linear.
            wanted = size if nothing_cut else self._read_size()
            if nothing_cut:
                self._check_open_field()
        if self._error:
            raise self._error

    def _read_size(self):
        # Read just what fills one batch, so that little is masked twice.
        if self.limits.size > AUTO_SIZE:
            return READ_SIZE
        return max(self.limits.size, READ_SIZE) - min(len(self._pending), READ_SIZE // 2)

    def _fill(self, wanted):
        pieces = [self._pending]
        try:
            piece = self._read(max(wanted, READ_SIZE // 2))
            self._done = not piece
            pieces.append(piece)
            while piece.endswith(b'\r'):
                # Only the next byte tells whether this line ends with CRLF.
                piece = self._read(1)
                pieces.append(piece)
        except UndecodableInput as error:
            pieces.append(error.good)
            self._fail(pieces, error.reason,
                       'Name the encoding of the file with --encoding, or repair the line and '
                       'run again with --resume.')
        self._pending = b''.join(pieces)
        if b'\0' in self._pending:
            self._pending = self._pending[:self._pending.index(b'\0')]
            self._fail([self._pending], 'it holds a NUL byte.',
                       'Remove it; or, if the file is UTF-16 or UTF-32 without a byte-order '
                       'mark, name that with --encoding.')

    def _fail(self, pieces, reason, hint):
        line = self._line + count_lines(b''.join(pieces))
        self._error = ScoringError(
            'Line {0} of the dataset cannot be read: {1}'.format(line, reason), hint=hint)

    def _cut_pending(self):
        masked = None
        if self._follow_quotes or b'"' not in self._pending:
            masked = regular_mask(self._pending, self._delimiter, self._columns)
        all_regular = masked is not None
        if not all_regular:
            masked = mask(self._pending, self._delimiter, self._follow_quotes)
        rest = masked[masked.rfind(RECORD_END) + 1:]
        if self._done and rest.strip(BLANK):
            masked += RECORD_END
            all_regular = False
        start = 0
        while True:
            end, rows = self._next_end(masked, start)
            if not rows:
                break
            raw, part = self._pending[start:end], masked[start:end]
            regular = all_regular or self._is_regular(part, rows, raw)
            if not regular:
                self._look_for_blank_line(part, raw)
            yield Cut(raw, rows, self._line, regular)
            self._line += count_lines(raw)
            start = end
        self._pending = self._pending[start:]
        if self._done:
            self._look_for_blank_line(masked[start:], self._pending)

    def _look_for_blank_line(self, masked, raw):
        if self.blank_line is None and BLANK in masked:
            self.blank_line = self._line + count_lines(raw[:masked.index(BLANK)])

    def _is_regular(self, masked, rows, raw):
        if not self._follow_quotes and b'"' in raw:
            return False
        return delimiters_of(masked) == delimiters_in(rows, self._columns)

    def _next_end(self, masked, start):
        """Where the batch that begins at `start` ends, and its rows.

        No rows: more must be read first.
        """
        most_rows, size = self.limits
        whole = len(masked) - start > size
        if whole:
            end = masked.rfind(RECORD_END, start, start + size) + 1
            end = end or masked.find(RECORD_END, start + size) + 1
        else:
            end = masked.rfind(RECORD_END, start) + 1
        rows = masked.count(RECORD_END, start, end) if end else 0
        if rows >= most_rows:
            return end_of_rows(masked, most_rows, start), most_rows
        if not (whole or self._done or self._error) and end - start < size // 2:
            return start, 0
        return end, rows

    def _check_open_field(self):
        limit = self._field_size_limit
        if len(self._pending) <= limit or self._done:
            return
        masked = mask(self._pending, self._delimiter, self._follow_quotes)
        start = max(masked.rfind(DELIMITER), masked.rfind(RECORD_END)) + 1
        if len(self._pending[start:].decode('utf-8', 'ignore')) > limit:
            raise field_too_long(self._line + count_lines(self._pending[:start]), limit)


def check_encoding(raw, first_line, encoding):
    """Raises `ScoringError` where `raw`, of an input in `encoding`, is not UTF-8."""
    fault = not_utf8_at(raw)
    if fault is not None:
        raise ScoringError(
            'Line {0} of the dataset cannot be read: byte 0x{1:02x} does not fit the encoding '
            '{2}.'.format(first_line + count_lines(raw[:fault]), ord(raw[fault:fault + 1]),
                          encoding),
            hint='Name the encoding of the file with --encoding, or repair the line and run '
                 'again with --resume.')


def check_promise(raw, masked, first_line, delimiter):
    """Raises `ScoringError` where a field in `raw` holds a line break; `--fast` promised none."""
    if b'"' not in raw:
        return
    unquoted = mask(raw, delimiter, follow_quotes=False)
    if unquoted.count(RECORD_END) == masked.count(RECORD_END):
        return
    # The two agree up to the field that holds the first line break.
    lines = unquoted.split(RECORD_END)
    position = next(place for place, (one, other) in enumerate(zip(
        lines, masked.split(RECORD_END))) if len(one) != len(other))
    start = sum(map(len, lines[:position])) + position
    raise ScoringError(
        'Line {0} of the dataset begins a multiline field, which --fast cannot read.'.format(
            first_line + count_lines(raw[:start])),
        hint='Run again without --fast.')


def blank_line_warning(line):
    """What the user is told once of blank lines, the first of which is `line`."""
    return 'Line {0} of the dataset is blank; such lines are dropped.'.format(line)


def field_too_long(line, limit):
    """The error for a field that begins in `line` and has more than `limit` characters."""
    return ScoringError(
        'The field that starts in line {0} is longer than {1} characters.'.format(line, limit),
        hint='A quote there may never be closed. If the field is right, raise '
             '--field_size_limit.')
