"""A worker whose import computes for IMPORT_S seconds (half of one), as that of a large library does."""

import os
import sys
import time

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker

IMPORT_S = float(os.environ.get("IMPORT_S", "0.5"))

worker = Worker()
table = {}
while time.process_time() < IMPORT_S:
    table[len(table)] = str(len(table))


@worker.command("echo")
def echo(_command, args, _context):
    return args


if __name__ == "__main__":
    worker.main()
