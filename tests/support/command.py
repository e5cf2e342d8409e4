"""Runs the real commands in real processes, and leaves none behind."""

from __future__ import absolute_import, unicode_literals

import collections
import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

from datarobot_batch_scoring.compat import WINDOWS, forks, monotonic
from places import SUPPORT
from processes import group, lives

LAUNCH = os.path.join(SUPPORT, 'launch.py')
STARTER = os.path.join(SUPPORT, 'starter.py')

# Variables with such names would change what a command does.
FOREIGN = ('DATAROBOT_', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY',
           'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_', 'NETRC', 'BATCH_SCORING_')

Result = collections.namedtuple('Result', [
    'code',   # the exit code; negative: the number of the signal that ended it
    'out',    # what it wrote to standard output, as text
    'err',    # what it wrote to standard error
    'stray',  # True if one of its processes was still there five seconds later
])


class Command(object):
    """A running command: `Command('batch_scoring', ['--help'], ...)`.

    `home` is its home directory, `cwd` its working directory, `notes` a directory
    for files with its input and output. `env` is added to an environment without
    proxies or settings of ours, `stdin` is all it can read, and `start_method`
    ('spawn', say) is how its own processes start. `prefix` is a command that runs
    the rest of its arguments: ['nohup'], say. `pid` is that of the main process.

    Most commands are copies of a process that has loaded what they need: see `starter.py`.
    One that is `fresh` is a new interpreter, and so is where a prefix, a start method or a
    variable for the interpreter is given, or where processes do not begin as copies.
    """

    def __init__(self, name, args, home, cwd, notes, env=None, stdin='',
                 start_method=None, prefix=(), fresh=False):
        folder = tempfile.mkdtemp(dir='{0}'.format(notes))
        self._paths = [os.path.join(folder, each)
                       for each in ('stdin', 'stdout', 'stderr', 'pids')]
        with open(self._paths[0], 'wb') as stream:
            stream.write(stdin.encode('utf-8'))
        for path in self._paths[1:3]:
            open(path, 'wb').close()
        words = [name] + ['{0}'.format(each) for each in args]
        variables = _environment(home, env, start_method, self._paths[3])
        if fresh or prefix or not _can_be_copy(variables):
            self._process = self._new(list(prefix) + [sys.executable, LAUNCH] + words,
                                      '{0}'.format(cwd), variables)
        else:
            self._process = _Copy(words, '{0}'.format(cwd), variables, self._paths[:3])
        self.pid = self._process.pid

    def _new(self, words, cwd, variables):
        with open(self._paths[0], 'rb') as source, \
                open(self._paths[1], 'wb') as out, \
                open(self._paths[2], 'wb') as err:
            return subprocess.Popen(words, cwd=cwd, stdin=source, stdout=out, stderr=err,
                                    env=variables, **_own_group())

    def running(self):
        """True until the main process has ended."""
        return self._process.poll() is None

    def send(self, number):
        """Sends a signal to the main process only."""
        os.kill(self.pid, number)

    def send_to_all(self, number):
        """Sends a signal to all its processes, as a terminal does."""
        os.killpg(self.pid, number)

    def living(self, role=None):
        """The pids of its living processes with a role ('writer', 'network', 'batcher'), or any.

        In the order in which they were started, without the main process.
        """
        noted = [line.split() for line in self._read(3).splitlines()]
        return [int(pid) for each, pid in noted if role in (None, each) and lives(int(pid))]

    def out(self):
        """What it has written to standard output so far."""
        return self._read(1)

    def err(self):
        """What it has written to standard error so far."""
        return self._read(2)

    def wait(self, timeout=60):
        """Waits for its end; returns a `Result`, when all of its processes are gone.

        Raises AssertionError, with its output, after `timeout` seconds.
        """
        try:
            if not _soon(lambda: not self.running(), timeout):
                raise AssertionError('still running after {0} s\n{1}\n{2}'
                                     .format(timeout, self.out(), self.err()))
            stray = not WINDOWS and not _soon(self._gone, 5)
            return Result(self._process.returncode, self.out(), self.err(),
                          stray)
        finally:
            self.end()

    def end(self):
        """Kills whatever is left of it."""
        try:
            if WINDOWS:
                self._process.kill()
            else:
                os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass  # nothing was left
        self._process.wait()

    def _gone(self):
        """True when no process of its group is left, not counting zombies."""
        try:
            os.killpg(self.pid, 0)
        except OSError:
            return True
        return not group(self.pid)

    def _read(self, number):
        if not os.path.exists(self._paths[number]):
            return ''
        with io.open(self._paths[number], 'rb') as stream:
            return stream.read().decode('utf-8', 'replace').replace(
                '\r\n', '\n')


