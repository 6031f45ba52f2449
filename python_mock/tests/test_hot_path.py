"""A call costs the worker one read and one write, and nothing that could be put off is done in it."""

import unittest

from harness import EMPTY_BRIDGE, WorkerTestCase

CALLS = 200


class HotPath(WorkerTestCase):
    shared_flags = ("--faults",)
    shared_bridge = EMPTY_BRIDGE

    def system_calls(self):
        """(reads, writes) of the worker so far. The kernel counts one when it ends: the last may be missing."""
        with open("/proc/%d/io" % self.worker.pid) as io:
            counts = dict(line.split(": ") for line in io.read().splitlines())
        return int(counts["syscr"]), int(counts["syscw"])

    def test_a_call_is_one_read_and_one_write(self):
        self.worker.result("echo")
        before = self.system_calls()
        for number in range(CALLS):
            self.worker.result("echo", {"text": "x" * number})
        for count_before, count in zip(before, self.system_calls()):
            self.assertAlmostEqual(count - count_before, CALLS, delta=1)

    def test_a_large_reply_is_not_copied_into_small_writes(self):
        self.worker.result("echo")
        _, before = self.system_calls()
        self.worker.result("big_reply", {"bytes": 1 << 20})
        _, after = self.system_calls()
        self.assertLessEqual(after - before, 2)

    def test_a_context_that_nobody_asks_computes_nothing(self):
        from ordeal_worker import Context

        class Untouchable:
            def __getattribute__(self, name):
                raise AssertionError("the context looked at " + name)

        Context(Untouchable(), Untouchable(), Untouchable())


if __name__ == "__main__":
    unittest.main()
