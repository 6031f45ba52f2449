"""A worker that gets stuck as told, in functions with telling names."""

import os
import sys
import threading

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from ordeal_worker import Worker  # noqa: E402

worker = Worker()


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


@worker.command("echo")
def echo(command, args, context):
    return args


@worker.command("fail")
def fail(command, args, context):
    raise RuntimeError("as told")


if __name__ == "__main__":
    worker.main()
