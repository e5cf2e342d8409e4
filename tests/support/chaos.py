"""Rounds of random data, options, faults and kills; the output must be as if nothing had happened.

    python tests/support/chaos.py --rounds 200 --seed 7
    python tests/support/chaos.py --seconds 60 --seed 7
    python tests/support/chaos.py --seed 7 --only 31

Each round scores a dataset undisturbed. Then it scores it again while the
server fails and processes are killed, with --resume until it is complete, and
compares. The last form repeats one round: the same data, options and faults,
and kills at about the same moments.
"""

from __future__ import absolute_import, division, print_function, unicode_literals

import argparse
import collections
import errno
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import zlib

from places import ROOT

sys.path.insert(1, ROOT)

import faults  # noqa: E402
import when  # noqa: E402
from chaos_data import make_data, make_options  # noqa: E402
from command import Command  # noqa: E402
from datarobot_batch_scoring.output import checkpoint  # noqa: E402
from datarobot_batch_scoring.compat import monotonic  # noqa: E402
from scoring import DEPLOYMENT, IMPORT, MODEL, PROJECT, Folder  # noqa: E402
from server import Server  # noqa: E402

IDS = {'batch_scoring': [PROJECT, MODEL], 'batch_scoring_deployment_aware': [DEPLOYMENT],
       'batch_scoring_sse': [IMPORT]}
# Retries that wait as long as real ones do would make this mostly waiting.
ENVIRONMENT = {'BATCH_SCORING_TEST_FIRST_WAIT': '0.02'}

KILLS = ('group', 'main', 'writer', 'worker', 'batcher', 'SIGINT', 'SIGTERM', 'SIGINT twice')
MAX_KILLS = 5
# The exit codes that a kill or a fatal fault may lead to.
ENDINGS = (0, 1, 3, 130, 143, -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM)

# A row that happens to get 500 three times would be set aside.
FAILS = faults.status(500)
FAULTS = [
    (1, FAILS), (1, faults.status(503)), (1, faults.status(504)), (1, faults.retry_after(0)),
    (1, faults.reset()), (1, faults.hang_up()), (1, faults.reset_in_body()),
    (1, faults.truncated(3)), (1, faults.garbage()), (1, faults.html()), (1, faults.not_http()),
    (1, faults.rows_too_few()), (1, faults.rows_too_many()), (1, faults.shifted_ids()),
    (2, faults.silent_close()), (2, faults.chunked(50)), (2, faults.gzipped()),
    (1, faults.gzipped(4)), (2, faults.slow(0.05)), (0.1, faults.never()),
    (2, faults.interim(102, 103)), (0.2, faults.page()),
]


