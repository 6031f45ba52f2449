"""Finding the cancel of a running request among frames that have arrived meanwhile.

The frame is {"id": N, "command": "$cancel", "args": {}}, with N the id of the running request. It is never
answered. Invariant: every frame that is not a cancel stays in its place in the queue.
"""

import time

from .jsontext import decode

COMMAND = "$cancel"
_MARK = b'"$cancel"'
_POLL_MS_MAX = 60 * 60 * 1000


def look_for_cancel(wire, request_id, timeout_s):
    """Whether this request was cancelled, waiting at most timeout_s. A host that is gone counts as a cancel."""
    give_up = time.monotonic() + timeout_s
    wait_ms = 0
    while True:
        wire.gather(wait_ms)
        if _take_cancels(wire.waiting, request_id) or wire.ended:
            return True
        remaining_ms = (give_up - time.monotonic()) * 1000
        if remaining_ms <= 0:
            return False
        wait_ms = min(remaining_ms, _POLL_MS_MAX)


def _take_cancels(waiting, request_id):
    """Drop every cancel from the queue; say whether one of them was for this request."""
    found = False
    for _ in range(len(waiting)):
        body = waiting.popleft()
        target = _cancel_target(body) if _MARK in body else None
        if target is None:
            waiting.append(body)
        elif target[0] == request_id:
            found = True
    return found


def _cancel_target(body):
    """(id,) if this frame is a cancel, else None."""
    try:
        message = decode(body.decode())
    except (ValueError, RecursionError):
        return None
    if isinstance(message, dict) and message.get("command") == COMMAND:
        return (message.get("id"),)
    return None
