"""Rows per second on real servers, beside a loop of curl with request bodies that were made before.

    python servers.py --rows 200000 --rounds 3

The servers are those of `pytest -m real_servers`: CONTRIBUTING.rst says how to install them. See README.rst beside
this file.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), 'tests', 'support'), os.path.dirname(HERE)]

from real_server import Models, RealServer, interpreter  # noqa: E402
from v2_server import V2Models, V2Server  # noqa: E402

# Rows per request, and requests in flight, of both.
BATCH, CONCURRENT = 1000, 4
COLUMNS = {
    'mlflow': [('größe', 'FP64'), ('x2', 'FP64'), ('stadt', 'BYTES')],
    'v2': [('city', 'BYTES'), ('code', 'BYTES'), ('area', 'FP64'), ('rooms', 'INT64')],
}
CITIES = ['Oslo', 'Köln', 'Paris']


def rows_for(protocol, count):
    """Rows of values for the models of the tests."""
    draw = random.Random(5)
    if protocol == 'mlflow':
        return [[round(draw.gauss(0, 1), 6), round(draw.gauss(0, 1), 6), draw.choice(CITIES)] for _ in range(count)]
    return [[draw.choice(CITIES), draw.choice(['007', '7', 'x']), round(draw.uniform(20, 150), 1), draw.randint(1, 5)]
            for _ in range(count)]


def body_of(kind, protocol, rows):
    """The JSON (bytes) of a request."""
    names = [name for name, _ in COLUMNS[protocol]]
    if protocol == 'mlflow':
        body = {'dataframe_split': {'columns': names, 'data': rows}}
    else:
        body = {'id': '1', 'inputs': [
            {'name': name, 'datatype': datatype, 'shape': [len(rows), 1], 'data': list(values)}
            for (name, datatype), values in zip(COLUMNS[protocol], zip(*rows))]}
        if kind == 'mlserver':
            body['parameters'] = {'content_type': 'pd'}
    return json.dumps(body, ensure_ascii=False).encode('utf-8')


def prepare(kind, protocol, server, folder, count):
    """Writes the dataset, and for curl the bodies and a list of requests."""
    rows = rows_for(protocol, count)
    with open(os.path.join(folder, 'data.csv'), 'w', encoding='utf-8') as target:
        for row in [[name for name, _ in COLUMNS[protocol]]] + rows:
            target.write(','.join(map(str, row)) + '\n')
    requests = []
    path = '/invocations' if protocol == 'mlflow' else '/v2/models/regression/infer'
    for number in range(0, count, BATCH):
        name = os.path.join(folder, '{}.json'.format(number))
        with open(name, 'wb') as target:
            target.write(body_of(kind, protocol, rows[number:number + BATCH]))
        requests.append('url = "{}{}"\nheader = "Content-Type: application/json"\ndata-binary = "@{}"\n'
                        'output = "{}"\nfail\n'.format(server.host, path, name, name + '.out'))
    with open(os.path.join(folder, 'requests'), 'w') as target:
        target.write('next\n'.join(requests))


def seconds(command, folder):
    """Wall seconds of a command."""
    began = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def measure(kind, protocol, server, arguments):
    folder = tempfile.mkdtemp()
    prepare(kind, protocol, server, folder, arguments.rows)
    program = [os.path.join(arguments.program, 'batch_scoring_sse'), '--protocol=' + protocol, '--host=' + server.host,
               '--yes', '--no-resume', '--n_concurrent={}'.format(CONCURRENT)] + [
                   'regression'] * (protocol == 'v2') + ['data.csv']
    ways = {
        'curl': ['curl', '--silent', '--parallel', '--parallel-max', str(CONCURRENT), '--config', 'requests'],
        'fixed': program + ['--n_samples={}'.format(BATCH)],
        'auto': program,
    }
    taken = {way: [] for way in ways}
    for _ in range(arguments.rounds):
        for way in ways:
            taken[way].append(seconds(ways[way], folder))
            if way != 'curl':
                with open(os.path.join(folder, 'out.csv')) as written:
                    assert sum(1 for _ in written) == arguments.rows + 1
    shutil.rmtree(folder)
    return [arguments.rows / statistics.median(taken[way]) for way in ways]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rows', type=int, default=200000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--program', default=os.path.dirname(sys.executable), help='folder of the commands')
    parser.add_argument('--only', action='append', help='mlflow, mlserver, kserve or triton')
    arguments = parser.parse_args()
    print('{:10}{:>12}{:>12}{:>12}'.format('', 'curl', 'fixed', 'auto'))
    for kind in arguments.only or ['mlflow', 'mlserver', 'kserve', 'triton']:
        python = interpreter(kind)
        if python is None:
            print('{} is not installed here'.format(kind))
            continue
        folder = tempfile.mkdtemp()
        log = os.path.join(folder, 'server.log')
        server = (RealServer(Models(kind, python, folder), 'regression', log) if kind == 'mlflow'
                  else V2Server(V2Models(kind, python, folder), log))
        try:
            server.start().ready()
            rates = measure(kind, 'mlflow' if kind == 'mlflow' else 'v2', server, arguments)
        finally:
            server.stop()
            shutil.rmtree(folder)
        print('{:10}{:>12,.0f}{:>12,.0f}{:>12,.0f}'.format(kind, *rates), flush=True)


if __name__ == '__main__':
    main()
