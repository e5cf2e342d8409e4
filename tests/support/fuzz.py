"""Damaged checkpoints, hostile answers and hostile inputs, many of each: `fuzz.py --seed 7 --count 2000`.

Whatever is read must end in one of our own errors, or be right. Prints a line a kind, and the seed
and the number of each case that was not; exits 1 where there was one. Where the system can, the
process has 1 GiB of memory at most.
"""

from __future__ import absolute_import, print_function, unicode_literals

import argparse
import csv
import io
import json
import os
import random
import struct
import sys
import tempfile
import traceback
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, HERE)

from datarobot_batch_scoring import make_settings, score  # noqa: E402
from datarobot_batch_scoring.compat import PY2  # noqa: E402
from datarobot_batch_scoring.errors import ScoringError  # noqa: E402
from datarobot_batch_scoring.output import checkpoint  # noqa: E402
from datarobot_batch_scoring.output.columns import Layout, make_rows  # noqa: E402
from datarobot_batch_scoring.scoring import answers, fast_answers  # noqa: E402
from datarobot_batch_scoring.dataset.json_text import InvalidResponse  # noqa: E402
from datarobot_batch_scoring.server.protocols import PROTOCOLS  # noqa: E402

MEMORY = 1 << 30
LAYOUT = Layout(protocol=PROTOCOLS['predApi/v1.0'], class_names=(), delimiter=',', linesep='\n',
                row_id=True, pred_name=None, pred_cols=(), threshold=None, decision=None, explanations=0,
                counted=False, details=False, extras=())
HEAD = struct.Struct(str('>8sQII'))


# --- checkpoints --------------------------------------------------------------------

ROWS = 20
OUTPUT = b'row_id,y\n' + b''.join(b'%d,%d\n' % (n, n) for n in range(ROWS))
STATE = {'format': 2, 'run': {'n_samples': 7, 'keep_cols': []}, 'labels': ['y'], 'rows': ROWS,
         'nulls': 0, 'digests': [[100, 'a' * 64]], 'length': len(OUTPUT), 'forced': len(OUTPUT),
         'checksum': zlib.crc32(OUTPUT) & 0xffffffff, 'bad': None}
VALUES = (-1, 0, 1, 1 << 40, 10 ** 30, 1.5, None, True, '', 'x', [], [[]], {}, {'a': 1}, '1' * 5000)


def slot(state, serial):
    """A slot with the right sum over a state."""
    payload = json.dumps(dict((key, json.dumps(value)) for key, value in state.items())
                         ).encode('ascii')
    return (HEAD.pack(checkpoint.MAGIC, serial, len(payload),
                      zlib.crc32(payload, serial) & 0xffffffff) + payload).ljust(12288, b'\0')


def damaged_checkpoint(draw):
    """The bytes of a checkpoint with something wrong in it; the sums may be right."""
    states = [dict(STATE) for _ in range(3)]
    if draw.random() < 0.5:
        for state in states:
            key = draw.choice(sorted(state))
            state[key] = draw.choice(VALUES)
            if draw.random() < 0.2:
                del state[key]
    data = bytearray(b''.join(slot(state, number + 1) for number, state in enumerate(states)))
    for _ in range(draw.choice([0, 0, 1, 5, 500])):
        data[draw.randrange(len(data))] = draw.randrange(256)
    data = bytes(data)
    if draw.random() < 0.2:
        data = data[:draw.randrange(len(data))]
    return data


def check_checkpoint(draw, folder):
    """Loads a damaged checkpoint; what is found must be the state that was written."""
    path = os.path.join(folder, 'out.csv')
    for name, content in ((path, OUTPUT), (path + '.shelve', damaged_checkpoint(draw))):
        with io.open(name, 'wb') as target:
            target.write(content)
    descriptor = os.open(path + '.shelve', os.O_RDONLY)
    try:
        found, difference = checkpoint.load(descriptor, path)
    finally:
        os.close(descriptor)
    if found:
        state = found.state()
        assert (state['rows'], state['length']) in ((ROWS, len(OUTPUT)), (0, 0)), state
    return 'read' if found else 'refused' if difference else 'none'


# --- answers ------------------------------------------------------------------------

