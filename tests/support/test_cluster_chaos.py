"""A few rounds of `cluster_chaos.py`, which finds more the longer it runs."""

from __future__ import absolute_import, unicode_literals

import os
import subprocess
import sys

import pytest

from places import SUPPORT

pytest.importorskip('distributed')
pytest.importorskip('s3fs')


def test_whoever_is_killed_in_a_cluster_no_row_is_lost_doubled_moved_or_altered(tmp_path):
    process = subprocess.Popen(
        [sys.executable, os.path.join(SUPPORT, 'cluster_chaos.py'), '--rounds=4', '--rows=40000',
         # Of so few rows, many are under way at any moment.
         '--most_twice=60'], env=dict(os.environ, TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.communicate()[0].decode('utf-8', 'replace')
    assert process.returncode == 0, said
    assert '4 rounds of 40000 rows (1 client, 1 nanny, 1 scheduler, 1 worker)' in said
