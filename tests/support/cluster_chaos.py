"""Rounds of kills in a Dask cluster; the output must be as if nothing had happened.

    python tests/support/cluster_chaos.py --rounds 50 --rows 400000 --seed 7
    python tests/support/cluster_chaos.py --rounds 50 --rows 400000 --seed 7 --s3
    python tests/support/cluster_chaos.py --seed 7 --only 31

Each round starts a scheduler and two workers with their nannies, and scores a dataset there.
At a random moment one of worker, nanny, scheduler and client is killed with SIGKILL. If that
has ended the run, it is run again with --resume, where the scheduler is gone on a new cluster.
Then the output must be that of one machine, nothing may be left beside it, and the token must
stand in no file and in nothing that was written or that Dask shows. With --s3, dataset and
output are in an S3 server.

How many rows came to the server twice, and how many requests were in flight at once, is said
for each round. A request counts no more once the process that sent it is gone.
"""

from __future__ import absolute_import, division, print_function, unicode_literals

import argparse
import collections
import io
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
import uuid
import zlib

from places import ROOT

sys.path.insert(1, ROOT)

from command import Command  # noqa: E402
from dask_cluster import S3, DaskCluster, worker_of  # noqa: E402
from datarobot_batch_scoring.compat import monotonic  # noqa: E402
from datarobot_batch_scoring.demo import app  # noqa: E402
from scoring import MODEL, PROJECT, Folder  # noqa: E402
from server import Server  # noqa: E402

VICTIMS = ('worker', 'nanny', 'scheduler', 'client')
# The most rows that may come to the server twice, in percent.
MAX_TWICE = 10
# Seconds that a run may take, and may go on without a scheduler.
TO_END, TO_GIVE_UP = 900, 60
ESTABLISHED = 1
KEPT = '--keep_cols=text'


def plain(rows):
    """A dataset (bytes) of some 60 bytes a row."""
    return b'x,city,text\n' + b''.join(
        '{0},town {1},{2}\n'.format(n, n % 977, 'abcde ' * 7).encode('ascii') for n in range(rows))


def quoted(rows):
    """The same with quoted line breaks."""
    return b'x,city,text\n' + b''.join(
        '{0},"town, {1}","{2}\n""{1}"""\n'.format(n, n % 977, 'abcde ' * 6).encode('ascii')
        if n % 3 else '{0},town,\xe9\n'.format(n).encode('utf-8') for n in range(rows))


DATASETS = [plain, quoted]


class _Connection(object):
    """A socket that says when it is about to send."""

    def __init__(self, connection, sending):
        self._connection = connection
        self._sending = sending

    def sendall(self, data):
        # Whoever has the answer may send the next request before a thread here goes on.
        self._sending()
        self._connection.sendall(data)

    def __getattr__(self, name):
        return getattr(self._connection, name)


class Watched(Server):
    """A server that knows `most`: how many requests were in flight whose sender was still there."""

    def __init__(self, **options):
        self._connections = {}
        self._busy = set()
        self.most = 0
        Server.__init__(self, **options)
        self.on_finished = lambda record: self._busy.discard(record.connection)

    def _serve(self, connection, number):
        self._connections[number] = connection
        try:
            Server._serve(self, _Connection(
                connection, lambda: self._busy.discard(number)), number)
        finally:
            self._open.discard(connection)
            del self._connections[number]

    def _read_head(self, reader, connection):
        record = Server._read_head(self, reader, connection)
        if record is not None:
            with self.changed:
                self._busy.add(connection)
                if len(self._busy) > self.most:
                    self.most = max(self.most, sum(map(self._is_there, self._busy)))
        return record

    def _is_there(self, number):
        try:
            # Its first byte is the state: a process that ends closes its connections.
            state = self._connections[number].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
            return ord(state) == ESTABLISHED
        except (KeyError, OSError):
            return False


