"""Runs this program and its predecessor in turn on the same data and prints what each of them takes.

    python compare.py --predecessor-python python3.9
    python compare.py --predecessor FOLDER --only defaults --rounds 3

See README.rst beside this file.
"""

import argparse
import collections
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import generate
import measure

HERE = os.path.dirname(os.path.abspath(__file__))
MILLION = 1000000
PREDECESSOR = ['datarobot_batch_scoring==1.16.5', 'chardet<4']
IDS = ['5545eb20b4912911244d4835', '5545eb71b4912911244d4847']
CREDENTIALS = ['--user=benchmark', '--api_token=t']
KEPT = ['--keep_cols=id,city,score']

# One block of the table. `rows` is scaled by --rows where `scaled`; `kept_id`: the id column stands after the
# row id; `theirs`: the predecessor's options, None where it is not asked; `delay` in ms a request.
Work = collections.namedtuple('Work', 'name title data rows scaled ours theirs kept_id delay aim')

WORKS = [
    Work('defaults', 'defaults', 'plain', MILLION, True, [], [], False, 0, 'wall ratio at least 12, the aim is 20'),
    Work('fast', "against the predecessor's --fast", 'plain', MILLION, True, [], ['--fast'], False, 0,
         'wall ratio at least 8'),
    Work('quoted', 'quoted line breaks', 'quoted', MILLION, True, [], [], False, 0, 'wall ratio at least 10'),
    Work('keep_cols', 'three kept columns', 'plain', MILLION, True, KEPT, KEPT, True, 0, 'wall ratio at least 8'),
    Work('gzip', 'gzip input', 'gzip', MILLION, True, [], [], False, 0, 'wall ratio at least 8'),
    Work('latin1', 'Latin-1 with semicolons', 'latin1', 300000, True, [], [], False, 0, 'wall ratio at least 4'),
    Work('tiny', '10 rows', 'plain', 10, False, [], [], False, 0, 'wall ratio at least 10'),
    Work('batches', '5,000 batches of 10 rows', 'plain', 50000, True, ['--n_samples=10'], None, False, 0, ''),
    Work('batches', '20,000 batches of 10 rows', 'plain', 200000, True, ['--n_samples=10'], None, False, 0,
         'at most 4.4 times the wall of 5,000, under 1.5 ms a batch'),
    Work('busy', '320 requests of 200 ms, 16 at once', 'plain', 3200, False,
         ['--n_samples=10', '--n_concurrent=16'], ['--n_samples=10', '--n_concurrent=16'], False, 200,
         'at most 4.5 s; 4.0 s is the ideal'),
    Work('memory', 'peak memory, 1,000,000 rows', 'plain', MILLION, True, [], None, False, 0, 'under 300 MiB'),
    Work('memory', 'peak memory, 4,000,000 rows', 'plain', 4 * MILLION, True, [], None, False, 0,
         'under 300 MiB, within 15 % of 1,000,000 rows'),
]

# All of one program on one work: medians of seconds, peak memory in MiB; `remark` names what went wrong.
Result = collections.namedtuple('Result', 'wall cpu server_cpu memory remark')


class Server(object):
    """The stand-in server as a process of its own; `port` while it runs, `served` when it has ended."""

    def __init__(self, binary, delay):
        command = [binary] + (['--delay', str(delay)] if delay else [])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        """Ends it; returns requests, rows and CPU seconds."""
        said, _ = self.process.communicate()
        requests, rows, _, cpu = said.split()
        return int(requests), int(rows), float(cpu)


def server_binary(cache):
    """The path of the compiled server; compiled if the source is new."""
    source = os.path.join(HERE, 'server.c')
    with open(source, 'rb') as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()[:16]
    binary = os.path.join(cache, 'server_' + digest)
    if not os.path.exists(binary):
        compiler = os.environ.get('CC', 'cc')
        try:
            subprocess.check_call([compiler, '-O2', '-pthread', '-o', binary + '.part', source])
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit('The stand-in server cannot be compiled (a C compiler named in CC, or cc, is needed): %s' % error)
        os.rename(binary + '.part', binary)
    return binary


def predecessor_folder(options):
    """The folder with the predecessor's commands, or None; says why in words."""
    if options.predecessor:
        return options.predecessor
    if not options.predecessor_python:
        print('No predecessor: name a Python 3.9 with --predecessor-python, or its commands with --predecessor.\n')
        return None
    home = os.path.join(options.cache, 'predecessor')
    folder = os.path.join(home, 'bin')
    if os.path.exists(os.path.join(folder, 'batch_scoring')):
        return folder
    try:
        subprocess.check_call([options.predecessor_python, '-m', 'venv', home])
        subprocess.check_call([os.path.join(folder, 'python'), '-m', 'pip', 'install', '--quiet',
                               '--disable-pip-version-check'] + PREDECESSOR)
    except (OSError, subprocess.CalledProcessError) as error:
        print('No predecessor: it cannot be installed with %s: %s\n' % (options.predecessor_python, error))
        return None
    return folder


