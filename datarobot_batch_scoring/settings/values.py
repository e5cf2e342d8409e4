"""The kinds of value that an option can have, as trafarets."""

from __future__ import absolute_import, unicode_literals

import codecs
import collections
import csv
import difflib
import os
import re
import sys

import trafaret as t
from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.compat import PY2, text, to_text
from datarobot_batch_scoring.settings import additions

Kind = collections.namedtuple('Kind', [
    'trafaret',   # turns text into the value, or raises DataError
    'allowed',    # what is allowed, in words that follow 'must be'
    'type',       # of the value, as a stub has it
    'given',      # what `make_settings` takes for it, as a stub has it
    'absent',     # the value that stands for none
    'may_be_empty'])  # whether the empty text means none: `--user="$UNSET"`

TRUE = ('1', 'yes', 'true', 'on')
FALSE = ('0', 'no', 'false', 'off')

DELIMITERS = dict((char, char) for char in ',;|! \t')
DELIMITERS.update({'tab': '\t', '\\t': '\t', 'pipe': '|', 'space': ' '})
DELIMITER_WORDS = sorted(delimiter for delimiter in DELIMITERS if delimiter.isalpha())
DELIMITERS_SHOWN = 'one of {0} or the word {1} or {2}'.format(
    ' '.join(sorted(delimiter for delimiter in DELIMITERS if len(delimiter) == 1 and delimiter.strip())),
    ', '.join(DELIMITER_WORDS[:-1]), DELIMITER_WORDS[-1])

# Stands for standard input or output.
STREAM = '-'
# A suggestion is at least as similar, from 0 to 1: --exclude is not --scheduler.
MIN_SIMILARITY = 0.7
# The kinds whose values are names of files.
FILES = ('path', 'stream', 'report')

MAX_INT = 2 ** 31 - 1
TO_THE_END = 10 ** 15
# Any number above 0.
MIN_TIMEOUT, MAX_TIMEOUT = sys.float_info.min, 1000000
# Of --n_concurrent=auto.
MAX_IN_FLIGHT = '64'


def check(kind, value):
    """The value that `value` (text) stands for.

    Raises `InvalidValue`, whose `error` says what is wrong, in words that
    follow the value.
    """
    is_path = kind in FILES
    if not (is_file_name(value) if is_path else _is_text(value)):
        raise InvalidValue("is not text in this system's encoding")
    try:
        return KINDS[kind].trafaret.check(value)
    except InvalidValue:
        raise
    except t.DataError:
        raise InvalidValue('is not allowed: it must be ' + KINDS[kind].allowed)


def _is_text(value):
    # Python 3 puts surrogates in place of bytes that it could not decode.
    try:
        value.encode('utf-8')
    except UnicodeEncodeError:
        return False
    return True


def is_file_name(value):
    # Python 2 cannot open a file whose name the locale's encoding cannot express.
    # U+FFFD stands for bytes that were not text.
    if not PY2:
        return True
    try:
        value.encode(sys.getfilesystemencoding() or 'ascii')
    except UnicodeEncodeError:
        return False
    return '\ufffd' not in value


def plain(value):
    """A setting as JSON and checkpoints have it: names as a list, others as they are typed."""
    if isinstance(value, Rows):
        return '{0}:{1}'.format(value.first, '' if value.is_open else value.last)
    if isinstance(value, AutoConcurrency):
        return 'auto:{0:d}'.format(value)
    if isinstance(value, additions.Query):
        return value.plain
    return list(value) if isinstance(value, tuple) else value


def nearest(word, known):
    """The one of `known` that `word` was probably meant to be, or None."""
    lower = dict((name.lower().lstrip('-'), name) for name in reversed(known))
    matches = difflib.get_close_matches(word.lower().lstrip('-'), lower, 1, MIN_SIMILARITY)
    return lower[matches[0]] if matches else None


def did_you_mean(meant):
    """The end of a sentence about an unknown word: what was probably meant, or None."""
    return '. Did you mean {0}?'.format(meant) if meant else '.'


class InvalidValue(t.DataError):
    """A value that an option cannot have."""


def _reject_if(wrong):
    if wrong:
        raise t.DataError('not allowed')


def _flag(value):
    word = value.lower()
    _reject_if(word not in TRUE + FALSE)
    return word in TRUE


