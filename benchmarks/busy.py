"""Shows how busy the programs keep servers of several capacities.

    python busy.py --program FOLDER --program OTHER --rounds 3

See README.rst beside this file.
"""

import argparse
import collections
import os
import shutil
import subprocess
import sys
import tempfile

import capacity
import compare
import generate
import measure

HERE = os.path.dirname(os.path.abspath(__file__))

# One server and its input: `capacity` is a `capacity.Capacity`, `options` are those of the command.
Work = collections.namedtuple('Work', 'name rows capacity options')


def work(name, rows, row, cores, options=(), **more):
    """A `Work`; with as many requests in flight as the server has cores, unless the options say another number."""
    options = list(options)
    if not any(option.startswith('--n_concurrent') for option in options):
        options.append('--n_concurrent=%d' % cores)
    return Work(name, rows, capacity.DEFAULTS._replace(row=row, cores=cores, **more), options)


AUTO = ['--n_concurrent=auto']
WORKS = [
    work('small', 2000, 0.01, 4),
    work('explanations', 400, 0.1, 4, ['--timeout=10']),
    work('cores', 20000, 0.005, 8),
    work('requests', 40000, 0.0005, 4, request=0.2),
    work('queue', 40000, 0.001, 4, ['--n_concurrent=16'], queue=4),
    work('seconds', 80, 1.5, 8),
    work('quick', 1000000, 0.00002, 2),
    work('slower', 4000, 0.002, 4, slow_after=2000),
    work('core', 4000, 0.01, 4, slow_core=5.0),
    work('auto1', 3000, 0.01, 1, AUTO),
    work('auto2', 6000, 0.01, 2, AUTO),
    work('auto8', 24000, 0.01, 8, AUTO),
    work('auto32', 96000, 0.01, 32, AUTO),
    work('refuses', 24000, 0.01, 8, AUTO, queue=8),
]


def ideal(each):
    """Seconds that the rows take when no core is ever idle; the cost of requests is not counted."""
    seconds = each.rows * each.capacity.row
    if each.capacity.slow_after is not None:
        seconds += (each.rows - each.capacity.slow_after) * each.capacity.row * (each.capacity.slow_times - 1)
    return seconds / (each.capacity.cores - 1 + 1 / each.capacity.slow_core)


def title(each):
    """The server and its input in words."""
    server = each.capacity
    words = ['%d rows' % each.rows, '%g ms a row' % (1000 * server.row), '%g a request' % (1000 * server.request),
             '%d cores' % server.cores]
    if server.queue is not None:
        words.append('503 when %d wait' % server.queue)
    if server.slow_after is not None:
        words.append('%g times slower after %d rows' % (server.slow_times, server.slow_after))
    if server.slow_core != 1:
        words.append('one of them %g times slower' % server.slow_core)
    return '%s: %s, %s' % (each.name, ', '.join(words), ' '.join(each.options))


def start_server(server):
    """The process of a server with a `Capacity`, and its port."""
    command = [sys.executable, os.path.join(HERE, 'capacity.py')]
    for name, value in server._asdict().items():
        if value is not None:
            command += ['--' + name.replace('_', '-'), repr(value)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, int(process.stdout.readline())


def run(folder, each, options):
    """One run; returns seconds, requests, rows computed in vain, requests refused and what went wrong."""
    data = generate.data_set(options.cache, 'plain', each.rows)
    place = tempfile.mkdtemp(dir=options.cache)
    server, port = start_server(each.capacity)
    try:
        measured = measure.run(compare.scoring_command(folder, port, data, each.options), place,
                               compare.environment(place), options.limit, False)
        requests, rows, refused = map(int, server.communicate()[0].split())
        output = os.path.join(place, 'out.csv')
        wrong = compare.check_output(output, each.rows, False) if os.path.exists(output) else 'no output'
        return measured.wall, requests, rows - each.rows, refused, ', '.join(filter(None, [measured.failure, wrong]))
    finally:
        server.kill()
        shutil.rmtree(place, ignore_errors=True)


def print_work(each, options):
    """Runs all programs in turn and prints a line for each: the run of the median wall."""
    print('%s; ideal %.1f s' % (title(each), ideal(each)))
    runs = collections.OrderedDict((folder, []) for folder in options.program)
    for _ in range(options.rounds):
        for folder in options.program:
            runs[folder].append(run(folder, each, options))
    for folder, all_runs in runs.items():
        wall, requests, vain, refused, wrong = sorted(all_runs)[(len(all_runs) - 1) // 2]
        walls = ' '.join('%.1f' % found[0] for found in all_runs)
        print('  %8.2f %10.2f %8d %7d %7d  %s (%s) %s' % (
            wall, ideal(each) / wall, requests, vain, refused, folder, walls, wrong))
    sys.stdout.flush()


def parse(arguments):
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--program', action='append', type=os.path.abspath,
                        help="folder with a program's commands (that of the running Python); can be given again")
    parser.add_argument('--only', action='append', choices=[each.name for each in WORKS],
                        help='one server; can be given again')
    parser.add_argument('--rounds', type=int, default=1, help='runs of each program, in turn')
    compare.add_run_options(parser, 300)
    options = parser.parse_args(arguments)
    options.program = options.program or [os.path.dirname(sys.executable)]
    return options


def main(arguments=None):
    """Runs what was asked for and prints the table."""
    options = parse(arguments)
    os.makedirs(options.cache, exist_ok=True)
    print('  %8s %10s %8s %7s %7s' % ('wall', 'efficiency', 'requests', 'vain', 'refused'))
    for each in WORKS:
        if not options.only or each.name in options.only:
            print_work(each, options)


if __name__ == '__main__':
    main()
