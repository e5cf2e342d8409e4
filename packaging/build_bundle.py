"""Builds the bundle for machines without network: `python packaging/build_bundle.py`.

dist/datarobot_batch_scoring_<version>_offlinebundle.tar.gz and .zip contain the
package, what it needs on each supported Python (`bundle_wheels.txt`), and
what is in `bundle/`. Needs Python 3.8 or newer with pip, and the package index.
"""

from __future__ import absolute_import, division, print_function, unicode_literals

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

from sources import HERE, ROOT, copy_sources

from datarobot_batch_scoring import __version__

WORK = os.path.join(ROOT, 'build', 'bundle')
TARGET = os.path.join(ROOT, 'dist')
NAME = 'datarobot_batch_scoring_{0}_offlinebundle'.format(__version__)
# The package index has no wheels of these for 2.7, though they are pure Python.
MADE_HERE = ('docopt', 'trafaret')


def main():
    """Gathers everything in a folder, and packs it both ways."""
    source = copy_sources(WORK)
    bundle = os.path.join(WORK, NAME)
    shutil.copytree(os.path.join(HERE, 'bundle'), bundle)
    wheels = os.path.join(bundle, 'wheels')
    os.mkdir(wheels)
    lines = ['{0} {1} {2}'.format(fetch(requirement, first, wheels), first, before)
             for requirement, first, before in wanted()]
    lines.append('{0} 2.7 -'.format(make(source, wheels)))
    with open(os.path.join(wheels, 'list.txt'), 'w') as out:
        out.writelines('{0} {1}\n'.format(each, sha256(wheels, each)) for each in lines)
    for kind in ('gztar', 'zip'):
        path = shutil.make_archive(os.path.join(TARGET, NAME), kind, WORK, NAME)
        print('{0}: {1:.1f} MB'.format(os.path.relpath(path), os.path.getsize(path) / 1e6))


def sha256(wheels, line):
    """The checksum, in hexadecimal, of the wheel that a line of the list begins with."""
    with open(os.path.join(wheels, line.split()[0]), 'rb') as wheel:
        return hashlib.sha256(wheel.read()).hexdigest()


def wanted():
    """The lines of bundle_wheels.txt: requirement, from Python, before Python."""
    with open(os.path.join(HERE, 'bundle_wheels.txt')) as lines:
        return [line.split() for line in lines if line.strip() and not line.startswith('#')]


def fetch(requirement, python, wheels):
    """Gets a pure Python wheel for that version of Python; returns its name."""
    if requirement.partition('==')[0] in MADE_HERE:
        return make(requirement, wheels)
    return _pip(wheels, 'download', '--only-binary=:all:', '--platform=any', '--abi=none',
                '--implementation=py', '--python-version=' + python, requirement, '--dest')


def make(requirement, wheels):
    """Makes a wheel from sources, if there is none; returns its name."""
    # Otherwise pip before 23.1 builds with the environment's own `wheel`, often missing.
    return _pip(wheels, 'wheel', '--use-pep517', requirement, '--wheel-dir')


def _pip(wheels, *arguments):
    folder = tempfile.mkdtemp(dir=WORK)
    subprocess.check_call([sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check'] +
                          list(arguments) + [folder, '--no-deps'])
    name, = os.listdir(folder)
    shutil.move(os.path.join(folder, name), os.path.join(wheels, name))
    return name


if __name__ == '__main__':
    main()
