"""Two runs on one output, the second begun at a random moment: at most one may write it."""

from __future__ import absolute_import, division, unicode_literals

import random
import threading

import pytest

from datarobot_batch_scoring.demo.app import Account
from scoring import MODEL, PROJECT, QUICK, numbered, predicted

ROWS = 40


def expected(start):
    whole = predicted(start + ROWS).splitlines(True)
    return b''.join(whole[:1] + [line.replace(b'%d,' % (start + n), b'%d,' % n, 1)
                                 for n, line in enumerate(whole[1 + start:])])


@pytest.mark.parametrize('seed', range(6))
def test_no_two_runs_say_that_they_wrote_one_output(start_command, make_server, folder, seed):
    chance = random.Random(seed)
    server = make_server(account=Account('ann', 'pw', 'bought', None), delay=0.02)
    secret = chance.choice(['--password=pw', '--api_token=bought'])
    starts = 0, 1000

    def start(first_value):
        name = '{0}.csv'.format(first_value)
        folder.write(name, numbered(ROWS, first_value))
        return start_command('batch_scoring', [
            '--host=' + server.url, '--user=ann', secret, PROJECT, MODEL, name, '--out=out.csv',
            '--n_samples=5', '--n_concurrent=2', chance.choice(['--no', '--yes'])], env=QUICK)

    first = start(starts[0])
    threading.Event().wait(chance.choice([0, 0.05, 0.3, 1.5]) * chance.random())
    second = start(starts[1])
    wrote = [start for run, start in ((first, starts[0]), (second, starts[1]))
             if run.wait().code == 0]
    assert wrote and folder.read() == expected(wrote[-1])
    assert not folder.has('out.csv.shelve')
    if len(wrote) == 2:
        # Whoever begins after the end of the other, and may, is right to write over it.
        asked = [record.keys[0] for record in server.log if record.method == 'POST']
        halves = [int(key) >= starts[1] for key in asked]
        assert halves == sorted(halves)
