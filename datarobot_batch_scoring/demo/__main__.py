"""Runs the commands on a demo server, with sample data."""

from __future__ import absolute_import, print_function, unicode_literals

import argparse
import gzip
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from six.moves import shlex_quote

from datarobot_batch_scoring.dataset.csv_bytes import read_records, write_records

from .app import DEMO_ACCOUNT, DEPLOYMENT_IDS, MODEL_IDS, PROJECT_ID
from .model import SAMPLE, TEXT_TARGET
from .server import HOST, DemoServer

PACKAGE = 'datarobot_batch_scoring'
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
ROWS_SHOWN = 6
# Those that say which server, and who asks.
SERVER_OPTIONS = ('--protocol', '--api_version', '--host', '--user', '--api_token')


def main(argv=None):
    """Runs the demo; returns the exit code of the command it ran."""
    options = _parser().parse_args(argv)
    if options.files:
        return _write_files(options.files)
    try:
        server = DemoServer(port=options.port)
    except (socket.error, OverflowError) as error:
        return _refuse('Cannot listen on {0}:{1}: {2}.'.format(
            HOST, options.port, getattr(error, 'strerror', '') or error))
    with server:
        try:
            if options.serve:
                return _serve(server.url)
            return _show(server.url, options.out)
        except KeyboardInterrupt:
            print('\nStopped.')
            return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m {0}.demo'.format(PACKAGE), description=__doc__)
    parser.add_argument(
        '--out', metavar='<directory>', help='keep the output in this directory '
        '(default: a temporary one, removed at the end)')
    parser.add_argument(
        '--files', metavar='<directory>', help='write the files that the documentation names to this directory')
    parser.add_argument(
        '--serve', action='store_true',
        help='keep the server running, and print commands to try')
    parser.add_argument(
        '--port', metavar='<n>', type=int, default=0,
        help='listen on this port (default: any free port)')
    return parser


def _refuse(line):
    print(line, file=sys.stderr)
    return 2


def _write_files(folder):
    files = sorted(files_of_pages().items())
    try:
        for name, content in files:
            path = os.path.join(folder, name)
            if os.path.exists(path) and _read(path) != content:
                return _refuse('{0} exists and is another file: remove or rename it.'.format(path))
        for name, content in files:
            with io.open(os.path.join(folder, name), 'wb') as target:
                target.write(content)
    except EnvironmentError as error:
        return _refuse('Cannot write to {0}: {1}.'.format(folder, error.strerror))
    print('Written to {0}: {1}.'.format(folder, ', '.join(name for name, _ in files)))
    return 0


def files_of_pages():
    """The files that the documentation names: {name: bytes}."""
    sample = _read(SAMPLE)
    rows = read_records(sample, b',')
    flats = [row for row in rows if '\n' not in row[9]][:12]

    def with_area(area):
        return _table(flats[:5] + [flats[5][:2] + [area] + flats[5][3:]] + flats[6:])
    packed = io.BytesIO()
    with gzip.GzipFile(filename='', mode='wb', fileobj=packed, mtime=0) as target:
        target.write(sample)
    excel = [[re.sub(r'^([0-9]+)[.]([0-9]+)$', r'\1,\2', field) for field in row] for row in flats]
    return {
        'data.csv': sample, 'data.csv.gz': packed.getvalue(), 'plain.csv': _table(flats),
        'signs.csv': with_area('-' + flats[5][2]), 'areas.csv': with_area('n/a'),
        'flats.csv': _table(flats[:-1] + [flats[-1] + ['surplus']]),
        'excel.csv': _table(excel, ';', '\r\n').decode('utf-8').encode('cp1252', 'replace'),
        'export.csv': _table(rows[:101], ';').decode('utf-8').encode('latin-1', 'replace')}


def _read(path):
    with io.open(path, 'rb') as source:
        return source.read()


def _table(rows, delimiter=',', line_end='\n'):
    return write_records(rows, delimiter, line_end)


def _serve(url):
    print('The demo server listens on {0}. Commands to try:'.format(url))
    for words in commands_to_try(url):
        print('\n  ' + shell_command(program(words[0]), words[1:]))
    print('\nIds, by target:\n')
    row = '  {0:14} {1:25} {2:25} {3}'
    print(row.format('', 'model', 'deployment', 'import'))
    for model_id, deployment_id in zip(sorted(MODEL_IDS),
                                       sorted(DEPLOYMENT_IDS)):
        target = MODEL_IDS[model_id]
        print(row.format(target, model_id, deployment_id, target))
    print(row.format(TEXT_TARGET, '', sorted(DEPLOYMENT_IDS)[3], TEXT_TARGET))
    print('\nPress Ctrl-C to stop.')
    sys.stdout.flush()
    while True:
        time.sleep(3600)


