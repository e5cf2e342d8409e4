"""Builds the commands as programs of one file each: `python packaging/build_executables.py`.

They run without Python, on machines like this one: those for Linux are built
on Linux. Needs Python 3.8 or newer, as a shared library, and the package
index. They are put into dist/executables.
"""

from __future__ import absolute_import, print_function, unicode_literals

import os
import shutil
import subprocess
import sys
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, ROOT)

from datarobot_batch_scoring.options import COMMANDS  # noqa: E402

WORK = os.path.join(ROOT, 'build', 'executables')
TARGET = os.path.join(ROOT, 'dist', 'executables')
# Parts of the standard library, and what an environment holds, that no command uses.
UNUSED = ('tkinter', 'unittest', 'pydoc', 'pip', 'setuptools')
ENTRY = '''\
import sys
if __name__ == '__main__':
    from datarobot_batch_scoring.cli import {0}
    sys.exit({0}())
'''


def main():
    """Builds all three, and names the oldest C library that they run on."""
    python = make_environment(WORK)
    for command in COMMANDS:
        path = build(python, command, ENTRY.format(command), WORK, TARGET)
        print('{0}: {1:.1f} MB'.format(path, os.path.getsize(path) / 1e6))
    if sys.platform.startswith('linux'):
        subprocess.check_call([python, os.path.join(HERE, 'oldest_libc.py'), path])


def make_environment(work):
    """A new environment in `work` with the package and PyInstaller; its Python's path."""
    shutil.rmtree(work, ignore_errors=True)
    # Apart from the clone, whose folder build/ would be taken into the wheel.
    source = os.path.join(work, 'source')
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns('.*', 'build', 'dist'))
    folder = os.path.join(work, 'environment')
    venv.create(folder, with_pip=True)
    python = os.path.join(folder, 'Scripts' if os.name == 'nt' else 'bin', 'python')
    subprocess.check_call([python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check',
                           'pyinstaller>=6,<7', source])
    return python


def build(python, name, entry, work, target):
    """Builds one program of the text of its main module; returns its path."""
    script = os.path.join(work, name + '.py')
    with open(script, 'w') as out:
        out.write(entry)
    excluded = ['--exclude-module=' + each for each in UNUSED]
    subprocess.check_call([
        python, '-m', 'PyInstaller', '--onefile', '--noconfirm', '--log-level=ERROR', '--strip',
        '--name=' + name, '--specpath=' + work, '--workpath=' + os.path.join(work, 'made'),
        '--distpath=' + target] + excluded + [script])
    return os.path.join(target, name + ('.exe' if os.name == 'nt' else ''))


if __name__ == '__main__':
    main()
