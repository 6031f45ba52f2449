"""Faults of the stream: replies that are not what they should be, and pipe ends that close.

Each takes the reply over. Unless its line says otherwise the worker then reads the next request as if nothing had
happened, so that a pool which trusts it again is found out.
"""

import os
import time

from ..errors import TakeOver
from ..replies import success_frame
from ..startup import pause_forever
from ..wire import pack_header
from .arguments import choice, integer, seconds, text

STRAY = b"stray"


def _reply(context, result, id_delta=0):
    return success_frame(context.request_id + id_delta, result, context.worker.wire.max_frame_bytes)


def _framed(body):
    return pack_header(len(body)) + body


def _send(context, *pieces, apart_s=0.0):
    """Write these pieces and nothing else; each but the first after a while."""

    def act():
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(apart_s)
            context.worker.wire.send(piece)

    raise TakeOver(act)


def garbage(_command, args, context):
    import random  # here: few workers need it, and each would have to load it

    count = integer(args, "bytes", 64)
    noise = random.Random(integer(args, "seed")).getrandbits(8 * count) if count else 0
    _send(context, noise.to_bytes(count, "big"))


def bad_json(_command, args, context):
    _send(context, _framed(text(args, "text", '{"id":%d,"success":tru' % context.request_id).encode()))


def not_object(_command, _args, context):
    _send(context, _framed(b"[1,2,3]"))


def partial_frame(_command, args, context):
    count = integer(args, "bytes", 10)
    then = choice(args, "then", "hang", ("hang", "exit"))
    status = integer(args, "exit_code", 1)

    def act():
        frame = _reply(context, args)
        context.worker.wire.send(frame[: min(count, len(frame) - 1)])
        if then == "exit":
            os._exit(status)
        pause_forever()

    raise TakeOver(act)


def oversize_frame(_command, args, context):
    _send(context, pack_header(integer(args, "length", 0xFFFFFFFF)))


def wrong_id(_command, args, context):
    # A negative id is a wrong one, too.
    _send(context, _reply(context, {"wrong_id": True}, integer(args, "delta", 1, least=-(2**63))))


def duplicate_reply(_command, args, context):
    frame = _reply(context, args)
    _send(context, frame, frame, apart_s=seconds(args, "apart_ms"))


def dribble_reply(_command, args, context):
    frame = _reply(context, args)
    size = integer(args, "piece", 1, least=1)
    pieces = [frame[start : start + size] for start in range(0, len(frame), size)]
    _send(context, *pieces, apart_s=seconds(args, "apart_ms"))


def stray_bytes_after_reply(_command, args, context):
    count = integer(args, "bytes", 5)
    _send(context, _reply(context, {"stray_bytes": count}) + (STRAY * (count // len(STRAY) + 1))[:count])


def stop_reading(_command, args, context):
    pause_s = seconds(args)

    def act():
        context.worker.wire.send(_reply(context, {"stopped_ms": args.get("ms", 0)}))
        time.sleep(pause_s)

    raise TakeOver(act)


def close_stdout(_command, _args, context):
    def act():
        _replace(context.worker.wire.reply_fd, os.O_WRONLY)

    raise TakeOver(act)


def close_stdin(_command, _args, context):
    def act():
        _replace(context.worker.wire.request_fd, os.O_RDONLY)
        context.worker.wire.send(_reply(context, {"closed": "stdin"}))
        pause_forever()

    raise TakeOver(act)


def _replace(fd, flags):
    """Close our end of a pipe, but keep its number taken: the next file opened must not become the stream."""
    null = os.open(os.devnull, flags)
    os.dup2(null, fd, inheritable=False)
    os.close(null)
