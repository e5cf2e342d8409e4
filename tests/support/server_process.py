"""A `Server` in a process of its own, for runs in which much goes on at once.

    server = ServerProcess({'shape': 'binary', 'delay': [0.0, 0.2]},
                           [('status(503)', 'one_in(4)'), ('never()', 'flag')])
    ... server.url, server.tell('set'), server.records() ...
    server.stop()
"""

from __future__ import absolute_import, print_function, unicode_literals

import io
import json
import os
import subprocess
import sys
import tempfile

from places import ROOT, SUPPORT


class ServerProcess(object):
    """Starts a `Server`, given its options and a list of (fault, when).

    Fault and condition are text, made of names from `faults.py` and `when.py`,
    and 'flag' for `while_set(server.flag)`; the condition may be None. The server
    ends no later than this process.
    """

    def __init__(self, options=None, rules=()):
        self.path = tempfile.mkstemp('.log')[1]
        config = json.dumps({'options': options or {}, 'rules': list(rules),
                             'log': self.path})
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), config], cwd=SUPPORT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = self.process.stdout.readline().decode('ascii').strip()
        self.port = int(self.url.rpartition(':')[2])

    def tell(self, order):
        """Gives an order; returns when it has been carried out.

        'set' or 'clear' sets or clears its flag, 'down' and 'up' make it go down and
        come back, 'finish' waits until no request is in flight.
        """
        self.process.stdin.write(order.encode('ascii') + b'\n')
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b'done\n'

    def records(self):
        """The requests that are over, in the order in which they ended.

        They are dicts with number, connection, time, finished, target, keys, tries,
        fault and status.
        """
        with io.open(self.path, encoding='ascii') as lines:
            return [json.loads(line) for line in lines if line.endswith('\n')]

    def stop(self):
        """Ends the process, and removes its log."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        os.remove(self.path)


def _serve(config):
    sys.path.insert(0, ROOT)
    import faults
    import when
    from server import Server

    options = config['options']
    if isinstance(options.get('delay'), list):
        options['delay'] = tuple(options['delay'])
    server = Server(**dict((str(name), options[name]) for name in options))
    names = dict(vars(faults), flag=when.while_set(server.flag))
    names.update(vars(when))
    for fault, condition in config['rules']:
        # Only text from our own tests gets here.
        server.fail(eval(fault, names), condition and eval(condition, names))
    server.on_finished = _Log(config['log']).add
    _say(server.url)
    orders = {'set': server.flag.set, 'clear': server.flag.clear,
              'down': server.go_down, 'up': server.come_back,
              'finish': lambda: server.wait_for(lambda: not server.in_flight)}
    for order in iter(sys.stdin.readline, ''):
        orders[order.strip()]()
        _say('done')
    server.stop()


class _Log(object):

    def __init__(self, path):
        self.out = io.open(path, 'ab', buffering=0)

    def add(self, record):
        names = ['number', 'connection', 'time', 'finished', 'target', 'keys',
                 'tries', 'fault', 'status']
        line = json.dumps(dict((name, getattr(record, name))
                               for name in names))
        self.out.write(line.encode('ascii') + b'\n')


def _say(line):
    print(line)
    sys.stdout.flush()


if __name__ == '__main__':
    _serve(json.loads(sys.argv[1]))
