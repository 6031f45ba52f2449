"""Commands that answer as they should: after a time, with an error, with a lot, or with what they know.

Invariant: each of them gives exactly one well-formed reply, and its bytes depend on the arguments alone
(timestamp, process ids and the remaining time apart).
"""

import math
import os
import time

from ..errors import Cancelled, TakeOver, WorkerError
from ..wire import pack_header
from .arguments import choice, flag, integer, seconds, text

UNREPRESENTABLE = {
    "nan": (float("nan"), b"NaN"),
    "surrogate": ("\ud800", b'"\\ud800"'),
    "bigint": (1 << 70, b"%d" % (1 << 70)),
    "bytes": (b"\x00\xff", b'"\x00\xff"'),
}
"""What a handler returns, and how a careless bridge writes it."""


def echo(_command, args, _context):
    return args


def sleep(_command, args, _context):
    time.sleep(seconds(args))
    return {"slept_ms": args.get("ms", 0)}


def late_reply(_command, args, _context):
    time.sleep(seconds(args))
    return {"late_ms": args.get("ms", 0)}


def busy(_command, args, _context):
    end = time.monotonic() + seconds(args)
    while time.monotonic() < end:
        pass
    return {"busy_ms": args.get("ms", 0)}


def error(_command, args, _context):
    message = text(args, "message", "failed as asked")
    raise WorkerError(message, type=text(args, "type", "ScriptedError"), retryable=flag(args, "retryable"))


def raise_uncaught(_command, _args, _context):
    raise ValueError("raised as asked")


def unrepresentable(_command, args, context):
    kind = choice(args, "kind", "nan", tuple(UNREPRESENTABLE))
    value, careless = UNREPRESENTABLE[kind]
    if not flag(args, "raw"):
        return value
    body = b'{"id":%d,"success":true,"result":%s,"timestamp":%.3f}' % (context.request_id, careless, time.time())
    raise TakeOver(lambda: context.worker.wire.send(pack_header(len(body)) + body))


def big_reply(_command, args, _context):
    return "x" * integer(args, "bytes", 1 << 20)


def progress(_command, args, context):
    count = integer(args, "count", 1)
    pause_s = seconds(args, "every_ms")
    for step in range(1, count + 1):
        time.sleep(pause_s)
        context.progress("step %d of %d" % (step, count))
    return {"reported": count}


def wait_cancel(_command, args, context):
    if context.wait_cancelled(seconds(args, default_ms=60000)):
        raise Cancelled()
    return {"cancelled": False}


def pid(_command, _args, _context):
    return {"pid": os.getpid(), "ppid": os.getppid(), "pgid": os.getpgrp()}


def context(_command, _args, context):
    remaining_s = context.remaining_s()
    return {
        "label": context.label,
        "traceparent": context.traceparent,
        "session": context.session,
        "attempt": context.attempt,
        "remaining_ms": None if remaining_s == math.inf else int(remaining_s * 1000),
    }


def print_stdout(_command, args, _context):
    """Python, the descriptor, the C library and a child: four ways past a protected stdout."""
    import ctypes  # Only now: slow to import, and nobody else needs them.
    import subprocess

    words = text(args, "text", "printed as asked")
    print(words)
    os.write(1, (words + "\n").encode("utf-8", "replace"))
    libc = ctypes.CDLL(None)
    libc.printf(b"%s\n", words.encode("utf-8", "replace"))
    libc.fflush(None)
    subprocess.run(["echo", words], check=True)
    return {"printed": 4}


def flood_stderr(_command, args, _context):
    """Blocks for as long as nobody reads the other end; that is the point."""
    count = integer(args, "bytes", 1 << 20)
    line = b"x" * 99 + b"\n"
    data = memoryview((line * (count // len(line) + 1))[:count])
    while data:
        data = data[os.write(2, data):]
    return {"written": count}
