"""Makes the man pages and the completions: `python packaging/make_help.py`.

They are made from the table of options and the usage texts, and kept in
datarobot_batch_scoring/data under the names with which they are installed.
"""

from __future__ import absolute_import, unicode_literals

import io
import os

from sources import ROOT

import completions
import man_page
from datarobot_batch_scoring.settings.options import COMMANDS

DATA = os.path.join(ROOT, 'datarobot_batch_scoring', 'data')

MAKERS = (
    ('man/{0}.1', man_page.man_page),
    ('bash/{0}', completions.bash),
    ('zsh/_{0}', completions.zsh),
    ('fish/{0}.fish', completions.fish),
)


def files():
    """A dict of every file's name to its text."""
    return dict((name.format(command), make(command))
                for command in COMMANDS for name, make in MAKERS)


def main():
    """Writes them all."""
    made = files()
    for name in made:
        path = os.path.join(DATA, *name.split('/'))
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        with io.open(path, 'w', encoding='utf-8', newline='\n') as out:
            out.write(made[name])


if __name__ == '__main__':
    main()
