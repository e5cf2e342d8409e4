"""The input file: what it is (encoding, delimiter, header), and its bytes as UTF-8."""

from __future__ import absolute_import, unicode_literals

import codecs
import gzip
import io
import os
import stat
import struct
import zlib
from collections import namedtuple

from datarobot_batch_scoring import batches
from datarobot_batch_scoring.compat import text
from datarobot_batch_scoring.csvtext import read_records, write_record
from datarobot_batch_scoring.errors import ScoringError, UsageError

SAMPLE_SIZE = 1 << 20
CHARDET_SIZE = 64 << 10
READ_AHEAD = 4096
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
])


def inspect(settings):
    """Finds out what `settings.dataset` is; reads its first megabyte.

    Raises `UsageError` for a file that cannot be read or holds no rows.
    """
    path = settings.dataset
    gzipped = _open_check(path)
    sample = _read_sample(path, gzipped)
    encoding = settings.encoding or detect_encoding(sample, path)
    dataset = Dataset(path, gzipped, encoding, '', (), 0, 1, None)
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
    source = _Source(path, gzipped)
    try:
        sample = source.read(SAMPLE_SIZE)
    except ScoringError as error:
        raise UsageError(error.message, error.detail, error.hint)
    finally:
        source.close()
    if not sample:
        raise UsageError('The dataset {0} is empty.'.format(path))
    return sample


# --- bytes as UTF-8 ---------------------------------------------------------

class _Source(object):
    """The bytes of a file, unpacked if it is gzipped."""

    def __init__(self, path, gzipped):
        self._path = path
        self._file = io.open(path, 'rb')
        self._unpacked = gzip.GzipFile(fileobj=self._file) if gzipped else self._file

    def read(self, size):
        try:
            return self._unpacked.read(size)
        except (EOFError, struct.error, TypeError):
            # 2.7 has the last two for an end in the head or the foot of a member.
            raise self._damaged('it ends too early: it was truncated')
        except zlib.error as error:
            raise self._damaged(text(error))
        except (IOError, OSError) as error:
            if self._unpacked is not self._file and not error.errno:
                raise self._damaged('{0}; it was truncated or altered'.format(error))
            raise ScoringError('The dataset {0} cannot be read: {1}.'.format(
                self._path, error.strerror or error))

    def _damaged(self, reason):
        return ScoringError('The gzip file {0} is damaged: {1}.'.format(self._path, reason),
                            hint='Get a whole copy of it, then run again with --resume.')

    def seek(self, position):
        self._file.seek(position)

    def position(self):
        """Bytes of the file (packed, if it is) read so far."""
        return self._file.tell()

    def close(self):
        self._file.close()


_faults = []
_MARK = '\ufdd0'


def _mark_fault(error):
    _faults.append(error)
    return _MARK, error.end


codecs.register_error('batch_scoring.mark', _mark_fault)


class Utf8Input(object):
    """A dataset's text as UTF-8, without its byte-order mark.

    Positions are counted in these bytes. UTF-8 itself passes as it is: it is
    checked where batches are prepared.
    """

    def __init__(self, dataset, position=0):
        self._source = _Source(dataset.path, dataset.gzipped)
        self._encoding = dataset.encoding
        self._decoder = None
        self._failure = None
        if codecs.lookup(dataset.encoding).name not in ('utf-8', 'utf-8-sig'):
            self._decoder = codecs.getincrementaldecoder(dataset.encoding)('batch_scoring.mark')
        self._ahead = self._first()
        mark = len(codecs.BOM_UTF8) if self._ahead.startswith(codecs.BOM_UTF8) else 0
        if position and not dataset.gzipped and self._decoder is None:
            self._source.seek(mark + position)
            self._ahead = b''
        else:
            self._ahead = self._ahead[mark:]
            for _ in self.read_up_to(position):
                pass

    def _first(self):
        try:
            return self._next(READ_AHEAD)
        except batches.UndecodableInput as error:
            # What is good is read first.
            self._failure = batches.UndecodableInput(b'', error.reason)
            return error.good

    def read_up_to(self, size):
        """Yields the next `size` bytes in pieces; fewer at the end."""
        while size:
            piece = self.read(min(size, SAMPLE_SIZE))
            if not piece:
                return
            size -= len(piece)
            yield piece

    def read(self, size):
        """At most `size` bytes, none at the end; raises `UndecodableInput`."""
        if not self._ahead and self._failure:
            raise self._failure
        if not self._ahead:
            self._ahead = self._next(size)
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        return piece

    def _next(self, size):
        if self._decoder is None:
            return self._source.read(size)
        while True:
            data = self._source.read(size)
            decoded = self._decoder.decode(data, not data)
            if _faults:
                self._fail(decoded)
            if decoded or not data:
                return decoded.encode('utf-8')

    def _fail(self, decoded):
        error = _faults[0]
        del _faults[:]
        # On narrow builds of 2.7 the codec may have stopped inside of a pair.
        good = decoded[:decoded.index(_MARK)].encode('utf-8', 'replace')
        raise batches.UndecodableInput(good, "byte 0x{0:02x} does not fit the encoding {1!s}.".format(
            bytearray(error.object)[error.start], self._encoding))

    def file_position(self):
        """Bytes of the file on disk read so far."""
        return self._source.position()

    def close(self):
        self._source.close()


