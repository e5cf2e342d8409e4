"""Says which Linux a single-file PyInstaller program runs on: `oldest_libc.py PROGRAM`.

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
    versions, needed = {}, {}
    for name, binary in binaries(path):
        needed[name] = set(re.findall(r'NEEDED +(\S+)', objdump('-p', binary)))
        symbols = re.findall(r'\*UND\*.*GLIBC_([0-9.]+)', objdump('-T', binary))
        versions[name] = max([[0]] + [list(map(int, each.split('.'))) for each in symbols])
    oldest = max(versions.values())
    print('The oldest C library that they run on: glibc {0}, because of {1}'.format(
        '.'.join(map(str, oldest)),
        ', '.join(sorted(each for each in versions if versions[each] == oldest))))
    # What the program itself needs cannot come from what it unpacks.
    outside = set.union(*needed.values()) - set(needed) | needed[os.path.basename(path)]
    print('Libraries that the system must have: ' + ', '.join(sorted(outside)))


def binaries(path):
    """Yields the name and path of each binary in the program; a path is gone at the next."""
    yield os.path.basename(path), path
    archive = CArchiveReader(path)
    for name, entry in archive.toc.items():
        if entry[-1] == 'b':
            with tempfile.NamedTemporaryFile() as binary:
                binary.write(archive.extract(name))
                binary.flush()
                yield os.path.basename(name), binary.name


def objdump(what, path):
    """What binutils says about a binary."""
    return subprocess.check_output(['objdump', what, path]).decode('ascii', 'replace')


if __name__ == '__main__':
    main(sys.argv[1])
