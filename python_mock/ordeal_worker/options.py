"""The command line of a worker. What is not listed here is left for the bridge (worker.extra_arguments)."""

import argparse
import os

from .wire import MAX_FRAME_BYTES

FAULTS_ENVIRONMENT_NAME = "ORDEAL_WORKER_FAULTS"
_UINT32_MAX = 0xFFFFFFFF


def parse_options(argv=None, environment=os.environ):
    """(options, the rest). Exits with status 2 and a message on stderr if a value makes no sense."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--mode", default="standalone", help="as DSPex says it: standalone or pool-worker")
    parser.add_argument("--worker-id", default="", help="the pool's name for this worker")
    parser.add_argument("--max-frame-bytes", type=_frame_bytes, default=MAX_FRAME_BYTES)
    parser.add_argument(
        "--faults",
        action="store_true",
        default=environment.get(FAULTS_ENVIRONMENT_NAME) == "1",
        help="offer the commands of the zoo",
    )
    _add_start_faults(parser.add_argument_group("scripted starts, see startup.py"))
    options, rest = parser.parse_known_args(argv)
    if options.start_fail not in (None, "always") and options.start_state is None:
        parser.error("--start-fail N needs --start-state FILE to count the starts")
    return options, rest


def _add_start_faults(group):
    group.add_argument("--start-delay-ms", type=_count, default=0)
    group.add_argument("--start-fail", type=_always_or_count, default=None, metavar="always|N")
    group.add_argument("--start-state", default=None, metavar="FILE")
    group.add_argument("--start-exit-code", type=_count, default=1)
    group.add_argument("--start-hang", action="store_true")
    group.add_argument("--start-garbage", action="store_true")
    group.add_argument("--protocol", choices=("none", "1", "2"), default="1")
    group.add_argument("--extra-capability", action="append", default=[], metavar="NAME")


def _count(text):
    value = int(text)
    if value < 0:
        raise ValueError("negative")
    return value


def _frame_bytes(text):
    value = int(text)
    if not 1 <= value <= _UINT32_MAX:
        raise ValueError("outside what a 4-byte length can say")
    return value


def _always_or_count(text):
    return text if text == "always" else _count(text)
