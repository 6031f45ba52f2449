"""Keeping the frames apart from everything that a program prints.

Frames go over private, close-on-exec copies of descriptors 0 and 1. Afterwards descriptor 0 reads nothing and
descriptor 1 is stderr: a print, a C library's printf or a child's output can no longer corrupt the stream, and
a child holds no end of the host's pipes.
"""

import fcntl
import os
import sys

_FIRST_PRIVATE_FD = 3
_private = None


def protect_stdio():
    """Move the frames to private descriptors and return (request_fd, reply_fd). Doing it again changes nothing.

    Worker.main() does it. A bridge with imports that print can do it before them.
    """
    global _private
    if _private is None:
        request_fd = _private_copy(0)
        reply_fd = _private_copy(1)
        _silence_input()
        _send_output_to_stderr()
        _private = request_fd, reply_fd
    return _private


def adopt_descriptors(descriptors):
    """Take these, which are private already, instead: for a process forked from one that is protected."""
    request_fd, reply_fd, progress_fd = descriptors
    for fd in (request_fd, reply_fd):
        os.set_inheritable(fd, False)
        os.set_blocking(fd, True)
    return request_fd, reply_fd, progress_fd


def say(message):
    """One line on stderr; nothing if nobody reads there any more, which is no reason to fail."""
    try:
        print("ordeal_worker: " + message, file=sys.stderr)
    except (AttributeError, OSError, ValueError):
        pass
    flush_quietly()


def flush_quietly():
    """Let go what was printed, for those who end the process at once."""
    try:
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass


def _private_copy(fd):
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_PRIVATE_FD)
    os.set_blocking(copy, True)  # The loop relies on it; the flag belongs to the pipe end, not to us.
    return copy


def _silence_input():
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if null != 0:
        os.close(null)


def _send_output_to_stderr():
    try:
        os.dup2(2, 1)
    except OSError:  # There is no stderr either.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
    # What was printed before and still sits in Python's buffer now goes to stderr, too.
    try:
        sys.stdout.flush()
        sys.stderr.reconfigure(line_buffering=True)  # Python 3.8 would keep lines back.
    except (AttributeError, OSError, ValueError):
        pass
    sys.stdout = sys.stderr
