#!/usr/bin/env python3
"""Hunts the pool with a seeded bug in it, and asks the sound pool to pass what was found.

    hunt_mutants.py --only NAME              one of testing/mutants/patches (repeatable)
    hunt_mutants.py --draw 15 --draw-seed 7  so many, drawn by a seed
    hunt_mutants.py --all                    each that the rule below lets in
    hunt_mutants.py --list                   which those are

For each: ordeal-chaos is linked with the mutant's objects (the build itself is not touched), hunts for at
most --seconds of search, and what it found and shrunk must
  * have at most three faults: [[fault]]s, and rates of [simulation] that are faults,
  * fail 5 runs of 5 in virtual time with the mutant, and pass 5 of 5 without,
  * fail at least 3 of 5 on real processes, where its faults exist there: all of them are [[fault]]s.
A schedule without faults (the load alone breaks the pool) has none that could exist there.

Drawn from: mutants of which every changed file is compiled into the simulated pool (the part of pool/ that
bin/ordeal-sim is made of). What is in no simulated pool can be broken in no simulated run.

Exit code 0: all were found so; 1: not all; 3: could not run. The built tree must be up to date.
"""
import argparse
import json
import os
import random
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

PROGRAM = "bin/ordeal-chaos"
SIMULATED_POOL = "bin/ordeal-sim"
REPEATS = 5
REPEATS_ON_PROCESSES = 3
FAULTS_MAX = 3
PASSED, FAILED = 0, 1  # exit codes of ordeal-chaos


