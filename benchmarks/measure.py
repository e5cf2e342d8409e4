"""Runs a command and measures it: wall, CPU and memory of its whole process tree."""

import collections
import os
import signal
import subprocess
import threading
import time

SAMPLE_SECONDS = 0.02
GRACE_SECONDS = 1.0

# wall and cpu in seconds, memory in MiB (None where there is no /proc), failure a line of text, empty when all is well
Measured = collections.namedtuple('Measured', 'wall cpu memory failure')


def children(pid):
    """The ids of the processes that any thread of `pid` started."""
    folder = '/proc/%d/task' % pid
    found = []
    for thread in os.listdir(folder):
        with open('%s/%s/children' % (folder, thread)) as stream:
            found.extend(int(child) for child in stream.read().split())
    return found


def proportional_kib(pid):
    """PSS: private pages in full, shared ones divided by the number of processes that share them."""
    with open('/proc/%d/smaps_rollup' % pid, 'rb') as stream:
        for line in stream:
            if line.startswith(b'Pss:'):
                return int(line.split()[1])
    return 0


def tree_kib(pid):
    """The memory of a process and all below it; what ends meanwhile counts as nothing."""
    total = 0
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        try:
            waiting.extend(children(process))
            total += proportional_kib(process)
        except (OSError, ValueError):
            pass
    return total


class Sampler(threading.Thread):
    """Keeps the highest memory seen of a process tree, in KiB, until it is stopped."""

    def __init__(self, pid):
        super(Sampler, self).__init__()
        self.pid = pid
        self.peak = 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, tree_kib(self.pid))


def end_group(group):
    """Kills what is left of a process group; says whether there was anything."""
    try:
        os.killpg(group, signal.SIGKILL)
        return True
    except OSError:
        return False


def is_alive(group):
    """Whether the group has a process, given a moment to end by itself."""
    deadline = time.time() + GRACE_SECONDS
    while time.time() < deadline:
        try:
            os.killpg(group, 0)
        except OSError:
            return False
        time.sleep(SAMPLE_SECONDS)
    return True


def last_line(path):
    """The last line of a file that says anything, cut."""
    with open(path, 'rb') as stream:
        lines = [line for line in stream.read().decode('utf-8', 'replace').splitlines() if line.strip()]
    return lines[-1].strip()[:100] if lines else ''


def run(command, folder, environment, limit, memory):
    """Runs `command` in `folder`, `limit` seconds at most.

    With `memory` the tree is sampled, which takes time from a busy machine.
    What the command prints goes to `printed.txt` in the folder.
    """
    printed = os.path.join(folder, 'printed.txt')
    with open(printed, 'wb') as stream:
        start = time.time()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        sampler = Sampler(process.pid)
        if memory:
            sampler.start()
        timer = threading.Timer(limit, end_group, [process.pid])
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.time() - start
    process.returncode = status
    timer.cancel()
    sampler.stopped.set()
    if memory:
        sampler.join()
    failure = ''
    if wall >= limit:
        failure = 'killed after %d s' % limit
    elif status:
        failure = 'failed: ' + last_line(printed)
    elif is_alive(process.pid):
        failure = 'left processes behind'
    end_group(process.pid)
    peak = sampler.peak / 1024.0 if sampler.peak else None
    return Measured(wall, usage.ru_utime + usage.ru_stime, peak, failure)
