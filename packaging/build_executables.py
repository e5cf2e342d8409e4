"""Builds each command as a single-file program: `python packaging/build_executables.py`.

They go to dist/executables, and run without Python on systems like this one.
Needs Python 3.8 or newer, built as a shared library, and the package index.
"""

from __future__ import absolute_import, division, print_function, unicode_literals

import os
import subprocess
import sys
import venv

from sources import HERE, ROOT, copy_sources

from datarobot_batch_scoring.server.protocols.base import COMMANDS

WORK = os.path.join(ROOT, 'build', 'executables')
TARGET = os.path.join(ROOT, 'dist', 'executables')
PYTHON = os.path.join(WORK, 'environment', 'Scripts' if os.name == 'nt' else 'bin', 'python')
LINUX = sys.platform.startswith('linux')
# Parts of the standard library and of the environment that no command uses.
UNUSED = ('tkinter', 'unittest', 'pydoc', 'pip', 'setuptools')
ENTRY = '''\
import sys
if __name__ == '__main__':
    from datarobot_batch_scoring.commands import {0}
    sys.exit({0}())
'''


def main():
    """Builds all three, and says on which systems they run."""
    make_environment()
    for command in COMMANDS:
        path = build(command, ENTRY.format(command), TARGET)
        print('{0}: {1:.1f} MB'.format(os.path.relpath(path), os.path.getsize(path) / 1e6))
    if LINUX:
        subprocess.check_call([PYTHON, os.path.join(HERE, 'oldest_libc.py'), path])


def make_environment():
    """Makes the environment of PYTHON, with the package and PyInstaller."""
    source = copy_sources(WORK)
    venv.create(os.path.join(WORK, 'environment'), with_pip=True)
    subprocess.check_call([PYTHON, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check',
                           'pyinstaller>=6,<7', source])


def build(name, entry, target):
    """Builds a program, given the text of its main module; returns its path."""
    script = os.path.join(WORK, name + '.py')
    with open(script, 'w') as out:
        out.write(entry)
    options = ['--exclude-module=' + each for each in UNUSED]
    if os.name != 'nt':
        options.append('--runtime-hook=' + os.path.join(HERE, 'signal_hook.py'))
    if LINUX:
        # Elsewhere that can break libraries.
        options.append('--strip')
    subprocess.check_call([
        PYTHON, '-m', 'PyInstaller', '--onefile', '--noconfirm', '--log-level=ERROR',
        '--name=' + name, '--specpath=' + WORK, '--workpath=' + os.path.join(WORK, 'made'),
        '--distpath=' + target] + options + [script])
    return os.path.join(target, name + ('.exe' if os.name == 'nt' else ''))


if __name__ == '__main__':
    main()
