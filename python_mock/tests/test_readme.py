"""The README is held to the code where it could drift from it."""

import os
import re
import tempfile
import unittest

from harness import PYTHON_MOCK, WorkerTestCase

from ordeal_worker.faults import FAULTS
from ordeal_worker.handshake import CAPABILITIES


def readme():
    with open(os.path.join(PYTHON_MOCK, "README.md"), encoding="utf-8") as text:
        return text.read()


class Readme(WorkerTestCase):
    def test_the_table_of_the_zoo_is_the_registry(self):
        rows = [
            "| `%s` | %s | %s |" % (fault.name, fault.args.replace("|", "\\|"), fault.summary) for fault in FAULTS
        ]
        self.assertIn("\n".join(rows), readme())

    def test_every_capability_has_a_line(self):
        for name in CAPABILITIES:
            self.assertIn("\n| `%s` |" % name, readme())

    def test_every_file_it_names_is_there(self):
        text = readme()
        for name in re.findall(r"`([\w/]+\.py)`", text.split("## Write a bridge")[0]):
            places = [os.path.join(PYTHON_MOCK, folder, name) for folder in ("", "ordeal_worker", "dspex")]
            self.assertTrue(any(map(os.path.exists, places)), name)

    def test_its_bridge_works_as_printed(self):
        source = re.search(r"```python\n(.*?)```", readme(), re.DOTALL).group(1)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bridge.py")
            with open(path, "w", encoding="utf-8") as bridge:
                bridge.write("import sys; sys.path.insert(0, %r)\n%s" % (PYTHON_MOCK, source))
            worker = self.start_ready(bridge=path)
            self.assertEqual(worker.result("divide", {"what": 6, "by": 4}), {"quotient": 1.5})
            self.assertEqual(worker.error("divide", {"what": 6, "by": 0})["type"], "InvalidArgument")


if __name__ == "__main__":
    unittest.main()
