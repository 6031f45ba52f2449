#!/usr/bin/env python3
"""Breaks the pool on purpose, one small patch at a time, and looks whether a test notices.

    scripts/mutants                  all of testing/mutants/patches
    scripts/mutants --shard 2/7      every seventh, from the second
    scripts/mutants --changed        those whose source differs from the main branch
    scripts/mutants --only NAME      one (repeatable)
    scripts/mutants --list           what each breaks; runs nothing
    scripts/mutants --matrix         mutant x test x fault kind, of what kills.json has; runs nothing
    scripts/mutants --record         takes the kills into testing/mutants/kills.json, which
                                     scripts/invariants reads

A mutant's likely killers run first, and only until one kills it and a test that cites each number of its
head has failed. Killed: a test fails. A crash or a broken assertion in product code is told apart. A
time-out is no kill. Each program must pass without mutants first. Results are kept in build/mutants/ by
the content of the patch and of the programs that ran. Exit code 1 if a mutant lives.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "testing", "cites")]

import mutant_patch  # noqa: E402
from build_graph import BuildGraph, Exchange, ScriptExchange  # noqa: E402
from results import Trouble, read_results  # noqa: E402

SECONDS_MAX = 60  # a test program of layer 1 or 2 takes a few
TIMED_OUT = 124


def digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(part if isinstance(part, bytes) else part.encode())
        total.update(b"\0")
    return total.hexdigest()[:24]


def file_bytes(path):
    with open(path, "rb") as stream:
        return stream.read()


def without_shards(command):
    """The program itself, of a ctest entry that runs it in several processes at once."""
    names = [os.path.basename(word) for word in command]
    return command[names.index("run_shards.py") + 2:] if "run_shards.py" in names else command


class Trial:
    def __init__(self, build):
        self.build = build
        self.folder = os.path.join(build, "mutants")
        os.makedirs(self.folder, exist_ok=True)
        self.graph = BuildGraph(build, ROOT)
        listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"],
                                 stdout=subprocess.PIPE, check=True)
        self.tests = {test["name"]: dict(test, command=without_shards(test["command"]))
                      for test in json.loads(listing.stdout)["tests"] if "command" in test}
        self.sound = {}  # program: {test: its citations}, where it passes without mutants
        self.lock = threading.Lock()
        self.cache_path = os.path.join(self.folder, "cache.json")
        self.cache = json.loads(file_bytes(self.cache_path)) if os.path.exists(self.cache_path) else {}
        self.hashes = {}  # of a file, of a test
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "*.py"], stdout=subprocess.PIPE,
                                universal_newlines=True, check=True).stdout.split()
        self.scripts = {os.path.join(ROOT, path) for path in listed
                        if os.path.exists(os.path.join(ROOT, path))}

    def reports_as(self, test):
        """Under which name a test's program writes its report; None: it writes none."""
        command = self.tests[test]["command"] if test in self.tests else [""]
        for at, word in enumerate(command):
            if os.path.basename(word) == "run_unittest.py":
                return command[at + 1]
        return os.path.basename(command[0]) if command[0].startswith(self.build + "/") else None

    def files_of(self, test):
        """Whatever decides how a test ends: its program, with all that is linked in; those that it
        starts, whose paths are compiled in; scripts; and the workers, which are Python."""
        command = self.tests[test]["command"]
        files, programs = {word for word in command if os.path.isfile(word)}, {command[0]}
        while programs:
            name = os.path.relpath(programs.pop(), self.build)
            for output in self.graph.reach(name):
                for other in self.graph.named_programs(output):
                    path = os.path.join(self.build, other)
                    if path not in files:
                        files.add(path)
                        programs.add(path)
        return sorted(files | self.scripts)

    def hash_of_file(self, path):
        if path not in self.hashes:
            self.hashes[path] = digest(path, file_bytes(path))
        return self.hashes[path]

    def hash_of(self, killers):
        for killer in killers:
            test = killer.split(":")[0]
            if self.reports_as(test) is None:
                raise Trouble("%s is no test program of this build" % test)
            if test not in self.hashes:
                self.hashes[test] = digest(*[self.hash_of_file(path) for path in self.files_of(test)])
        return digest(*[self.hashes[killer.split(":")[0]] for killer in killers])

    def run(self, killer, words, place):
        """(exit code, results, output's end) of a test's command, which may be another than the build's."""
        test, _, only = killer.partition(":")
        entry = self.tests[test]
        properties = {item["name"]: item["value"] for item in entry.get("properties", [])}
        environment = dict(os.environ, GTEST_OUTPUT="xml:%s/report/" % place)
        environment.update(item.split("=", 1) for item in properties.get("ENVIRONMENT", []))
        shutil.rmtree(os.path.join(place, "report"), ignore_errors=True)
        os.makedirs(os.path.join(place, "report"))
        command = [sys.executable, os.path.join(HERE, "contained.py"), str(SECONDS_MAX)] + words
        command += ["--gtest_filter=" + only] if only else []
        done = subprocess.run(command, cwd=properties.get("WORKING_DIRECTORY", self.build), env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        name = os.path.basename(words[0]) if only or words[0] != entry["command"][0] else self.reports_as(test)
        results = read_results(os.path.join(place, "report"), {name}) if done.returncode in (0, 1) else []
        return done.returncode, results, done.stdout.decode("utf-8", "replace")

    def pass_first(self, killer):
        """A killer must pass without mutants, and run at least one test."""
        with self.lock:
            if killer in self.sound:
                return self.sound[killer]
            test = killer.split(":")[0]
            key = "sound " + killer + self.hash_of([killer])
            if key not in self.cache:
                place = os.path.join(self.folder, "sound")
                code, results, text = self.run(killer, self.tests[test]["command"], place)
                if code != 0 or not results:
                    raise Trouble("%s does not pass without mutants (exit code %d, %d tests):\n%s" % (
                        killer, code, len(results), text[-3000:]))
                self.cache[key] = {result.test: sorted(result.cites) for result in results}
            self.sound[killer] = self.cache[key]
            return self.sound[killer]

    def try_killer(self, mutant, exchange, killer, place):
        """{how, tests, seconds} of one killer."""
        citations = self.pass_first(killer)
        words = exchange.command(self.tests[killer.split(":")[0]]["command"])
        began = time.monotonic()
        code, results, text = self.run(killer, words, place)
        seconds = round(time.monotonic() - began, 1)
        failed = sorted({result.test for result in results if result.end == "failed"})
        if code == 0:
            how = "survived"
        elif code == TIMED_OUT:
            how = "timed out"
        elif failed:
            how = "killed"
        else:
            how = "crashed"
            begun = re.findall(r"^\[ RUN      \] (\S+)", text, re.MULTILINE)
            failed = begun[-1:]
        cited = sorted({citation for test in failed for citation in citations.get(test, [])})
        with open(os.path.join(place, "output.txt"), "a") as stream:
            stream.write("=== %s: %s\n%s\n" % (killer, how, text))
        attempt = {"killer": killer, "how": how, "tests": failed, "cited": cited, "seconds": seconds}
        requests = [result.requests for result in results if result.end == "failed" and result.requests]
        faults = sorted({fault for result in results if result.end == "failed" for fault in result.faults})
        attempt.update({"faults": faults} if faults else {})
        return dict(attempt, requests=min(requests)) if requests else attempt

    def judge(self, mutant):
        key = digest(mutant.text, self.hash_of(mutant.killers), *[
            file_bytes(os.path.join(ROOT, hunk.path)) for hunk in mutant.hunks])
        if key in self.cache:
            return dict(self.cache[key], cached=True)
        place = os.path.join(self.folder, mutant.name)
        shutil.rmtree(place, ignore_errors=True)
        sources = mutant_patch.apply(mutant, ROOT)
        of_scripts = all(path.endswith(".py") for path in sources)
        exchange = (ScriptExchange if of_scripts else Exchange)(self.graph, place, sources)
        tried = []
        for killer in mutant.killers:
            tried.append(self.try_killer(mutant, exchange, killer, place))
            if not self.unproved(mutant, tried):
                break
        ways = {attempt["how"] for attempt in tried}
        how = next(way for way in ("killed", "crashed", "timed out", "survived") if way in ways)
        verdict = {"how": how, "tried": tried, "unproved": self.unproved(mutant, tried)}
        if how in ("killed", "crashed") and not verdict["unproved"]:
            with self.lock:
                self.cache[key] = verdict
            shutil.rmtree(place, ignore_errors=True)
        return verdict

    @staticmethod
    def unproved(mutant, tried):
        cited = {citation for attempt in tried for citation in attempt["cited"]}
        return sorted(set(mutant.cites) - cited)

    def save(self):
        with open(self.cache_path + ".new", "w", encoding="utf-8") as stream:
            json.dump(self.cache, stream)
        os.replace(self.cache_path + ".new", self.cache_path)


def changed_files():
    base = subprocess.run(["git", "-C", ROOT, "merge-base", "HEAD", "main"], stdout=subprocess.PIPE,
                          universal_newlines=True, check=True).stdout.strip()
    diff = subprocess.run(["git", "-C", ROOT, "diff", "--name-only", base], stdout=subprocess.PIPE,
                          universal_newlines=True, check=True)
    return set(diff.stdout.split())


def chosen(mutants, arguments):
    if arguments.only:
        unknown = set(arguments.only) - {mutant.name for mutant in mutants}
        if unknown:
            raise Trouble("no mutant is called " + ", ".join(sorted(unknown)))
        mutants = [mutant for mutant in mutants if mutant.name in arguments.only]
    if arguments.changed:
        files = changed_files()
        mutants = [mutant for mutant in mutants if any(
            hunk.path in files for hunk in mutant.hunks) or any(mutant.name in path for path in files)]
    if arguments.shard:
        match = re.fullmatch(r"(\d+)/(\d+)", arguments.shard)
        if not match or not 1 <= int(match.group(1)) <= int(match.group(2)):
            raise Trouble("--shard %s: I/N, with I from 1 to N" % arguments.shard)
        mutants = mutants[int(match.group(1)) - 1::int(match.group(2))]
    return mutants


def line_of(mutant, verdict):
    last = next((attempt for attempt in verdict["tried"] if attempt["tests"]), verdict["tried"][-1])
    text = "%-10s %-40s %5.1f s  %s" % (verdict["how"], mutant.area + "/" + mutant.name, sum(
        attempt["seconds"] for attempt in verdict["tried"]), ", ".join(last["tests"][:2]))
    if verdict["unproved"]:
        text += "  (no failed test cites %s)" % ", ".join(verdict["unproved"])
    return text


def until_first_detection(tried):
    """What it took: seconds of tests, and requests, where the suite counts them (simulation, models)."""
    seconds, found = 0, {}
    for attempt in tried:
        seconds += attempt["seconds"]
        if attempt["tests"] and "seconds" not in found:
            found["seconds"] = round(seconds, 1)
        for name in ("requests", "faults"):
            if name in attempt:
                found.setdefault(name, attempt[name])
    return found


def lost_power(before, after):
    """What was found by a test once, and is not any more; or only after much longer."""
    for name, kill in sorted(before.items()):
        now = after.get(name)
        if now is None:
            yield "%s: no such kill any more; it proved %s" % (name, ", ".join(kill["cites"]))
            continue
        gone = sorted(set(kill["cites"]) - set(now["cites"]))
        if gone:
            yield "%s: proves no more: %s" % (name, ", ".join(gone))
        if now.get("requests", 0) > 10 * kill.get("requests", 1 << 60):
            yield "%s: found after %d requests, was %d" % (name, now["requests"], kill["requests"])


def record(mutants, verdicts, path):
    kills = json.loads(file_bytes(path)) if os.path.exists(path) else {}
    before = dict(kills)
    kills.update({mutant.name: {
        "breaks": mutant.breaks, "how": verdicts[mutant.name]["how"], "cites": mutant.cites,
        "tests": sorted({test for attempt in verdicts[mutant.name]["tried"] for test in attempt["tests"]}),
        **until_first_detection(verdicts[mutant.name]["tried"]),
    } for mutant in mutants if verdicts[mutant.name]["how"] in ("killed", "crashed")})
    kept_names = {mutant.name for mutant in mutant_patch.read_all(os.path.join(HERE, "patches"))}
    kills = {name: kills[name] for name in sorted(kills) if name in kept_names}
    for line in lost_power(before, kills):
        print("lost: " + line)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(kills, stream, indent=1)
        stream.write("\n")


def print_matrix(path):
    """From kills.json: mutant x test x fault kind, and which tests and faults earn their keep."""
    kills = json.loads(file_bytes(path))
    by_suite, alone, by_fault = {}, {}, {}
    for name, kill in sorted(kills.items()):
        suites = sorted({test.split(".")[0] for test in kill["tests"]})
        faults = kill.get("faults", [])
        for suite in suites:
            by_suite[suite] = by_suite.get(suite, 0) + 1
        if len(suites) == 1:
            alone[suites[0]] = alone.get(suites[0], 0) + 1
        for fault in faults:
            by_fault[fault] = by_fault.get(fault, 0) + 1
        print("%-45s %-8s %5.1f s %7s requests | %s | %s" % (
            name, kill["how"], kill.get("seconds", 0), kill.get("requests", "-"), ", ".join(suites),
            ", ".join(faults) or "-"))
    print("\nSuites, by the mutants that they kill (and that no other suite was seen to kill):")
    for suite, count in sorted(by_suite.items(), key=lambda item: -item[1]):
        print("%5d (%3d) %s" % (count, alone.get(suite, 0), suite))
    print("\nFaults of the simulation, by the mutants whose first failure needs them:")
    for fault, count in sorted(by_fault.items(), key=lambda item: -item[1]):
        print("%5d %s" % (count, fault))


def main():
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--shard")
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--only", action="append")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--matrix", action="store_true")
    parser.add_argument("--no-build", action="store_true", help="the build is up to date")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.matrix:
        print_matrix(os.path.join(HERE, "kills.json"))
        return 0
    mutants = chosen(mutant_patch.read_all(os.path.join(HERE, "patches")), arguments)
    if arguments.list:
        for mutant in mutants:
            print("%-40s %s" % (mutant.area + "/" + mutant.name, mutant.breaks))
        return 0
    if not arguments.no_build:
        built = subprocess.run([os.path.join(ROOT, "scripts", "test"), "--build-only", "--layer", "1"])
        if built.returncode:
            return built.returncode
    for mutant in mutants:
        mutant_patch.apply(mutant, ROOT)  # all of them apply, or none is tried
    trial, verdicts, troubles = Trial(os.path.abspath(arguments.build)), {}, []
    with ThreadPoolExecutor(arguments.jobs) as workers:
        for mutant, future in [(mutant, workers.submit(trial.judge, mutant)) for mutant in mutants]:
            try:
                verdicts[mutant.name] = future.result()
                print(line_of(mutant, verdicts[mutant.name]), flush=True)
            except Trouble as trouble:
                troubles.append("mutant %s: %s" % (mutant.name, trouble))
                print(troubles[-1], flush=True)
    trial.save()
    if arguments.record and not troubles:
        record(mutants, verdicts, os.path.join(HERE, "kills.json"))
    with open(os.path.join(trial.folder, "matrix.json"), "w", encoding="utf-8") as stream:
        json.dump(verdicts, stream, indent=1)
    dead = [name for name, verdict in verdicts.items() if verdict["how"] in ("killed", "crashed")]
    unproved = [name for name in dead if verdicts[name]["unproved"]]
    print("mutants: %d of %d killed, %d of them by a crash, %d without all their citations, %d troubles" % (
        len(dead), len(mutants), sum(verdicts[name]["how"] == "crashed" for name in dead),
        len(unproved), len(troubles)))
    return 1 if troubles or unproved or len(dead) < len(mutants) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit("mutants: %s" % trouble)
