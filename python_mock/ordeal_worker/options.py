"""The command line of a worker. What is not listed here is left for the bridge (worker.extra_arguments).

A pool's own command lines are read without argparse, which together with what it imports takes a fifth of the time that
a worker needs to start. Whatever else there is to be read or said, of words that are not listed here, of values that
make no sense, of --help, is argparse's; both are told the same by FLAGS.
"""

import os
import sys
from types import SimpleNamespace

from .wire import MAX_FRAME_BYTES

FAULTS_ENVIRONMENT_NAME = "ORDEAL_WORKER_FAULTS"
_UINT32_MAX = 0xFFFFFFFF


def parse_options(argv=None, environment=os.environ):
    """(options, the rest). Exits with status 2 and a message on stderr if a value makes no sense."""
    if argv is None:
        argv = sys.argv[1:]
    return read_plainly(argv, environment) or read_by_argparse(argv, environment)


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


_SET = "set"  # takes no value
_APPEND = "append"

# Flag: how its value is read, the default, and what else argparse is told.
FLAGS = {
    "--mode": (str, "standalone", {"help": "as DSPex says it: standalone or pool-worker"}),
    "--worker-id": (str, "", {"help": "the pool's name for this worker"}),
    "--max-frame-bytes": (_frame_bytes, MAX_FRAME_BYTES, {}),
    "--faults": (_SET, False, {"help": "offer the commands of the zoo"}),
}
# Scripted starts, see startup.py.
START_FLAGS = {
    "--start-delay-ms": (_count, 0, {}),
    "--start-fail": (_always_or_count, None, {"metavar": "always|N"}),
    "--start-state": (str, None, {"metavar": "FILE"}),
    "--start-exit-code": (_count, 1, {}),
    "--start-hang": (_SET, False, {}),
    "--start-garbage": (_SET, False, {}),
    "--protocol": (str, "1", {"choices": ("none", "1", "2")}),
    "--extra-capability": (_APPEND, [], {"metavar": "NAME"}),
}
_ALL_FLAGS = {**FLAGS, **START_FLAGS}


def _member(flag):
    return flag[2:].replace("-", "_")


def _lacks_its_state(options):
    return options.start_fail not in (None, "always") and options.start_state is None


def read_plainly(argv, environment):
    """As parse_options, of flags of ours whose values make sense; None if there is anything else."""
    options = SimpleNamespace(**{_member(flag): default for flag, (_, default, _) in _ALL_FLAGS.items()})
    options.faults = environment.get(FAULTS_ENVIRONMENT_NAME) == "1"
    options.extra_capability = []
    words = iter(argv)
    for flag in words:
        if flag not in _ALL_FLAGS:
            return None
        how, _, more = _ALL_FLAGS[flag]
        if how == _SET:
            setattr(options, _member(flag), True)
            continue
        word = next(words, "-")
        if word.startswith("-") or word not in more.get("choices", (word,)):
            return None
        if how == _APPEND:
            getattr(options, _member(flag)).append(word)
            continue
        try:
            setattr(options, _member(flag), how(word))
        except ValueError:
            return None
    return None if _lacks_its_state(options) else (options, [])


def read_by_argparse(argv, environment):
    import argparse

    parser = argparse.ArgumentParser(allow_abbrev=False)
    _add(parser, FLAGS)
    _add(parser.add_argument_group("scripted starts, see startup.py"), START_FLAGS)
    parser.set_defaults(faults=environment.get(FAULTS_ENVIRONMENT_NAME) == "1")
    options, rest = parser.parse_known_args(argv)
    if _lacks_its_state(options):
        parser.error("--start-fail N needs --start-state FILE to count the starts")
    return options, rest


def _add(group, flags):
    for flag, (how, default, more) in flags.items():
        if how == _SET:
            group.add_argument(flag, action="store_true", **more)
        elif how == _APPEND:
            group.add_argument(flag, action="append", default=list(default), **more)
        else:
            group.add_argument(flag, type=how, default=default, **more)
