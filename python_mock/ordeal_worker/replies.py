"""Reply frames: success and failure, header included, ready to be written.

Invariant: failure_frame() never fails, so each request has a reply, whatever its handler did.

The timestamp has milliseconds: all 17 digits of a float take twice as long to print, and nobody times with it.
"""

import time

from .errors import WorkerError, describe, one_line
from .jsontext import encode, encode_chunks, explain
from .longtext import LONG, encode_pieces
from .wire import pack_header

_now = time.time


def success_frame(request_id, result, max_bytes):
    """The frame of a result. Raises UnrepresentableValue, or WorkerError when it is above the cap."""
    global _expects_long
    if _expects_long:
        return _long_success_frame(request_id, result, max_bytes)
    try:
        text = "".join(encode_chunks(result, 0))
        body = f'{{"id":{request_id},"success":true,"result":{text},"timestamp":{_now():.3f}}}'.encode()
    except Exception as error:
        raise explain(error) from None
    size = len(body)
    if size > max_bytes:
        raise _too_large(size, max_bytes)
    _expects_long = size > LONG
    return pack_header(size) + body


# Long strings are looked for while replies are long: a short one pays nothing for it.
_expects_long = False


def _long_success_frame(request_id, result, max_bytes):
    global _expects_long
    try:
        pieces, _expects_long = encode_pieces(result)
    except Exception as error:
        raise explain(error) from None
    head = b'{"id":%d,"success":true,"result":' % request_id
    tail = b',"timestamp":%.3f}' % _now()
    size = len(head) + sum(map(len, pieces)) + len(tail)
    if size > max_bytes:
        raise _too_large(size, max_bytes)
    return b"".join((pack_header(size), head, *pieces, tail))


def _too_large(size, max_bytes):
    return WorkerError("the reply has %d bytes, the cap is %d" % (size, max_bytes), type="ReplyTooLarge")


def failure_frame(request_id, error, as_object):
    """The frame of an exception: as an error object where the host asked for those, else as one string.

    request_id is None when the request did not say it.
    """
    description = describe(error)
    body = '{"id":%s,"success":false,"error":%s,"timestamp":%.3f}' % (
        "null" if request_id is None else request_id,
        encode(description if as_object else one_line(description)),
        _now(),
    )
    body = body.encode()
    return pack_header(len(body)) + body
