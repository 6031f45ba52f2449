"""Larger pages for the memory that a template shares with its workers.

To fork, the kernel copies one entry for each page: 50 000 for the 200 MB that DSPy and LiteLLM need, in 6 to 10 ms, and
a killed worker's end is known only when as many are gone again. In pages of 2 MiB it is a hundred. A worker that writes
to one gets a copy of 4 KiB, as before: the kernel splits what is shared, for this worker alone.

Before the first fork, since memory that is moved is shared no longer. Never an error: where the kernel will not
(before Linux 6.1, no memory in one piece), all stays as it is.
"""

import ctypes

HUGE_PAGE_BYTES = 2 * 1024 * 1024
# Copying costs about a millisecond for 2 MiB. Below, a fork takes less than two milliseconds anyway.
WORTH_IT_BYTES = 64 * 1024 * 1024

_MADV_COLLAPSE = 25


def collapse_private_memory():
    """The bytes that now are in huge pages."""
    ranges = list(_whole_huge_pages())
    if sum(end - start for start, end in ranges) < WORTH_IT_BYTES:
        return 0
    madvise = ctypes.CDLL(None).madvise
    collapsed = 0
    for start, end in ranges:
        for address in range(start, end, HUGE_PAGE_BYTES):
            if madvise(ctypes.c_void_p(address), ctypes.c_size_t(HUGE_PAGE_BYTES), _MADV_COLLAPSE) == 0:
                collapsed += HUGE_PAGE_BYTES
    return collapsed


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
