#!/usr/bin/env python3
"""Runs shipped experiments against pools made deaf: each must fail, and say why.

    deaf_pools.py                    each pool of chaos/deaf/*.patch with the experiments that its head names
    deaf_pools.py --only NAME        one pool (repeatable)
    deaf_pools.py --every            each pool with every shipped experiment: which of them notice, as a table

A patch's head says which experiments must notice, and by which check: `killers: EXPERIMENT:CHECK`, or
EXPERIMENT@simulated:CHECK in virtual time. ordeal-chaos is linked with the patched objects; the build itself is
not touched. Exit code 0: each of them failed with that check; 1: one did not; 3: could not run. The built tree
must be up to date (ordeal-chaos, ordeal-relay).
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "testing", "mutants"), os.path.join(ROOT, "testing", "cites")]

import mutant_patch  # noqa: E402
from build_graph import BuildGraph, Exchange  # noqa: E402
from results import Trouble  # noqa: E402

PROGRAM, RELAY = "bin/ordeal-chaos", "bin/ordeal-relay"
EXPERIMENTS = os.path.join(ROOT, "chaos", "experiments")
FAILED = 1  # exit code of ordeal-chaos
SECONDS_MAX = 180


class Deaf:
    def __init__(self, graph, pool):
        self.name, self.place = pool.name, os.path.join(graph.build, "deaf", pool.name)
        shutil.rmtree(self.place, ignore_errors=True)
        exchange = Exchange(graph, self.place, mutant_patch.apply(pool, ROOT))
        self.program = exchange.program(PROGRAM)
        # The tool looks for the relay beside itself.
        os.symlink(os.path.join(graph.build, RELAY), os.path.join(self.place, os.path.basename(RELAY)))

    def run(self, experiment, world):
        """(exit code, {check: evidence} of those that failed)"""
        journal = os.path.join(self.place, "%s-%s.jsonl" % (experiment, world))
        command = [self.program, "run", "--world", world, os.path.join(EXPERIMENTS, experiment + ".toml"),
                   "--quiet", "--journal", journal, "--state", os.path.join(self.place, "state")]
        try:
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=SECONDS_MAX).returncode
        except subprocess.TimeoutExpired:
            code = "timed out"
        failed = {}
        if os.path.exists(journal):
            with open(journal, encoding="utf-8") as lines:
                for line in map(json.loads, lines):
                    if line["event"] == "check" and line["verdict"] == "fail":
                        failed[line["name"]] = line["evidence"]
        return code, failed


def wanted_of(pool):
    """[(experiment, world, check)]"""
    wanted = []
    for killer in pool.killers:
        name, _, check = killer.partition(":")
        experiment, _, world = name.partition("@")
        wanted.append((experiment, world or "processes", check))
    return wanted


def judge(deaf, pool):
    notices, ran = True, {}
    for experiment, world, check in wanted_of(pool):
        if (experiment, world) not in ran:
            ran[experiment, world] = deaf.run(experiment, world)
        code, failed = ran[experiment, world]
        fine = code == FAILED and check in failed
        notices = notices and fine
        said = failed[check][0] if check in failed else "ended with %s, failed: %s" % (
            code, ", ".join(failed) or "nothing")
        where = experiment if world == "processes" else experiment + " (simulated)"
        print("%-8s %-22s %-28s %s: %s" % ("noticed" if fine else "NOT", pool.name, where, check, said), flush=True)
    return notices


def tabulate(deaf, pool):
    for path in sorted(glob.glob(os.path.join(EXPERIMENTS, "*.toml"))):
        experiment = os.path.basename(path)[:-len(".toml")]
        code, failed = deaf.run(experiment, "processes")
        print("%-22s %-22s exit %-9s %s" % (pool.name, experiment, code, ", ".join(failed)), flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(prog="deaf_pools", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--every", action="store_true")
    arguments = parser.parse_args()
    pools = mutant_patch.read_all(HERE)
    unknown = set(arguments.only) - {pool.name for pool in pools}
    if unknown:
        raise Trouble("no deaf pool is called %s; there are %s" % (
            ", ".join(sorted(unknown)), ", ".join(pool.name for pool in pools)))
    graph = BuildGraph(os.path.abspath(arguments.build), ROOT)
    for program in (PROGRAM, RELAY):
        if not os.path.exists(os.path.join(graph.build, program)):
            raise Trouble("%s is not built in %s" % (program, graph.build))
    all_noticed = True
    for pool in pools:
        if arguments.only and pool.name not in arguments.only:
            continue
        deaf = Deaf(graph, pool)
        all_noticed = (tabulate if arguments.every else judge)(deaf, pool) and all_noticed
        shutil.rmtree(deaf.place, ignore_errors=True)
    return 0 if all_noticed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        print("deaf_pools: %s" % trouble, file=sys.stderr)
        sys.exit(3)
