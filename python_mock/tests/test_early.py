"""A start that takes its time says which modules it is importing, and where it stands when asked."""

import os
import signal
import subprocess
import sys
import unittest

from harness import wait_readable

KIT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Looks for modules again and again, and tells when it is at it.
PROGRAM = """
import sys
sys.path.insert(0, %r)
import ordeal_worker
import importlib.util
import os
os.write(2, b"here\\n")
while True:
    importlib.util.find_spec("no_such_module")
"""


class Early(unittest.TestCase):
    def start(self, with_channel=True):
        self.reader, writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        environment = {"PATH": os.environ["PATH"]}
        if with_channel:
            environment["ORDEAL_PROGRESS_FD"] = str(writer)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM % KIT],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            pass_fds=[writer],
        )
        os.close(writer)
        self.addCleanup(self.end, process)
        self.assertEqual(process.stderr.readline(), b"here\n")
        return process

    def end(self, process):
        process.kill()
        process.wait()
        process.stderr.close()

    def test_modules_that_are_looked_for_are_said_now_and_then(self):
        self.start()
        wait_readable(self.reader, "progress")
        self.assertIn(b'{"import":"no_such_module"}\n', os.read(self.reader, 4096))

    def test_the_stacks_can_be_asked_for_before_main(self):
        process = self.start()
        process.send_signal(signal.SIGUSR1)
        self.assertIn(b"most recent call first", process.stderr.readline())

    def test_without_a_host_the_signal_is_left_alone(self):
        process = self.start(with_channel=False)
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.wait(), -signal.SIGUSR1)


if __name__ == "__main__":
    unittest.main()