class Round(object):
    """One round, in a folder of its own; everything random in it follows from its name."""

    def __init__(self, name, victim, given, folder, inputs):
        self.name = name
        self._victim = victim
        self._given = given
        self._chance = random.Random(zlib.crc32(name.encode('ascii')))
        self._inputs = inputs
        self._kind = self._chance.choice(DATASETS).__name__
        self._folder = Folder(folder)
        self._token = 'canary-' + uuid.uuid4().hex
        self._limit = self._chance.randint(2, 8)
        # In the middle of scoring, mostly; else so many seconds after the start.
        self._moment = self._chance.uniform(0, given.rows)
        self._seconds = self._chance.uniform(0, 4) if self._chance.random() < 0.15 else None
        self._server = Watched(
            shuffle=True, keep_bodies=False, delay=given.delay,
            account=app.Account(user=None, password=None, api_token=self._token, key=None))
        self._clusters = []
        self._said = []

    def run(self):
        """Gives what happened, as text; raises AssertionError if it may not."""
        self._inputs.prepare(self._folder, self._kind)
        try:
            began = monotonic()
            self._add_cluster()
            result = self._disturb()
            while result.code != 0:
                if self._victim == 'scheduler':
                    self._add_cluster()
                result = self._start('--resume').wait(TO_END)
                self._look_for_token(result)
                assert result.code == 0, result
            self._check_output()
            return self._summary(monotonic() - began)
        finally:
            for each in self._clusters:
                each.stop()
            self._server.stop()

    def _add_cluster(self):
        self._clusters.append(DaskCluster(folder=tempfile.mkdtemp(dir=self._folder.path)))

    @property
    def _cluster(self):
        return self._clusters[-1]

    def _start(self, *more):
        return Command('batch_scoring', [
            '--host=' + self._server.url, '--scheduler=' + self._cluster.address, '--verbose',
            '--api_token=' + self._token, '--n_concurrent={0}'.format(self._limit), KEPT,
            PROJECT, MODEL] + self._inputs.names(self._folder, self._kind) + list(more),
            self._folder.path, self._folder.path, self._folder.path,
            env={'TMPDIR': self._folder.path})

    def _disturb(self):
        """Starts, kills and waits for the end: a `command.Result`."""
        command = self._start('--no-resume')
        try:
            self._wait(command)
            self._late = not command.running()
            self._at = len(self._server.answered)
            self._kill(command)
            self._look_for_token()
            result = command.wait(TO_GIVE_UP if self._victim == 'scheduler' else TO_END)
        finally:
            command.end()
        self._look_for_token(result)
        # Before it is connected, it says that it needs a scheduler.
        without = (0, 1) if self._seconds is None else (0, 1, 2)
        may = {'scheduler': without, 'client': (0, -signal.SIGKILL)}.get(self._victim, (0,))
        assert result.code in may, result
        assert 'Traceback' not in result.err and not result.stray, result
        self._said.append('ended with {0}'.format(result.code))
        return result

    def _wait(self, command):
        if self._seconds is not None:
            time.sleep(self._seconds)
            return
        while command.running() and len(self._server.answered) < self._moment:
            time.sleep(0.005)
        time.sleep(self._chance.choice([0, 0.01, 0.1, 0.3]))

    def _kill(self, command):
        if self._victim == 'client':
            command.send_to_all(signal.SIGKILL)
        elif self._victim == 'scheduler':
            os.killpg(self._cluster.scheduler.pid, signal.SIGKILL)
            self._cluster.scheduler.wait()
        else:
            nanny = self._chance.choice(self._cluster.workers)
            pid = nanny.pid if self._victim == 'nanny' else worker_of(nanny).pid
            os.kill(pid, signal.SIGKILL)

    # --- what must be ---

    def _look_for_token(self, result=None):
        """Raises if the token stands anywhere but in the command line that was typed."""
        wanted = self._token.encode('ascii')
        for root, _, names in os.walk(self._folder.path):
            for name in names:
                try:
                    with io.open(os.path.join(root, name), 'rb') as source:
                        assert wanted not in source.read(), 'the token is in {0}'.format(name)
                except EnvironmentError:
                    pass  # it is gone by now
        assert result is None or self._token not in result.out + result.err, result
        if self._cluster.scheduler.poll() is None:
            assert self._token not in self._cluster.everything_a_client_sees()
        self._inputs.look_for(wanted)

    def _check_output(self):
        assert self._inputs.output(self._folder) == self._inputs.expected[self._kind], (
            'the output differs')
        left = self._inputs.left(self._folder)
        assert not left, 'left over: {0}'.format(left)
        assert self._server.most <= self._limit, '{0} requests in flight instead of {1}'.format(
            self._server.most, self._limit)
        assert self._twice() <= self._given.most_twice, '{0:.1f} % of the rows came twice'.format(
            self._twice())

    def _twice(self):
        rows = sum(times - 1 for times in self._server.scored.values())
        return 100 * rows / self._given.rows

    def _summary(self, seconds):
        return ('{0}: {1}{2} killed at row {3} of {4} ({5}), {6}; {7:.1f} % twice, {8} of {9} in '
                'flight, {10:.0f} s'.format(
                    self.name, self._victim, ' (too late)' * self._late, self._at,
                    self._given.rows, self._kind, ', '.join(self._said), self._twice(),
                    self._server.most, self._limit, seconds))

    def figures(self):
        """(percent of the rows that came twice, requests in flight above the limit)."""
        return self._twice(), max(self._server.most - self._limit, 0)


