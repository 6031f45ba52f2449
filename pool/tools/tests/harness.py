"""ordeal-pool observed from outside: as a process with pipes, signals and a status socket.

Invariants: nothing here waits for a guessed time; lines and exits are awaited as events, with a
deadline that only a failing test ever reaches. Every test has a folder of its own, which is all
that the program gets as TMPDIR and XDG_RUNTIME_DIR; a process, a socket or a file that a test
leaves behind fails it.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BINARY = os.environ["ORDEAL_POOL"]
WORKER = [sys.executable, "-S", "-E", os.path.join(ROOT, "python_mock", "mock_bridge.py"),
          "--faults"]
DEADLINE_S = 30

_PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphaned workers become ours


def wait_readable(fd, what):
    if not select.select([fd], [], [], DEADLINE_S)[0]:
        raise AssertionError("nothing within %d s: %s" % (DEADLINE_S, what))


def own_children():
    """The pids of all children of this process, zombies included."""
    children = set()
    for task in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/children" % task) as listing:
            children.update(int(pid) for pid in listing.read().split())
    return children


def await_and_reap(pid):
    pidfd = os.pidfd_open(pid)
    try:
        wait_readable(pidfd, "the end of process %d" % pid)
    finally:
        os.close(pidfd)
    os.waitpid(pid, 0)


def request(command, **members):
    args = members.pop("args", {})
    return json.dumps(dict(members, command=command, args=args)) + "\n"


class Lines:
    """The lines of a stream, as they come."""

    def __init__(self, stream, what):
        self._fd = stream.fileno()
        self._what = what
        self._buffer = b""
        self.seen = []

    def next(self):
        """The next line without its break; None at the end."""
        while b"\n" not in self._buffer:
            wait_readable(self._fd, "%s after %r" % (self._what, self.seen[-3:]))
            block = os.read(self._fd, 1 << 16)
            if not block:
                return None
            self._buffer += block
        line, self._buffer = self._buffer.split(b"\n", 1)
        self.seen.append(line.decode())
        return self.seen[-1]

    def rest(self):
        while self.next() is not None:
            pass
        return self.seen

    def until(self, words):
        while True:
            line = self.next()
            if line is None:
                raise AssertionError("no line with %r in %r" % (words, self.seen))
            if words in line:
                return line


class Program:
    """A running ordeal-pool, its input open."""

    def __init__(self, folder, *words, stderr=subprocess.PIPE):
        environment = dict(os.environ, TMPDIR=folder, XDG_RUNTIME_DIR=os.path.join(folder, "run"))
        self._process = subprocess.Popen(
            [BINARY, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            bufsize=0, env=environment, cwd=folder)
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self.out = Lines(self._process.stdout, "an outcome")
        self.err = Lines(self._process.stderr, "a message") if self._process.stderr else None

    def write(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self._process.stdin.fileno(), data):]

    def end_input(self):
        self._process.stdin.close()

    def close_output(self):
        self._process.stdout.close()

    def outcome(self):
        line = self.out.next()
        return None if line is None else json.loads(line)

    def interrupt(self, number=signal.SIGINT):
        signal.pidfd_send_signal(self._pidfd, number)

    def wait(self):
        """The exit status, without reading what it still has to say."""
        wait_readable(self._pidfd, "the end of ordeal-pool")
        return self._process.wait()

    def finish(self):
        """Ends the input; all outcomes, all messages, and the exit status."""
        self.end_input()
        outcomes = [json.loads(line) for line in self.out.rest()]
        messages = self.err.rest() if self.err else []
        return outcomes, messages, self.wait()

    def end(self):
        if self._process.returncode is None:
            self.interrupt(signal.SIGKILL)
            self._process.wait()
        os.close(self._pidfd)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                stream.close()


class PoolToolTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ordeal-pool-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.files = {"run"}  # what the test itself makes
        self.addCleanup(self._assert_nothing_left_behind)

    def _assert_nothing_left_behind(self):
        left = own_children()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.assertEqual(left, set(), "processes left behind")
        self.assertEqual(set(os.listdir(self.folder)) - self.files, set(), "files left behind")
        run = os.path.join(self.folder, "run")
        self.assertEqual(os.listdir(run) if os.path.exists(run) else [], [], "sockets left behind")

    def path(self, name):
        self.files.add(name)
        return os.path.join(self.folder, name)

    def file(self, name, text):
        with open(self.path(name), "w") as stream:
            stream.write(text)
        return os.path.join(self.folder, name)

    def program(self, *words, **options):
        started = Program(self.folder, *words, **options)
        self.addCleanup(started.end)
        return started

    def start(self, *options, worker=WORKER, **more):
        """A run; it serves once its first outcome has come."""
        return self.program("run", *options, "--", *worker, **more)

    def run_lines(self, text, *options, **more):
        run = self.start(*options, **more)
        run.write(text)
        return run.finish()

    def refused(self, *words):
        """Exit status and the whole of standard error of a call that never gets to run."""
        program = self.program(*words)
        outcomes, messages, status = program.finish()
        self.assertEqual(outcomes, [])
        return status, "\n".join(messages)
