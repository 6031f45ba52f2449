"""A worker whose faults, and whose callers' faults, are asked for.

fault {}            fails, and it is the worker's own doing
mistake {}          fails, since what was asked for was wrong
echo {...}          answers
hold {file}         answers as soon as nobody else holds the file's lock
crash {}            exits with status 3
"""

import fcntl
import os
import sys

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker, WorkerError

worker = Worker()


@worker.command("fault")
def fault(_command, _args, _context):
    raise RuntimeError("the model is not there")


@worker.command("mistake")
def mistake(_command, args, _context):
    return args["name that nobody gave"]


@worker.command("unusual")
def unusual(_command, _args, _context):
    raise WorkerError("out of paper", type="OutOfPaper")


@worker.command("echo")
def echo(_command, args, _context):
    return args


@worker.command("hold")
def hold(_command, args, _context):
    with open(args["file"]) as held:
        fcntl.flock(held, fcntl.LOCK_SH)
    return {}


@worker.command("crash")
def crash(_command, _args, _context):
    os._exit(3)


if __name__ == "__main__":
    worker.main()
