"""A worker that says when it began, by the clock of all processes (CLOCK_MONOTONIC).

work {nonce}   answers at once with the nonce and began_ns
hang {}        never answers
"""

import os
import signal
import sys
import time

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker

worker = Worker()


@worker.command("work")
def work(_command, args, _context):
    return {"began_ns": time.monotonic_ns(), "nonce": args["nonce"]}


@worker.command("hang")
def hang(_command, _args, _context):
    while True:
        signal.pause()


if __name__ == "__main__":
    worker.main()
