"""What a template shares with its workers lies in large pages, where the kernel can do that."""

import os
import subprocess
import sys
import unittest

from harness import HERE

PROGRAM = """
import os, sys
from ordeal_worker.hugepages import collapse_private_memory
MANY = int(sys.argv[1])
numbers = [float(number) for number in range(MANY)]
bytes_in_huge_pages = collapse_private_memory(seconds_max=10)
with open("/proc/self/smaps_rollup") as rollup:
    kernel_says = sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("AnonHugePages:"))
pid = os.fork()
if pid == 0:
    numbers[MANY // 2] = -1.0
    os._exit(0 if numbers[0] == 0.0 and numbers[-1] == MANY - 1.0 else 1)
child = os.waitpid(pid, 0)[1]
print(bytes_in_huge_pages, kernel_says, child, numbers == [float(number) for number in range(MANY)])
"""


def run(numbers):
    """(bytes collapsed, bytes in huge pages by the kernel's count, the child's status, all numbers are right)"""
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(HERE))
    out = subprocess.check_output([sys.executable, "-c", PROGRAM, str(numbers)], env=environment)
    collapsed, kernel_says, child, intact = out.decode().split()
    return int(collapsed), int(kernel_says), int(child), intact == "True"


class HugePages(unittest.TestCase):
    def test_what_is_large_is_moved_whole_and_each_process_keeps_its_own(self):
        collapsed, kernel_says, child, intact = run(5_000_000)  # 160 MB of numbers and their list
        self.assertEqual((child, intact), (0, True))
        if collapsed == 0:
            self.skipTest("this kernel has no huge pages for it")
        self.assertGreater(collapsed, 96 << 20)
        self.assertGreaterEqual(kernel_says, collapsed // 2)

    def test_what_is_small_stays_as_it_is(self):
        for numbers in (1000, 2_000_000):  # The latter have 64 MB: to move them takes longer than twenty forks gain.
            self.assertEqual(run(numbers)[0], 0)


if __name__ == "__main__":
    unittest.main()
