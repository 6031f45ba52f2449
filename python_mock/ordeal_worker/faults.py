"""The zoo: scripted faults as ordinary commands, for any bridge started with --faults or ORDEAL_WORKER_FAULTS=1.

One line here is one command. A handler of the bridge with the same name wins. The table in ../README.md is held
to this one by a test.
"""

import collections

from .zoo import calls, model, process, stage, wire

Fault = collections.namedtuple("Fault", "name run args summary")

FAULTS = (
    # Ordinary replies.
    Fault("echo", calls.echo, "any", "returns its args"),
    Fault("sleep", calls.sleep, "ms", "replies after that time"),
    Fault("busy", calls.busy, "ms", "replies after computing for that time, in Python, with the GIL"),
    Fault("late_reply", calls.late_reply, "ms", "replies after that time, when the caller may have given up"),
    Fault("error", calls.error, "type, message, retryable", "fails as told"),
    Fault("raise", calls.raise_uncaught, "", "raises an exception that nobody expected"),
    Fault(
        "unrepresentable",
        calls.unrepresentable,
        "kind: nan|surrogate|bigint|bytes, raw",
        "returns what JSON or 64 bits cannot carry; raw: writes it as a careless bridge does",
    ),
    Fault("big_reply", calls.big_reply, "bytes", "returns so much text"),
    Fault("progress", calls.progress, "count, every_ms", "reports progress so many times: slow, but not stuck"),
    Fault("wait_cancel", calls.wait_cancel, "ms (60000)", "waits for its cancel, at most that time"),
    Fault("pid", calls.pid, "", "returns pid, ppid and pgid"),
    Fault("context", calls.context, "", "returns what it knows of the request: label, session, attempt ..."),
    Fault("print_stdout", calls.print_stdout, "text", "prints by Python, descriptor 1, C and a child, then replies"),
    Fault("flood_stderr", calls.flood_stderr, "bytes", "writes so much to stderr, then replies"),
    Fault("ask_model", model.ask_model, "prompt", "asks the model at $ORDEAL_MODEL_URL, returns args and answer"),
    Fault("play", stage.play, "stage, ticket", "asks its director, on that Unix socket, which of these to be and when"),
    # The stream.
    Fault("garbage", wire.garbage, "bytes, seed", "random bytes instead of a frame"),
    Fault("bad_json", wire.bad_json, "text", "a frame that is not JSON, or that text"),
    Fault("not_object", wire.not_object, "", "a frame with a list"),
    Fault(
        "partial_frame",
        wire.partial_frame,
        "bytes, then: hang|exit, exit_code",
        "the first bytes of the reply, then hangs or exits",
    ),
    Fault("oversize_frame", wire.oversize_frame, "length", "a header that announces so much, and no body"),
    Fault("wrong_id", wire.wrong_id, "delta", "replies with an id that is off by delta"),
    Fault("duplicate_reply", wire.duplicate_reply, "apart_ms", "replies twice"),
    Fault("dribble_reply", wire.dribble_reply, "piece, apart_ms", "replies in pieces of so many bytes"),
    Fault("stray_bytes_after_reply", wire.stray_bytes_after_reply, "bytes", "replies, and more in the same write"),
    Fault("stop_reading", wire.stop_reading, "ms", "replies, then reads nothing for that time"),
    Fault("close_stdout", wire.close_stdout, "", "closes the pipe of replies, and lives on without a voice"),
    Fault("close_stdin", wire.close_stdin, "", "closes the pipe of requests, replies, and lives on without an ear"),
    # The process.
    Fault("crash", process.crash, "exit_code | signal", "exits at once, or by that signal (name or number)"),
    Fault("exit_after_reply", process.exit_after_reply, "exit_code", "replies, then exits at once"),
    Fault("hang", process.hang, "gil", "never replies; gil: in C code, where a SIGTERM handler in Python never runs"),
    Fault("ignore_signals", process.ignore_signals, "", "ignores SIGTERM, SIGINT and SIGHUP from now on"),
    Fault("refuse_to_die", process.refuse_to_die, "", "ignores those, shutdown and the end of input from now on"),
    Fault("grow_memory", process.grow_memory, "mb", "takes so much memory and keeps it"),
    Fault(
        "grandchildren",
        process.grandchildren,
        "count, ignore_term, setsid, hold: nothing|stderr|protocol",
        "starts children that pause for ever, and returns their pids",
    ),
)
