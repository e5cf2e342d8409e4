"""Compares two reports: `python -m datarobot_batch_scoring.report old.json new.json`."""

from __future__ import absolute_import, unicode_literals

import io
import re
import sys

from datarobot_batch_scoring.compat import to_text
from datarobot_batch_scoring.console import terminal
from datarobot_batch_scoring.errors import EXIT_CHANGED, EXIT_OK, ScoringError, UsageError
from datarobot_batch_scoring.report import compare, page, reading

USAGE = '''\
Shows what changed between two runs, from the reports that they wrote
with --report=<file>.json.

Usage:
  python -m datarobot_batch_scoring.report [options] <old.json> <new.json>

Options:
  --out=<page>          Also write an .html page with charts of the distributions.
  --fail_above=<index>  Exit code 4 if the population stability index of any prediction
                        column, or of the shares of the classes, is larger; 0.25 is usual.
  -h, --help            Show this text.

Exit code: 0; 2 if a report cannot be read or the page cannot be written, or if there is no
index for --fail_above; 4 as above.
'''


def main(words):
    """Compares the reports that the words name; returns the exit code."""
    try:
        given, paths = _parsed(words)
        return _say(USAGE) if paths is None else _compare(paths, **given)
    except ScoringError as error:
        for line in error.lines():
            terminal.Terminal().say(line)
        return error.exit_code


def _parsed(words):
    """(the options by their names, [old, new]); the paths are None if help is wanted."""
    given, paths, rest = {'out': None, 'fail_above': None}, [], list(words)
    while rest:
        word = rest.pop(0)
        if word in ('-h', '--help'):
            return given, None
        name, equals, value = word.partition('=')
        name = name[2:].replace('-', '_') if name.startswith('--') else None
        if name in given and (equals or rest):
            given[name] = value if equals else rest.pop(0)
        elif word.startswith('-'):
            raise UsageError('report_option', option=word.partition('=')[0])
        else:
            paths.append(word)
    if len(paths) != 2:
        raise UsageError('report_count', number=len(paths))
    if given['out'] is not None and not given['out'].lower().endswith('.html'):
        raise UsageError('page_name', file=given['out'])
    if given['fail_above'] is not None:
        given['fail_above'] = _limit(given['fail_above'])
    return given, paths


def _limit(value):
    if not re.match(r'([0-9]+\.?[0-9]*|\.[0-9]+)\Z', value):
        raise UsageError('fail_above', value=value)
    return float(value)


def _compare(paths, out, fail_above):
    before, after = map(reading.read, paths)
    sections = compare.compare(before, after)
    if out:
        _write(out, page.comparison(before, after, sections))
    _say(''.join(terminal.printable(line) + '\n' for line in compare.as_text(before, after, sections)))
    return EXIT_OK if fail_above is None else _judged(sections, fail_above)


def _judged(sections, limit):
    """The exit code for the largest index of these `compare.Section`s."""
    indexes = [(section.index, section.title) for section in sections if section.index is not None]
    if not indexes:
        raise UsageError('no_index')
    index, title = max(indexes)
    if index <= limit:
        return EXIT_OK
    terminal.Terminal().say('{0}: the population stability index {1:.3f} is larger than {2:g}.'.format(
        title, index, limit))
    return EXIT_CHANGED


def _write(path, text):
    try:
        with io.open(path, 'wb') as target:
            # Paths may contain lone surrogates, which UTF-8 cannot encode.
            target.write(text.encode('utf-8', 'backslashreplace'))
    except EnvironmentError as error:
        raise UsageError('page_unwritable', file=path, reason=error.strerror)


def _say(words):
    lost = terminal.write(sys.stdout, words)
    if lost:
        raise ScoringError('stdout_unwritable', reason=lost)
    return EXIT_OK


if __name__ == '__main__':
    sys.exit(main([to_text(word) for word in sys.argv[1:]]))
