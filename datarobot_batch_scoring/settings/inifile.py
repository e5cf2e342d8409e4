"""Finds and reads `batch_scoring.ini`; all values are text.

`configparser` is not used: on Python 2 it cuts a value at ` ;` and accepts a
key twice, and a password may well contain a semicolon.
"""

from __future__ import absolute_import, unicode_literals

import collections
import io
import os

from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.settings.table import OPTIONS, ini_key

NAME = 'batch_scoring.ini'
SECTION = 'batch_scoring'
REPEATED = frozenset(each.name for each in OPTIONS if each.repeated)


def find(folders):
    """The path of the ini file in the first of `folders` that has one."""
    for folder in folders:
        path = os.path.join(folder, NAME)
        if os.path.isfile(path):
            return path
    return None


def read(path):
    """The keys and values of our section (an ordered dict), and the file's `os.fstat`.

    Values are literal; a line indented deeper than its key continues the value, as a line of its own
    where the option may be repeated.
    Keys are spelled as `table.ini_key` spells them. An empty value counts as
    no key. Raises `UsageError` with the line number.
    """
    reader = _Reader(path)
    lines, status = _lines(path)
    for number, line in enumerate(lines, 1):
        reader.take(number, line)
    if reader.sections and SECTION not in reader.sections:
        raise UsageError('The ini file %s has no section [%s].' % (path, SECTION))
    return collections.OrderedDict(
        (key, value.strip()) for key, value in reader.values.items() if value), status


def _lines(path):
    try:
        with io.open(path, 'rb') as source:
            data = source.read()
            status = os.fstat(source.fileno())
    except (IOError, OSError) as error:
        raise UsageError('The ini file %s cannot be read: %s.' % (path, error.strerror))
    try:
        content = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise UsageError('The ini file %s is not UTF-8 in line %d.' % (path, line),
                         hint='Save the file as UTF-8.')
    return content.replace('\r\n', '\n').replace('\r', '\n').split('\n'), status


class _Reader(object):
    """Parses the file line by line."""

    def __init__(self, path):
        self.path = path
        self.sections = set()
        self.values = collections.OrderedDict()
        self._ours = False
        self._key = None
        self._indent = 0

    def take(self, number, line):
        words = line.strip()
        indent = len(line) - len(line.lstrip())
        if not words or words[0] in '#;':
            return
        if self._key and indent > self._indent:
            if self._ours:
                self.values[self._key] += ('\n' if self._key in REPEATED else ' ') + words
        elif words[0] == '[':
            self._open_section(number, words)
        elif not self.sections:
            self._fail(number, 'comes before the section [%s]' % SECTION)
        else:
            self._indent = indent
            self._set(number, words)

    def _open_section(self, number, words):
        name = words[1:].partition(']')[0].strip()
        if ']' not in words:
            self._fail(number, "has a '[' without a ']'")
        if name in self.sections:
            self._fail(number, 'opens the section [%s] again' % name)
        self.sections.add(name)
        self._ours = name == SECTION
        self._key = None

    def _set(self, number, words):
        ends = [words.index(each) for each in '=:' if each in words]
        if not ends and self._ours:
            self._fail(number, "is not of the form 'key = value'")
        end = min(ends) if ends else len(words)
        self._key = ini_key(words[:end])
        if not self._ours:
            return
        if self._key in self.values:
            self._fail(number, 'sets %s again' % self._key)
        self.values[self._key] = words[end + 1:].strip()

    def _fail(self, number, reason):
        raise UsageError('In the ini file %s, line %d %s.' % (self.path, number, reason))