def _host(value):
    # A user and password before the host are kept: a proxy in front of the
    # server may ask for them.
    if '://' not in value:
        raise InvalidValue('has no scheme: it must begin with https:// or http://')
    try:
        parts = urlsplit(value)
        parts.port
    except ValueError:
        raise t.DataError('not a URL')
    if '?' in value:
        raise InvalidValue('has a query: pass what follows the ? with --query')
    _reject_if(parts.scheme not in ('http', 'https') or not parts.hostname)
    _reject_if(re.search(r'[\s\x00-\x20\x7f\\]', parts.netloc))
    return '%s://%s%s' % (parts.scheme, parts.netloc, parts.path)


def _query(value):
    fault = additions.fault_of(value)
    if fault:
        raise InvalidValue(fault)
    return additions.Query(value)


def _headers(value):
    headers, fault = additions.parse_headers(value)
    if fault:
        raise InvalidValue(fault)
    return headers


def _user(value):
    _reject_if(_has_control(value) or not value.strip())
    return value.strip().lower()


def _names(value):
    """The names in a line of CSV, as a tuple."""
    # `csv` reads bytes on Python 2 and text on 3.
    line = value.encode('utf-8') if PY2 else value
    try:
        record = list(csv.reader([line], skipinitialspace=True, strict=True))
    except csv.Error:
        raise t.DataError('not a line of CSV')
    names = record[0] if record else []
    return tuple(_from_csv(name).strip() for name in names)


def _from_csv(name):
    return name.decode('utf-8') if PY2 else name


# What people call the codecs of Windows: ansi is that of the west.
_WINDOWS = re.compile(r'(?i)\s*(?:ansi|(?:windows|win|cp|ansi)[-_ ]?(125[0-8]))\s*\Z')


def _codec(value):
    """The name of a codec of text, in Python's own spelling."""
    try:
        codec = codecs.lookup(value)
        # Hex, gzip and the like are codecs, too.
        _reject_if(not getattr(codec, '_is_text_encoding', True))
        # 'undefined' rejects everything, and Python 2's 'string_escape' gives bytes.
        _reject_if(not isinstance(codec.decode(b'')[0], text))
    except (LookupError, ValueError, TypeError):
        meant = _WINDOWS.match(value)
        if meant:
            raise InvalidValue('is not allowed: Python calls it cp{0}'.format(meant.group(1) or '1252'))
        raise t.DataError('not a text codec')
    return codec.name


def _delimiter(value):
    _reject_if(value.lower() not in DELIMITERS)
    return DELIMITERS[value.lower()]


def _decimal(least, most):
    return (t.Call(_stripped) & t.RegexpRaw(r'(?:[0-9]+\.?[0-9]*|\.[0-9]+)\Z')
            & t.Call(lambda match: float(match.group())) & t.Float(gte=least, lte=most))


def _report(value):
    _reject_if(not value.lower().endswith(('.json', '.html')))
    return _path(value)


def _stream(value):
    return value if value == STREAM else _path(value)


def _path(value):
    _reject_if('\0' in value or value in ('', STREAM))
    # The shell leaves it alone in `--out=~/x`, and in an ini file there is no shell.
    if value.startswith(('~/', '~' + os.sep)):
        return to_text(os.path.expanduser(str('~'))) + value[1:]
    return value


def _scheduler(value):
    address = re.match(r'(?:(?:tcp|tls)://[A-Za-z0-9._:\[\]-]+|local(?::[1-9][0-9]{0,3})?)\Z', value)
    _reject_if(not address)
    return value


class Rows(collections.namedtuple('Rows', 'first last')):
    """Which rows to score: row ids, `last` not among them."""

    __slots__ = ()

    @property
    def is_open(self):
        """Whether they go to the end of the dataset."""
        return self.last == TO_THE_END


def _rows(value):
    match = re.match(r'\s*(?:([0-9]{1,15}):)?([0-9]{0,15})\s*\Z', value)
    _reject_if(not match or not any(match.groups()))
    first, last = int(match.group(1) or 0), int(match.group(2) or TO_THE_END)
    _reject_if(first >= last)
    return Rows(first, last)


def _text(value):
    _reject_if(_has_control(value))
    return value


def _has_control(value):
    return any(ord(char) < 32 or 126 < ord(char) < 160 for char in value)


def _stripped(value):
    return value.strip()


def _whole(least, most=MAX_INT):
    # `int` accepts more than digits: underscores, and digits of other scripts.
    return (t.Call(_stripped) & t.RegexpRaw(r'-?[0-9]{1,10}\Z')
            & t.Call(lambda match: int(match.group()))
            & t.Int(gte=least, lte=most))