def call(command, seconds):
    """The exit code; a hang or a crash of the mutant is a code of its own."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=seconds)
    except subprocess.TimeoutExpired:
        return "timed out"
    return done.returncode


def simulated(graph, mutant):
    """Whether each file that the mutant changes is a part of the simulated pool."""
    parts = graph.reach(SIMULATED_POOL)
    return all(hunk.path.startswith("pool/") and parts.intersection(graph.objects_of(hunk.path))
               for hunk in mutant.hunks)


class Hunter:
    def __init__(self, build, arguments):
        self.build, self.arguments = build, arguments
        self.graph = BuildGraph(build, ROOT)
        self.folder = os.path.join(build, "hunts")

    def repeat_on_processes(self, broken, experiment, place):
        """How many of the runs against real processes fail, or crash: faults are there, what the table
        [simulation] says is not."""
        run = [broken, "run", "--quiet", "--state", os.path.join(place, "state"), experiment]
        return sum(call(run, 60) == FAILED for _ in range(REPEATS))

    def judge(self, mutant):
        place = os.path.join(self.folder, mutant.name)
        shutil.rmtree(place, ignore_errors=True)
        exchange = Exchange(self.graph, place, mutant_patch.apply(mutant, ROOT))
        if not exchange.affects(PROGRAM):
            raise Trouble("mutant %s: nothing of it is in %s" % (mutant.name, PROGRAM))
        broken, sound = exchange.program(PROGRAM), os.path.join(self.build, PROGRAM)
        experiment, figures = os.path.join(self.folder, mutant.name + ".toml"), os.path.join(place, "figures.json")
        seconds = self.arguments.seconds
        os.symlink(os.path.join(self.build, "bin", "ordeal-relay"), os.path.join(place, "ordeal-relay"))
        code = call([broken, "hunt", "--confirm", "--seeds", self.arguments.seeds, "--seconds", str(seconds), "--out",
                     experiment, "--json", figures, "--state", os.path.join(place, "state")], 3 * seconds + 120)
        verdict = {"name": mutant.name, "breaks": mutant.breaks, "found": False, "ended": code}
        if code == FAILED:
            with open(figures, encoding="utf-8") as stream:
                verdict.update(json.load(stream).get("found", {}), found=True)
            run = ["run", "--world", "simulated", experiment]
            verdict["fails"] = sum(call([broken] + run, 60) == FAILED for _ in range(REPEATS))
            verdict["sound_passes"] = sum(call([sound] + run, 60) == PASSED for _ in range(REPEATS))
            if verdict["faults"] and verdict["faults"] == verdict["faults_on_processes"]:
                verdict["fails_on_processes"] = self.repeat_on_processes(broken, experiment, place)
            verdict["file"] = os.path.relpath(experiment, ROOT)
        shutil.rmtree(place, ignore_errors=True)
        return verdict


def good(verdict):
    return (verdict["found"] and verdict["faults"] <= FAULTS_MAX and verdict["fails"] == REPEATS
            and verdict["sound_passes"] == REPEATS
            and verdict.get("fails_on_processes", REPEATS) >= REPEATS_ON_PROCESSES)


def line_of(verdict):
    if not verdict["found"]:
        return "%-8s %-46s %s" % ("not yet", verdict["name"], {0: "no schedule broke it"}.get(
            verdict["ended"], "ended: %s" % verdict["ended"]))
    if "fails_on_processes" in verdict:
        real = ", on processes %d/%d" % (verdict["fails_on_processes"], REPEATS)
    else:
        real = ", on processes no such faults" if verdict["faults"] else ""
    return "%-8s %-46s %6.2f s, %2d faults -> %d in %.1f s; fails %d/%d%s, sound passes %d/%d: %s" % (
        "found" if good(verdict) else "POOR", verdict["name"], verdict["found_after_s"], verdict["faults_drawn"],
        verdict["faults"], verdict["shrunk_after_s"] - verdict["found_after_s"], verdict["fails"], REPEATS, real,
        verdict["sound_passes"], REPEATS, verdict["error"])


def main():
    parser = argparse.ArgumentParser(prog="hunt_mutants", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--draw", type=int, default=15)
    parser.add_argument("--draw-seed", type=int, default=7)
    parser.add_argument("--seeds", default="1..1000000")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--wanted", type=int, help="so many found are enough; without it, all")
    parser.add_argument("--json", help="the figures")
    arguments = parser.parse_args()
    mutants = mutant_patch.read_all(os.path.join(ROOT, "testing", "mutants", "patches"))
    unknown = set(arguments.only) - {mutant.name for mutant in mutants}
    if unknown:
        raise Trouble("no mutant is called " + ", ".join(sorted(unknown)))
    hunter, verdicts = Hunter(os.path.abspath(arguments.build), arguments), []
    inside = [mutant for mutant in mutants if simulated(hunter.graph, mutant)]
    print("hunt: %d of %d mutants change nothing but the simulated pool" % (len(inside), len(mutants)), flush=True)
    if arguments.only:
        chosen = [mutant for mutant in mutants if mutant.name in arguments.only]
    elif arguments.all:
        chosen = inside
    else:
        chosen = random.Random(arguments.draw_seed).sample(inside, min(arguments.draw, len(inside)))
    if arguments.list:
        for mutant in inside:
            print("%s/%s: %s" % (mutant.area, mutant.name, mutant.breaks))
        return 0
    for mutant in chosen:
        try:
            verdicts.append(hunter.judge(mutant))
        except Trouble as trouble:
            verdicts.append({"name": mutant.name, "breaks": mutant.breaks, "found": False, "ended": str(trouble)})
        print(line_of(verdicts[-1]), flush=True)
    found = sum(good(verdict) for verdict in verdicts)
    real = [verdict["fails_on_processes"] for verdict in verdicts if "fails_on_processes" in verdict]
    print("hunt: %d of %d mutants found, shrunk to %d faults or fewer, failing %d of %d, passed by the sound pool %d "
          "of %d; %d of them with faults that exist on processes, failing there at least %d of %d: %d" % (
              found, len(chosen), FAULTS_MAX, REPEATS, REPEATS, REPEATS, REPEATS, len(real), REPEATS_ON_PROCESSES,
              REPEATS, sum(count >= REPEATS_ON_PROCESSES for count in real)))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as stream:
            json.dump(verdicts, stream, indent=1)
            stream.write("\n")
    return 0 if found >= (arguments.wanted or len(chosen)) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        print("hunt_mutants: %s" % trouble, file=sys.stderr)
        sys.exit(3)