def hostile_answer(draw):
    """(body, rows): JSON of predictions with something wrong in it."""
    rows = draw.randrange(1, 30)
    body = json.dumps({'data': [
        {'rowId': n, 'prediction': n, 'predictionValues': [{'label': 'y', 'value': n}]}
        for n in range(rows)]}).encode('ascii')
    kind = draw.randrange(9)
    if kind == 0:
        body = bytearray(body)
        for _ in range(draw.randrange(1, 20)):
            body[draw.randrange(len(body))] = draw.randrange(256)
    elif kind == 1:
        body = body[:draw.randrange(len(body))]
    elif kind == 2:
        body = body.replace(b'[', b'[' * draw.choice([2, 1000, 200000]), 1)
    elif kind == 3:
        body = b'{"data": [' + b','.join([draw.choice([b'[]', b'{}', b'1', b'""'])] * draw.choice(
            [rows, 1000000])) + b']}'
    elif kind == 4:
        rows += draw.choice([-1, 1, 1000])
    elif kind == 5:
        body = body.decode('ascii').encode(draw.choice(['utf-16', 'utf-32', 'cp037']))
    elif kind == 6:
        body = body.replace(b'"rowId": 0', b'"rowId": ' + draw.choice(
            [b'-1', b'1e400', b'NaN', b'"0"', b'null', b'9' * 100000, b'{"a": [1]}']), 1)
    elif kind == 7:
        body = body.replace(b'"y"', draw.choice(
            [b'"\\u0000"', b'"\\ud800"', b'1', b'null', b'[]', b'"' + b'y' * 100000 + b'"']))
    else:
        body = b' ' * draw.choice([0, 1000000]) + body + draw.choice([b'', b'}', b' ', b'\0'])
    return bytes(body), max(rows, 1)


def check_answer(draw, _):
    """Reads a hostile answer; what is accepted must have the rows that were sent."""
    body, rows = hostile_answer(draw)
    try:
        found = fast_answers.read(body, LAYOUT, rows) or answers.read(body, LAYOUT, rows)
        made = make_rows(found, LAYOUT, 0, None)
    except (InvalidResponse, ScoringError):
        return 'refused'
    ids = [line.split(b',')[0] for line in made.csv.split(b'\n')[:-1]]
    assert ids == [b'%d' % n for n in range(rows)], made.csv[:200]
    return 'read'


# --- inputs -------------------------------------------------------------------------

def hostile_input(draw):
    """The bytes of a dataset: anything that looks a bit like CSV, or repeats something for long."""
    pieces = [b'a', b'b c', b'"', b'""', b'\n', b'\r\n', b'\r', b' ', b'\t', b',', b',', b';',
              b'\xc3\xa9', b'\xff', b'\0', b'\x1a', b'\xef\xbb\xbf', b'"q\n"', b'"a""b"', b'sep=;']
    data = b'x,y\n' + b''.join(draw.choice(pieces) for _ in range(draw.randrange(200)))
    if draw.random() < 0.1:
        data += draw.choice([b'",', b'"', b',', b'a', b'\n', b'""']) * draw.choice([1000, 100000])
    return data


def csv_rows(data):
    """How many data rows `csv` finds, but for the end-of-file sign of old systems."""
    data = data[:-1] if data.endswith(b'\x1a') else data
    text = data if PY2 else data.decode('utf-8')
    lines = text.splitlines(True) if PY2 else io.StringIO(text, newline='')
    records = [each for each in csv.reader(lines) if len(each) > 1 or ''.join(each).strip()]
    return len(records) - 1


def check_input(draw, folder):
    """Cuts a hostile input; the rows that are found must be those of `csv`."""
    data, path = hostile_input(draw), os.path.join(folder, 'data.csv')
    with io.open(path, 'wb') as target:
        target.write(data)
    try:
        found = score(make_settings('batch_scoring_sse', import_id='x', host='http://localhost',
                                    dataset=path, delimiter=',', dry_run=True))
    except ScoringError:
        return 'refused'
    # A quoted blank and a blank line are one for `csv`.
    assert found.rows == csv_rows(data) or b'"' in data, (found.rows, csv_rows(data))
    return 'read'


CHECKS = (('checkpoints', check_checkpoint), ('answers', check_answer), ('inputs', check_input))


def run(name, check, seed, count, folder):
    """Tries one kind; prints what came of it and returns how many went wrong."""
    ends, wrong = {}, 0
    for number in range(count):
        draw = random.Random('{0} {1} {2}'.format(seed, name, number))
        try:
            end = check(draw, folder)
        except Exception:
            wrong += 1
            print('{0} {1} of seed {2}:\n{3}'.format(name, number, seed, traceback.format_exc()))
            end = 'WRONG'
        ends[end] = ends.get(end, 0) + 1
    print('{0}: {1}'.format(name, ', '.join(
        '{0} {1}'.format(end, times) for end, times in sorted(ends.items()))))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--count', type=int, default=2000)
    parser.add_argument('--only', choices=[name for name, _ in CHECKS])
    arguments = parser.parse_args()
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError):
        pass
    folder = tempfile.mkdtemp()
    return 1 if sum(run(name, check, arguments.seed, arguments.count, folder)
                    for name, check in CHECKS
                    if arguments.only in (None, name)) else 0


if __name__ == '__main__':
    sys.exit(main())
