"""Reply frames: success and failure, header included, ready to be written.

Invariant: failure_frame() never fails, so each request has a reply, whatever its handler did.

The timestamp has milliseconds: all 17 digits of a float take twice as long to print, and nobody times with it.
"""

import time

from .errors import WorkerError, describe, one_line
from .jsontext import encode, encode_chunks, explain
from .wire import pack_header

_now = time.time


def success_frame(request_id, result, max_bytes):
    """The frame of a result. Raises UnrepresentableValue, or WorkerError when it is above the cap."""
    try:
        text = "".join(encode_chunks(result, 0))
        body = f'{{"id":{request_id},"success":true,"result":{text},"timestamp":{_now():.3f}}}'.encode()
    except Exception as error:
        raise explain(error) from None
    if len(body) > max_bytes:
        raise WorkerError("the reply has %d bytes, the cap is %d" % (len(body), max_bytes), type="ReplyTooLarge")
    return pack_header(len(body)) + body


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
