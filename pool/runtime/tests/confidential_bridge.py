"""A DSPex bridge that says secrets in every way it can.

They come reversed in `text`, so that what it says is in no request.

say {text}            the result
fail {text}           an error whose traceback, and not its message, has it
garble {text}         a reply that is no JSON
crash {text}          the last words on stderr, then exit status 3
say_late {text}       the result, but not before the request is cancelled
"""

import os
import sys

sys.path.insert(0, os.environ["PYTHON_MOCK"])

from mock_bridge import worker
from ordeal_worker.errors import TakeOver
from ordeal_worker.wire import pack_header

PATIENCE_S = 10


def secret(args):
    return args["text"][::-1]


@worker.command("echo")
def echo(_command, args, _context):
    return args


@worker.command("say")
def say(_command, args, _context):
    return {"said": secret(args)}


@worker.command("fail")
def fail(_command, args, _context):
    try:
        raise ValueError(secret(args))
    except ValueError as error:
        raise RuntimeError("it failed") from error


@worker.command("garble")
def garble(_command, args, context):
    body = b"{" + secret(args).encode()

    def act():
        context.worker.wire.send(pack_header(len(body)) + body)

    raise TakeOver(act)


@worker.command("crash")
def crash(_command, args, _context):
    os.write(2, secret(args).encode() + b"\n")
    os._exit(3)


@worker.command("say_late")
def say_late(_command, args, context):
    context.wait_cancelled(PATIENCE_S)
    return {"said": secret(args)}


if __name__ == "__main__":
    worker.main()
