"""The input: what it is (encoding, delimiter, header), and its bytes as UTF-8."""

from __future__ import absolute_import, unicode_literals

import os
import stat
from collections import namedtuple

from datarobot_batch_scoring.dataset import checks, encodings, escapes, grammar, translation
from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.dataset.changes import digest_up_to, fingerprint_of
from datarobot_batch_scoring.dataset.csv_bytes import read_records
from datarobot_batch_scoring.dataset.cutter import NO_LIMIT, Cutter, Limits
from datarobot_batch_scoring.dataset.dialect import Dialect, WantedRows, detect_delimiter, sep_line
from datarobot_batch_scoring.dataset.file_types import reject_other_types
from datarobot_batch_scoring.dataset.json_lines import BEGINNING
from datarobot_batch_scoring.dataset.source import File, Stream
from datarobot_batch_scoring.dataset.utf8 import RawInput
from datarobot_batch_scoring.errors import DatasetError, ScoringError, UndecodableInput, UsageError

SAMPLE_SIZE = 1 << 20
# A header may be longer than one sample.
MAX_SAMPLED = 64 << 20
# The longest `sep=` line, byte-order marks and all.
SEP_LINE_SIZE = 64
# What tells the kind of a text file: a name may be long.
KIND_SIZE = 1 << 16


class Dataset(namedtuple('Dataset', [
        'source',       # source.File or source.Stream
        'gzipped',      # judging by its content
        'fingerprint',        # changes.Fingerprint, taken before it was read; None: it is a stream
        'dialect',      # dialect.Dialect
        'start',        # Position of the first record after the header
        'blank_line',   # the first blank line before that, or None
        'guessed',      # True: the encoding is the likeliest of those that fit
        'kind',         # that of a dataset which is translated to CSV, else None: see `translation`
        'empty',        # True: there is no row
        'decimal_commas'])):   # names of the columns of numbers with decimal commas
    """What is known about the input."""

    __slots__ = ()

    @property
    def name(self):
        """What messages call it."""
        return self.source.name

    def read_from(self, byte, for_good=False):
        """Its text from a given byte on, a `utf8.TextInput`; `for_good`: it is not read again."""
        return translation.open_text(
            self.source, self.gzipped, self.dialect.encoding, self.kind, byte, for_good)

    def types(self):
        """The type of each column, one of `types.TYPES`, or None: what it holds must show it."""
        return translation.types(self.source, self.kind) or [None] * len(self.dialect.columns)

    def header_digests(self):
        """The segments, as in a `digests.Digest`, of what comes before the first record."""
        reader = self.read_from(0)
        try:
            return digest_up_to(reader, self.start.byte)
        finally:
            reader.close()


def inspect(settings, source=None, pause=None):
    """Finds out what the dataset of the settings is; reads its first megabyte.

    `source` is where it is, unless in a file or on standard input; of that, what has come before a `pause`
    in seconds is enough. Raises `UsageError` for one that
    cannot be read or has no rows.
    """
    source = source or (_stream(settings, pause) if settings.reads_stdin else File(settings.dataset))
    try:
        return _inspected(source, settings)
    except ScoringError:
        source.close()
        raise


def _stream(settings, pause):
    wanted = WantedRows(settings.rows[1], settings.delimiter, settings.fast) if settings.rows else None
    return Stream(bool(settings.report), wanted, pause)


def _inspected(source, settings):
    gzipped, fingerprint = _open_check(source)
    sample = _read_sample(source, gzipped)
    if translation.is_parquet(source, gzipped, sample):
        return _with_header(
            _translated(translation.PARQUET, source, gzipped, fingerprint, 'utf-8', settings), settings.empty_ok)
    reject_other_types(source.name, gzipped, sample)
    encoding, guessed = settings.encoding, False
    if not encoding:
        encoding, guessed = encodings.detect(sample, source.name, len(sample) < SAMPLE_SIZE)

    def reader():
        return translation.open_text(source, gzipped, encoding)

    if BEGINNING.match(_text_sample(reader(), KIND_SIZE)[0]):
        return _with_header(_translated(
            translation.JSON_LINES, source, gzipped, fingerprint, encoding, settings)._replace(guessed=guessed),
            settings.empty_ok)
    named, size = sep_line(_text_sample(reader(), SEP_LINE_SIZE)[0])
    delimiter = _delimiter(settings, reader) if named is None or settings.delimiter else named
    dialect = Dialect(delimiter=delimiter, encoding=encoding, columns=(),
                      fast=settings.fast, field_size_limit=settings.field_size_limit)
    start = Position(row=0, byte=size, line=1 if named is None else 2)
    dataset = Dataset(source, gzipped, fingerprint, dialect, start, None, guessed, None, False, ())
    return _with_header(dataset, settings.empty_ok)


