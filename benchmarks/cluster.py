"""Times runs on a Dask cluster of this machine beside the single command, and what its workers hold.

    python cluster.py --program FOLDER --single OTHER --rounds 3

See README.rst beside this file.
"""

import argparse
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import compare
import generate
import measure

MILLION = 1000000
START_SECONDS = 30.0
BATCHES = ['--n_samples=2000']

# One line of the table: `workers` is 0 for the single command, `delay` ms a request.
Work = collections.namedtuple('Work', 'name data rows workers delay options')

WORKS = [
    Work('delayed', 'plain', MILLION, 0, 200, BATCHES + ['--n_concurrent=8']),
    Work('delayed', 'plain', MILLION, 1, 200, BATCHES + ['--n_concurrent=8']),
    Work('delayed', 'plain', MILLION, 2, 200, BATCHES + ['--n_concurrent=16']),
    Work('plain', 'plain', 4 * MILLION, 0, 0, []),
    Work('plain', 'plain', 4 * MILLION, 2, 0, []),
    Work('quoted', 'quoted', 4 * MILLION, 0, 0, []),
    Work('quoted', 'quoted', 4 * MILLION, 2, 0, []),
] + [Work('memory', 'plain', MILLION, 2, 0, [])] * 10 + [Work('memory', 'plain', 8 * MILLION, 2, 0, [])]


class Cluster(object):
    """A scheduler and workers of one thread each, in processes of their own."""

    def __init__(self, folder, workers, cache):
        self._dask = os.path.join(folder, 'dask')
        self._place = tempfile.mkdtemp(dir=cache)
        self._file = os.path.join(self._place, 'scheduler.json')
        self._processes = [self._start('scheduler', '--port=0')]
        self.address = self._address()
        self._processes += [self._start('worker', '--no-nanny', '--nthreads=1') for _ in range(workers)]

    def _start(self, what, *words):
        command = [self._dask, what, '--host=127.0.0.1', '--no-dashboard', '--scheduler-file=' + self._file]
        with open(os.path.join(self._place, 'printed.txt'), 'ab') as printed:
            return subprocess.Popen(command + list(words), stdin=subprocess.DEVNULL, stdout=printed, stderr=printed,
                                    cwd=self._place, env=compare.environment(self._place))

    def _address(self):
        end = time.time() + START_SECONDS
        while time.time() < end:
            try:
                with open(self._file) as stream:
                    return json.load(stream)['address']
            except (OSError, ValueError):
                time.sleep(0.05)
        sys.exit('The scheduler has not started within %d s.' % START_SECONDS)

    def peaks(self):
        """The most memory that each worker has held so far, in MiB."""
        found = []
        for process in self._processes[1:]:
            with open('/proc/%d/status' % process.pid) as stream:
                found += [int(line.split()[1]) // 1024 for line in stream if line.startswith('VmHWM:')]
        return found

    def stop(self):
        """Ends all of them; what they held is in no output."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        shutil.rmtree(self._place, ignore_errors=True)


def run(work, cluster, options):
    """One run; returns seconds and what went wrong."""
    data = generate.data_set(options.cache, work.data, work.rows)
    place = tempfile.mkdtemp(dir=options.cache)
    server = compare.Server(options.server, work.delay)
    extra = work.options + (['--scheduler=' + cluster.address] if cluster else [])
    try:
        command = compare.scoring_command(options.program if cluster else options.single, server.port, data, extra)
        measured = measure.run(command, place, compare.environment(place), options.limit, False)
        _, served, _ = server.stop()
        remarks = [measured.failure, compare.check_output(os.path.join(place, 'out.csv'), work.rows, False)]
        if served != work.rows:
            remarks.append('%d rows reached the server' % served)
        return measured.wall, ', '.join(filter(None, remarks))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def compare_works(works, options):
    """Runs the lines of one name in turn, and prints the median of each and its ratio to the first."""
    clusters = [Cluster(options.program, work.workers, options.cache) if work.workers else None for work in works]
    walls = [[] for _ in works]
    try:
        for _ in range(options.rounds):
            for work, cluster, seconds in zip(works, clusters, walls):
                wall, wrong = run(work, cluster, options)
                seconds.append(wall)
                if wrong:
                    print('  ' + wrong)
    finally:
        for cluster in filter(None, clusters):
            cluster.stop()
    medians = [statistics.median(seconds) for seconds in walls]
    for work, median, seconds in zip(works, medians, walls):
        print('%-8s %d workers %8.2f s %6.2f  (%s)' % (work.name, work.workers, median, median / medians[0],
                                                       ' '.join('%.2f' % each for each in seconds)))
        sys.stdout.flush()


def watch_memory(works, options):
    """Runs all of them on one cluster, and prints what its workers have held after each."""
    cluster = Cluster(options.program, works[0].workers, options.cache)
    try:
        for work in works:
            wall, wrong = run(work, cluster, options)
            print('%-8s %d rows %8.2f s; MiB: %s  %s' % (work.name, work.rows, wall,
                                                         ' '.join(map(str, cluster.peaks())), wrong))
            sys.stdout.flush()
    finally:
        cluster.stop()


def parse(arguments):
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = os.path.dirname(sys.executable)
    parser.add_argument('--program', default=here, type=os.path.abspath,
                        help="folder with this program's commands and dask (that of the running Python)")
    parser.add_argument('--single', default=here, type=os.path.abspath,
                        help='folder with the commands that run without a cluster')
    parser.add_argument('--only', action='append', choices=sorted(set(work.name for work in WORKS)))
    parser.add_argument('--rounds', type=int, default=1, help='runs of each line, in turn')
    compare.add_run_options(parser, 600)
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs what was asked for and prints the table."""
    options = parse(arguments)
    os.makedirs(options.cache, exist_ok=True)
    options.server = compare.server_binary(options.cache)
    for name in sorted(set(work.name for work in WORKS), key=[work.name for work in WORKS].index):
        if not options.only or name in options.only:
            works = [work for work in WORKS if work.name == name]
            (watch_memory if name == 'memory' else compare_works)(works, options)


if __name__ == '__main__':
    main()
