"""A bridge without a command of its own: the kit, and with --faults the zoo."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ordeal_worker import Worker  # noqa: E402

if __name__ == "__main__":
    Worker().main()
