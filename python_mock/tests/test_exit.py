"""How a worker ends, and with what status."""

import os
import signal
import subprocess
import sys
import unittest

from harness import EMPTY_BRIDGE, WorkerTestCase, frame, wait_readable


class Exit(WorkerTestCase):
    def test_at_end_of_input_it_exits_with_0(self):
        worker = self.start_ready()
        worker.end_input()
        self.assertEqual(worker.wait_exit(), 0)
        self.assertEqual(worker.stderr_text(), "")

    def test_at_end_of_input_before_the_first_request_it_exits_with_0(self):
        worker = self.start()
        worker.end_input()
        self.assertEqual(worker.wait_exit(), 0)

    def test_requests_before_the_end_of_input_are_answered(self):
        worker = self.start_ready()
        worker.send("echo", {"n": 1})
        worker.end_input()
        self.assertEqual(worker.receive()["result"], {"n": 1})
        self.assertEqual(worker.wait_exit(), 0)

    def test_at_end_of_input_inside_a_frame_it_exits_with_65_and_a_message(self):
        for data in (b"\x00", frame({"id": 1, "command": "echo"})[:-1]):
            worker = self.start_ready()
            worker.send_bytes(data)
            worker.end_input()
            self.assertEqual(worker.wait_exit(), 65)
            self.assertIn("in the middle of a frame", worker.stderr_text())

    def test_shutdown_is_acknowledged_and_then_it_exits_with_0(self):
        worker = self.start_ready("--mode", "pool-worker")
        acknowledged = worker.result("shutdown")
        self.assertEqual(acknowledged, {"status": "shutting_down", "worker_id": "7", "mode": "pool-worker"})
        self.assertEqual(worker.wait_exit(), 0)
        self.assertEqual(worker.read_to_end(), b"")

    def test_nothing_behind_a_shutdown_is_served(self):
        worker = self.start_ready()
        worker.send_bytes(frame({"id": 5, "command": "shutdown"}) + frame({"id": 6, "command": "echo"}))
        self.assertEqual(worker.receive()["id"], 5)
        self.assertEqual(worker.read_to_end(), b"")
        self.assertEqual(worker.wait_exit(), 0)

    def test_sigterm_ends_an_idle_worker(self):
        worker = self.start_ready()
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait_exit(), -signal.SIGTERM)

    def test_sigterm_ends_a_worker_in_the_middle_of_a_request(self):
        worker = self.start_in_a_request()
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait_exit(), -signal.SIGTERM)
        self.assertEqual(worker.read_to_end(), b"")

    def test_sigterm_works_although_the_host_had_blocked_and_ignored_it(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        self.addCleanup(signal.pthread_sigmask, signal.SIG_UNBLOCK, [signal.SIGTERM])
        self.addCleanup(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.SIG_IGN))
        worker = self.start_ready()
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait_exit(), -signal.SIGTERM)

    def test_sigint_is_ignored(self):
        worker = self.start_ready()
        worker.signal(signal.SIGINT)
        self.assert_still_serves(worker)

    def test_sigusr1_writes_the_stacks_and_the_worker_goes_on(self):
        worker = self.start_in_a_request()
        worker.signal(signal.SIGUSR1)
        worker.send("$cancel", request_id=1)
        self.assertEqual(worker.receive()["error"]["type"], "Cancelled")
        self.assertIn("in work_until_cancelled", worker.stderr_text())
        self.assert_still_serves(worker)

    def test_when_nobody_reads_replies_any_more_it_exits_with_74_and_without_a_word(self):
        worker = self.start_ready()
        worker._process.stdout.close()
        worker.send("echo")
        self.assertEqual(worker.wait_exit(), 74)
        self.assertEqual(worker.stderr_text(), "")

    def test_when_its_requests_cannot_be_read_it_says_why_and_exits_with_74(self):
        with open(os.devnull, "wb") as written_only:
            ended = subprocess.run(
                [sys.executable, EMPTY_BRIDGE], stdin=written_only, stdout=written_only, stderr=subprocess.PIPE
            )
        told = "ordeal_worker: a pipe to the host failed: [Errno 9] Bad file descriptor\n"
        self.assertEqual((ended.returncode, ended.stderr.decode()), (74, told))

    def test_it_ends_with_the_same_statuses_when_its_stderr_is_gone_too(self):
        for last_bytes, status in ((b"", 0), (b"\x00", 65)):
            worker = self.start_ready(stderr_pipe=True)
            worker._process.stderr.close()
            worker.send_bytes(last_bytes)
            worker.end_input()
            self.assertEqual(worker.wait_exit(), status)

    def start_in_a_request(self):
        """A worker known to be inside a handler: its progress has been heard of."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        worker = self.start_ready(pass_fds=[writer], environment={"ORDEAL_PROGRESS_FD": str(writer)})
        os.close(writer)
        worker.send("work_until_cancelled", {"patience_s": 600})
        heard = b""
        while b"working" not in heard:
            wait_readable(reader, "progress")
            heard += os.read(reader, 1000)
        return worker


if __name__ == "__main__":
    unittest.main()
