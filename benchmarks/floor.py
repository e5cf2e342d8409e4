"""The floor: moves the bytes of a file to the stand-in server and the answers back, reading none of them.

    python floor.py PORT FILE

Four threads; the slices have the size of a batch and are cut anywhere. Nothing is written.
"""

import os
import socket
import sys
import threading

SLICE_BYTES = 2500000
THREADS = 4
HEAD = 'POST /floor HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n'


def send_slice(connection, descriptor, start, size):
    """One request whose body the kernel takes from the file."""
    connection.sendall((HEAD % size).encode('ascii'))
    stop = start + size
    while start < stop:
        start += os.sendfile(connection.fileno(), descriptor, start, stop - start)


def drop_answer(connection, buffer):
    """Receives one answer into `buffer`, over and over."""
    got = connection.recv_into(buffer)
    head, _, _ = bytes(buffer[:512]).partition(b'\r\n\r\n')
    if not head.startswith(b'HTTP/1.1 200 '):
        raise ValueError('the server answered: %r' % head[:80])
    size = int(head.partition(b'Content-Length: ')[2].partition(b'\r\n')[0])
    left = size + len(head) + 4 - got
    while left > 0:
        left -= connection.recv_into(buffer)


def move(port, descriptor, starts, size, answered):
    """Sends slices until `starts` is used up, each noted in `answered`."""
    buffer = memoryview(bytearray(1 << 20))
    connection = socket.create_connection(('127.0.0.1', port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while starts:
        try:
            start = starts.pop()
        except IndexError:
            break
        send_slice(connection, descriptor, start, min(SLICE_BYTES, size - start))
        drop_answer(connection, buffer)
        answered.append(start)
    connection.close()


def main(port, path):
    """Moves the file at `path`."""
    size = os.path.getsize(path)
    starts = list(range(0, size, SLICE_BYTES))
    wanted, answered = len(starts), []
    with open(path, 'rb') as stream:
        threads = [threading.Thread(target=move, args=(int(port), stream.fileno(), starts, size, answered))
                   for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if len(answered) != wanted:
        sys.exit('%d of %d slices were answered' % (len(answered), wanted))


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
