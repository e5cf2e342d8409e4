"""The input file: what it is (encoding, delimiter, header), and its bytes as UTF-8."""

from __future__ import absolute_import, unicode_literals

import codecs
import io
import os
import stat
from collections import namedtuple

from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.dataset import checks, grammar
from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from datarobot_batch_scoring.dataset.cutter import NO_LIMIT, Cutter, Limits
from datarobot_batch_scoring.dataset.dialect import Dialect, detect_delimiter
from datarobot_batch_scoring.dataset.utf8 import RawInput, UndecodableInput, Utf8Input
from datarobot_batch_scoring.errors import DatasetError, UsageError

SAMPLE_SIZE = 1 << 20
CHARDET_SIZE = 64 << 10

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, 'utf-8'),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, 'utf-32-le'),
    (codecs.BOM_UTF32_BE, 'utf-32-be'),
    (codecs.BOM_UTF16_LE, 'utf-16-le'),
    (codecs.BOM_UTF16_BE, 'utf-16-be'),
)


class Dataset(namedtuple('Dataset', [
        'path',
        'gzipped',      # by its content
        'dialect',      # dialect.Dialect
        'start',        # Position of the first record after the header
        'blank_line',   # the first blank line up to there, or None
        'guessed'])):   # True: the encoding is what chardet makes of some of the text
    """What the input file is."""

    __slots__ = ()

    def read_from(self, byte):
        """Its text from a byte on, as a `Utf8Input`."""
        return Utf8Input(self.path, self.gzipped, self.dialect.encoding, byte)


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

    def reader():
        return Utf8Input(path, gzipped, encoding)

    dialect = Dialect(delimiter=_delimiter(settings, reader), encoding=encoding, columns=(),
                      fast=settings.fast, field_size_limit=settings.field_size_limit)
    return _with_header(Dataset(path, gzipped, dialect, Position(0, 0, 1), None, guessed))


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
    source = RawInput(path, gzipped)
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


def _delimiter(settings, reader):
    if settings.delimiter:
        return settings.delimiter.encode('ascii')
    if settings.skip_dialect:
        return b','
    return detect_delimiter(*_text_sample(reader()))


def _text_sample(reader):
    """(the beginning of the text as UTF-8, is it all of it?)"""
    sample = b''
    try:
        while len(sample) < SAMPLE_SIZE:
            piece = reader.read(SAMPLE_SIZE - len(sample))
            if not piece:
                return sample, True
            sample += piece
    except UndecodableInput as error:
        sample += error.good
    except DatasetError:
        pass
    finally:
        reader.close()
    return sample, False


def _with_header(dataset):
    reader = dataset.read_from(0)
    cutter = Cutter(reader.read, dataset.dialect, Limits(1, NO_LIMIT), dataset.start)
    try:
        batches = iter(cutter)
        header = next(batches, None)
        first = next(batches, None) if header else None
        names = header_names(header, dataset.dialect) if header else ()
    except DatasetError as error:
        raise UsageError(error.message, error.detail, error.hint.replace(
            ' and run again with --resume', ''))
    finally:
        reader.close()
    if first is None:
        raise UsageError('The dataset {0} holds {1}.'.format(
            dataset.path, 'a header and no rows' if header else 'no text'))
    return dataset._replace(
        dialect=dataset.dialect._replace(columns=tuple(name.strip() for name in names)),
        start=first.start._replace(row=0), blank_line=cutter.blank_line)


def header_names(header, dialect):
    """The fields of the only record in a `Batch`."""
    raw, line = header.raw, header.start.line
    checks.check_encoding(raw, line, dialect.encoding)
    masked = grammar.mask(raw, dialect.delimiter)
    checks.check_field_sizes(raw, masked, line, dialect.field_size_limit)
    if dialect.fast:
        checks.check_promise(raw, masked, line, dialect.delimiter)
    return read_records(grammar.without_blank_lines(raw, masked), dialect.delimiter)[0]