# --- where dataset and output are ---------------------------------------------------

class Files(object):
    """In a folder."""

    def __init__(self, folder, rows):
        self._made = {each.__name__: each(rows) for each in DATASETS}
        self.expected = {each: self._expected(folder, each) for each in self._made}

    def _expected(self, folder, kind):
        """What one machine writes."""
        path = os.path.join(folder, kind)
        os.mkdir(path)
        single = Folder(path)
        single.write('data.csv', self._made[kind])
        server = Server(keep_bodies=False)
        try:
            result = Command('batch_scoring', [
                '--host=' + server.url, '--api_token=test-token', KEPT, PROJECT, MODEL, 'data.csv',
                '--out=scored.csv'], path, path, path).wait(TO_END)
        finally:
            server.stop()
        assert result.code == 0, result
        found = single.read('scored.csv')
        shutil.rmtree(path)
        return found

    def prepare(self, folder, kind):
        folder.write('data.csv', self._made[kind])

    def names(self, folder, kind):
        return ['data.csv', '--out=scored.csv']

    def output(self, folder):
        return folder.read('scored.csv')

    def left(self, folder):
        return [each for each in os.listdir(folder.path) if each.startswith('scored.csv.')]

    def look_for(self, wanted):
        """The files of the round are searched anyway."""

    def stop(self):
        pass


class Objects(Files):
    """In a bucket."""

    def __init__(self, folder, rows):
        Files.__init__(self, folder, rows)
        self._s3 = S3()
        for kind, data in self._made.items():
            self._s3.files.pipe_file('{0}{1}.csv'.format(self._s3.bucket, kind), data)

    def prepare(self, folder, kind):
        folder.write('storage.json', json.dumps(self._s3.options).encode('ascii'))

    def names(self, folder, kind):
        return ['--storage_options=storage.json', '{0}{1}.csv'.format(self._s3.bucket, kind),
                '--out={0}scored.csv'.format(self._s3.bucket), '--yes']

    def output(self, folder):
        return self._s3.files.cat_file(self._s3.bucket + 'scored.csv')

    def left(self, folder):
        return [each for each in self._s3.names() if '.run/' in each] + self._s3.uploads()

    def look_for(self, wanted):
        for name in self._s3.names():
            try:
                assert wanted not in self._s3.files.cat_file(name), 'the token is in ' + name
            except FileNotFoundError:
                pass  # it is gone by now

    def stop(self):
        self._s3.stop()


# --- the script --------------------------------------------------------------------

def main(argv=None):
    """Runs rounds until the first that fails; returns the exit code."""
    given = parse(argv)
    base = tempfile.mkdtemp(prefix='chaos')
    inputs = (Objects if given.s3 else Files)(base, given.rows)
    kills, twice, above = collections.Counter(), [], []
    try:
        for number in [given.only] if given.only else range(1, given.rounds + 1):
            folder = tempfile.mkdtemp(dir=base)
            victim = _victim(given.seed, number)
            each = Round('{0}-{1}'.format(given.seed, number), victim, given, folder, inputs)
            try:
                print(each.run())
            except AssertionError as error:
                print('Round {0} ({1} killed) failed: {2}'.format(number, victim, error))
                print('Its files are in {0}. To repeat it, add: --only {1}'.format(folder, number))
                return 1
            sys.stdout.flush()
            shutil.rmtree(folder)
            kills[victim] += 1
            twice.append(each.figures()[0])
            above.append(each.figures()[1])
    finally:
        inputs.stop()
    shutil.rmtree(base)
    print('seed {0}: {1} rounds of {2} rows ({3}); the same bytes each time; at most {4:.1f} % of the '
          'rows twice, {5:.1f} % on average; never above --n_concurrent; no token anywhere'.format(
              given.seed, len(twice), given.rows, ', '.join('{0} {1}'.format(
                  count, victim) for victim, count in sorted(kills.items())),
              max(twice), sum(twice) / len(twice)))
    return 0


def _victim(seed, number):
    """Who is killed in a round: each of them once in as many rounds."""
    block, place = divmod(number - 1, len(VICTIMS))
    order = list(VICTIMS)
    random.Random('{0} {1}'.format(seed, block)).shuffle(order)
    return order[place]


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=4)
    parser.add_argument('--rows', type=int, default=400000)
    parser.add_argument('--delay', type=float, default=0.02, help='seconds that an answer takes')
    parser.add_argument('--only', type=int, metavar='ROUND', help='just this round')
    parser.add_argument('--s3', action='store_true', help='with an S3 server')
    parser.add_argument('--most_twice', type=float, default=MAX_TWICE, metavar='PERCENT',
                        help='of the rows may come to the server twice')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
