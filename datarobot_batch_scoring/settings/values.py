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

Kind = collections.namedtuple('Kind', [
    'trafaret',   # turns text into the value, or raises DataError
    'allowed'])   # what is allowed, in words that follow 'must be'

TRUE = ('1', 'yes', 'true', 'on')
FALSE = ('0', 'no', 'false', 'off')

DELIMITERS = dict((each, each) for each in ',;|! \t')
DELIMITERS.update({'tab': '\t', '\\t': '\t', 'pipe': '|', 'space': ' '})
DELIMITER_WORDS = sorted(each for each in DELIMITERS if each.isalpha())
DELIMITERS_SHOWN = 'one of {0} or the word {1} or {2}'.format(
    ' '.join(sorted(each for each in DELIMITERS if len(each) == 1 and each.strip())),
    ', '.join(DELIMITER_WORDS[:-1]), DELIMITER_WORDS[-1])

# Stands for standard input or output.
STREAM = '-'

MOST = 2 ** 31 - 1
LONGEST_WAIT = 1000000
# Of --n_concurrent=auto.
MOST_IN_FLIGHT = '64'


def check(kind, value):
    """The value that `value` (text) stands for.

    Raises `Refused`, whose `error` says what is wrong, in words that
    follow the value.
    """
    is_path = kind in ('path', 'stream', 'report')
    if not (_is_file_name(value) if is_path else _is_text(value)):
        raise Refused("is not text in this system's encoding")
    try:
        return KINDS[kind].trafaret.check(value)
    except Refused:
        raise
    except t.DataError:
        raise Refused('is not allowed: it must be ' + KINDS[kind].allowed)


def _is_text(value):
    # Python 3 puts surrogates in place of bytes that it could not decode.
    try:
        value.encode('utf-8')
    except UnicodeEncodeError:
        return False
    return True


def _is_file_name(value):
    # Python 2 cannot open a file whose name the locale's encoding cannot express.
    # U+FFFD stands for bytes that were not text.
    if not PY2:
        return True
    try:
        value.encode(sys.getfilesystemencoding() or 'ascii')
    except UnicodeEncodeError:
        return False
    return '\ufffd' not in value


def nearest(word, known):
    """The one of `known` that `word` was probably meant to be, or None."""
    lower = dict((each.lower(), each) for each in reversed(known))
    found = difflib.get_close_matches(word.lower(), lower, 1)
    return lower[found[0]] if found else None


class Refused(t.DataError):
    """A value that an option cannot have."""


def _refuse_if(wrong):
    if wrong:
        raise t.DataError('not allowed')


def _flag(value):
    word = value.lower()
    _refuse_if(word not in TRUE + FALSE)
    return word in TRUE


def _host(value):
    # A user and password before the host are kept: a proxy in front of the
    # server may ask for them.
    if '://' not in value:
        raise Refused('has no scheme: it must begin with https:// or http://')
    try:
        parts = urlsplit(value)
        parts.port
    except ValueError:
        raise t.DataError('not a URL')
    _refuse_if(parts.scheme not in ('http', 'https') or not parts.hostname)
    _refuse_if(re.search(r'[\s\x00-\x20\x7f\\]', parts.netloc))
    return '%s://%s%s' % (parts.scheme, parts.netloc, parts.path)


def _user(value):
    _refuse_if(_has_control(value) or not value.strip())
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


def _codec(value):
    """The name of a codec of text, in Python's own spelling."""
    try:
        codec = codecs.lookup(value)
        # Hex, gzip and the like are codecs, too.
        _refuse_if(not getattr(codec, '_is_text_encoding', True))
        # 'undefined' rejects everything, and Python 2's 'string_escape' gives bytes.
        _refuse_if(not isinstance(codec.decode(b'')[0], text))
    except (LookupError, ValueError, TypeError):
        raise t.DataError('not a text codec')
    return codec.name


def _delimiter(value):
    _refuse_if(value.lower() not in DELIMITERS)
    return DELIMITERS[value.lower()]


def _seconds(value):
    _refuse_if(not re.match(r'([0-9]+\.?[0-9]*|\.[0-9]+)\Z', value))
    _refuse_if(not 0 < float(value) <= LONGEST_WAIT)
    return float(value)


def _report(value):
    _refuse_if(not value.lower().endswith(('.json', '.html')))
    return _path(value)


def _stream(value):
    return value if value == STREAM else _path(value)


