"""The sources of the package, for the builds in this folder."""

from __future__ import absolute_import, unicode_literals

import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, ROOT)


def copy_sources(work):
    """Empties the folder `work` and copies the clone into it; returns the copy's path.

    In the clone itself, what earlier builds left would get into the wheel.
    """
    shutil.rmtree(work, ignore_errors=True)
    copy = os.path.join(work, 'source')
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns('.*', 'build', 'dist', '*.egg-info'))
    return copy
