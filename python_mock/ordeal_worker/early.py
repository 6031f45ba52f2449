"""What a worker of a pool does for its host while its bridge is still being imported.

Imports may take long; so that the host can tell a long one from one that hangs, a line is said now and then, whenever
a further module is looked for; and the stacks can be asked for from the first import on (SIGUSR1).

Invariants:
* Nothing of this happens in a process that no host with a side channel has started.
* It ends with Worker.main(). It never finds a module, and never fails an import.
"""

import faulthandler
import os
import signal
import sys
import time

from .progress import ENVIRONMENT_NAME, ProgressChannel, take_from_environment

PAUSE_S = 0.2

_channel = None
_watcher = None


class _ImportWatcher:
    """Stands first among those that are asked for a module, and knows none."""

    def __init__(self, channel):
        self._channel = channel
        self._next = time.monotonic() + PAUSE_S

    def find_spec(self, name, path=None, target=None):
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE_S
            self._channel.importing(name)


def begin():
    global _channel, _watcher
    if _channel is not None or ENVIRONMENT_NAME not in os.environ:
        return
    _channel = ProgressChannel(take_from_environment())
    _watcher = _ImportWatcher(_channel)
    sys.meta_path.insert(0, _watcher)
    try:
        faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True, chain=False)
    except (AttributeError, OSError, RuntimeError, ValueError):
        pass  # No stderr: there is nothing to write the stacks to.


def end():
    global _watcher
    if _watcher in sys.meta_path:
        sys.meta_path.remove(_watcher)
    _watcher = None


def channel():
    """The side channel of this process, silent if the host gave none."""
    global _channel
    if _channel is None:
        _channel = ProgressChannel(take_from_environment())
    return _channel