def python_version(folder):
    """The version of the interpreter beside a command, as it names itself."""
    try:
        said = subprocess.check_output([os.path.join(folder, 'python'), '--version'], stderr=subprocess.STDOUT)
    except (OSError, subprocess.CalledProcessError):
        return 'an unknown Python'
    return said.decode('ascii', 'replace').strip()


def environment(folder):
    """This environment without what could reach the programs: proxies, credentials, an ini file at home."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith('_proxy') and not name.startswith(('DATAROBOT_', 'PYTHON'))}
    kept['HOME'] = folder
    return kept


def check_output(path, rows, kept_id):
    """What is wrong with an output, in words; empty when it has every row once, in order, with all its fields."""
    found = misplaced = short = 0
    with open(path, 'rb') as stream:
        header = stream.readline()
        delimiter = b';' if b';' in header else b','
        delimiters = header.count(delimiter)
        pattern = (b'%d' + delimiter) * (2 if kept_id else 1)
        for found, line in enumerate(stream, 1):
            row = found - 1
            if not line.startswith(pattern % ((row, row) if kept_id else row)):
                misplaced += 1
            if line.count(delimiter) != delimiters:
                short += 1
    wrong = []
    if found != rows:
        wrong.append('%d rows of %d' % (found, rows))
    if misplaced:
        wrong.append('%d rows not in their place' % misplaced)
    if short or not delimiters:
        wrong.append('%d rows of another width' % short)
    return ', '.join(wrong)


def scoring_command(folder, port, data, extra):
    """The command line of either program."""
    return ([os.path.join(folder, 'batch_scoring'), '--host=http://127.0.0.1:%d' % port] + CREDENTIALS +
            ['--out=out.csv', '--yes'] + extra + IDS + [data])


def run_scoring(folder, extra, work, rows, data, sample, options):
    """One run of a program in a folder of its own; returns what was measured, the server's CPU and a remark."""
    command = os.path.join(folder, 'batch_scoring')
    if not os.path.exists(command):
        return None, None, 'there is no ' + command
    place = tempfile.mkdtemp(dir=options.cache)
    server = Server(options.server, work.delay)
    try:
        measured = measure.run(scoring_command(folder, server.port, data, extra), place, environment(place),
                               options.limit, sample)
        requests, served, cpu = server.stop()
        remarks = [measured.failure]
        output = os.path.join(place, 'out.csv')
        remarks.append(check_output(output, rows, work.kept_id) if os.path.exists(output) else 'no output')
        if served not in (rows, rows + 1):  # the predecessor sends one row ahead, as a test
            remarks.append('%d rows reached the server in %d requests' % (served, requests))
        return measured, cpu, ', '.join(filter(None, remarks))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run_floor(work, rows, sample, options):
    """The floor of one work: its unpacked bytes moved over loopback."""
    data = generate.data_set(options.cache, 'plain' if work.data == 'gzip' else work.data, rows)
    server = Server(options.server, 0)
    place = tempfile.mkdtemp(dir=options.cache)
    try:
        command = [sys.executable, '-I', '-S', os.path.join(HERE, 'floor.py'), str(server.port), data]
        measured = measure.run(command, place, environment(place), options.limit, sample)
        return measured, server.stop()[2], measured.failure
    finally:
        shutil.rmtree(place, ignore_errors=True)


def summary(runs):
    """All rounds of one program as one result.

    Memory is sampled in the first round, which slows it: its times count only where there is no other.
    """
    done = [(measured, cpu) for measured, cpu, _ in runs if measured]
    timed = done[1:] or done
    remark = '; '.join(sorted(set(remark for _, _, remark in runs if remark)))
    if not done:
        return Result(None, None, None, None, remark)
    return Result(statistics.median([measured.wall for measured, _ in timed]),
                  statistics.median([measured.cpu for measured, _ in timed]),
                  statistics.median([cpu for _, cpu in timed]),
                  done[0][0].memory, remark)


def warm(path):
    """Reads a file once, so that the first run finds it in memory as the others do."""
    with open(path, 'rb') as stream:
        while stream.read(1 << 20):
            pass


