"""The warm template: a process that has imported what is slow to import, and forks ready workers from it.

A host that wants one starts the bridge as usual, with a socket in ORDEAL_TEMPLATE_FD (SOCK_SEQPACKET, one JSON object
a message). The bridge imports what it needs; Worker.main() then serves forks on the socket instead of requests:

    template -> host   {"template": 1, "pid": 7, "import_ms": 812}            ready
    host -> template   {"fork": 12}                                           and the descriptors of requests,
                                                                              replies, stderr and, if any, progress
    template -> host   {"forked": 12, "pid": 99}                              and a pidfd of the new worker
    template -> host   {"refused": 12, "reason": "3 threads: ..."}            nothing was forked

Invariants:
* The worker is the host's child, not the template's (CLONE_PARENT): it survives the template, and the host reaps it.
* It does nothing but prepare itself before its first request is there, and stays in the template's process group
  until the host, having heard of it, gives it one of its own: so a worker that the host never hears of ends with
  the template.
* Only a single-threaded template forks: a lock that another thread holds would stay locked in the child for ever.
* The template holds no end of a worker's pipes, and a worker none of the template's descriptors.
"""

import array
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import time

from .hugepages import collapse_private_memory
from .stdio import flush_quietly

PROTOCOL = 1

_MESSAGE_BYTES_MAX = 128 * 1024
_DESCRIPTORS_MAX = 4
_REQUESTS, _REPLIES, _STDERR, _PROGRESS = range(_DESCRIPTORS_MAX)

_CLONE_PIDFD = 0x00001000
_CLONE_PARENT = 0x00008000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_PR_GET_TID_ADDRESS = 40
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_HAS_TLS_BEFORE_TID = {"aarch64"}  # The order of clone's last two arguments.


def take_from_environment():
    """The socket. It is taken away: the descriptor means nothing to a child."""
    return socket.socket(fileno=int(os.environ.pop("ORDEAL_TEMPLATE_FD")))


def serve_forks(host, started):
    """Fork as the host asks. Returns only in a new worker, its (requests, replies, progress or None); the template
    itself ends here.

    started: the time (monotonic) at which the import began.
    """
    os.set_inheritable(host.fileno(), False)
    gc.collect()
    gc.freeze()  # A collection in a worker would write to every page that it shares with the others.
    collapse_private_memory(seconds_max=(time.monotonic() - started) / 8)
    _send(host, {"template": PROTOCOL, "pid": os.getpid(), "import_ms": round((time.monotonic() - started) * 1000)})
    while True:
        message, descriptors = _receive(host)
        if message is None:
            flush_quietly()
            os._exit(0)  # The host has let go. Exit hooks are for workers.
        worker = _fork_one(host, message["fork"], descriptors)
        if worker is not None:
            return worker


def _fork_one(host, serial, descriptors):
    """In the new worker: its descriptors. In the template: None."""
    threads = _threads()
    if len(threads) > 1:
        _close_all(descriptors)
        _send(host, {"refused": serial, "reason": "%d threads: %s" % (len(threads), ", ".join(threads))})
        return None
    try:
        pid, pidfd = _clone()
    except OSError as error:
        _close_all(descriptors)
        _send(host, {"refused": serial, "reason": "clone: %s" % error})
        return None
    if pid == 0:
        host.close()
        return _become_worker(descriptors)
    _close_all(descriptors)
    _send(host, {"forked": serial, "pid": pid}, [pidfd])
    os.close(pidfd)
    return None


def _clone():
    """(0, None) in the child, (pid, pidfd) in the parent: fork, but for the child's parent, which is ours."""
    machine = os.uname().machine
    if machine not in _SYS_CLONE:
        raise OSError("unknown machine %s" % machine)
    libc = ctypes.PyDLL(None, use_errno=True)  # Keeps the GIL: nothing may run between the hooks.
    libc.syscall.restype = ctypes.c_long
    pidfd = ctypes.c_int(-1)
    flags = _CLONE_PARENT | _CLONE_PIDFD | signal.SIGCHLD
    # The C library keeps its thread's id in memory; where that is, it has told the kernel.
    tid_address = ctypes.c_void_p()
    if libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(tid_address), 0, 0, 0) == 0 and tid_address:
        flags |= _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    last = (0, tid_address) if machine in _HAS_TLS_BEFORE_TID else (tid_address, 0)
    arguments = [ctypes.c_long(_SYS_CLONE[machine]), ctypes.c_long(flags), ctypes.c_long(0), ctypes.byref(pidfd)]
    arguments += [value if isinstance(value, ctypes.c_void_p) else ctypes.c_long(value) for value in last]
    before, in_parent, in_child = (
        getattr(ctypes.pythonapi, name) for name in ("PyOS_BeforeFork", "PyOS_AfterFork_Parent", "PyOS_AfterFork_Child")
    )
    flush_quietly()
    before()
    pid = libc.syscall(*arguments)
    failed = ctypes.get_errno()
    if pid == 0:
        in_child()
        return 0, None
    in_parent()
    if pid < 0:
        raise OSError(failed, os.strerror(failed))
    return pid, pidfd.value


def _become_worker(descriptors):
    stderr = descriptors[_STDERR]
    os.dup2(stderr, 2)
    os.dup2(stderr, 1)
    os.close(stderr)
    progress = descriptors[_PROGRESS] if len(descriptors) > _PROGRESS else None
    return descriptors[_REQUESTS], descriptors[_REPLIES], progress


def await_first_request(request_fd, hooks):
    """Wait for the first request, or the host's end; then make anew what a worker must not share.

    hooks: functions that a worker calls before it serves, for what must not be shared: connections, caches.
    """
    select.select([request_fd], [], [])
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed()  # Python's own generator, and tempfile's, see to this themselves.
    for hook in hooks:
        hook()


def _threads():
    """One name for each thread of this process, of Python or not."""
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open("/proc/self/task/%s/comm" % task) as comm:
                names.append(comm.read().strip())
        except OSError:
            pass  # It has ended meanwhile.
    return names


def _send(host, message, descriptors=()):
    ancillary = []
    if descriptors:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    try:
        host.sendmsg([json.dumps(message).encode()], ancillary)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)


def _receive(host):
    """(message, descriptors); (None, []) at the host's end."""
    try:
        data, ancillary, _flags, _address = host.recvmsg(_MESSAGE_BYTES_MAX, socket.CMSG_SPACE(_DESCRIPTORS_MAX * 4))
    except ConnectionResetError:
        return None, []
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    if not data:
        _close_all(descriptors)
        return None, []
    for fd in descriptors:
        os.set_inheritable(fd, False)
    return json.loads(data.decode()), list(descriptors)


def _close_all(descriptors):
    for fd in descriptors:
        os.close(fd)