def _path(value):
    _refuse_if('\0' in value or value in ('', STREAM))
    # The shell leaves it alone in `--out=~/x`, and in an ini file there is no shell.
    if value.startswith(('~/', '~' + os.sep)):
        return to_text(os.path.expanduser(str('~'))) + value[1:]
    return value


def _scheduler(value):
    address = re.match(r'(?:(?:tcp|tls)://[A-Za-z0-9._:\[\]-]+|local(?::[1-9][0-9]{0,3})?)\Z', value)
    _refuse_if(not address)
    return value


def _rows(value):
    """(first, last): the number of the first row, and of the row after the last one."""
    match = re.match(r'\s*(?:([0-9]{1,15}):)?([0-9]{1,15})\s*\Z', value)
    _refuse_if(not match)
    first, last = int(match.group(1) or 0), int(match.group(2))
    _refuse_if(first >= last)
    return first, last


def _text(value):
    _refuse_if(_has_control(value))
    return value


def _has_control(value):
    return any(ord(each) < 32 or 126 < ord(each) < 160 for each in value)


def _stripped(value):
    return value.strip()


def _whole(least, most=MOST):
    # `int` accepts more than digits: underscores, and digits of other scripts.
    return (t.Call(_stripped) & t.RegexpRaw(r'-?[0-9]{1,10}\Z')
            & t.Call(lambda match: int(match.group()))
            & t.Int(gte=least, lte=most))


class UpTo(int):
    """A number of requests in flight that is to be found, up to this one."""

    def __str__(self):
        return str('auto')


def _concurrency(value):
    match = re.match(r'\s*auto(?::([0-9]{1,10}))?\s*\Z', value)
    if not match:
        return _whole(1).check(value)
    return UpTo(_whole(1).check(match.group(1) or MOST_IN_FLIGHT))


def _pattern(regexp):
    return t.Regexp(regexp + r'\Z')


KINDS = {
    'flag': Kind(t.Call(_flag), 'one of 1/0, yes/no, true/false, on/off'),
    'host': Kind(t.Call(_host), 'a URL with http or https, such as '
                                'https://example.com:8080'),
    'user': Kind(t.Call(_user), 'a name without control characters'),
    # A password may contain anything; it is sent encoded.
    'password': Kind(t.String(), 'text'),
    'token': Kind(t.Call(_stripped) & _pattern('[!-~]+'),
                  'ASCII characters without spaces'),
    # `servers` knows which there are.
    'protocol': Kind(t.Call(_stripped), 'the name of a protocol'),
    'api_version': Kind(t.Call(_stripped), 'the version of an API'),
    'path': Kind(t.Call(_path), 'the name of a file'),
    'stream': Kind(t.Call(_stream), 'the name of a file, or -'),
    'report': Kind(t.Call(_report), 'a name that ends in .json or .html'),
    'scheduler': Kind(t.Call(_stripped) & t.Call(_scheduler),
                      'tcp://<host>:<port>, tls://<host>:<port>, local or local:<n>'),
    'names': Kind(t.Call(_names), 'names with commas between them, quoted as '
                                  'in CSV'),
    'rows': Kind(t.Call(_rows), 'a number of rows, 1 or more, or <first>:<last>, '
                                'the first of them less than the last'),
    'text': Kind(t.Call(_text), 'text without control characters'),
    'delimiter': Kind(t.Call(_delimiter), DELIMITERS_SHOWN),
    'encoding': Kind(t.Call(_codec), 'a text codec that Python has, such as '
                                     'utf-8 or latin-1'),
    'positive': Kind(_whole(1), 'a whole number, 1 or more'),
    'concurrency': Kind(t.Call(_concurrency),
                        'a whole number, 1 or more, or auto or auto:<most>'),
    'not_negative': Kind(_whole(0), 'a whole number, 0 or more'),
    'retries': Kind(_whole(-1), 'a whole number, 0 or more, or -1 for '
                                'no limit'),
    'seconds': Kind(t.Call(_stripped) & t.Call(_seconds),
                    'a number of seconds above 0, at most %d' % LONGEST_WAIT),
    'object_id': Kind(_pattern('[0-9a-fA-F]{24}'), '24 hexadecimal digits'),
    'import_id': Kind(_pattern(r"(?!\.\.?\Z)[A-Za-z0-9._~!$&'()*+,;=:@-]+"),
                      'letters, digits and other characters that a URL path '
                      'can hold'),
}
