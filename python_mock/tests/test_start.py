"""Starts that are scripted to be late, to fail, to hang or to babble."""

import os
import signal
import tempfile
import unittest

from harness import WorkerTestCase, now


class Start(WorkerTestCase):
    def state_file(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return os.path.join(folder.name, "starts")

    def test_a_delayed_start_answers_after_its_delay(self):
        begun = now()
        self.start_ready("--start-delay-ms", "50")
        self.assertGreaterEqual(now() - begun, 0.05)

    def test_a_start_that_always_fails_exits_with_the_wanted_status(self):
        worker = self.start("--start-fail", "always", "--start-exit-code", "7")
        self.assertEqual(worker.wait_exit(), 7)
        self.assertIn("fails as scripted", worker.stderr_text())

    def test_the_first_two_starts_fail_and_the_third_serves(self):
        flags = ["--start-fail", "2", "--start-state", self.state_file()]
        self.assertEqual([self.start(*flags).wait_exit() for _ in range(2)], [1, 1])
        self.start_ready(*flags)

    def test_starts_at_the_same_time_are_counted_once_each(self):
        flags = ["--start-fail", "3", "--start-state", self.state_file()]
        workers = [self.start(*flags) for _ in range(5)]
        for worker in workers:
            worker.end_input()
        self.assertEqual(sorted(worker.wait_exit() for worker in workers), [0, 0, 1, 1, 1])

    def test_a_hanging_start_takes_no_notice_of_a_ping_or_the_end_of_input_but_of_sigterm(self):
        worker = self.start("--start-hang", stderr_pipe=True)
        worker.read_stderr_until("hangs as scripted")
        worker.send("ping", request_id=0)
        worker.end_input()
        worker.wait_until_asleep_in("pause_forever")
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait_exit(), -signal.SIGTERM)
        self.assertEqual(worker.read_to_end(), b"")

    def test_a_babbling_start_answers_the_ping_with_the_same_garbage_each_time(self):
        from ordeal_worker.startup import GARBAGE

        for _ in range(2):
            worker = self.start("--start-garbage")
            worker.send("ping", request_id=0)
            self.assertEqual(worker.read_bytes(len(GARBAGE)), GARBAGE)

    def test_a_start_is_frozen_out_of_the_garbage_collector(self):
        self.assertGreater(self.start_ready().result("frozen_objects"), 1000)


if __name__ == "__main__":
    unittest.main()
