"""Installs the commands, without network, pip or administrator rights.

They go to FOLDER or, if none is given, to the virtual environment that this
Python belongs to, or else to the user's own folder.
"""

# No unicode_literals: paths stay bytes on 2.7, as its system calls take them.
from __future__ import absolute_import, print_function

import argparse
import hashlib
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import zipfile

try:
    from shlex import quote
except ImportError:  # Python 2
    from pipes import quote

PACKAGE = 'datarobot_batch_scoring'
COMMANDS = ('batch_scoring', 'batch_scoring_deployment_aware', 'batch_scoring_sse')
WHEELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'wheels')
WINDOWS = os.name == 'nt'
SUPPORTED = sys.version_info[:2] == (2, 7) or sys.version_info >= (3, 6)

# Run by the Python that installed it; spawned processes import it, too.
MAIN = '''\
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'packages'))
if __name__ == '__main__':
    from datarobot_batch_scoring.commands import {0}
    sys.exit({0}())
'''


def main():
    """Installs; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', metavar='FOLDER', nargs='?', default=default_folder())
    folder = os.path.abspath(parser.parse_args().folder)
    if not SUPPORTED:
        print('Python 2.7, 3.6 or newer is needed; this is ' + sys.version.split()[0],
              file=sys.stderr)
        return 2
    try:
        programs = install(folder)
    except (EnvironmentError, Damaged) as error:
        print('Not installed: {0}.'.format(error), file=sys.stderr)
        return 1
    print('Installed. The commands are in ' + programs)
    if programs not in os.environ.get('PATH', '').split(os.pathsep):
        print('That folder is not in PATH yet.')
    return 0


def default_folder():
    """The virtual environment, or the user's own folder."""
    return sys.prefix if in_environment() else site.getuserbase()


def in_environment():
    """True if this Python belongs to a virtual environment."""
    return hasattr(sys, 'real_prefix') or sys.prefix != getattr(sys, 'base_prefix', sys.prefix)


def install(folder):
    """Puts everything into `folder`; returns where the commands are."""
    home = os.path.join(folder, 'lib', PACKAGE)
    packages = os.path.join(home, 'packages')
    needed = wheels()
    shutil.rmtree(home, ignore_errors=True)
    for wheel in needed:
        unpack(wheel, packages, folder)
    compile_all(packages)
    programs = os.path.join(folder, 'Scripts' if WINDOWS else 'bin')
    if not os.path.isdir(programs):
        os.makedirs(programs)
    for command in COMMANDS:
        write_command(command, home, programs)
    if folder == sys.prefix and in_environment():
        # So that the package can be imported there, after what the environment has.
        site_packages = sysconfig.get_path('purelib')
        line = os.path.relpath(packages, site_packages) + '\n'
        write(os.path.join(site_packages, PACKAGE + '.pth'), line.encode('ascii'))
    return programs


class Damaged(Exception):
    """A wheel is not the one that was put into the bundle."""


def wheels():
    """The paths of the wheels for this Python; raises `Damaged` before any is unpacked."""
    found = []
    with open(os.path.join(WHEELS, 'list.txt')) as lines:
        for name, first, before, expected in map(str.split, lines):
            if version(first) <= sys.version_info[:2] and (
                    before == '-' or sys.version_info[:2] < version(before)):
                found.append(os.path.join(WHEELS, name))
                check(found[-1], expected)
    return found


def check(wheel, expected):
    """Raises `Damaged` if the SHA-256 of a wheel is different."""
    with open(wheel, 'rb') as source:
        if hashlib.sha256(source.read()).hexdigest() != expected:
            raise Damaged('{0} is damaged or was changed: get the bundle again'.format(wheel))


def version(words):
    """The numbers of a version."""
    return tuple(map(int, words.split('.')))


def unpack(wheel, packages, folder):
    """Unpacks a pure Python wheel; what it has for share/ goes to `folder`."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    data = os.path.join(packages, '-'.join(os.path.basename(wheel).split('-')[:2]) + '.data')
    for place, _, names in os.walk(os.path.join(data, 'data')):
        target = os.path.join(folder, os.path.relpath(place, os.path.join(data, 'data')))
        if not os.path.isdir(target):
            os.makedirs(target)
        for name in names:
            shutil.copy(os.path.join(place, name), target)
    shutil.rmtree(data, ignore_errors=True)


def compile_all(packages):
    """Compiles the modules, so that commands start fast even if the folder becomes read-only."""
    with open(os.devnull, 'w') as nowhere:
        # Some modules are for other Pythons than this one, and need not compile.
        subprocess.call([sys.executable, '-m', 'compileall', '-q', packages],
                        stdout=nowhere, stderr=nowhere)


def write_command(command, home, programs):
    """Writes the command's main module, and what starts it."""
    module = os.path.join(home, command + '.py')
    write(module, MAIN.format(command).encode('ascii'))
    path = os.path.join(programs, command)
    if WINDOWS:
        module = os.path.relpath(module, programs)
        write(path + '.cmd', encode('@"{0}" "%~dp0{1}" %*\r\n'.format(sys.executable, module)))
    else:
        write(path, encode('#!/bin/sh\nexec {0} {1} "$@"\n'.format(
            quote(sys.executable), quote(module))))
        os.chmod(path, 0o755)


def encode(words):
    """Text with paths, as bytes that the system's shell reads."""
    if isinstance(words, bytes):
        return words  # Python 2
    return words.encode('oem') if WINDOWS else os.fsencode(words)


def write(path, data):
    """Writes a new file, in place of any that was there."""
    # A link there may lead to another program, so it is replaced, not followed.
    if os.path.lexists(path):
        os.remove(path)
    with open(path, 'wb') as out:
        out.write(data)


if __name__ == '__main__':
    sys.exit(main())
