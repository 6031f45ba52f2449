"""A bridge for the kit's own tests: handlers that behave and handlers that misbehave in every way they can."""

import os
import sys
import time
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ordeal_worker import Cancelled, Worker, WorkerError  # noqa: E402

worker = Worker()
worker.progress("importing")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("not even this works")


def overflow(depth):
    return overflow(depth + 1) + 1


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def circle():
    value = []
    value.append(value)
    return value


RAISE = {
    "value_error": lambda: int("x"),
    "system_exit": lambda: sys.exit(3),
    "keyboard_interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "recursion": lambda: overflow(0),
    "memory": lambda: bytearray(1 << 62),
    "mute": lambda: (_ for _ in ()).throw(Mute()),
    "worker_error": lambda: (_ for _ in ()).throw(WorkerError("come back later", type="Busy", retryable=True)),
    "surrogate": lambda: (_ for _ in ()).throw(ValueError("half a character: \ud800")),
    "endless": lambda: (_ for _ in ()).throw(ValueError("x" * 10_000_000)),
}

RETURN = {
    "nan": lambda: {"deep": [float("nan")]},
    "infinity": lambda: float("-inf"),
    "surrogate": lambda: "half a character: \udfff",
    "surrogate_key": lambda: {"\ud800": 1},
    "bytes": lambda: b"raw",
    "set": lambda: {"a", "b"},
    "object": lambda: object(),
    "tuple_key": lambda: {(1, 2): 3},
    "circle": circle,
    "too_deep": lambda: nest(1_000_000),
}


@worker.command("echo")
def echo(command, args, context):
    return args


@worker.command("raise")
def raise_it(command, args, context):
    return RAISE[args["kind"]]()


@worker.command("return")
def return_it(command, args, context):
    return RETURN[args["kind"]]()


@worker.command("describe_context")
def describe_context(command, args, context):
    remaining_s = context.remaining_s()
    return {
        "request_id": context.request_id,
        "worker_id": context.worker_id,
        "label": context.label,
        "traceparent": context.traceparent,
        "session": context.session,
        "attempt": context.attempt,
        "remaining_s": None if remaining_s == float("inf") else remaining_s,
        "raw": context.raw,
    }


@worker.command("is_cancelled")
def is_cancelled(command, args, context):
    return context.cancelled()


@worker.command("work_until_cancelled")
def work_until_cancelled(command, args, context):
    context.progress("working")
    if not context.wait_cancelled(args["patience_s"]):
        return "nobody cancelled"
    raise Cancelled()


@worker.command("close_replies")
def close_replies(command, args, context):
    os.close(context.worker.wire.reply_fd)
    context.wait_cancelled(600)


@worker.command("take_notes")
def take_notes(command, args, context):
    for note in args["notes"]:
        context.progress(note)
    return len(args["notes"])


@worker.command("busy_loop")
def busy_loop(command, args, context):
    until = time.monotonic() + args["seconds"]
    while time.monotonic() < until:
        pass
    return "done"


@worker.command("be_noisy")
def be_noisy(command, args, context):
    """Write to standard output in every way there is."""
    print("from print")
    sys.__stdout__.write("from the old sys.stdout\n")
    sys.__stdout__.flush()
    os.write(1, b"from os.write\n")
    import ctypes  # in here, as subprocess below: most of the many workers need neither
    import subprocess

    libc = ctypes.CDLL(None)
    libc.printf(b"from printf\n")
    libc.fflush(None)
    subprocess.run(["echo", "from a child"], check=True)
    return "quiet"


@worker.command("read_input")
def read_input(command, args, context):
    import subprocess

    return [sys.stdin.read(), os.read(0, 10).decode(), subprocess.run(["cat"], stdout=subprocess.PIPE).stdout.decode()]


@worker.command("child_descriptors")
def child_descriptors(command, args, context):
    """What descriptors a child gets that closes none, beside the one with which ls reads the folder."""
    import subprocess

    listing = subprocess.run(["ls", "-l", "/proc/self/fd"], stdout=subprocess.PIPE, close_fds=False)
    return listing.stdout.decode()


@worker.command("start_parrot")
def start_parrot(command, args, context):
    """A thread that repeats each byte from one pipe on another: it shows whether Python code can run."""

    def repeat():
        while True:
            os.write(args["speak"], os.read(args["listen"], 1))

    threading.Thread(target=repeat, daemon=True).start()


@worker.command("frozen_objects")
def frozen_objects(command, args, context):
    import gc

    return gc.get_freeze_count()


@worker.command("extra_arguments")
def extra_arguments(command, args, context):
    return {"extra": worker.extra_arguments, "mode": worker.mode, "worker_id": worker.worker_id}


@worker.command("ping")
def ping(command, args, context):
    return {"mode": worker.mode, "sample": True}


if __name__ == "__main__":
    worker.main()
