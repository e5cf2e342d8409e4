"""The input file: what it is (encoding, delimiter, header), and its bytes as UTF-8."""

from __future__ import absolute_import, unicode_literals

import io
import os
import stat
from collections import namedtuple

from datarobot_batch_scoring.dataset import checks, encodings, grammar
from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from datarobot_batch_scoring.dataset.cutter import NO_LIMIT, Cutter, Limits
from datarobot_batch_scoring.dataset.dialect import Dialect, detect_delimiter
from datarobot_batch_scoring.dataset.utf8 import RawInput, UndecodableInput, Utf8Input
from datarobot_batch_scoring.errors import DatasetError, UsageError

SAMPLE_SIZE = 1 << 20


class Dataset(namedtuple('Dataset', [
        'path',
        'gzipped',      # by its content
        'dialect',      # dialect.Dialect
        'start',        # Position of the first record after the header
        'blank_line',   # the first blank line up to there, or None
        'guessed'])):   # True: the encoding is the likeliest of those that fit
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
        encoding, guessed = encodings.detect(sample, path, len(sample) < SAMPLE_SIZE)

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