class Round(object):
    """One round, in a folder of its own; everything random in it follows from its name."""

    def __init__(self, name, folder, counts):
        self.name = name
        self.counts = counts
        self._chance = random.Random(zlib.crc32(name.encode('ascii')))
        self._folder = Folder(folder)
        self._home = tempfile.mkdtemp(dir=folder)
        self._dataset = make_data(self._chance)
        self.options = make_options(self._chance, self._dataset)
        self._server = Server(shape=self.options.shape, shuffle=True, keep_bodies=False)
        self._committed = 0
        self._bad = self._choose_bad_rows()
        self._bad_file = 'bad.csv'

    def _choose_bad_rows(self):
        """The keys of the rows that the server refuses: none to nine, and never all."""
        if self._chance.random() < 0.5:
            return frozenset()
        count = self._chance.randrange(min(self._dataset.rows, 10))
        rows = self._chance.sample(range(self._dataset.rows), count)
        return frozenset('{0}'.format(row) for row in rows)

    def run(self):
        """Raises AssertionError if the output is not what it must be."""
        try:
            if self._bad:
                self._server.fail(faults.status(422, 'a bad row'),
                                  lambda record: self._bad.intersection(record.keys))
            expected, self._expected_bad = self._run_undisturbed()
            self._make_trouble()
            kills = self._chance.randrange(MAX_KILLS + 1)
            while not self._attempt(kills, expected):
                kills -= 1
            self.counts['rounds'] += 1
            self.counts['rows'] += self._dataset.rows
            self.counts['bad rows'] += len(self._bad)
        finally:
            self._server.stop()

    def _run_undisturbed(self):
        self._folder.write('data.csv', self._dataset.data)
        bad = ['--bad_rows=expected_bad.csv'] if self._bad else []
        result = self._start('--out=expected.csv', *bad).wait()
        assert result.code == (3 if self._bad else 0), result
        assert len(self._server.scored) == self._dataset.rows
        if not self._bad:
            return self._folder.read('expected.csv'), None
        found = self._folder.read('expected_bad.csv')
        numbers = [int(row[0]) for row in self._folder.records('expected_bad.csv')[1:]]
        assert numbers == sorted(map(int, self._bad))
        return self._folder.read('expected.csv'), found

    def _make_trouble(self):
        server, chance = self._server, self._chance
        server.delay = 0, chance.choice([0, 0.01, 0.03])
        if chance.random() < 0.2:
            server.fail(faults.status(413), when.more_rows_than(chance.randint(1, 20)))
        if chance.random() < 0.3:
            # Neither may be taken for a bad row.
            server.fail(faults.status(403 if self._bad else 400),
                        when.by_chance(0.03, chance.random()))
        for weight, fault in chance.sample(FAULTS, chance.randrange(6)):
            if fault is not FAILS or not self._bad:
                server.fail(fault, when.by_chance(weight * 0.05, chance.random()))

    def _start(self, out, *more):
        chance, options = self._chance, self.options
        args = ['--host=' + self._server.url] + IDS[options.command] + ['data.csv', out]
        args += options.shaping + list(more)
        args += ['--n_concurrent={0}'.format(chance.randint(1, 6)),
                 '--timeout={0}'.format(chance.choice([1, 5]))]
        args += ['--compress'] if chance.random() < 0.3 else []
        return Command(options.command, args, self._home, self._folder.path, self._home,
                       env=ENVIRONMENT)

    # --- an attempt ---

    def _attempt(self, kills, expected):
        """Runs once, disturbed while `kills` is above 0; True when the output is complete."""
        self._wait_for_server()
        before = collections.Counter(self._server.scored)
        requests = len(self._server.log)
        more = []
        if self._bad:
            # Its name may change from one attempt to the next.
            self._bad_file = self._chance.choice(['bad.csv', 'bad.csv', 'renamed.csv'])
            more = ['--bad_rows=' + self._bad_file, '--yes']
        command = self._start('--out=' + self.options.out, '--resume', *more)
        try:
            kill = self._disturb(command) if kills > 0 else None
        finally:
            result = command.wait()
        self.counts['attempts'] += 1
        self._check_ending(result, kill)
        self._wait_for_server()
        for record in self._server.log[requests:]:
            if record.fault:
                self.counts['fault ' + record.fault] += 1
        scored = self._server.scored
        again = [n for n in range(self._committed)
                 if scored['{0}'.format(n)] != before['{0}'.format(n)]]
        assert not again, 'committed rows were scored again: {0}'.format(again[:10])
        return self._look_at_output(result, expected)

    def _wait_for_server(self):
        self._server.wait_for(lambda: not self._server.in_flight)

    def _check_ending(self, result, kill):
        assert result.code in ENDINGS, result
        assert kill or result.code in (1, 3 if self._bad else 0), result
        assert not result.stray, result
        # A signal may come while Python itself is still starting.
        assert 'Traceback' not in result.err or kill, result

    def _look_at_output(self, result, expected):
        out = self.options.out
        whole = self._folder.has(out) and not self._folder.has(out + '.shelve')
        if result.code in (0, 3) or whole:
            assert whole and self._folder.read(out) == expected, 'the output differs'
            assert (not self._bad or self._folder.read(self._bad_file) == self._expected_bad
                    ), 'the bad rows differ'
            return True
        rows = self._read_committed(expected)
        assert rows >= self._committed, 'committed rows are lost'
        self.counts['resumes in the middle'] += 0 < rows
        self._committed = rows
        if rows and self._chance.random() < 0.3:
            with io.open(self._folder(out), 'ab') as output:
                output.write(expected[:self._chance.randrange(100)])
            if self._bad:
                with io.open(self._folder(self._bad_file), 'ab') as output:
                    output.write(b'1,2,3')
        return False

    def _read_committed(self, expected):
        """The rows in the checkpoint; their output must be there."""
        path = self._folder(self.options.out)
        if not os.path.exists(path + '.shelve'):
            return 0
        descriptor = os.open(path + '.shelve', os.O_RDONLY)
        try:
            found, difference = checkpoint.load(descriptor, path)
        finally:
            os.close(descriptor)
        assert difference is None, difference
        return found['rows'] if found else 0

    # --- kills ---

    def _disturb(self, command):
        """Waits a while and kills something; returns what, or None if it came too late."""
        kind = self._chance.choice(KILLS)
        if self._chance.random() < 0.2:
            self._sleep(command, self._chance.uniform(0, 0.3))
        else:
            left = self._dataset.rows - self._committed
            requests = len(self._server.log) + self._chance.randint(
                0, left // self.options.n_samples)
            while command.running() and len(self._server.log) < requests:
                self._sleep(command, 0.005)
            self._sleep(command, self._chance.choice([0, 0.002, 0.01, 0.05]))
        if not command.running():
            return None
        try:
            self._kill(command, kind)
        except EnvironmentError as error:
            if error.errno != errno.ESRCH:
                raise
            return None
        self.counts['kill ' + kind] += 1
        return kind

    def _sleep(self, command, seconds):
        if command.running():
            time.sleep(seconds)

    def _kill(self, command, kind):
        if kind == 'group':
            command.send_to_all(signal.SIGKILL)
        elif kind == 'main':
            command.send(signal.SIGKILL)
        elif kind == 'SIGTERM':
            command.send_to_all(signal.SIGTERM)
        elif kind.startswith('SIGINT'):
            command.send_to_all(signal.SIGINT)
            if kind == 'SIGINT twice':
                time.sleep(self._chance.uniform(0, 0.1))
                if command.running():
                    command.send_to_all(signal.SIGINT)
        else:
            self._kill_child(command, kind)

    def _kill_child(self, command, kind):
        for pid in command.living('network' if kind == 'worker' else kind)[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # it has just ended


# --- the script --------------------------------------------------------------------

def main(argv=None):
    """Runs rounds until the first that fails; returns the exit code."""
    given = parse(argv)
    counts, began = collections.Counter(), monotonic()
    numbers = [given.only] if given.only else range(1, given.rounds + 1)
    for number in numbers:
        if given.seconds and monotonic() - began > given.seconds:
            break
        folder = tempfile.mkdtemp(prefix='chaos')
        each = Round('{0}-{1}'.format(given.seed, number), folder, counts)
        try:
            each.run()
        except AssertionError as error:
            print(each.options)
            print('Round {0} failed: {1}'.format(number, error))
            print('Its files are in {0}. To repeat it: python {1} --seed {2} --only {3}'.format(
                folder, os.path.relpath(__file__), given.seed, number))
            return 1
        shutil.rmtree(folder)
    show(counts, monotonic() - began, given.seed)
    return 0


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=1000000)
    parser.add_argument('--seconds', type=float, help='begin no round after that time')
    parser.add_argument('--only', type=int, metavar='ROUND', help='just this round')
    given = parser.parse_args(argv)
    if not given.seconds and given.rounds == 1000000 and not given.only:
        given.rounds = 10
    return given


def show(counts, seconds, seed):
    print('seed {0}: {1} rounds in {2:.0f} s, {3} attempts, {4} resumes in the middle, {5} rows, {6} of them bad; '
          'none lost, doubled, moved, altered or scored again'.format(
              seed, counts['rounds'], seconds, counts['attempts'],
              counts['resumes in the middle'], counts['rows'], counts['bad rows']))
    for what in ('kill', 'fault'):
        struck = sorted((name[len(what) + 1:], counts[name]) for name in counts
                        if name.startswith(what + ' '))
        print('{0} {1}s: {2}'.format(sum(count for _, count in struck), what, ', '.join(
            '{0} {1}'.format(count, name) for name, count in struck) or 'none'))


if __name__ == '__main__':
    sys.exit(main())
