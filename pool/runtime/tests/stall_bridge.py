"""A worker that gets stuck as told, in functions with telling names."""

import os
import re
import sys
import threading

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker  # noqa: E402

worker = Worker()

if "slow-import" in sys.argv:  # Which gets on, and says so.
    for step in range(8):
        worker.progress("step %d" % step)
        threading.Event().wait(0.1)
if "hung-import" in sys.argv:
    threading.Lock().acquire()
    threading.Event().wait()


def compute_for_ever():
    while True:
        pass


@worker.command("gil_loop")
def gil_loop(command, args, context):
    compute_for_ever()


def take_both(first, second, both_have_one):
    with first:
        both_have_one.wait()
        with second:
            pass


@worker.command("lock_cycle")
def lock_cycle(command, args, context):
    left, right, both_have_one = threading.Lock(), threading.Lock(), threading.Barrier(2)
    threading.Thread(target=take_both, args=(right, left, both_have_one), daemon=True).start()
    take_both(left, right, both_have_one)


@worker.command("gil_in_c")
def gil_in_c(command, args, context):
    re.match("(a+)+$", "a" * 60 + "b")  # The engine keeps the GIL, and would be at it for years.


@worker.command("reports")
def reports(command, args, context):
    """Is in a lock cycle with itself, but for a report now and then."""
    lock = threading.Lock()
    lock.acquire()
    while not lock.acquire(timeout=0.02):
        context.progress("getting on")


@worker.command("fails_on")
def fails_on(command, args, context):
    if context.worker_id == args["worker"]:
        raise RuntimeError("as told, on this worker")
    return args


@worker.command("echo")
def echo(command, args, context):
    return args


@worker.command("fail")
def fail(command, args, context):
    raise RuntimeError("as told")


if __name__ == "__main__":
    worker.main()
