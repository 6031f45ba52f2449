"""The side channel: "I am busy, not stuck", as JSON lines on a pipe of its own.

The host names the pipe's descriptor in ORDEAL_PROGRESS_FD. A line is {"id": 12, "progress": 3, "note": "..."};
the id is null during the start; `progress` counts these lines of a process from 1. Two others have no count: {"beat":1}
(heartbeat.py) and {"import": "module"} (early.py).
Invariants: a report never blocks, never fails, never lasts; if the pipe is full the line is dropped. A line is
shorter than PIPE_BUF, so it is written whole or not at all.
"""

import fcntl
import json
import os

from .stdio import say

ENVIRONMENT_NAME = "ORDEAL_PROGRESS_FD"
_BEAT = b'{"beat":1}\n'
MAX_NOTE_CHARACTERS = 300  # Each may become 12 bytes ("\\ud83d\\ude00"); PIPE_BUF is 4096.


class ProgressChannel:
    """The writing end; silent when the host gave none."""

    def __init__(self, fd):
        """fd: a number, or text that should be one; None for a channel that is silent."""
        self._fd = _usable(fd)
        self._count = 0

    def report(self, request_id, note=None):
        if self._fd is None:
            return
        self._count += 1
        line = {"id": request_id, "progress": self._count}
        if note is not None:
            line["note"] = str(note)[:MAX_NOTE_CHARACTERS]
        self._write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def importing(self, module):
        """That this module is being looked for, during a start that takes its time."""
        self._write(json.dumps({"import": module[:MAX_NOTE_CHARACTERS]}, separators=(",", ":")).encode() + b"\n")

    def beat(self):
        """That the interpreter runs; from a thread of its own. Returns False when nobody is there to hear it."""
        self._write(_BEAT)
        return self._fd is not None

    @property
    def fd(self):
        """The descriptor; None if it is silent."""
        return self._fd

    @property
    def is_silent(self):
        return self._fd is None

    def _write(self, line):
        if self._fd is None:
            return
        try:
            os.write(self._fd, line)
        except BlockingIOError:
            pass  # Nobody reads just now. The next report will say as much.
        except OSError:
            self._fd = None  # The reader is gone.


def take_from_environment():
    """What the host said. It is taken away: the descriptor means nothing to a child of the worker."""
    return os.environ.pop(ENVIRONMENT_NAME, None)


def _usable(text):
    """The descriptor that this names, made non-blocking and close-on-exec; None if it is none."""
    if text is None:
        return None
    try:
        fd = int(text)
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise ValueError("not writable")
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)
        return fd
    except (ValueError, OverflowError, OSError) as error:
        say("%s=%s cannot be used: %s" % (ENVIRONMENT_NAME, text, error))
        return None
