"""Every difference between Python interpreters, in one place; `system` has those between systems."""

from __future__ import absolute_import, unicode_literals

import codecs
import errno
import gc
import multiprocessing
import os
import re
import select
import sys
import time
import zlib

try:
    # It unpacks four times as fast as zlib and packs seven times as fast.
    from isal.igzip import IGzipFile as GzipFile
    from isal.isal_zlib import compressobj, error as PackingError
except ImportError:
    from gzip import GzipFile  # noqa: F401
    from zlib import compressobj, error as PackingError  # noqa: F401

# As zlib numbers it: gzip, with the largest window.
GZIP_FORMAT = 31

PY2 = sys.version_info[0] == 2
WINDOWS = os.name == 'nt'

text = type('')

# 2.7 has no clock that cannot be set back.
monotonic = getattr(time, 'monotonic', time.time)


def compress(data, level):
    """`data` (bytes) as one gzip member; isal has no level above 3."""
    packer = compressobj(level, zlib.DEFLATED, GZIP_FORMAT)
    return packer.compress(data) + packer.flush()


def forks():
    """True if child processes begin as copies of this one."""
    if PY2:
        return not WINDOWS
    return multiprocessing.get_start_method() == 'fork'


def lost_fork_server(error):
    """True if a process could not start because the fork server ended as it began.

    Unlike the processes that it starts, the fork server first runs the main module.
    """
    return not PY2 and multiprocessing.get_start_method() == 'forkserver' and isinstance(
        error, (EOFError, ConnectionError))


def wait(connections, timeout=None):
    """The `multiprocessing` connections that can be read or are at their end.

    Returns an empty list after `timeout` seconds.
    """
    if not PY2:
        from multiprocessing.connection import wait as wait_for
        return wait_for(connections, timeout)
    if not WINDOWS:
        return _select(connections, timeout)
    return _poll(connections, timeout)


def _select(connections, timeout):
    try:
        return select.select(connections, [], [], timeout)[0]
    except select.error as error:
        if error.args[0] != errno.EINTR:
            raise
        return []


def _poll(connections, timeout):
    # 2.7 on Windows cannot wait for several pipes at once.
    end = None if timeout is None else monotonic() + timeout
    while True:
        ready = [connection for connection in connections if readable(connection)]
        if ready or (end is not None and monotonic() >= end):
            return ready
        time.sleep(0.05)


def readable(connection):
    """True if a `multiprocessing` connection can be read or is at its end."""
    try:
        return connection.poll()
    except (EOFError, IOError, OSError):
        return True


def to_text(value):
    """An argument, a path or an environment variable as text.

    On Python 2 these are bytes; what is not in the system's encoding counts as
    UTF-8.
    """
    if isinstance(value, text):
        return value
    try:
        return value.decode(sys.getfilesystemencoding() or 'utf-8')
    except UnicodeDecodeError:
        return value.decode('utf-8', 'replace')


def not_utf8_at(data):
    """Where the first byte that is not UTF-8 is in `data` (bytes); None if there is none."""
    try:
        data.decode('utf-8')
    except UnicodeDecodeError as error:
        return error.start
    # 2.7 lets lone surrogates pass.
    surrogate = PY2 and re.search(b'\xed[\xa0-\xbf]', data)
    return surrogate.start() if surrogate else None


def check_utf8(data):
    """Raises `UnicodeDecodeError` unless bytes are UTF-8; the last character may be cut in two."""
    decoder = codecs.getincrementaldecoder('utf-8')()
    decoder.decode(data)
    # 2.7 waits for the rest of a character even if something else follows its first byte.
    if PY2 and re.search(b'[^\x80-\xbf]', decoder.buffer[1:]):
        data.decode('utf-8')


def collect_new_garbage_only():
    """Lets the garbage collector run, but pass over what is loaded by now.

    That stays to the end, and walking it all there takes longer than ten rows.
    """
    if hasattr(gc, 'freeze'):
        gc.freeze()
    gc.enable()
