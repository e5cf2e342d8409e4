"""Every difference between operating systems, and what only their calls can do."""

from __future__ import absolute_import, unicode_literals

import errno
import multiprocessing
import os
import select
import signal
import struct
import sys
import threading

from six import PY2

WINDOWS = os.name == 'nt'
if WINDOWS:
    import msvcrt
else:
    import fcntl


# The exit code of a process whose own is lost.
LOST = 255


def kill(process):
    """Ends a `multiprocessing.Process` that does not end by itself."""
    if WINDOWS:
        process.terminate()
    elif process.is_alive() and not _is_gone(process):
        try:
            os.kill(process.pid, signal.SIGKILL)
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise


def join(process):
    """Waits for the end of a `multiprocessing.Process`."""
    process.join()
    started = getattr(process, '_popen', None)
    if started is not None and process.exitcode is None:
        # Where SIGCHLD is ignored, how it ended is lost. It counts as alive, and would get a
        # signal when the interpreter ends.
        started.returncode = LOST


def _is_gone(process):
    """Whether a process has ended whose parent ignores SIGCHLD: then it counts as alive."""
    # 2.7 has no sentinel.
    sentinel = getattr(process, 'sentinel', None)
    if sentinel is None:
        return False
    from multiprocessing.connection import wait
    return bool(wait([sentinel], 0))


def is_runnable(process):
    """Whether a thread of a `multiprocessing.Process` runs, or waits for a processor or the disk.

    False where the system does not tell.
    """
    folder = '/proc/{0}/task'.format(process.pid)
    try:
        for thread in os.listdir(folder):
            with open(os.path.join(folder, thread, 'stat'), 'rb') as source:
                # The name before it may have any characters.
                if source.read().rpartition(b')')[2].split()[0] in (b'R', b'D'):
                    return True
    except EnvironmentError:
        # It has ended; or this is no Linux.
        pass
    return False


def unsent_bytes(sock):
    """Bytes sent on a socket that the system still holds; 0 if it does not tell.

    None if the socket is closed.
    """
    try:
        descriptor = sock.fileno()
    except EnvironmentError:
        # 2.7
        return None
    if descriptor < 0:
        return None
    if not sys.platform.startswith('linux'):
        return 0
    import termios
    try:
        # SIOCOUTQ has the same number; see tcp(7).
        held = fcntl.ioctl(descriptor, termios.TIOCOUTQ, b'\0' * 4)
        return struct.unpack(str('i'), held)[0]
    except EnvironmentError:
        return 0


def is_url(path):
    """True for what fsspec or Dask finds by a URL, which is no path of this system."""
    return '://' in path


def fsync(descriptor):
    """Forces a file to disk, if its file system can do that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise


# The errors of file systems without fsync: FUSE, and some network file systems.
_UNKNOWN = tuple(getattr(errno, name) for name in (
    'EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP') if hasattr(errno, name))


def fsync_folder(path):
    """Forces the names in a folder to disk, if the system can do that."""
    if WINDOWS:
        return
    folder = os.open(path or '.', os.O_RDONLY)
    try:
        fsync(folder)
    finally:
        os.close(folder)


def lock_file(descriptor):
    """Locks an open file for this process; raises `OSError` if another one has locked it."""
    if not WINDOWS:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    # Far past the content: Windows lets nobody else read what is locked.
    os.lseek(descriptor, 1 << 30, os.SEEK_SET)
    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)


def is_open_as(path, descriptor):
    """True if the path leads to the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False
    except AttributeError:
        # 2.7 on Windows has no samestat, but an open file cannot be removed there.
        return True


