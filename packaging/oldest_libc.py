"""Prints the oldest GNU C library that a PyInstaller program of one file runs on.

Run by `build_executables.py`, in the environment that has PyInstaller.
"""

from __future__ import absolute_import, print_function, unicode_literals

import os
import re
import subprocess
import sys
import tempfile

from PyInstaller.archive.readers import CArchiveReader


def main(path):
    """Looks at the program itself and at every library packed in it."""
    needed = {}
    for name, file in unpacked(path):
        needed[name] = max(versions(file) or [(0,)])
    oldest = max(needed.values())
    print('The oldest C library that they run on: glibc {0}, because of {1}'.format(
        '.'.join(map(str, oldest)),
        ', '.join(sorted(name for name in needed if needed[name] == oldest))))


def unpacked(path):
    """The name and, in turn, a file with the content of each binary in the program."""
    yield os.path.basename(path), path
    archive = CArchiveReader(path)
    for name, entry in archive.toc.items():
        if entry[-1] == 'b':
            with tempfile.NamedTemporaryFile() as file:
                file.write(archive.extract(name))
                file.flush()
                yield os.path.basename(name), file.name


def versions(path):
    """The versions of the C library's symbols that a binary asks for."""
    symbols = subprocess.check_output(['objdump', '-T', path]).decode('ascii', 'replace')
    return [tuple(map(int, each.split('.')))
            for each in re.findall(r'\*UND\*.*GLIBC_([0-9.]+)', symbols)]


if __name__ == '__main__':
    main(sys.argv[1])
