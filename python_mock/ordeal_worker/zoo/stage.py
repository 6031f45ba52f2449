"""A worker that does what its director tells it, when it is told: no test needs to guess a time.

The director listens on a Unix socket. A worker that has a `play` in hand connects and says so, with one line of JSON:

    {"ticket": "a", "attempt": 1}

and waits for one line: {"command": "crash", "args": {"exit_code": 3}}, a command of the zoo, which it then is. So the
director knows that the worker has the request (and who it is, by SO_PEERCRED), holds it there for as long as it likes,
and decides its end. Without an answer (the director is gone) the request fails.
"""

from ..errors import WorkerError
from .arguments import text


def play(_command, args, context):
    command, arguments = _ask(text(args, "stage"), text(args, "ticket"), context.attempt or 1)
    return _animal(command)(command, arguments, context)


def _ask(stage, ticket, attempt):
    import json  # Only now: slow to import, and nobody else needs them.
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(stage)
            line.sendall(json.dumps({"ticket": ticket, "attempt": attempt}).encode() + b"\n")
            with line.makefile("rb") as told:
                part = json.loads(told.readline() or b"null")
        except OSError as error:
            raise WorkerError("the stage %r: %s" % (stage, error), type="StageGone") from None
    if part is None:
        raise WorkerError("the director of %r left without a word" % ticket, type="StageGone")
    return part["command"], part.get("args", {})


def _animal(name):
    from ..faults import FAULTS  # The table names this module.

    for fault in FAULTS:
        if fault.name == name and fault.run is not play:
            return fault.run
    raise WorkerError("no such part: %r" % (name,), type="InvalidArgument")
