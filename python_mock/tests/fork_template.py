"""A warm template as a pool may have one: protects its streams, imports a bridge, and forks a worker from it.

Arguments: the descriptors of the worker's requests, replies and progress.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ordeal_worker import protect_stdio  # noqa: E402

protect_stdio()

from sample_bridge import worker  # noqa: E402

if __name__ == "__main__":
    pid = os.fork()
    if pid == 0:
        worker.main(["--worker-id", "forked"], descriptors=tuple(map(int, sys.argv[1:])))
    sys.exit(os.waitpid(pid, 0)[1] >> 8)
