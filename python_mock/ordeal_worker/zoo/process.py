"""Faults of the process: it dies, hangs, will not die, grows, or leaves children.

Every process made here can be found again: its id is in the reply, or it is in the worker's process group.
"""

import os
import signal

from ..errors import TakeOver, WorkerError
from ..replies import success_frame
from ..startup import pause_forever
from .arguments import choice, flag, integer

POLITE_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_held_memory = []


def crash(_command, args, _context):
    if "signal" in args:
        number = _signal_number(args["signal"])
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return {"survived": int(number)}  # A stop that was continued, or a signal that kills nobody.
    os._exit(integer(args, "exit_code", 1) & 0xFF)


def _signal_number(wanted):
    try:
        return signal.Signals[wanted] if isinstance(wanted, str) else signal.Signals(wanted)
    except (KeyError, ValueError):
        raise WorkerError("signal must be a name or a number, not %r" % (wanted,), type="InvalidArgument") from None


def hang(_command, args, _context):
    if flag(args, "gil"):
        _hang_in_c_code()
    pause_forever()


def _hang_in_c_code():
    """Wait for ever inside a C call that holds the GIL, as a bad extension does.

    A SIGTERM handler written in Python, which many programs have, then never runs. (pause() would not do: it
    returns after a signal, and the handler would run after all. Locking a mutex twice is never interrupted.)
    """
    import ctypes

    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    mutex = ctypes.create_string_buffer(64)  # Zeros are an unlocked mutex.
    lock = ctypes.PyDLL(None).pthread_mutex_lock  # PyDLL: keeps the GIL during the call.
    lock(mutex)
    _lock_again(lock, mutex)


def _lock_again(lock, mutex):
    lock(mutex)


def ignore_signals(_command, _args, _context):
    for number in POLITE_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    return {"ignored": [number.name for number in POLITE_SIGNALS]}


def refuse_to_die(command, args, context):
    context.worker.refuses_to_die = True
    return ignore_signals(command, args, context)


def grow_memory(_command, args, _context):
    _held_memory.append(b"\x01" * (integer(args, "mb", 1) << 20))  # Not zeros: the pages must be touched.
    return {"held_mb": sum(map(len, _held_memory)) >> 20}


def exit_after_reply(_command, args, context):
    status = integer(args, "exit_code", 0) & 0xFF

    def act():
        wire = context.worker.wire
        wire.send(success_frame(context.request_id, {"exiting": status}, wire.max_frame_bytes))
        os._exit(status)

    raise TakeOver(act)


def grandchildren(_command, args, _context):
    """Children that pause for ever. They are as asked before the reply goes out."""
    options = {
        "ignore_term": flag(args, "ignore_term"),
        "setsid": flag(args, "setsid"),
        "hold": choice(args, "hold", "nothing", ("nothing", "stderr", "protocol")),
    }
    return {"pids": [_fork_one(**options) for _ in range(integer(args, "count", 1))]}


def _fork_one(**options):
    ready, say_ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_grandchild(say_ready, **options)
        finally:
            os._exit(1)  # Never back into the loop of the worker.
    os.close(say_ready)
    os.read(ready, 1)  # Returns at end of file: the child has closed its end as its last preparation.
    os.close(ready)
    return pid


def _become_grandchild(say_ready, ignore_term, setsid, hold):
    if setsid:
        os.setsid()
    if ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if hold != "protocol":
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) != say_ready:
                _close(int(name))
    if hold == "nothing":
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
    os.close(say_ready)
    pause_forever()


def _close(fd):
    try:
        os.close(fd)
    except OSError:
        pass  # The one with which the folder was listed.
