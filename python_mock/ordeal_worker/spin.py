"""Waiting for the next request without going to sleep, where it comes soon.

To wake a sleeping core costs its waker ten microseconds, and takes thirty: more than a short call needs. So a worker
whose host asks for it (`spin_us` in the start-up ping) goes on looking for so long after a reply, and gives way in
between.

Invariants:
* It looks no longer than spin_us, and only while that has mostly been worth it of late: else one wait in
  WAITS_BETWEEN_TRIES.
* Not behind a request that took long (the next one is as late), nor where there is one processor, nor for a while
  where a turn that was given away went to a stranger.
"""

import os
import time

WAITS_BETWEEN_TRIES = 16
LUCK_MAX = 16  # So many waits that were worth it make up for as many in vain, no more.
SERVICE_MAX_NS = 200_000
TURN_MAX_NS = 500_000  # Who gives way and gets the processor back only after that has fed a stranger.
PAUSE_MIN_NS = 10_000_000
PAUSE_MAX_NS = 1_280_000_000
_WAITS_BETWEEN_LOOKS_AT_PROCESSORS = 1024

_now = time.perf_counter_ns
_read = os.read
_yield = getattr(os, "sched_yield", None)


def spinner_for(request_fd, spin_us):
    """A Spinner, or None where the system has not what it needs."""
    try:
        return Spinner(request_fd, spin_us) if _yield else None
    except OSError:
        return None


class Spinner:
    """Reads a pipe that blocks, without blocking: through a description of its own."""

    __slots__ = ("_fd", "_spin_ns", "_luck", "_waits", "_arrived_ns", "_resumes_ns", "_pause_ns", "_is_alone")

    def __init__(self, request_fd, spin_us):
        self._fd = os.open("/proc/self/fd/%d" % request_fd, os.O_RDONLY | os.O_NONBLOCK)
        self._spin_ns = spin_us * 1000
        self._luck = 0  # Below zero: it has been in vain more often than not.
        self._waits = 0
        self._arrived_ns = _now()  # The request before.
        self._resumes_ns = 0
        self._pause_ns = PAUSE_MIN_NS
        self._is_alone = _is_one_processor()

    def read(self, count):
        """What os.read() returns, or None: then the caller had better sleep, and say when it has read."""
        self._waits += 1
        if self._waits % _WAITS_BETWEEN_LOOKS_AT_PROCESSORS == 0:
            self._is_alone = _is_one_processor()
        if self._is_alone or (self._luck < 0 and self._waits % WAITS_BETWEEN_TRIES):
            return None
        at = _now()
        if at < self._resumes_ns or at - self._arrived_ns > SERVICE_MAX_NS:
            return None
        return self._look(count, at)

    def note_arrival(self):
        """A request was read, after a sleep."""
        self._arrived_ns = _now()

    def _look(self, count, at):
        until = at + self._spin_ns
        while True:
            _yield()  # The host may be waiting for this very processor.
            try:
                data = _read(self._fd, count)
            except BlockingIOError:
                data = None
            before, at = at, _now()
            if data is not None:
                self._luck = min(self._luck + 1, LUCK_MAX)
                self._arrived_ns = at
                return data
            if at - before > TURN_MAX_NS:
                self._resumes_ns = at + self._pause_ns
                self._pause_ns = min(2 * self._pause_ns, PAUSE_MAX_NS)
                return None
            if at > until:
                self._luck = max(self._luck - 1, -1)
                return None


def _is_one_processor():
    return len(os.sched_getaffinity(0)) < 2
