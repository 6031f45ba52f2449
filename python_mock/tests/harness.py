"""A worker observed from outside, over real pipes, as a pool sees it.

Invariants: nothing here waits for a guessed time. Reads and exits are waited for as events, with a deadline that
only a failing test ever reaches. Each worker has a session of its own, which is killed when its test ends, and
WorkerTestCase fails a test that leaves any process behind, grandchildren included.
"""

import ctypes
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON_MOCK = os.path.dirname(HERE)
sys.path.insert(0, PYTHON_MOCK)
sys.path.append(os.path.join(os.path.dirname(PYTHON_MOCK), "testing", "cites"))  # cites.py
EMPTY_BRIDGE = os.path.join(HERE, "empty_bridge.py")
SAMPLE_BRIDGE = os.path.join(HERE, "sample_bridge.py")
MOCK_BRIDGE = os.path.join(PYTHON_MOCK, "mock_bridge.py")
DEADLINE_S = 20
ALL_CAPABILITIES = ["cancel", "context", "error_object", "progress"]

# Which interpreter runs the workers; the tests themselves need 3.9 for pidfd_open.
WORKER_PYTHON = os.environ.get("ORDEAL_TEST_PYTHON", sys.executable)

_PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # Orphaned grandchildren become children of ours.


def frame(message):
    """The bytes of a message; `bytes` are framed as they are."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def wait_readable(fd, what):
    ready, _, _ = select.select([fd], [], [], DEADLINE_S)
    if not ready:
        raise AssertionError("nothing within %d s: %s" % (DEADLINE_S, what))


def wait_gone(pid):
    """Wait until this process, child or not, has ended."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        wait_readable(pidfd, "the end of process %d" % pid)
    finally:
        os.close(pidfd)


def state_of(pid):
    """The letter that /proc gives for this process; None if there is no such process."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return None


def is_running(pid):
    """Whether this process exists and is no zombie."""
    return state_of(pid) not in (None, "Z", "X")


class WorkerProcess:
    """A bridge started on pipes. Not shaken hands with yet: see shake_hands()."""

    def __init__(self, *flags, bridge=SAMPLE_BRIDGE, environment=None, pass_fds=(), stderr_pipe=False, python=None):
        self._stderr = None if stderr_pipe else tempfile.TemporaryFile()
        self._bridge = bridge
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ORDEAL_")}
        clean.update(environment or {})
        # -S: without site-packages, which proves that the standard library is enough.
        command = [python] if python else [WORKER_PYTHON, "-S", "-E"]
        self._process = subprocess.Popen(
            [*command, bridge, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr or subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=clean,
            pass_fds=pass_fds,
        )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self.request_fd = self._process.stdin.fileno()
        self.reply_fd = self._process.stdout.fileno()
        self._last_id = 0

    # Sending

    def send_bytes(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.request_fd, view):]

    def send(self, command, args=None, request_id=None, **members):
        """Send a request and return its id."""
        if request_id is None:
            self._last_id += 1
            request_id = self._last_id
        message = {"id": request_id, "command": command, "args": args or {}, "timestamp": "2024-01-01T00:00:00Z"}
        message.update(members)
        self.send_bytes(frame(message))
        return request_id

    def end_input(self):
        self._process.stdin.close()

    def signal(self, number):
        signal.pidfd_send_signal(self._pidfd, number)

    # Receiving

    def read_bytes(self, count):
        """Exactly so many bytes, or fewer at the end of file."""
        data = b""
        while len(data) < count:
            wait_readable(self.reply_fd, "%d more bytes of a reply" % (count - len(data)))
            piece = os.read(self.reply_fd, count - len(data))
            if not piece:
                break
            data += piece
        return data

    def read_to_end(self):
        data = b""
        while True:
            wait_readable(self.reply_fd, "the end of the replies")
            piece = os.read(self.reply_fd, 1 << 16)
            if not piece:
                return data
            data += piece

    def receive_body(self):
        header = self.read_bytes(4)
        if not header:
            raise EOFError("the worker closed its replies; stderr: " + self.stderr_text())
        return self.read_bytes(struct.unpack(">I", header)[0])

    def receive(self):
        return json.loads(self.receive_body())

    def call(self, command, args=None, **members):
        """The whole reply to one request."""
        request_id = self.send(command, args, **members)
        reply = self.receive()
        if reply["id"] != request_id:
            raise AssertionError("the reply to request %d is %r" % (request_id, reply))
        return reply

    def result(self, command, args=None, **members):
        reply = self.call(command, args, **members)
        if not reply["success"]:
            raise AssertionError("%s failed: %s" % (command, reply["error"]))
        return reply["result"]

    def error(self, command, args=None, **members):
        reply = self.call(command, args, **members)
        if reply["success"]:
            raise AssertionError("%s did not fail: %r" % (command, reply["result"]))
        return reply["error"]

    def shake_hands(self, capabilities=ALL_CAPABILITIES, protocol=1):
        """The start-up ping, with an offer unless capabilities is None. Returns the whole reply."""
        args = {"initialization": True, "worker_id": "7"}
        if capabilities is not None:
            args["ordeal"] = {"protocol": protocol, "capabilities": list(capabilities)}
        return self.call("ping", args, request_id=0)

    def stderr_text(self):
        """All that it has written to stderr so far."""
        fd = self._stderr.fileno()
        # Not seek and read: the worker writes at the offset of this very descriptor.
        return os.pread(fd, os.fstat(fd).st_size, 0).decode("utf-8", "replace")

    def read_stderr_until(self, *words):
        """The next lines on stderr up to one with all these words; for a worker with stderr_pipe."""
        text = line = ""
        while not line or any(word not in line for word in words):
            wait_readable(self._process.stderr, "%r on stderr; so far %r" % (words, text))
            line = self._process.stderr.readline().decode("utf-8", "replace")
            if not line:
                raise EOFError("stderr ended with %r" % text)
            text += line
        return text

    def dump_stacks(self):
        """What the threads of the worker are doing; for a worker with stderr_pipe."""
        # To the main thread alone: faulthandler drops a dump that begins on another thread before the last one's
        # handler has returned, and nobody would write what is waited for here. On one thread it waits its turn.
        if ctypes.CDLL(None, use_errno=True).tgkill(self.pid, self.pid, signal.SIGUSR1) != 0:
            raise OSError(ctypes.get_errno(), "tgkill")
        # The outermost entry of the main thread, which comes last.
        return self.read_stderr_until('%s", line' % self._bridge, "in <module>")

    def wait_until_asleep_in(self, function):
        """Wait until the main thread sleeps in this innermost function, by asking for its stack again and again."""
        while True:
            lines = self.dump_stacks().splitlines()
            current = next(number for number, line in enumerate(lines) if line.startswith("Current thread"))
            # The state is asked after the dump was read whole, so it does not sleep because of that.
            if lines[current + 1].endswith("in " + function) and state_of(self.pid) == "S":
                return

    # The end

    def wait_exit(self):
        """The exit status; minus the signal's number if a signal ended it."""
        wait_readable(self._pidfd, "the end of the worker")
        return self._process.wait()

    def end(self):
        """Kill whatever is left of the worker and its group, and take it away."""
        if self._process.returncode is None:
            self.signal(signal.SIGKILL)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        reap_group(self.pid)
        os.close(self._pidfd)
        for stream in (self._process.stdin, self._process.stdout, self._stderr or self._process.stderr):
            stream.close()


