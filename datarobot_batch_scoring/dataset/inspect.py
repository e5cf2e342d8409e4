"""The input file: what it is (encoding, delimiter, header), and its bytes as UTF-8."""

from __future__ import absolute_import, unicode_literals

import codecs
import io
import os
import stat
from collections import namedtuple

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.dataset import checks, grammar
from datarobot_batch_scoring.dataset.csv_bytes import read_records, write_record
from datarobot_batch_scoring.dataset.cutter import NO_LIMIT, Cutter, Limits
from datarobot_batch_scoring.dataset.utf8 import Source, UndecodableInput, Utf8Input
from datarobot_batch_scoring.errors import DatasetError, UsageError

SAMPLE_SIZE = 1 << 20
CHARDET_SIZE = 64 << 10
SAMPLE_ROWS = 1000

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, 'utf-8'),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, 'utf-32-le'),
    (codecs.BOM_UTF32_BE, 'utf-32-be'),
    (codecs.BOM_UTF16_LE, 'utf-16-le'),
    (codecs.BOM_UTF16_BE, 'utf-16-be'),
)

# Two groups: a space or an exclamation mark is often just text.
COMMON_DELIMITERS = ',;\t|'
RARE_DELIMITERS = '!', ' '

Dataset = namedtuple('Dataset', [
    'path',
    'gzipped',     # by its content
    'encoding',    # a Python codec
    'delimiter',   # one character; empty: a single column
    'columns',     # the header's names, white space around them stripped
    'data_start',  # where the first record after the header begins, as UTF-8
    'first_line',  # and the line it is in, from 1
    'blank_line',  # the first blank line up to there, or None
    'guessed',     # True: the encoding is what chardet makes of some of the text
])


def inspect(settings):
    """Finds out what `settings.dataset` is; reads its first megabyte.

    Raises `UsageError` for a file that cannot be read or holds no rows.
    """
    path = settings.dataset
    gzipped = _open_check(path)
    sample = _read_sample(path, gzipped)
    encoding, guessed = settings.encoding, False
    if not encoding:
        encoding, guessed = detect_encoding(sample, path)
    dataset = Dataset(path, gzipped, encoding, '', (), 0, 1, None, guessed)
    delimiter = _delimiter(settings, dataset)
    return _with_header(dataset._replace(delimiter=delimiter), settings)


def _open_check(path):
    """Says whether the file is gzipped; raises `UsageError` where it is unusable."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError('The dataset {0} is not a regular file.'.format(path))
        with io.open(path, 'rb') as raw:
            magic = raw.read(2)
    except (IOError, OSError) as error:
        raise UsageError('The dataset {0} cannot be read: {1}.'.format(path, error.strerror))
    if not magic:
        raise UsageError('The dataset {0} is empty.'.format(path))
    return magic == b'\x1f\x8b'


def _read_sample(path, gzipped):
    source = Source(path, gzipped)
    try:
        sample = source.read(SAMPLE_SIZE)
    except DatasetError as error:
        raise UsageError(error.message, error.detail, error.hint)
    finally:
        source.close()
    if not sample:
        raise UsageError('The dataset {0} is empty.'.format(path))
    return sample


# --- detection ----------------------------------------------------------------

def detect_encoding(sample, path):
    """The codec of the text that begins with `sample` (bytes), and whether it is a guess.

    UTF-8 wins wherever it fits, for it hardly ever fits by chance.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding, False
    try:
        codecs.getincrementaldecoder('utf-8')().decode(sample)
        escaped = b'\x1b$' in sample and _escaped_encoding(sample)
        return escaped or 'utf-8', bool(escaped)
    except UnicodeDecodeError as error:
        if b'\0' in sample[:error.start]:
            # The first fault, in UTF-16 without a mark too: it will be named.
            return 'utf-8', False
        # chardet is slow, and what tells encodings apart is not ASCII.
        start = sample.rfind(b'\n', 0, error.start) + 1
        return _ask_chardet(sample[start:start + CHARDET_SIZE], path), True


def _escaped_encoding(sample):
    """The codec, ISO-2022-JP say, of what is ASCII but for escape sequences; None if it is not."""
    start = sample.rfind(b'\n', 0, sample.index(b'\x1b$')) + 1
    encoding = _chardet_says(sample[start:start + CHARDET_SIZE])
    return encoding if encoding and encoding.upper().startswith('ISO-2022') else None


