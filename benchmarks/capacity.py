"""A stand-in prediction server with a capacity: cores, and a cost for each request and row.

    python capacity.py --cores 4 --row 0.01

It computes by sleeping, as many requests at once as it has cores, in the order in which they arrive, and those
too whose client has left. It listens on a loopback port that the kernel chooses and prints it. When its standard
input ends, it prints what it served: requests, rows computed, requests refused.
"""

import argparse
import collections
import random
import socket
import sys
import threading
import time

ROW = b'{"rowId": %d, "prediction": 0.25, "predictionThreshold": 0.5, "predictionValues": ' \
      b'[{"label": 1.0, "value": 0.25}, {"label": 0.0, "value": 0.75}]}'
# The predecessor takes no answer without the last of these.
HEAD = b'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-DataRobot-Execution-Time: 1\r\n\r\n'

# `row` and `request` are seconds, `queue` requests that may wait for a core (None: any number), `jitter` the part
# by which a cost varies. From `slow_after` rows on, all takes `slow_times` as long; on one core, `slow_core` times.
Capacity = collections.namedtuple('Capacity', 'cores row request queue jitter slow_after slow_times slow_core')
DEFAULTS = Capacity(cores=4, row=0.001, request=0.005, queue=None, jitter=0.05, slow_after=None, slow_times=10.0,
                    slow_core=1.0)


class Cores(object):
    """When a request that arrives is computed; counts what was."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.requests = self.rows = self.refused = 0
        self._random = random.Random(1)
        self._lock = threading.Lock()
        self._free_at = [0.0] * capacity.cores
        self._starts = []

    def compute(self, rows):
        """Sleeps until the request is computed; False: it is refused, since too many wait."""
        with self._lock:
            now = time.monotonic()
            self._starts = [start for start in self._starts if start > now]
            self.requests += 1
            if self.capacity.queue is not None and len(self._starts) >= self.capacity.queue and \
                    min(self._free_at) > now:
                self.refused += 1
                return False
            core = self._free_at.index(min(self._free_at))
            start = max(now, self._free_at[core])
            end = self._free_at[core] = start + self._cost(rows, core)
            self._starts.append(start)
            self.rows += rows
        time.sleep(max(end - time.monotonic(), 0))
        return True

    def _cost(self, rows, core):
        capacity = self.capacity
        cost = capacity.request + capacity.row * rows
        if core == 0:
            cost *= capacity.slow_core
        if capacity.slow_after is not None and self.rows >= capacity.slow_after:
            cost *= capacity.slow_times
        return cost * (1 + capacity.jitter * self._random.uniform(-1, 1))


def read_request(reader):
    """The body of the next request; None when the client has left."""
    length, line = 0, reader.readline()
    if not line:
        return None
    for line in iter(reader.readline, b'\r\n'):
        if not line:
            return None
        name, _, value = line.partition(b':')
        if name.strip().lower() == b'content-length':
            length = int(value)
    return reader.read(length)


def answer(rows):
    """The body of a good answer."""
    return b'{"data": [%s]}' % b', '.join([ROW % row for row in range(rows)])


def serve(connection, cores):
    """Answers the requests of one client until it leaves."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with connection, connection.makefile('rb') as reader:
            for body in iter(lambda: read_request(reader), None):
                rows = body.strip().count(b'\n')
                status, said = b'200 OK', answer(rows)
                if not cores.compute(rows):
                    status, said = b'503 Service Unavailable', b'{"message": "The queue is full."}'
                connection.sendall(HEAD % (status, len(said)) + said)
    except OSError:
        pass


def accept(listener, cores):
    """Serves every client in a thread of its own, for ever."""
    while True:
        connection = listener.accept()[0]
        threading.Thread(target=serve, args=(connection, cores), daemon=True).start()


def parse(arguments):
    """The `Capacity` that the options name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cores', type=int, help='requests computed at once')
    parser.add_argument('--row', type=float, help='seconds a row')
    parser.add_argument('--request', type=float, help='seconds a request, besides')
    parser.add_argument('--queue', type=int, help='requests that may wait; one more is answered 503')
    parser.add_argument('--jitter', type=float, help='the part by which a cost varies, up or down')
    parser.add_argument('--slow-after', type=int, help='rows after which all becomes slower')
    parser.add_argument('--slow-times', type=float, help='how many times slower')
    parser.add_argument('--slow-core', type=float, help='how many times slower one of the cores is')
    parser.set_defaults(**DEFAULTS._asdict())
    return Capacity(**vars(parser.parse_args(arguments)))


def main():
    """Serves until standard input ends."""
    cores = Cores(parse(None))
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen(128)
    print(listener.getsockname()[1])
    sys.stdout.flush()
    threading.Thread(target=accept, args=(listener, cores), daemon=True).start()
    sys.stdin.read()
    print(cores.requests, cores.rows, cores.refused)


if __name__ == '__main__':
    main()
