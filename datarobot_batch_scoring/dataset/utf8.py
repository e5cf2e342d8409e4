"""The bytes of an input file as UTF-8, whatever its encoding, gzipped or not."""

from __future__ import absolute_import, unicode_literals

import codecs
import gzip
import re
import struct
import zlib

import six

from datarobot_batch_scoring.compat import GzipFile, PackingError, not_utf8_at, text
from datarobot_batch_scoring.dataset.grammar import CTRL_Z
from datarobot_batch_scoring.dataset.source import NotGzip, UnpackedStream
from datarobot_batch_scoring.errors import DatasetError, UndecodableInput

READ_SIZE = 1 << 20
READ_AHEAD = 4096

_MARKS = re.compile(b'(?:' + codecs.BOM_UTF8 + b')*')


class RawInput(object):
    """The bytes of a `source.File` or `source.Stream`, unpacked if it is gzipped."""

    def __init__(self, source, gzipped, for_good=False):
        self._source = source
        self._file = source.open(for_good)
        self._unpacked = self._file
        if gzipped:
            self._unpacked = (UnpackedStream(self._file, source)
                              if source.is_stream else GzipFile(fileobj=self._file))

    def read(self, size):
        """Up to `size` unpacked bytes, none at the end; raises `DatasetError`."""
        try:
            return self._unpacked.read(size)
        except (EOFError, struct.error, TypeError):
            # Python 2.7 raises the last two if the file ends in a member's header or trailer.
            self._check_what_follows()
            raise self._damaged('it ends too early: it was truncated')
        except (PackingError, zlib.error) as error:
            raise self._damaged(text(error))
        except (IOError, OSError) as error:
            if self._unpacked is not self._file and not error.errno:
                self._check_what_follows()
                raise self._damaged('{0}; it was truncated or altered'.format(error))
            raise DatasetError('dataset_unreadable', file=self._source.name, reason=error.strerror or error)
        except NotGzip:
            raise self._followed()

    def _check_what_follows(self):
        # Not every gzip reader can tell half of a member from something that is not one.
        if self._source.is_stream:
            return
        try:
            with self._source.open() as packed:
                unpacked = gzip.GzipFile(fileobj=packed)
                while unpacked.read(READ_SIZE):
                    pass
        except (EOFError, struct.error, TypeError, zlib.error):
            return
        except EnvironmentError as error:
            # It does begin with gzip: its first member was read.
            if 'Not a gzipped file' in str(error):
                raise self._followed()

    def _followed(self):
        return DatasetError('gzip_followed', file=self._source.name)

    def _damaged(self, reason):
        return DatasetError('gzip_damaged', file=self._source.name, reason=reason)

    def seek(self, position):
        """Goes to a byte of a file that is not gzipped."""
        self._file.seek(position)

    def position(self):
        """Bytes of the file read so far; packed ones, if it is gzipped."""
        return self._file.tell()

    def close(self):
        self._file.close()


# How a codec passes over bytes that do not fit: half of a surrogate pair, which is not UTF-8 either,
# stands for the first of them. So what cannot be sent shows in the text itself, whatever the encoding.
MARK_FAULTS = 'batch_scoring.mark'
_FIRST_MARK = 0xdc00
_HALF_OF_PAIR = re.compile(b'\xed[\xa0-\xbf][\x80-\xbf]')


def _mark_fault(error):
    if error.object == CTRL_Z:
        # The file was ended by a program that knows only one-byte code units.
        return '\x1a', error.end
    # 2.7 takes the byte behind it for a part of the fault, where it may be a line end.
    wide = error.encoding.lower().startswith('utf')
    return six.unichr(_FIRST_MARK + bytearray(error.object)[error.start]), error.end if wide else error.start + 1


codecs.register_error(MARK_FAULTS, _mark_fault)


def to_utf8(decoded):
    """Text as UTF-8, with what marks faults in it."""
    return decoded.encode('utf-8', 'surrogatepass')


def fault_in(data, is_marked):
    """(where, the byte): the first in `data`, UTF-8 in which faults may be marked, that does not fit.

    None: there is none. The byte is None for half of a surrogate pair, which a few codecs let through.
    """
    start = not_utf8_at(data)
    if start is None:
        return None
    char_bytes = bytearray(data[start:start + 3])
    if not (is_marked and _HALF_OF_PAIR.match(data, start)):
        return start, char_bytes[0]
    mark = (char_bytes[1] & 0x3f) << 6 | char_bytes[2] & 0x3f
    return start, mark & 0xff if 0xc00 <= mark <= 0xcff else None


def without_faults(data):
    """UTF-8 with U+FFFD for each fault, as text."""
    return _HALF_OF_PAIR.sub(b'\xef\xbf\xbd', data).decode('utf-8', 'replace')


def is_utf8(encoding):
    """Whether a codec is that of UTF-8, with a byte-order mark or not."""
    return codecs.lookup(encoding).name in ('utf-8', 'utf-8-sig')


class TextInput(object):
    """The text of a dataset as UTF-8, which `read(size)` gives, `size` bytes at most, none at the end."""

    def read_up_to(self, size):
        """Yields the next `size` bytes in pieces; fewer at the end."""
        while size:
            piece = self.read(min(size, READ_SIZE))
            if not piece:
                return
            size -= len(piece)
            yield piece


class Utf8Input(TextInput):
    """The text of a source as UTF-8 from byte `start` on, without leading byte-order marks.

    Bytes are counted in this text. UTF-8 itself passes through as it is, and faults of other
    encodings are marked: both are checked where batches are prepared. `for_good`: the source is
    not read again.
    """

    def __init__(self, source, gzipped, encoding, start=0, for_good=False):
        self._raw = RawInput(source, gzipped, for_good)
        self._encoding = encoding
        self._decoder = None
        self._failure = None
        if not is_utf8(encoding):
            self._decoder = codecs.getincrementaldecoder(encoding)(MARK_FAULTS)
        self._ahead = self._first()
        mark = len(_MARKS.match(self._ahead).group())
        if start and not (gzipped or source.is_stream) and self._decoder is None:
            self._raw.seek(mark + start)
            self._ahead = b''
        else:
            self._ahead = self._ahead[mark:]
            for _ in self.read_up_to(start):
                pass

    def _first(self):
        try:
            return self._next(READ_AHEAD)
        except UndecodableInput as error:
            self._failure = error
            return b''

    def read(self, size):
        """Up to `size` bytes, none at the end; raises `UndecodableInput`."""
        if not self._ahead and self._failure:
            raise self._failure
        if not self._ahead:
            self._ahead = self._next(size)
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        return piece

    def _next(self, size):
        if self._decoder is None:
            return self._raw.read(size)
        while True:
            data = self._raw.read(size)
            try:
                decoded = self._decoder.decode(data, not data)
            except UnicodeError as error:
                # A few codecs do not mark faults: utf-16 without a byte-order mark is one.
                raise UndecodableInput('{0}.'.format(error) + self._byte_orders())
            if decoded or not data:
                return to_utf8(decoded)

    def _byte_orders(self):
        named = self._encoding.lower().replace('_', '-')
        orders = ' If it is {0}, name {0}-le or {0}-be.'.format(named)
        return orders if named in ('utf-16', 'utf-32') else ''

    def file_position(self):
        """Bytes of the file or stream read so far, packed ones if it is gzipped."""
        return self._raw.position()

    def close(self):
        self._raw.close()
