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
REPEATED = frozenset(option.name for option in OPTIONS if option.repeated)


def find(folders):
    """The path of the ini file in the first of `folders` that has one."""
    for folder in folders:
        path = os.path.join(folder, NAME)
        if os.path.isfile(path):
            return path
    return None


def read(path, profile=None):
    """The keys and values of our section and those of a profile's (ordered dicts), and the file's `os.fstat`.

    Values are literal; a line indented deeper than its key continues the value, as a line of its own
    where the option may be repeated.
    Keys are spelled as `table.ini_key` spells them. An empty value counts as
    no key. Raises `UsageError` with the line number, or if there is no section of the profile.
    """
    reader = _Parser(path, profile)
    lines, status = _lines(path)
    for number, line in enumerate(lines, 1):
        reader.take(number, line)
    if profile and profile not in reader.sections:
        raise UsageError('no_profile', place=path, profile=profile, sections='It has the sections: {0}.'.format(
            ', '.join(sorted(reader.sections)) or 'none'))
    if reader.sections and SECTION not in reader.sections and not profile:
        raise UsageError('no_section', file=path, section=SECTION)
    ours, chosen = (collections.OrderedDict(
        (key, value.strip()) for key, value in reader.values.get(name, {}).items() if value)
        for name in (SECTION, profile))
    return ours, chosen, status


def _lines(path):
    try:
        with io.open(path, 'rb') as source:
            data = source.read()
            status = os.fstat(source.fileno())
    except (IOError, OSError) as error:
        raise UsageError('ini_unreadable', file=path, reason=error.strerror)
    try:
        content = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise UsageError('ini_encoding', file=path, line=line)
    return content.replace('\r\n', '\n').replace('\r', '\n').split('\n'), status


class _Parser(object):
    """Parses the file line by line."""

    def __init__(self, path, profile):
        self.path = path
        self.sections = set()
        # {section: its keys and values}
        self.values = {}
        self._wanted = (SECTION, profile)
        # The values of the section that is being read; None: it is not for us.
        self._ours = None
        self._key = None
        self._indent = 0

    def take(self, number, line):
        words = line.strip()
        indent = len(line) - len(line.lstrip())
        if not words or words[0] in '#;':
            return
        if self._key and indent > self._indent:
            if self._ours is not None:
                self._ours[self._key] += ('\n' if self._key in REPEATED else ' ') + words
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
        self._ours = self.values.setdefault(name, collections.OrderedDict()) if name in self._wanted else None
        self._key = None

    def _set(self, number, words):
        ends = [words.index(sign) for sign in '=:' if sign in words]
        if not ends and self._ours is not None:
            self._fail(number, "is not of the form 'key = value'")
        end = min(ends) if ends else len(words)
        self._key = ini_key(words[:end])
        if self._ours is None:
            return
        if self._key in self._ours:
            self._fail(number, 'sets %s again' % self._key)
        self._ours[self._key] = words[end + 1:].strip()

    def _fail(self, number, reason):
        raise UsageError('ini_line', file=self.path, line=number, reason=reason)