def compare(work, options):
    """Runs both programs in turn, `rounds` times; returns (program, result) pairs."""
    rows = max(1, work.rows * options.rows // MILLION) if work.scaled else work.rows
    data = generate.data_set(options.cache, work.data, rows)
    warm(data)
    rounds = collections.OrderedDict()
    for number in range(options.rounds):
        sample = number == 0
        if options.program:
            rounds.setdefault('this program', []).append(
                run_scoring(options.program, work.ours, work, rows, data, sample, options))
        if options.predecessor and work.theirs is not None:
            rounds.setdefault('predecessor', []).append(
                run_scoring(options.predecessor, work.theirs, work, rows, data, sample, options))
        if work.scaled and '--n_samples=10' not in work.ours:
            rounds.setdefault('floor', []).append(run_floor(work, rows, sample, options))
    return [(program, summary(runs)) for program, runs in rounds.items()]


def figure(value, pattern='%.2f'):
    """A number for the table, `-` where there is none."""
    return '-' if value is None else pattern % value


def print_line(first, result):
    """One line of the table."""
    print('  %-14s %8s %8s %10s %8s  %s' % (first, figure(result.wall), figure(result.cpu), figure(result.server_cpu),
                                            figure(result.memory, '%.1f'), result.remark))


def ratio(one, other):
    """How many times `one` is in `other`; None where either is missing."""
    return other / one if one and other else None


def print_ratio(first, one, other):
    """How many times the figures of `one` those of `other` are."""
    print_line(first, Result(ratio(one.wall, other.wall), ratio(one.cpu, other.cpu), None,
                             ratio(one.memory, other.memory), ''))


def print_work(work, results):
    """The block of one work: a line a program, then the ratios."""
    print('%s%s' % (work.title, ' (%s)' % work.aim if work.aim else ''))
    for program, result in results:
        print_line(program, result)
    results = dict(results)
    ours = results.get('this program')
    if ours and 'predecessor' in results:
        print_ratio('times faster', ours, results['predecessor'])
    if ours and 'floor' in results:
        print_ratio('times the floor', results['floor'], ours)
    print('')
    sys.stdout.flush()


def print_growth(works, all_results):
    """What the second work of a pair takes of the first."""
    for name in ('batches', 'memory'):
        pair = [dict(results).get('this program') for work, results in zip(works, all_results) if work.name == name]
        if len(pair) == 2 and all(pair):
            print_line(name, Result(ratio(pair[0].wall, pair[1].wall), ratio(pair[0].cpu, pair[1].cpu), None, None,
                                    'second against first; memory %s times' %
                                    figure(ratio(pair[0].memory, pair[1].memory))))


def add_run_options(parser, limit):
    """Adds the options that all benchmarks have, with the seconds of --limit."""
    parser.add_argument('--limit', type=int, default=limit, help='seconds after which a run is killed')
    parser.add_argument('--cache', type=os.path.abspath,
                        default=os.path.join(tempfile.gettempdir(), 'batch_scoring_benchmarks'),
                        help='folder for data, the server and the predecessor (%(default)s)')


def parse(arguments):
    """The options, with the folders resolved."""
    names = sorted(set(work.name for work in WORKS))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--program', default=os.path.dirname(sys.executable),
                        type=lambda folder: folder and os.path.abspath(folder),
                        help="folder with this program's commands (that of the running Python); '' leaves it out")
    parser.add_argument('--predecessor', type=os.path.abspath, help="folder with the predecessor's commands")
    parser.add_argument('--predecessor-python', help='a Python 3.9 to install the predecessor with')
    parser.add_argument('--only', action='append', choices=names, help='one work; can be given again')
    parser.add_argument('--rounds', type=int, default=1,
                        help='runs of each program, in turn; of two and more the first is for memory only')
    parser.add_argument('--rows', type=int, default=MILLION, help='rows for 1,000,000; other works in proportion')
    add_run_options(parser, 600)
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs what was asked for and prints the table."""
    options = parse(arguments)
    if not os.path.isdir(options.cache):
        os.makedirs(options.cache)
    options.server = server_binary(options.cache)
    options.predecessor = predecessor_folder(options)
    for name, folder in (('this program', options.program), ('predecessor', options.predecessor)):
        if folder:
            print('%s: %s, %s' % (name, folder, python_version(folder)))
    print('%d cores; %d rounds; seconds (medians); peak PSS of the process tree in MiB, sampled every %d ms\n' % (
        os.cpu_count(), options.rounds, measure.SAMPLE_SECONDS * 1000))
    print('  %-14s %8s %8s %10s %8s' % ('', 'wall', 'CPU', 'server CPU', 'memory'))
    works = [work for work in WORKS if not options.only or work.name in options.only]
    all_results = []
    for work in works:
        all_results.append(compare(work, options))
        print_work(work, all_results[-1])
    print_growth(works, all_results)


if __name__ == '__main__':
    main()