def reap_group(group):
    """Take away the killed members of this group that became our children."""
    while True:
        try:
            os.waitpid(-group, 0)
        except ChildProcessError:
            return


def own_children():
    """The pids of all children of this process, zombies included."""
    children = set()
    for task in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/children" % task) as listing:
            children.update(int(pid) for pid in listing.read().split())
    return children


class WorkerTestCase(unittest.TestCase):
    """Starts workers that end with the test; with `shared_flags` set, offers one worker for the whole class."""

    shared_flags = None
    shared_bridge = SAMPLE_BRIDGE

    @classmethod
    def setUpClass(cls):
        if cls.shared_flags is not None:
            cls.worker = WorkerProcess(*cls.shared_flags, bridge=cls.shared_bridge)
            cls.addClassCleanup(cls.worker.end)
            cls.handshake = cls.worker.shake_hands()

    def setUp(self):
        self.addCleanup(self._assert_nothing_left_behind, own_children())

    def _assert_nothing_left_behind(self, before):
        left = own_children() - before
        self.assertEqual(left, set(), "processes left behind")

    def start(self, *flags, **options):
        worker = WorkerProcess(*flags, **options)
        self.addCleanup(worker.end)
        return worker

    def start_ready(self, *flags, capabilities=ALL_CAPABILITIES, **options):
        worker = self.start(*flags, **options)
        self.assertTrue(worker.shake_hands(capabilities)["success"])
        return worker

    def start_faulty(self, **options):
        return self.start_ready("--faults", bridge=EMPTY_BRIDGE, **options)

    def assert_still_serves(self, worker):
        """The worker answers its next request, and with that request's answer."""
        self.assertEqual(worker.result("ping")["status"], "ok")


def now():
    return time.monotonic()
