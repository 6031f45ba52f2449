"""What a handler may ask about the request in hand.

Invariants:
* Making a Context costs three assignments; everything else is computed when it is asked for.
* A Context belongs to one request. Kept after the reply, it answers for that request and no other.
"""

import math
import time

from .cancel import look_for_cancel

_NOTHING = {}


class Context:
    """The request in hand: its id, its limits, whether it was cancelled, and a way to report progress."""

    __slots__ = ("worker", "request", "arrived", "_is_cancelled")

    def __init__(self, worker, request, arrived):
        self.worker = worker
        self.request = request  # The whole message, as it came.
        self.arrived = arrived  # time.monotonic() at its arrival.
        self._is_cancelled = False

    @property
    def request_id(self):
        return self.request["id"]

    @property
    def worker_id(self):
        return self.worker.worker_id

    @property
    def raw(self):
        """The request's `context` member; empty if there is none or it was not negotiated."""
        given = self.request.get("context")
        return given if self.worker.terms.context and isinstance(given, dict) else _NOTHING

    @property
    def label(self):
        return self.raw.get("label")

    @property
    def traceparent(self):
        return self.raw.get("traceparent")

    @property
    def session(self):
        """The session that this is a call of, whichever way it was told; None if it is of none."""
        session = self.raw.get("session")
        if session is None:
            session = self.request["args"].get("session_id")
        return session if isinstance(session, str) else None

    @property
    def attempt(self):
        return self.raw.get("attempt")

    @property
    def deadline(self):
        """The moment, on time.monotonic(), after which nobody waits for the answer; infinity if not said."""
        remaining_ms = self.raw.get("deadline_ms")
        if isinstance(remaining_ms, bool) or not isinstance(remaining_ms, (int, float)):
            return math.inf
        return self.arrived + remaining_ms / 1000.0

    def remaining_s(self):
        """Seconds until the deadline, never negative; infinity if there is none."""
        return max(0.0, self.deadline - time.monotonic())

    def progress(self, note=None):
        """Tell the host that this request is alive and getting on. Never blocks, never fails."""
        if self.worker.terms.progress:
            self.worker.progress_channel.report(self.request_id, note)

    def cancelled(self):
        """Whether the host has cancelled this request, or is gone. Never blocks; a few microseconds."""
        return self.wait_cancelled(0)

    def wait_cancelled(self, timeout_s):
        """Wait for the cancel, at most so long; returns whether it came. For handlers with time to spare."""
        if not self._is_cancelled and self.worker.terms.cancel:
            self._is_cancelled = look_for_cancel(self.worker.wire, self.request_id, timeout_s)
        return self._is_cancelled
