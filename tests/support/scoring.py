"""Runs a command on a small dataset, and reads what it wrote."""

from __future__ import absolute_import, unicode_literals

import io
import os
import signal
import zlib

from datarobot_batch_scoring.dataset.csv_bytes import read_records

PROJECT = '5f0000000000000000000001'
MODEL = '5f0000000000000000000002'
DEPLOYMENT = '5f0000000000000000000003'
IMPORT = 'flats'
LOG = 'datarobot_batch_scoring_main.log'

# The option with which a small dataset is sent in one request.
WHOLE = '--n_samples=1000'

# An environment for retries that do not wait long.
QUICK = {'BATCH_SCORING_TEST_FIRST_WAIT': '0.02'}


def numbered(count, start=0):
    """A dataset (bytes) with the columns x, which the server echoes as its prediction, and city."""
    return b'x,city\n' + b''.join(
        '{0},town {0}\n'.format(n).encode('ascii') for n in range(start, start + count))


def predicted(count):
    """The output (bytes) for `numbered(count)`, from a server with the shape 'regression'."""
    return '\n'.join(['row_id,y'] + ['{0},{0}'.format(n) for n in range(count)] + [
        '']).replace('\n', os.linesep).encode('ascii')


def as_csv(rows, delimiter=',', line_end='\r\n'):
    """Rows (lists of text) as CSV text."""
    return ''.join(delimiter.join(_quoted(field, delimiter) for field in row) + line_end
                   for row in rows)


def _quoted(field, delimiter):
    # `csv` does not quote a CR unless it is part of the line ending.
    if any(each in field for each in ('"', '\r', '\n', delimiter)):
        return '"' + field.replace('"', '""') + '"'
    return field


class Folder(object):
    """The folder that a command works in."""

    def __init__(self, path):
        self.path = '{0}'.format(path)

    def __call__(self, name):
        return os.path.join(self.path, name)

    def write(self, name, data):
        with io.open(self(name), 'wb') as target:
            target.write(data)
        if name.endswith(('.ini', 'storage.json')):
            # Secrets in a file that others may read cause a warning.
            os.chmod(self(name), 0o600)

    def read(self, name='out.csv'):
        """The bytes of a file, unpacked if its name ends in .gz."""
        with io.open(self(name), 'rb') as source:
            data = source.read()
        return unpacked(data) if name.endswith('.gz') else data

    def lines(self, name='out.csv'):
        return self.read(name).decode('utf-8').splitlines()

    def records(self, name='out.csv', delimiter=','):
        """The records of a CSV file, as lists of text, the header first."""
        return list(read_records(self.read(name), delimiter.encode('ascii')))

    def state(self):
        """All files except the log, and their contents."""
        return dict((name, self.read_raw(name)) for name in os.listdir(self.path) if name != LOG)

    def read_raw(self, name):
        with io.open(self(name), 'rb') as source:
            return source.read()

    def has(self, name):
        return os.path.lexists(self(name))


def unpacked(data):
    """The content of all members of gzipped bytes."""
    content = b''
    while data:
        member = zlib.decompressobj(31)
        content += member.decompress(data) + member.flush()
        data = member.unused_data
    return content


class Scoring(object):
    """Scores a dataset: `score(data, '--n_samples=2')` runs `batch_scoring_sse`.

    `data` (bytes) is written to data.csv; None leaves that as it is. `path` follows the host,
    `ids` are before the dataset. The other arguments are those of `Command`. Returns a
    `command.Result`.
    """

    def __init__(self, run_command, server, folder):
        self.server = server
        self._run = run_command
        self._folder = folder

    def __call__(self, data, *options, **more):
        if data is not None:
            self._folder.write('data.csv', data)
        return self._run(more.pop('command', 'batch_scoring_sse'), [
            '--host=' + self.server.url + more.pop('path', '')] + more.pop('ids', [IMPORT]) + [
            'data.csv'] + list(options), **more)

    def well(self, data, *options, **more):
        """The same, but it must succeed without a word on standard error."""
        result = self(data, *options, **more)
        assert (result.code, result.err, result.stray) == (0, '', False), result
        return result


def killed(start, server, rows, times):
    """Starts a command with `start(option)`, kills it so many times on its way through `rows` rows; its `Result`."""
    for number in range(times):
        command = start('--resume')
        server.wait_for(lambda: len(server.answered) >= rows * (number + 1) // (times + 1), 120)
        assert command.running()
        command.send_to_all(signal.SIGKILL)
        command.wait()
    return start('--resume').wait(300)
