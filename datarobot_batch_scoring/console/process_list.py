"""Takes secrets out of the command line that the system shows for this process.

Processes forked later show the same; spawned ones never had it.
"""

from __future__ import absolute_import, unicode_literals

import io
import os
import sys

from datarobot_batch_scoring.compat import PY2, to_text
from datarobot_batch_scoring.system import overwrite_memory


def show(words, shown):
    """Makes the system show `shown` instead of `words`, the end of the command line.

    Both are lists of text, equally long. Does nothing if the system is not Linux,
    does not reveal where the command line is, or has other words there.
    """
    if shown == words or not sys.platform.startswith('linux'):
        return
    if not PY2 and sys.argv[1:] == words:
        # From Python 3.14.10 on, the command line of a fork server has these.
        sys.argv[1:] = shown
    try:
        with io.open('/proc/self/cmdline', 'rb') as source:
            line = source.read()
        with io.open('/proc/self/stat', 'rb') as source:
            start, end = _place_of_arguments(source.read())
    except (EnvironmentError, ValueError, IndexError):
        return
    arguments = line.split(b'\0')[:-1]
    first = len(arguments) - len(words)
    if end - start != len(line) or [_word(each) for each in arguments[first:]] != words:
        return
    arguments[first:] = [
        argument if word == other else _bytes(other)
        for argument, word, other in zip(arguments[first:], words, shown)]
    overwrite_memory(start, line, b'\0'.join(arguments) + b'\0')


def _place_of_arguments(stat):
    # proc(5): fields 48 and 49; the second field, a name, may contain spaces and brackets.
    fields = stat.rpartition(b') ')[2].split()
    return int(fields[45]), int(fields[46])


def _word(argument):
    return to_text(argument) if PY2 else os.fsdecode(argument)


def _bytes(word):
    return word.encode('utf-8', 'replace') if PY2 else os.fsencode(word)
