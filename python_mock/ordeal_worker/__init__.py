"""The worker kit of Ordeal: write a handler for each command, and `Worker().main()` does the rest.

Only the standard library, Python 3.8 and later. Reading order: worker, wire, jsontext, longtext, replies, errors,
handshake, context, cancel, progress, heartbeat, early, stdio, signals, options, startup; then faults and zoo/ for
the scripted faults.
"""

from . import early

early.begin()  # Before the bridge's own imports.

from .context import Context  # noqa: E402
from .errors import Cancelled, WorkerError  # noqa: E402
from .jsontext import UnrepresentableValue  # noqa: E402
from .stdio import protect_stdio  # noqa: E402
from .worker import Worker  # noqa: E402

__all__ = ["Cancelled", "Context", "UnrepresentableValue", "Worker", "WorkerError", "protect_stdio"]
