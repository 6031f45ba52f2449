"""Larger pages for the memory that a template shares with its workers.

To fork, the kernel copies one entry for each page: 50 000 for the 200 MB that DSPy and LiteLLM need, in 6 to 10 ms, and
a killed worker's end is known only when as many are gone again. In pages of 2 MiB it is a hundred. A worker that writes
to one gets a copy of 4 KiB, as before: the kernel splits what is shared, for this worker alone.

Before the first fork, since memory that is moved is shared no longer. Never an error: where the kernel will not
(before Linux 6.1, no memory in one piece), all stays as it is.
"""

import ctypes
import time

HUGE_PAGE_BYTES = 2 * 1024 * 1024
# Copying costs a millisecond and more for each MiB, which who waits for the first workers pays; a later worker gains
# a twenty-fifth of that. At 66 MiB: 8 workers are ready after 592 ms, and the one after a SIGKILL in 2.2; without,
# after 528 and in 4.6 (ordeal-start-bench).
WORTH_IT_BYTES = 128 * 1024 * 1024

_MADV_COLLAPSE = 25


_CHUNK_BYTES = 8 * HUGE_PAGE_BYTES  # In one call: every call first makes all processors put their pages in order.


def collapse_private_memory(seconds_max):
    """The bytes of this process that now are in huge pages. Ends soon after seconds_max: those who wait for the first
    workers pay for what later ones gain."""
    ranges = list(_whole_huge_pages())
    if sum(end - start for start, end in ranges) < WORTH_IT_BYTES:
        return 0
    madvise = ctypes.CDLL(None).madvise
    until = time.monotonic() + seconds_max
    for start, end in sorted(ranges, key=lambda found: found[0] - found[1]):  # The largest first.
        while start < end and time.monotonic() < until:
            size = min(_CHUNK_BYTES, end - start)
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_COLLAPSE)
            start += size
    return _bytes_in_huge_pages()


def _bytes_in_huge_pages():
    try:
        with open("/proc/self/smaps_rollup") as rollup:
            return sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("AnonHugePages:"))
    except OSError:
        return 0


def _whole_huge_pages():
    """(start, end) of what of this process's heap, its own and writable, could lie in huge pages."""
    try:
        with open("/proc/self/maps") as maps:
            lines = maps.readlines()
    except OSError:
        return
    for line in lines:
        fields = line.split(None, 5)
        is_heap = len(fields) == 5 or fields[5].strip() == "[heap]"
        if fields[1] != "rw-p" or not is_heap:
            continue
        start, end = (int(address, 16) for address in fields[0].split("-"))
        start = -(-start // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
        end = end // HUGE_PAGE_BYTES * HUGE_PAGE_BYTES
        if start < end:
            yield start, end
