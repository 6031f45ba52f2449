"""Nothing that a program prints gets among the frames, and nothing that a child holds keeps a pipe open."""

import unittest

from harness import WorkerTestCase
from cites import cites_bug_class


class StandardStreams(WorkerTestCase):
    shared_flags = ()

    @cites_bug_class(14)
    def test_what_python_c_code_and_children_print_goes_to_stderr(self):
        self.assertEqual(self.worker.result("be_noisy"), "quiet")
        self.assert_still_serves(self.worker)
        printed = self.worker.stderr_text()
        for source in ("print", "the old sys.stdout", "os.write", "printf", "a child"):
            self.assertIn("from %s\n" % source, printed)

    def test_neither_a_handler_nor_its_child_can_read_requests(self):
        self.worker.send("read_input", request_id=70)
        self.worker.send("echo", {"n": 1}, request_id=71)
        self.assertEqual(self.worker.receive()["result"], ["", "", ""])
        self.assertEqual(self.worker.receive()["result"], {"n": 1})

    def test_a_child_inherits_none_of_the_private_descriptors(self):
        listing = self.worker.result("child_descriptors")
        # 0 is /dev/null, 1 the pipe to the handler, 2 stderr, and one more with which ls reads the folder.
        self.assertEqual(listing.count("->"), 4, listing)


if __name__ == "__main__":
    unittest.main()
