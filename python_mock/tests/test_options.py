"""A worker's command line is the same whoever reads it."""

import contextlib
import io
import itertools
import unittest

import harness  # noqa: F401 (the path)
from ordeal_worker.options import FAULTS_ENVIRONMENT_NAME, parse_options, read_by_argparse, read_plainly

PARTS = [
    ["--mode", "pool-worker"], ["--worker-id", "7"], ["--worker-id", ""], ["--worker-id", "a b"], ["--faults"],
    ["--max-frame-bytes", "4096"], ["--start-delay-ms", "0"], ["--start-fail", "always"],
    ["--start-fail", "2", "--start-state", "/tmp/x"], ["--start-exit-code", "9"], ["--start-hang"],
    ["--start-garbage"], ["--protocol", "none"], ["--extra-capability", "a"], ["--extra-capability", "b"],
]
# argparse's to read or to refuse.
OTHERS = [
    ["--mode"], ["--mode=pool-worker"], ["--mode", "--faults"], ["--worker-id", "-1"], ["--worker-id", "-x"],
    ["--max-frame-bytes", "0"], ["--max-frame-bytes", "many"], ["--start-delay-ms", "-1"], ["--start-fail", "2"],
    ["--start-fail", "never"], ["--protocol", "3"], ["--faults=1"], ["--fault"], ["--unknown", "x"], ["word"], ["--"],
    ["--", "--faults"], ["-h"],
]
ENVIRONMENTS = [{}, {FAULTS_ENVIRONMENT_NAME: "1"}, {FAULTS_ENVIRONMENT_NAME: "0"}]


def read(reader, argv, environment):
    """(options, the rest), or the exit status and what is said."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            result = reader(argv, environment)
    except SystemExit as end:
        return end.code, said.getvalue()
    return result and (vars(result[0]), result[1])


class TwoReaders(unittest.TestCase):
    def test_plain_ones_are_read_alike(self):
        for first, second, environment in itertools.product(PARTS, PARTS, ENVIRONMENTS):
            argv = first + second
            plainly = read(read_plainly, argv, environment)
            self.assertIsNotNone(plainly, argv)
            self.assertEqual(plainly, read(read_by_argparse, argv, environment), argv)

    def test_whatever_else_there_is_is_left_to_argparse(self):
        for part, other in itertools.product(PARTS[:5], OTHERS):
            argv = part + other
            self.assertIsNone(read(read_plainly, argv, {}), argv)
            self.assertEqual(read(parse_options, argv, {}), read(read_by_argparse, argv, {}), argv)

    def test_two_workers_share_no_list(self):
        options, _ = parse_options(["--extra-capability", "a"], {})
        self.assertEqual(options.extra_capability, ["a"])
        self.assertEqual(parse_options([], {})[0].extra_capability, [])


if __name__ == "__main__":
    unittest.main()
