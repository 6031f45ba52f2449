"""The heartbeat: says on the side channel that the interpreter runs, whatever the handler does.

Invariants:
* It beats only while Python's global lock can be had. C code that keeps the lock silences it, and that is its point.
* It says nothing about the handler: a loop that never ends beats on. What gets on says so by context.progress().
* Its thread is the only one that the kit has, made after the fork of a template, and only for a host that asks for
  beats (capability "heartbeat" with "heartbeat_ms"). It holds no lock of the program's, and dies with the process.
* The thread has a table of descriptors to itself, with the side channel in it and nothing else, where the system can
  do that. So it holds nothing open that the worker closes; and reads and writes of the worker are as cheap as with
  one thread: for threads that share a table the kernel counts each use of a descriptor, 1.5 % of an echo.
* No signal is handled on the thread: a handler writes to descriptors (the stacks to stderr), which it has not got.
"""

import _thread  # Not threading: that takes time to import.
import os
import signal

try:
    import ctypes
except (ImportError, MemoryError, OSError):  # Built without it, or not permitted to make its callbacks.
    ctypes = None

THREAD_NAME = "ordeal-beat"  # The host passes over a thread of this name: pool/runtime/sign_of.cpp.

_CLOSE_RANGE_UNSHARE = 2  # linux/close_range.h, since 5.9.
_DESCRIPTOR_MAX = 2**32 - 1


def begin(channel, period_s):
    _thread.start_new_thread(_beat, (channel, channel.fd, period_s))


def _beat(channel, fd, period_s):
    _name_this_thread()
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    _keep_no_descriptor_but(fd)
    pause = _thread.allocate_lock()
    pause.acquire()  # Nobody releases it.
    while channel.beat():
        pause.acquire(True, period_s)


def _name_this_thread():
    try:
        with open("/proc/self/task/%d/comm" % _thread.get_native_id(), "w") as comm:
            comm.write(THREAD_NAME)
    except OSError:
        pass  # Then the host cannot tell it from the program's own, and judges less.


def _keep_no_descriptor_but(fd):
    """From here on this thread has a table of its own. Other threads' descriptors stay as they are."""
    try:
        close_range = ctypes.CDLL(None).close_range  # Python's own cannot be told to unshare.
    except (AttributeError, OSError):
        return  # No ctypes, or a C library without it: the table stays shared.
    if close_range(ctypes.c_uint(fd + 1), ctypes.c_uint(_DESCRIPTOR_MAX), _CLOSE_RANGE_UNSHARE) == 0:
        os.closerange(0, fd)