def _soon(condition, timeout):
    end = monotonic() + timeout
    while not condition():
        if monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _own_group():
    if WINDOWS:
        return {str('creationflags'): subprocess.CREATE_NEW_PROCESS_GROUP}
    if sys.version_info[0] == 2:
        # Otherwise it would keep the sockets of our servers open.
        return {str('preexec_fn'): os.setsid, str('close_fds'): True}
    return {str('start_new_session'): True}


def _environment(home, env, start_method, pids):
    ours = dict((name, value) for name, value in os.environ.items()
                if not name.upper().startswith(FOREIGN))
    ours.update({'HOME': '{0}'.format(home), 'USERPROFILE': '{0}'.format(home),
                 'PYTHONIOENCODING': 'utf-8', 'BATCH_SCORING_TEST_PIDS': pids})
    # Each command would compile the package anew: an eighth of the time of all tests.
    ours.pop('PYTHONDONTWRITEBYTECODE', None)
    # A tox environment may ask for one; see launch.py.
    start_method = start_method or os.environ.get('BATCH_SCORING_TEST_START_METHOD')
    if start_method:
        ours['BATCH_SCORING_TEST_START_METHOD'] = start_method
    ours.update(env or {})
    return dict((str(name), str(ours[name])) for name in ours)


def _can_be_copy(variables):
    """Whether a copy of this interpreter's starter is what a new interpreter would be."""
    if not (sys.platform.startswith('linux') and forks()) or variables.get(
            str('BATCH_SCORING_TEST_START_METHOD')):
        return False
    starters = _starting_environment()
    return all(variables.get(name) == starters.get(name) for name in set(variables) | set(starters)
               if name.startswith(('PYTHON', 'LANG', 'LC_', 'COVERAGE')))


def _starting_environment():
    return _environment('', None, None, '')


class _Starter(object):
    """The process of `starter.py`; any thread may use it."""

    _one = None
    _making = threading.Lock()

    @classmethod
    def get(cls):
        with cls._making:
            # A fork of this process must not share the pipes.
            if cls._one is None or cls._one.owner != os.getpid():
                cls._one = cls()
            return cls._one

    def __init__(self):
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._started, self._ended = [], {}
        self._left = b''
        self._process = subprocess.Popen(
            [sys.executable, STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=_starting_environment(), close_fds=True)

    def start(self, order):
        """Has a command started; returns its process."""
        with self._lock:
            self._process.stdin.write(json.dumps(order).encode('ascii') + b'\n')
            self._process.stdin.flush()
            while not self._started:
                self._read()
            return self._started.pop()

    def status(self, process):
        """What `os.waitpid` said of a process; None while it runs."""
        with self._lock:
            while select.select([self._process.stdout], [], [], 0)[0]:
                self._read()
            return self._ended.get(process)

    def _read(self):
        read = os.read(self._process.stdout.fileno(), 1 << 16)
        assert read, 'the process that starts commands is gone'
        lines = (self._left + read).split(b'\n')
        self._left = lines.pop()
        for line in lines:
            numbers = [int(each) for each in line.split()]
            if len(numbers) == 1:
                # The number may have been that of another before.
                self._ended.pop(numbers[0], None)
                self._started.append(numbers[0])
            else:
                self._ended[numbers[0]] = numbers[1]


class _Copy(object):
    """A command as a copy of the starter, with what `Command` needs of `subprocess.Popen`."""

    def __init__(self, words, cwd, variables, streams):
        mask = os.umask(0o77)
        os.umask(mask)
        self._starter = _Starter.get()
        self.returncode = None
        self.pid = self._starter.start({
            'args': words, 'cwd': cwd, 'env': dict(variables), 'streams': streams, 'umask': mask})

    def poll(self):
        """The exit code, as `Popen` has it; None while it runs."""
        if self.returncode is None:
            status = self._starter.status(self.pid)
            if status is not None:
                self.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else \
                    os.WEXITSTATUS(status)
        return self.returncode

    def wait(self):
        """Waits for its end."""
        while self.poll() is None:
            time.sleep(0.005)