class AutoConcurrency(int):
    """A number of requests in flight that is to be found, up to this one."""

    def __str__(self):
        return str('auto')


def _concurrency(value):
    match = re.match(r'\s*auto(?::([0-9]{1,10}))?\s*\Z', value)
    if not match:
        return _whole(1).check(value)
    return AutoConcurrency(_whole(1).check(match.group(1) or MAX_IN_FLIGHT))


def _pattern(regexp):
    return t.Regexp(regexp + r'\Z')


# What a URL path can hold, but for the slash.
_ID = r"(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+"


def _kind(check, allowed, type='str', given='Optional[str]', absent=None, may_be_empty=False):
    return Kind(check, allowed, type, given, absent, may_be_empty)


# The types of stubs are those of `packaging/stubs.py`.
KINDS = {
    'flag': _kind(t.Call(_flag), 'one of 1/0, yes/no, true/false, on/off',
                  'bool', '_Flag', absent=False),
    'host': _kind(t.Call(_host), 'a URL with http or https, such as https://example.com:8080'),
    'query': _kind(t.Call(_query), 'a query string', may_be_empty=True),
    'headers': _kind(t.Call(_headers), '<name>: <value>', 'Tuple[Tuple[str, str], ...]', '_Headers', absent=(),
                     may_be_empty=True),
    'user': _kind(t.Call(_user), 'a name without control characters', may_be_empty=True),
    # A password may contain anything; it is sent encoded.
    'password': _kind(t.String(), 'text', may_be_empty=True),
    'token': _kind(t.Call(_stripped) & _pattern('[!-~]+'), 'ASCII characters without spaces',
                   may_be_empty=True),
    # `servers` knows which there are.
    'protocol': _kind(t.Call(_stripped), 'a protocol name', given='_Protocol'),
    'api_version': _kind(t.Call(_stripped), 'an API version', given='_Version'),
    'request_format': _kind(t.Call(_stripped) & t.Enum('json', 'csv'), 'json or csv'),
    'path': _kind(t.Call(_path), 'a file name', given='Optional[_Path]'),
    'stream': _kind(t.Call(_stream), 'a file name, or -', given='Optional[_Path]'),
    'report': _kind(t.Call(_report), 'a name that ends in .json or .html',
                    given='Optional[_Path]'),
    'scheduler': _kind(t.Call(_stripped) & t.Call(_scheduler),
                       'tcp://<host>:<port>, tls://<host>:<port>, local or local:<n>'),
    'names': _kind(t.Call(_names), 'comma-separated names, quoted as in CSV',
                   'Tuple[str, ...]', '_Names', absent=(), may_be_empty=True),
    'rows': _kind(t.Call(_rows), 'a number of rows, 1 or more, <first>:<last> '
                                 'with first below last, or <first>:',
                  'Tuple[int, int]', '_Whole'),
    'text': _kind(t.Call(_text), 'text without control characters', may_be_empty=True),
    'delimiter': _kind(t.Call(_delimiter), DELIMITERS_SHOWN, given='Optional[_Delimiter]'),
    'encoding': _kind(t.Call(_codec), 'a Python text codec, such as utf-8 or latin-1'),
    'positive': _kind(_whole(1), 'a whole number, 1 or more', 'int', '_Whole'),
    'concurrency': _kind(t.Call(_concurrency),
                         'a whole number, 1 or more, auto or auto:<max>', 'int', '_Whole'),
    'not_negative': _kind(_whole(0), 'a whole number, 0 or more', 'int', '_Whole'),
    'retries': _kind(_whole(-1), 'a whole number, 0 or more, or -1 for no limit',
                     'int', '_Whole'),
    'seconds': _kind(_decimal(MIN_TIMEOUT, MAX_TIMEOUT),
                     'a number of seconds above 0, at most %d' % MAX_TIMEOUT,
                     'float', '_Seconds'),
    'rate': _kind(_decimal(0.001, MAX_INT), 'a number, 0.001 or more', 'float', '_Seconds'),
    'object_id': _kind(_pattern('[0-9a-fA-F]{24}'), '24 hexadecimal digits', given='str'),
    'import_id': _kind(_pattern(_ID),
                       'letters, digits and other characters valid in a URL path'),
    'versioned_id': _kind(_pattern(_ID + '(/versions/' + _ID + ')?'),
                          'the name of a model or <name>/versions/<version>', given='str'),
}
