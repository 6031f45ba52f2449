#!/usr/bin/env python3
"""Runs a command and ends whatever it leaves behind: a mutant may well lose its processes.

    contained.py SECONDS COMMAND ...

Ends with the command's exit code, 128 + the signal's number if a signal ended it, 124 after SECONDS.
"""
import ctypes
import os
import signal
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def children():
    with open("/proc/self/task/%d/children" % os.getpid()) as stream:
        return [int(pid) for pid in stream.read().split()]


def end_all():
    """Orphans of a child become ours, so there is always a next one to find, until there is none."""
    while True:
        left = children()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main(seconds, *command):
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        code = child.wait(timeout=float(seconds))
    except subprocess.TimeoutExpired:
        code = 124
    end_all()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
