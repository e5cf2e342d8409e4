"""A few rounds of `chaos.py`, which finds more the longer it runs."""

from __future__ import absolute_import, unicode_literals

import os
import random
import subprocess
import sys

import pytest

from chaos_data import make_data, make_options
from datarobot_batch_scoring.compat import WINDOWS
from places import SUPPORT

CHAOS = os.path.join(SUPPORT, 'chaos.py')


@pytest.mark.skipif(WINDOWS, reason='no such signals')
def test_ten_rounds_of_chaos_lose_double_move_and_alter_no_row(tmp_path):
    env = dict(os.environ, TMPDIR=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, CHAOS, '--rounds', '10', '--seed', '1'], env=env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.communicate()[0].decode('utf-8', 'replace')
    assert process.returncode == 0, said
    assert said.startswith('seed 1: 10 rounds')


def test_a_round_can_be_repeated():
    one, other = random.Random(5), random.Random(5)
    for _ in range(20):
        first, second = make_data(one), make_data(other)
        # The header of a gzip file contains the time.
        assert first[1:] == second[1:] and first.data[10:] == second.data[10:]
        assert make_options(one, first) == make_options(other, second)
