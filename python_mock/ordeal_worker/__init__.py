"""The worker kit of Ordeal: write a handler for each command, and `Worker().main()` does the rest.

Only the standard library, Python 3.8 and later. Reading order: worker, wire, jsontext, replies, errors, handshake,
context, cancel, progress, stdio, signals, options, startup; then faults and zoo/ for the scripted faults.
"""

from .context import Context
from .errors import Cancelled, WorkerError
from .jsontext import UnrepresentableValue
from .stdio import protect_stdio
from .worker import Worker

__all__ = ["Cancelled", "Context", "UnrepresentableValue", "Worker", "WorkerError", "protect_stdio"]