def shell_command(program, arguments):
    """A command to paste into a shell: lines for the program, the server, the other options, and the arguments."""
    options = [word for word in arguments if word.startswith('--')]
    server = [word for word in options if word.partition('=')[0] in SERVER_OPTIONS]
    lines = [program, server, [word for word in options if word not in server],
             [word for word in arguments if word not in options]]
    return ' \\\n      '.join(' '.join(map(shlex_quote, line)) for line in lines if line)


def program(command):
    """The words that run a command, wherever it is installed."""
    folder = os.path.dirname(sys.executable)
    if folder in os.environ.get('PATH', '').split(os.pathsep) and os.path.exists(
            os.path.join(folder, command)):
        return [command]
    return [sys.executable, '-m', '{0}.{1}'.format(PACKAGE, command)]


def commands_to_try(url):
    """A command line for each of the three commands, and each protocol: lists of arguments."""
    host = ['--host=' + url]
    return [
        ['batch_scoring'] + host + _credentials() +
        ['--keep_cols=listing_id,monthly_rent', '--pred_name=predicted_rent',
         '--out=rent.csv', PROJECT_ID, sorted(MODEL_IDS)[0], SAMPLE],
        ['batch_scoring_deployment_aware'] + host + _credentials() +
        ['--max_prediction_explanations=3', '--explanation_details',
         '--query=thresholdLow=0.4&thresholdHigh=0.6', '--out=let.csv',
         sorted(DEPLOYMENT_IDS)[1], SAMPLE],
        ['batch_scoring_deployment_aware'] + host + _credentials() +
        ['--extra_cols=*', '--out=advert.csv', sorted(DEPLOYMENT_IDS)[3], SAMPLE],
        ['batch_scoring_sse'] + host +
        ['--pred_decision=class', '--out=energy.csv', 'energy_class', SAMPLE],
        ['batch_scoring_sse', '--protocol=drum', '--host=' + url + '/energy_class',
         '--out=drum.csv', SAMPLE],
        ['batch_scoring_deployment_aware', '--protocol=drum', '--host=' + url,
         '--out=one_of_many.csv', sorted(DEPLOYMENT_IDS)[2], SAMPLE],
        ['batch_scoring_sse', '--protocol=mlflow', '--host=' + url + '/let_in_a_week',
         '--class_names=yes,no', '--out=mlflow.csv', SAMPLE],
        ['batch_scoring_sse', '--protocol=drum', '--host=' + url + '/fastrag/energy_class',
         '--pred_decision=class', '--out=fastrag.csv', SAMPLE]]


def _credentials():
    return ['--user=' + DEMO_ACCOUNT.user,
            '--api_token=' + DEMO_ACCOUNT.api_token]


def _show(url, folder):
    kept = folder is not None
    if kept and not os.path.isdir(folder):
        return _refuse('--out={0} is not a directory.'.format(folder))
    work = os.path.abspath(folder) if kept else tempfile.mkdtemp()
    try:
        return _run(url, work, kept)
    finally:
        if not kept:
            shutil.rmtree(work, ignore_errors=True)


def _run(url, work, kept):
    """Scores the sample with the real command, and shows what came out."""
    out = os.path.join(work, 'demo_out.csv')
    options = ['--host=' + url] + _credentials() + [
        '--keep_cols=listing_id,monthly_rent', '--n_samples=50',
        '--pred_name=predicted_rent', '--max_prediction_explanations=2',
        '--out=' + out, '--yes', PROJECT_ID, sorted(MODEL_IDS)[0], SAMPLE]
    print('$ ' + shell_command(['batch_scoring'], options) + '\n')
    sys.stdout.flush()
    code = _wait(subprocess.Popen(
        [sys.executable, '-m', PACKAGE + '.batch_scoring'] + options,
        cwd=work, env=_environment(work)))
    if code == 0:
        print('\n' + _first_rows(out))
        print('The first {0} lines of the output: asking rent, predicted rent, explanations.'.format(ROWS_SHOWN))
        print('The output is in {0}'.format(out) if kept else
              'To keep the output, use --out=<directory>; to keep the server running, --serve.')
    return code


def _wait(process):
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # the command got it, too, and ends by itself


def _environment(work):
    """The environment without the user's settings, so that the demo is the same for all."""
    ours = dict((name, value) for name, value in os.environ.items()
                if not name.upper().startswith('DATAROBOT_'))
    path = [ROOT, ours.get('PYTHONPATH')]
    ours.update({str('PYTHONPATH'): os.pathsep.join(filter(None, path)),
                 str('HOME'): work, str('USERPROFILE'): work,
                 str('NO_PROXY'): HOST, str('no_proxy'): HOST})
    return ours


def _first_rows(path):
    with io.open(path, encoding='utf-8') as lines:
        return ''.join(line for _, line in zip(range(ROWS_SHOWN), lines))


if __name__ == '__main__':
    sys.exit(main())