# --- detection ----------------------------------------------------------------

def detect_encoding(sample, path):
    """The codec of the text that begins with `sample` (bytes).

    UTF-8 wins wherever it fits, for it hardly ever fits by chance.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder('utf-8')().decode(sample)
        return 'utf-8'
    except UnicodeDecodeError as error:
        # chardet is slow, and what tells encodings apart is not ASCII.
        start = sample.rfind(b'\n', 0, error.start) + 1
        return _ask_chardet(sample[start:start + CHARDET_SIZE], path)


def _ask_chardet(sample, path):
    import chardet
    encoding = chardet.detect(sample)['encoding']
    try:
        codecs.getincrementaldecoder(encoding or 'ascii')().decode(sample)
    except (LookupError, UnicodeDecodeError):
        raise UsageError('The encoding of {0} cannot be detected.'.format(path),
                         hint='Name it with --encoding (latin-1, cp1252, cp932, ...).')
    return text(encoding)


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
    except batches.UndecodableInput as error:
        sample += error.good
    except ScoringError:
        pass
    finally:
        reader.close()
    return detect_delimiter(sample, False)


def detect_delimiter(sample, whole):
    """The delimiter of the CSV that begins with `sample` (bytes), or ''.

    It is the one that gives the header and all records the same number of
    fields above one. Where none does, since some records are too short or
    too long, it is one that suits half of them. `whole`: nothing follows.
    """
    counts = {each: field_counts(sample, each, whole)
              for each in COMMON_DELIMITERS + ''.join(RARE_DELIMITERS)}
    for group in (COMMON_DELIMITERS,) + RARE_DELIMITERS:
        fitting = [(-counts[each][0], group.index(each)) for each in group
                   if counts[each] and counts[each][0] > 1 and len(set(counts[each])) == 1]
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
    masked = batches.mask(sample, delimiter.encode('ascii'))
    if not whole:
        masked = masked[:masked.rfind(batches.RECORD_END) + 1]
    lines = masked.replace(batches.BLANK, b'').split(batches.RECORD_END)
    if not lines[-1]:
        lines.pop()
    return [line.count(batches.DELIMITER) + 1 for line in lines[:SAMPLE_ROWS]]


def _with_header(dataset, settings):
    reader = Utf8Input(dataset)
    cutter = batches.Cutter(
        reader.read, dataset.delimiter.encode('ascii'), batches.Limits(1, batches.NO_LIMIT),
        not settings.fast, settings.field_size_limit)
    try:
        cuts = iter(cutter)
        header = next(cuts, None)
        first = next(cuts, None) if header else None
        names = header_names(header, dataset, settings.fast) if header else ()
    except ScoringError as error:
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


def header_names(cut, dataset, fast):
    """The fields of the only record in a `batches.Cut`."""
    delimiter = dataset.delimiter.encode('ascii')
    batches.check_encoding(cut.raw, cut.first_line, dataset.encoding)
    masked = batches.mask(cut.raw, delimiter)
    if fast:
        batches.check_promise(cut.raw, masked, cut.first_line, delimiter)
    return next(read_records(batches.without_blank_lines(cut.raw, masked), dataset.delimiter))


def header_record(dataset):
    """The header as the server gets it: UTF-8, comma, one line (bytes)."""
    return write_record(dataset.columns, ',', '\r\n')[:-2] + b'\n'
