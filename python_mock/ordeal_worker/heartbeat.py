"""The heartbeat: says on the side channel that the interpreter runs, whatever the handler does.

Invariants:
* It beats only while Python's global lock can be had. C code that keeps the lock silences it, and that is its point.
* It says nothing about the handler: a loop that never ends beats on. What gets on says so by context.progress().
* Its thread is the only one that the kit has, made after the fork of a template, and only for a host that asks for
  beats (capability "heartbeat" with "heartbeat_ms"). It holds no lock of the program's, and dies with the process.
"""

import threading

THREAD_NAME = "ordeal-beat"  # The host passes over a thread of this name: pool/runtime/sign_of.cpp.


def begin(channel, period_s):
    threading.Thread(target=_beat, args=(channel, period_s), name=THREAD_NAME, daemon=True).start()


def _beat(channel, period_s):
    _name_this_thread()
    pause = threading.Event().wait  # Nobody sets it.
    while channel.beat():
        pause(period_s)


def _name_this_thread():
    try:
        with open("/proc/self/task/%d/comm" % threading.get_native_id(), "w") as comm:
            comm.write(THREAD_NAME)
    except OSError:
        pass  # Then the host cannot tell it from the program's own, and judges less.
