"""Stops its parent once, for so many seconds at least and until so many workers of it wait for a request.

stall_host.py PID SECONDS WORKERS
"""

import os
import select
import signal
import sys
import time


def children(parent):
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open("/proc/%s/stat" % name) as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == parent:
                    yield name
        except OSError:
            pass  # It has ended meanwhile.


def waits_for_a_request(pid):
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as cmdline:
            if b"python" not in cmdline.read():
                return False
        with open("/proc/%s/syscall" % pid) as call:
            return call.read().split()[0] == "0"  # read(2)
    except OSError:
        return False


def main():
    parent, seconds, workers = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    os.kill(parent, signal.SIGSTOP)
    until = time.monotonic() + seconds
    limit = until + 60
    while time.monotonic() < limit:
        waiting = sum(waits_for_a_request(pid) for pid in children(parent))
        if time.monotonic() >= until and waiting >= workers:
            break
        select.select([], [], [], 0.02)
    os.kill(parent, signal.SIGCONT)


if __name__ == "__main__":
    main()
