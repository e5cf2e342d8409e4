"""Makes the failure guide, docs/failures.rst: `python packaging/make_failures.py`.

The text is that of failures.txt, here; the messages are those of `console/wording.py`
and `console/usage_messages.py`. In the text, `{kind}` stands for a message. Where a section ends, the kinds
of the table that are not in the text follow, each with its hint.
"""

from __future__ import absolute_import, unicode_literals

import io
import os
import re
import textwrap

from sources import HERE, ROOT

from datarobot_batch_scoring.console import usage_messages, wording
from datarobot_batch_scoring.errors import ScoringError

# The sections of the guide, by what each ends with in the text.
SECTIONS = {
    'command line': usage_messages.COMMAND_LINE, 'files': usage_messages.FILES, 'content': wording.CONTENT,
    'resuming': wording.RESUMING, 'server': wording.SERVER, 'the run': wording.THE_RUN, 'cluster': wording.CLUSTER}

TEXT = os.path.join(HERE, 'failures.txt')
PAGE = os.path.join(ROOT, 'docs', 'failures.rst')

KIND = re.compile(r'(?m)^(\.\. describe:: | {14})\{(\w+)\}$')
END_OF_SECTION = re.compile(r'(?m)^\.\. end of (.*)\n\n?')
INDENT = ' ' * len('.. describe:: ')


def page():
    """The failure guide, as reStructuredText."""
    with io.open(TEXT, encoding='utf-8') as source:
        text = source.read()
    known = set(kind for _, kind in KIND.findall(text))
    text = END_OF_SECTION.sub(
        lambda match: ''.join(_entry(kind) for kind in sorted(SECTIONS[match.group(1)]) if kind not in known), text)
    text = KIND.sub(lambda match: match.group(1) + _message(match.group(2)), text)
    # Kinds that differ in their hints only.
    return re.sub(r'(?m)^(\.\. describe:: | {14})(.*)\n {14}\2$', r'\1\2', text)


def _message(kind):
    words = textwrap.wrap(ScoringError(kind).message, 104, break_on_hyphens=False, break_long_words=False)
    return (' \\\n' + INDENT).join(words)


def _entry(kind):
    hint = textwrap.fill(ScoringError(kind).hint, 117, break_on_hyphens=False)
    return '.. describe:: {{{0}}}\n\n   {1}\n\n'.format(kind, hint.replace('\n', '\n   '))


def main():
    """Writes it."""
    with io.open(PAGE, 'w', encoding='utf-8', newline='\n') as out:
        out.write(page())


if __name__ == '__main__':
    main()
