#!/usr/bin/env python3
"""Runs the tests of one GoogleTest program, or of run_unittest.py, in several processes at once: for tests that wait
much and compute little.

    run_shards.py COUNT PROGRAM [ARGUMENT...]
    run_shards.py COUNT PYTHON run_unittest.py NAME ...

Each process takes its share, and where GTEST_OUTPUT=xml:DIR/ asks for reports, as scripts/invariants does, it writes
one of its own: DIR/PROGRAM_<number>.xml, or NAME for PROGRAM. What they print comes when they have ended, one after
the other. Exit code: 0 if all passed, else one that is not 0.
"""
import os
import sys


def reports_as(command):
    at = [os.path.basename(word) for word in command[:3]]
    return command[at.index("run_unittest.py") + 1] if "run_unittest.py" in at else at[0]


def environment_of(command, count, index):
    environment = dict(os.environ, GTEST_TOTAL_SHARDS=str(count), GTEST_SHARD_INDEX=str(index))
    # Two processes that begin at once would choose the same name; and a program may run twice at once, from two
    # entries of ctest.
    output = environment.get("GTEST_OUTPUT", "")
    if output.startswith("xml:") and output.endswith("/"):
        environment["GTEST_OUTPUT"] = "%s%s_%d%d.xml" % (output, reports_as(command), os.getpid(), index)
    return environment


def begin(command, count, index):
    prints = os.memfd_create("prints")
    actions = [(os.POSIX_SPAWN_DUP2, prints, descriptor) for descriptor in (1, 2)]
    return os.posix_spawn(command[0], command, environment_of(command, count, index), file_actions=actions), prints


def main(count, *command):
    count, worst = int(count), 0
    for process, prints in [begin(command, count, index) for index in range(count)]:
        _, status = os.waitpid(process, 0)
        if status != 0:
            worst = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        sys.stdout.flush()
        with open(prints, "rb", closefd=False) as stream:
            stream.seek(0)
            sys.stdout.buffer.write(stream.read())
        if os.WIFSIGNALED(status):
            print("%s: a process of its tests was ended by signal %d" % (command[0], os.WTERMSIG(status)))
    return worst


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
