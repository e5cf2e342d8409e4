"""Makes whatever else lists the options: `python packaging/make_help.py`.

That is man pages, completions, stubs, the reference in docs/options.rst and the help of
`make_settings`, all made of the table of options. Man pages and completions are kept in
datarobot_batch_scoring/data under the names with which they are installed.
"""

from __future__ import absolute_import, unicode_literals

import io
import os

from sources import ROOT

import completions
import man_page
import option_reference
import stubs
from datarobot_batch_scoring.server.protocols.base import COMMANDS

PACKAGE = os.path.join(ROOT, 'datarobot_batch_scoring')
DATA = os.path.join(PACKAGE, 'data')

MAKERS = (
    ('man/{0}.1', man_page.man_page),
    ('bash/{0}', completions.bash),
    ('zsh/_{0}', completions.zsh),
    ('fish/{0}.fish', completions.fish),
)


def help_files():
    """A dict of the path of every man page and completion to its text."""
    return dict((os.path.join(DATA, *name.format(command).split('/')), make(command))
                for command in COMMANDS for name, make in MAKERS)


def files():
    """A dict of the path of every file that is made of the table, or a part of which is, to its text."""
    options, package = os.path.join(ROOT, 'docs', 'options.rst'), os.path.join(PACKAGE, '__init__.py')
    return dict(help_files(), **{
        options: option_reference.page(read(options)),
        package: option_reference.package(read(package)),
        package + 'i': stubs.package(),
        os.path.join(PACKAGE, 'settings', 'settings.pyi'): stubs.settings()})


def read(path):
    """The text of a file."""
    with io.open(path, encoding='utf-8', newline='') as source:
        return source.read()


def main():
    """Writes them all."""
    for path, content in files().items():
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        with io.open(path, 'w', encoding='utf-8', newline='\n') as out:
            out.write(content)


if __name__ == '__main__':
    main()
