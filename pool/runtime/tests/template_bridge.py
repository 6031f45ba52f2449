"""A worker for tests of the fork template; its arguments say how the import goes.

thread      leaves a thread running behind the import
fail        fails to import
hang        never ends its import

echo        its arguments
random      a number that no other worker draws
after_fork  how often this process was told that it is a forked worker
crash       {code}: exits with it
"""

import os
import random
import sys

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker

worker = Worker()
told = []

if "thread" in sys.argv:
    import threading

    threading.Thread(target=threading.Event().wait, name="stray", daemon=True).start()
if "fail" in sys.argv:
    raise ImportError("this import fails as told")
if "hang" in sys.argv:
    import signal

    signal.pause()


@worker.after_fork
def count():
    told.append(os.getpid())


@worker.command("echo")
def echo(_command, args, _context):
    return args


@worker.command("random")
def draw(_command, _args, _context):
    return random.getrandbits(48)


@worker.command("after_fork")
def after_fork(_command, _args, _context):
    return {"told": told, "pid": os.getpid(), "parent": os.getppid(), "group": os.getpgrp()}


@worker.command("crash")
def crash(_command, args, _context):
    os._exit(args["code"])


if __name__ == "__main__":
    worker.main()
