"""Scripted starts: late, failing, hanging or babbling, so that a pool's handling of them can be tried.

They happen in this order, before the first request is read: delay, failure, hang, garbage.
"""

import os
import signal
import time

from .stdio import say

GARBAGE = b"\xde\xad\xbe\xef this worker does not answer the handshake \xff\x00"


def perform_start(options, wire):
    """Do what the flags ask. Returns only if the worker is to serve."""
    if options.start_delay_ms:
        time.sleep(options.start_delay_ms / 1000.0)
    if _start_is_to_fail(options):
        say("this start fails as scripted")
        os._exit(options.start_exit_code)
    if options.start_hang:
        say("this start hangs as scripted")
        pause_forever()
    if options.start_garbage:
        wire.next_frame()  # The ping.
        wire.send(GARBAGE)
        pause_forever()


def pause_forever():
    """Wait without end and without cost; only a signal that kills ends it."""
    while True:
        signal.pause()


def _start_is_to_fail(options):
    if options.start_fail is None or options.start_fail == "always":
        return options.start_fail == "always"
    return _ordinal_of_this_start(options.start_state) <= options.start_fail


def _ordinal_of_this_start(path):
    """1 for the first start recorded in this file, 2 for the next, also if several start at once.

    Each start appends one byte. With O_APPEND the kernel finds the end and writes in one step, and leaves the
    descriptor's offset behind the byte: the offset is the ordinal.
    """
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, b".")
        return os.lseek(fd, 0, os.SEEK_CUR)
    finally:
        os.close(fd)