def _ask_chardet(sample, path):
    encoding = _chardet_says(sample)
    if not encoding:
        raise UsageError('The encoding of {0} cannot be detected.'.format(path),
                         hint='Name it with --encoding (latin-1, cp1252, cp932, ...).')
    return encoding


def _chardet_says(sample):
    """The codec that chardet finds and that reads the sample, or None."""
    import chardet
    encoding = chardet.detect(sample)['encoding']
    try:
        codecs.getincrementaldecoder(encoding or 'ascii')().decode(sample)
    except (LookupError, UnicodeDecodeError):
        return None
    return text(encoding) if encoding else None


def _delimiter(settings, dataset):
    if settings.delimiter:
        return settings.delimiter
    if settings.skip_dialect:
        return ','
    reader = Utf8Input(dataset)
    sample = b''
    try:
        while len(sample) < SAMPLE_SIZE:
            piece = reader.read(SAMPLE_SIZE - len(sample))
            if not piece:
                return detect_delimiter(sample, True)
            sample += piece
    except UndecodableInput as error:
        sample += error.good
    except DatasetError:
        pass
    finally:
        reader.close()
    return detect_delimiter(sample, False)


def detect_delimiter(sample, whole):
    """The delimiter of the CSV that begins with `sample` (bytes), or ''.

    It is the one that gives the header and all records the same number of
    fields above one. Where none does, since some records are too short or
    too long, or the first is longer than the sample, it is one that suits
    half of them. `whole`: nothing follows.
    """
    counts = {each: field_counts(sample, each, whole)
              for each in COMMON_DELIMITERS + ''.join(RARE_DELIMITERS)}
    for group in (COMMON_DELIMITERS,) + RARE_DELIMITERS:
        # A header alone proves little: with a wrong delimiter a quote may take in all the rest.
        fitting = [(-counts[each][0], group.index(each)) for each in group
                   if len(counts[each]) > 1 and counts[each][0] > 1 and len(set(counts[each])) == 1]
        if fitting:
            return group[min(fitting)[1]]
    ragged = [each for each in COMMON_DELIMITERS if _mostly_fits(counts[each])]
    return ragged[0] if ragged else ''


def _mostly_fits(counts):
    if not counts or counts[0] < 2:
        return False
    records = counts[1:]
    return records.count(counts[0]) * 2 >= len(records) or min(records) > 1


def field_counts(sample, delimiter, whole):
    """How many fields each of the first records has, the header first."""
    masked = grammar.mask(sample, delimiter.encode('ascii'))
    if not whole:
        masked = masked[:masked.rfind(grammar.RECORD_END) + 1]
    lines = masked.replace(grammar.BLANK, b'').split(grammar.RECORD_END)
    if not lines[-1]:
        lines.pop()
    return [line.count(grammar.DELIMITER) + 1 for line in lines[:SAMPLE_ROWS]]


def _with_header(dataset, settings):
    reader = Utf8Input(dataset)
    cutter = Cutter(
        reader.read, dataset.delimiter.encode('ascii'), Limits(1, NO_LIMIT),
        not settings.fast, settings.field_size_limit)
    try:
        cuts = iter(cutter)
        header = next(cuts, None)
        first = next(cuts, None) if header else None
        names = header_names(header, dataset, settings) if header else ()
    except DatasetError as error:
        raise UsageError(error.message, error.detail, error.hint.replace(
            ' and run again with --resume', ''))
    finally:
        reader.close()
    if first is None:
        raise UsageError('The dataset {0} holds {1}.'.format(
            dataset.path, 'a header and no rows' if header else 'no text'))
    return dataset._replace(
        columns=tuple(name.strip() for name in names), data_start=len(header.raw),
        first_line=first.first_line, blank_line=cutter.blank_line)


def header_names(cut, dataset, settings):
    """The fields of the only record in a `cutter.Cut`."""
    delimiter = dataset.delimiter.encode('ascii')
    checks.check_encoding(cut.raw, cut.first_line, dataset.encoding)
    checks.check_field_sizes(cut.raw, cut.first_line, delimiter, settings.field_size_limit)
    masked = grammar.mask(cut.raw, delimiter)
    if settings.fast:
        checks.check_promise(cut.raw, masked, cut.first_line, delimiter)
    return next(read_records(grammar.without_blank_lines(cut.raw, masked), dataset.delimiter))


def header_record(dataset):
    """The header as the server gets it: UTF-8, comma, one line (bytes)."""
    return write_record(dataset.columns, ',', '\r\n')[:-2] + b'\n'