def _translated(kind, source, gzipped, fingerprint, encoding, settings):
    dialect = Dialect(
        delimiter=b',', encoding=encoding, columns=(), fast=False,
        field_size_limit=settings.field_size_limit, translated=True)
    # So that the first line of the file is that of the first record.
    return Dataset(source, gzipped, fingerprint, dialect, Position(row=0, byte=0, line=0), None, False, kind, False, ())


def _open_check(source):
    """(is it gzipped?, the `Fingerprint` of a file); raises `UsageError` if it is unusable."""
    try:
        fingerprint = _checked_fingerprint(source.name) if isinstance(source, File) else None
        opened = source.open()
        magic = opened.read(2)
        opened.close()
    except (IOError, OSError) as error:
        raise UsageError('dataset_unreadable', file=source.name, reason=error.strerror)
    if not magic:
        raise UsageError('dataset_empty', file=source.name)
    return magic == b'\x1f\x8b', fingerprint


def _checked_fingerprint(path):
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise UsageError('dataset_folder', file=path)
    if not stat.S_ISREG(status.st_mode):
        raise UsageError('dataset_special', file=path)
    return fingerprint_of(status)


def _read_sample(source, gzipped):
    raw, sample = RawInput(source, gzipped), b''
    try:
        piece = raw.read(SAMPLE_SIZE)
        while piece:
            sample += piece
            piece = raw.read(SAMPLE_SIZE - len(sample))
    except DatasetError as error:
        raise error.as_usage()
    finally:
        raw.close()
    if not sample:
        raise UsageError('dataset_empty', file=source.name)
    return sample


def _delimiter(settings, reader):
    if settings.delimiter:
        return settings.delimiter.encode('ascii')
    if settings.skip_dialect:
        return b','
    size, delimiter = SAMPLE_SIZE, None
    while delimiter is None:
        sample, whole = _text_sample(reader(), size)
        # If a record does not end in all that is looked at, its beginning has to do.
        no_more = len(sample) < size or size >= MAX_SAMPLED
        delimiter = detect_delimiter(sample, whole or (no_more and size > SAMPLE_SIZE))
        size *= 4
    return delimiter


def _text_sample(reader, size):
    """(the first `size` bytes of the text as UTF-8, is that all of it?)"""
    sample = b''
    try:
        while len(sample) < size:
            piece = reader.read(size - len(sample))
            if not piece:
                return grammar.without_ctrl_z(sample), True
            sample += piece
    except (DatasetError, UndecodableInput):
        pass
    finally:
        reader.close()
    return sample, False


def _with_header(dataset, may_be_empty):
    try:
        reader = dataset.read_from(dataset.start.byte)
    except DatasetError as error:
        raise error.as_usage()
    cutter = Cutter(reader.read, dataset.dialect, Limits(1, NO_LIMIT), dataset.start)
    try:
        batches = iter(cutter)
        header = next(batches, None)
        first = next(batches, None) if header else None
        names = header_names(header, dataset.dialect) if header else ()
    except DatasetError as error:
        raise error.as_usage()
    finally:
        reader.close()
    if first is None and not (header and may_be_empty):
        raise UsageError('no_rows' if header else 'no_text', file=dataset.name)
    described = dataset._replace(
        dialect=dataset.dialect._replace(columns=tuple(
            name.strip().lstrip('\ufeff').strip() if place == 0 else name.strip()
            for place, name in enumerate(names))),
        start=(first or header).start._replace(row=0), blank_line=cutter.blank_line, empty=first is None)
    return described._replace(decimal_commas=() if described.empty or described.kind else checks.decimal_commas(
        _text_sample(described.read_from(described.start.byte), SAMPLE_SIZE)[0], described.dialect))


def header_names(header, dialect):
    """The fields of the header, the only record in a `Batch`."""
    raw, line = header.raw, header.start.line
    if dialect.translated:
        return read_records(escapes.restored(raw), dialect.delimiter)[0]
    checks.check_text(raw, line, dialect.encoding)
    masked = grammar.mask(raw, dialect.delimiter)
    checks.check_field_sizes(raw, masked, line, dialect.field_size_limit)
    if dialect.fast:
        checks.check_promise(raw, masked, line, dialect.delimiter)
    return read_records(grammar.without_blank_lines(raw, masked), dialect.delimiter)[0]