def pread_all(descriptor, size, offset):
    """Reads up to `size` bytes at `offset`; fewer only at the file's end."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    pieces = []
    while size:
        piece = os.read(descriptor, min(size, 1 << 20))
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b''.join(pieces)


def write_all(descriptor, data):
    """Writes all of `data` (bytes), however few of them a system call takes."""
    view = memoryview(data)
    while len(view):
        try:
            view = view[os.write(descriptor, view):]
        except OSError as error:
            if error.errno not in _NOT_NOW:
                raise
            select.select([], [descriptor], [])


def read_all(descriptor, size, pause=None):
    """Reads `size` bytes of a file or a pipe; fewer only at its end.

    Or, with a `pause`, fewer (but some) where no more come for so many seconds.
    """
    pieces = []
    while size and not (pieces and pause is not None and (WINDOWS or is_silent(descriptor, pause))):
        pieces.append(read_some(descriptor, size))
        if not pieces[-1]:
            break
        size -= len(pieces[-1])
    return b''.join(pieces)


def read_some(descriptor, size):
    """Reads up to `size` bytes of a file or a pipe, as soon as there are any; none at its end."""
    while True:
        try:
            return os.read(descriptor, min(size, 1 << 20))
        except OSError as error:
            if error.errno not in _NOT_NOW:
                raise
            select.select([descriptor], [], [])


def is_silent(descriptor, seconds):
    """Whether nothing comes of a pipe for so many seconds. On Windows, a pipe cannot be asked: False."""
    return not WINDOWS and not select.select([descriptor], [], [], seconds)[0]


# A pipe may have been made one that does not wait, by any program that has it open too.
_NOT_NOW = (errno.EAGAIN, errno.EWOULDBLOCK)


def is_broken_pipe(error):
    """True if an `OSError` says that the reader is gone."""
    return error.errno == errno.EPIPE or WINDOWS and error.errno == errno.EINVAL


class Descriptor(object):
    """The number of an open file, which a child process gets too, however it starts."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        # Called only where a process is spawned: a fork has copies of all open files.
        return _received, (_handed_over(self.number),)


def standard_stream(number):
    """Standard input (0) or output (1) as a `Descriptor`, which leaves line ends as they are."""
    if WINDOWS:
        msvcrt.setmode(number, os.O_BINARY)
    # A child process closes its standard input.
    return Descriptor(number if number else os.dup(number))


def _handed_over(number):
    if not WINDOWS:
        from multiprocessing.reduction import DupFd
        return DupFd(number)
    if PY2:
        from multiprocessing.forking import Popen as popen
    else:
        from multiprocessing.context import get_spawning_popen
        popen = get_spawning_popen()
    return popen.duplicate_for_child(msvcrt.get_osfhandle(number))


def _received(handed_over):
    if not WINDOWS:
        return Descriptor(handed_over.detach())
    return Descriptor(msvcrt.open_osfhandle(handed_over, os.O_BINARY))


# Windows would change line ends in files that are opened without it.
O_BINARY = getattr(os, 'O_BINARY', 0)

# Windows has no such flag.
O_NOFOLLOW = getattr(os, 'O_NOFOLLOW', 0)


def exit_reason(code):
    """What the exit code of a `multiprocessing.Process` means, in words."""
    if code is None or code >= 0:
        return 'exit code {0}'.format(code)
    if not WINDOWS and -code == signal.SIGKILL:
        return 'it was killed; the system may be out of memory'
    return 'signal {0}'.format(-code)


def process_lives(pid):
    """False if there is certainly no process with that number."""
    if WINDOWS:
        return True
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def start_thread(name, target, *args):
    """Runs a function in a thread that ends with the process; returns the thread."""
    thread = threading.Thread(target=target, args=args, name=name)
    thread.daemon = True
    thread.start()
    return thread


def cores():
    """How many processors this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    try:
        return multiprocessing.cpu_count()
    except NotImplementedError:
        return 1


def file_limit(wanted):
    """How many files and connections a process may have open; None if that is no problem.

    The limit is raised to `wanted` as far as the system allows, also for
    processes that are started later.
    """
    try:
        import resource
    except ImportError:
        return None
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= wanted:
        return None
    raised = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, most))
    except (ValueError, EnvironmentError):
        # macOS has another limit, which it does not tell.
        return limit
    return raised


def keep_freed_memory():
    """Tells the C library, if it understands, to keep large blocks for the next batch.

    Otherwise glibc returns each to the system, which clears every page of the
    next one: a tenth of the time that a run takes.
    """
    try:
        import ctypes
        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError, TypeError):
        return
    for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
        mallopt(parameter, _KEPT)
    mallopt(_M_ARENA_MAX, _ARENAS)


# Numbered as in glibc's <malloc.h>; the second takes no greater value.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT = 32 << 20

# Otherwise nearly every thread keeps blocks of its own.
_ARENAS = 2


def overwrite_memory(start, before, after):
    """Puts `after` (bytes), and zeros after it, where this process has `before` in its memory.

    Does nothing if something else is there, or `after` is longer.
    """
    import ctypes
    size = len(before)
    if len(after) <= size and ctypes.string_at(start, size) == before:
        ctypes.memmove(start, after.ljust(size, b'\0'), size)
