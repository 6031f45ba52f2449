"""A worker forked from a warm template speaks over its own pipes and leaves the template's alone."""

import os
import unittest

from harness import HERE, WorkerTestCase, wait_readable


class ForkedWorker(WorkerTestCase):
    def setUp(self):
        super().setUp()
        ends = [os.pipe() for _ in range(3)]
        (requests, to_worker), (from_worker, replies), (self.notes, notes) = ends
        theirs = [requests, replies, notes]
        self.template = self.start(
            *map(str, theirs), bridge=os.path.join(HERE, "fork_template.py"), pass_fds=theirs
        )
        for fd in theirs:
            os.close(fd)
        # The template's own pipes stay as they are; what follows goes over the worker's.
        self.template.request_fd, self.template.reply_fd = to_worker, from_worker
        self.open = {to_worker, from_worker, self.notes}
        self.addCleanup(lambda: [os.close(fd) for fd in self.open])

    def end_input(self):
        os.close(self.template.request_fd)
        self.open.remove(self.template.request_fd)

    def test_it_shakes_hands_and_serves_over_its_own_pipes(self):
        self.template.shake_hands()
        self.assertEqual(self.template.result("echo", {"n": 1}), {"n": 1})
        self.assertEqual(self.template.result("take_notes", {"notes": ["forked"]}), 1)
        wait_readable(self.notes, "a note")
        self.assertIn(b'"note":"forked"', os.read(self.notes, 1000))

    def test_what_it_prints_goes_to_stderr_and_its_children_inherit_no_pipe(self):
        self.template.shake_hands()
        self.assertEqual(self.template.result("be_noisy"), "quiet")
        self.assertIn("from a child\n", self.template.stderr_text())
        self.assertEqual(self.template.result("child_descriptors").count("->"), 4)

    def test_it_exits_with_0_at_the_end_of_its_own_input(self):
        self.template.shake_hands()
        self.end_input()
        self.assertEqual(self.template.wait_exit(), 0)


if __name__ == "__main__":
    unittest.main()
