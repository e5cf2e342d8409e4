"""Compares two reports: `python -m datarobot_batch_scoring.report old.json new.json`."""

from __future__ import absolute_import, unicode_literals

import io
import sys

from datarobot_batch_scoring.compat import to_text
from datarobot_batch_scoring.console import terminal
from datarobot_batch_scoring.errors import EXIT_OK, ScoringError, UsageError
from datarobot_batch_scoring.report import change_page, compare, reading

USAGE = '''\
Shows what changed from one run to another, given the reports that they wrote
with --report=<file>.json.

Usage:
  python -m datarobot_batch_scoring.report [--out=<page>] <old.json> <new.json>

Options:
  --out=<page>  Also writes a page, .html, with the distributions in charts.
  -h, --help    Show this text.

Exit code: 0, or 2 if a report cannot be read or the page cannot be written.
'''


def main(words):
    """Compares the reports that the words name; returns the exit code."""
    try:
        out, paths = _parsed(words)
        return _say(USAGE) if paths is None else _compare(paths, out)
    except ScoringError as error:
        for line in error.lines():
            terminal.Terminal().say(line)
        return error.exit_code


def _parsed(words):
    """(path of the page or None, [old, new]); the paths are None if help is wanted."""
    out, paths, rest = None, [], list(words)
    while rest:
        word = rest.pop(0)
        if word in ('-h', '--help'):
            return None, None
        if word == '--out' and rest:
            out = rest.pop(0)
        elif word.startswith('--out='):
            out = word[len('--out='):]
        elif word.startswith('-'):
            raise UsageError('report_option', option=word.partition('=')[0])
        else:
            paths.append(word)
    if len(paths) != 2:
        raise UsageError('report_count', number=len(paths))
    if out is not None and not out.lower().endswith('.html'):
        raise UsageError('page_name', file=out)
    return out, paths


def _compare(paths, out):
    before, after = map(reading.read, paths)
    sections = compare.compare(before, after)
    if out:
        _write(out, change_page.make(before, after, sections))
    return _say(''.join(terminal.printable(line) + '\n'
                        for line in compare.as_text(before, after, sections)))


def _write(path, page):
    try:
        with io.open(path, 'wb') as target:
            # Paths may contain lone surrogates, which UTF-8 cannot encode.
            target.write(page.encode('utf-8', 'backslashreplace'))
    except EnvironmentError as error:
        raise UsageError('page_unwritable', file=path, reason=error.strerror)


def _say(words):
    lost = terminal.write(sys.stdout, words)
    if lost:
        raise ScoringError('stdout_unwritable', reason=lost)
    return EXIT_OK


if __name__ == '__main__':
    sys.exit(main([to_text(each) for each in sys.argv[1:]]))
