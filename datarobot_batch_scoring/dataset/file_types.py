"""Files that are often mistaken for CSV, each recognized by its full signature."""

from __future__ import absolute_import, unicode_literals

import codecs
import re
from collections import namedtuple

from datarobot_batch_scoring.errors import UsageError

EXPORT = 'Export it as CSV, and score that.'
UNPACK = 'Extract it, and score the CSV file in it.'
REPACK = 'Decompress it, or compress it with gzip.'

FileType = namedtuple('FileType', [
    'name',
    'pattern',   # of its first bytes; strict, as a column may be called PK_ID or BZh
    'hint',
])


def _kind(name, pattern, hint):
    return FileType(name, re.compile(pattern, re.S), hint)


KINDS = (
    # A zip archive whose first megabyte names the parts of a workbook.
    _kind('an Excel file', br'PK\x03\x04.*?(?:\[Content_Types\]\.xml|xl/work)', EXPORT),
    _kind('an OpenDocument file', br'PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.', EXPORT),
    _kind('a zip archive', br'PK(?:\x03\x04|\x05\x06|\x07\x08)', UNPACK),
    _kind('an Excel file', br'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', EXPORT),
    _kind('a tar archive', br'(?=.{257}ustar)[^\0]{1,100}\0', UNPACK),
    _kind('a 7z archive', br"7z\xbc\xaf'\x1c", UNPACK),
    _kind('compressed with gzip twice', br'\x1f\x8b\x08', 'Decompress it once.'),
    _kind('compressed with xz', br'\xfd7zXZ\0', REPACK),
    _kind('compressed with bzip2', br'BZh[1-9](?:1AY&SY|\x17rE8P\x90)', REPACK),
    _kind('compressed with zstd', br'\x28\xb5\x2f\xfd', REPACK),
    _kind('compressed with lz4', br'\x04\x22\x4d\x18', REPACK),
    # In all of these files what follows the letters is not text.
    _kind('a Parquet file', br'PAR[1E].*\0', EXPORT),
    _kind('a Feather file', br'ARROW1\0\0', EXPORT),
    _kind('an ORC file', br'ORC.*\0', EXPORT),
    _kind('a PDF file', br'%PDF-\d\.\d', EXPORT),
    _kind('an HTML page',
          br'(?i)\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html)[\s>]',
          'It may be a sign-in or error page: inspect it, then download the data again.'),
    _kind('a Git LFS pointer', br'version https://git-lfs\.github\.com/spec/v1\r?\n',
          'Get the file that it stands for with: git lfs pull.'),
)


def reject_other_types(path, gzipped, sample):
    """Raises `UsageError` if what begins with `sample` (unpacked bytes) is known not to be CSV."""
    kind = kind_of(sample)
    if kind and gzipped:
        raise UsageError('no_csv_inside', hint=kind.hint, file=path, what=kind.name)
    if kind:
        raise UsageError('not_csv', hint=kind.hint, file=path, what=kind.name)


def kind_of(sample):
    """The `FileType` of a file that begins with `sample`; None if it may be CSV."""
    text = sample
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # The ASCII letters in it, a byte each.
        text = sample[2:4096].replace(b'\0', b'')
    if sample.startswith(codecs.BOM_UTF8):
        text = sample[3:]
    return next((kind for kind in KINDS if kind.pattern.match(text)), None)
