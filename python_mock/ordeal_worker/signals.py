"""Signals and crash reports of a worker.

* SIGTERM kills at once, by the kernel: idle, in a handler, or stuck in C code. There is nothing to tidy up.
* SIGINT is ignored: Ctrl-C is meant for the host, which then ends its workers.
* SIGUSR1 writes the stack of every thread to stderr, even while C code holds the GIL, and the worker goes on
  (capability "stack_dump"). SIGABRT writes them, too, and the worker dies of it.
"""

import faulthandler
import signal
import sys


def prepare_signals():
    """Set them as above, whatever the host had: dispositions and the mask survive exec."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        faulthandler.enable(file=sys.stderr, all_threads=True)
        faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True, chain=False)
    except (AttributeError, OSError, RuntimeError, ValueError):
        # No stderr. The signal must still not kill a worker that has promised to survive it.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
