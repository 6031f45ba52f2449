#!/usr/bin/env python3
"""Which statement is proved by which test, from tests that ran; exit code 1 if there is a gap.

    scripts/invariants                   builds, runs layers 1 and 2, prints number, statement,
                                         tests, killing mutants
    scripts/invariants --results DIR     judges the reports of an earlier run instead
    scripts/invariants --allow-gaps      what has no test, no mutant or no subject yet is only shown;
                                         a citation that was lost fails all the same
    scripts/invariants --allow-unbuilt   of these only what has no subject yet
    scripts/invariants --approve         takes this run's citations into testing/cites/citations.txt
    scripts/invariants --json FILE       writes the table to FILE too
    scripts/invariants --long            names all tests, not the first few

A gap: an invariant, class of bugs or property that no passed test cites, or that no mutant killed by a test
citing it breaks (testing/mutants/kills.json), or whose subject is not built. A lost citation: one of
citations.txt whose test is gone, disabled, skipped, failed, or does not cite it any more.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from results import KINDS, Trouble, read_results, read_statements  # noqa: E402

LAYERS = "^layer_[12]$"


def ctest(build, *arguments):
    return ["ctest", "--test-dir", build] + list(arguments)


def programs_of(build):
    """Names under which this build's tests report: of their binary (which run_shards.py is told), or as
    run_unittest.py is told."""
    listing = subprocess.run(ctest(build, "--show-only=json-v1"), stdout=subprocess.PIPE, check=True)
    names = set()
    for test in json.loads(listing.stdout)["tests"]:
        command = test.get("command", [])
        for at, word in enumerate(command):
            names.add(os.path.basename(word) if at == 0 else "")
            if os.path.basename(word) == "run_unittest.py":
                names.add(command[at + 1])
            if os.path.basename(word) == "run_shards.py":
                names.add(os.path.basename(command[at + 2]))
    return names - {""}


def run_tests(build, folder):
    """Layers 1 and 2, with reports. A failing test is in the reports; one that died is not."""
    environment = dict(os.environ, GTEST_OUTPUT="xml:%s/" % folder)
    return subprocess.run(ctest(build, "-L", LAYERS, "-j", "2", "--quiet", "--output-on-failure"),
                          env=environment, stdin=subprocess.DEVNULL).returncode


def read_locked(path):
    """{(test, citation)} that were there once."""
    if not os.path.exists(path):
        return set()
    with open(path, encoding="utf-8") as stream:
        lines = [line.split() for line in stream if line.strip() and not line.startswith("#")]
    return {(line[0].rstrip(":"), citation) for line in lines for citation in line[1:]}


def by_number(citation):
    kind, number = citation.split(":")
    return KINDS.index(kind), int(number)


def write_locked(path, cited):
    tests = defaultdict(set)
    for citation, names in cited.items():
        for name in names:
            tests[name].add(citation)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("# Which test cites what, so that one that goes missing is noticed. Written by\n"
                     "# scripts/invariants --approve.\n")
        for name in sorted(tests):
            stream.write("%s: %s\n" % (name, " ".join(sorted(tests[name], key=by_number))))


def killing_mutants(path, cited):
    """{citation: mutants that a test citing it killed}, from the last full run of scripts/mutants."""
    found = defaultdict(set)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            for name, kill in json.load(stream).items():
                for citation in kill["cites"]:
                    if cited.get(citation, set()) & set(kill["tests"]):
                        found[citation].add(name)
    return found


def cited_by_passed(results):
    """{citation: tests}. A test that ran twice must have passed twice."""
    not_passed = {result.test for result in results if result.end != "passed"}
    cited = defaultdict(set)
    for result in results:
        if result.test not in not_passed:
            for citation in result.cites:
                cited[citation].add(result.test)
    return cited


def lost_citations(locked, cited, results):
    ends = {result.test: result.end for result in results}
    for test, citation in sorted(locked, key=lambda lock: (by_number(lock[1]), lock[0])):
        if test not in cited.get(citation, set()):
            end = ends.get(test, "gone")
            yield "%s: %s %s" % (citation.replace(":", " "), test, {
                "passed": "does not cite it any more", "gone": "is gone, or died",
            }.get(end, end))


def judge(statements, cited, mutants):
    """A row for each statement: its tests, its mutants, and its gap or ""."""
    rows = []
    for key, statement in statements.items():
        tests, killed = sorted(cited.get(key, ())), sorted(mutants.get(key, ()))
        gap = ""
        if statement.mark != "shown":
            if statement.mark == "not-built":
                gap = "not built"
            elif not tests:
                gap = "no test"
            elif not killed:
                gap = "no mutant"
        rows.append(dict(kind=statement.kind, number=statement.number, statement=statement.text,
                         tests=tests, mutants=killed, gap=gap))
    return rows


def shortened(names, long):
    kept = names if long else names[:3]
    return ", ".join(kept) + (" and %d more" % (len(names) - len(kept)) if len(names) > len(kept) else "")


def show(rows, long):
    for row in rows:
        print("%s %d: %s%s" % (row["kind"], row["number"], row["statement"],
                               "   ** %s **" % row["gap"].upper() if row["gap"] else ""))
        if row["tests"]:
            print("    tests: " + shortened(row["tests"], long))
        if row["mutants"]:
            print("    kills: " + shortened(row["mutants"], long))
    gaps = [row for row in rows if row["gap"]]
    for gap in ("not built", "no test", "no mutant"):
        names = ["%s %d" % (row["kind"], row["number"]) for row in gaps if row["gap"] == gap]
        if names:
            print("%s: %s" % (gap, ", ".join(names)))
    return gaps


def main():
    parser = argparse.ArgumentParser(prog="invariants", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--results", help="folder of reports; runs nothing")
    parser.add_argument("--allow-gaps", action="store_true")
    parser.add_argument("--allow-unbuilt", action="store_true")
    parser.add_argument("--approve", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--statements", default=os.path.join(HERE, "statements.txt"))
    parser.add_argument("--locked", default=os.path.join(HERE, "citations.txt"))
    parser.add_argument("--kills", default=os.path.join(ROOT, "testing", "mutants", "kills.json"))
    arguments = parser.parse_args()

    failed_run = 0
    statements = read_statements(arguments.statements)
    if arguments.results:
        results = read_results(arguments.results, programs_of(arguments.build))
    else:
        build = subprocess.run([os.path.join(ROOT, "scripts", "test"), "--build-only", "--layer", "1"])
        if build.returncode:
            return build.returncode
        with tempfile.TemporaryDirectory(prefix="ordeal-invariants-") as folder:
            failed_run = run_tests(arguments.build, folder)
            results = read_results(folder, programs_of(arguments.build))

    cited = cited_by_passed(results)
    unknown = sorted(set(cited) - set(statements), key=str)
    locked = read_locked(arguments.locked)
    if arguments.approve and not failed_run:
        for line in lost_citations(locked, cited, results):
            print("given up by --approve: " + line)
        write_locked(arguments.locked, cited)
        locked = read_locked(arguments.locked)
    lost = list(lost_citations(locked, cited, results))
    rows = judge(statements, cited, killing_mutants(arguments.kills, cited))
    gaps = show(rows, arguments.long)
    for citation in unknown:
        print("unknown number: %s cited by %s" % (citation, shortened(sorted(cited[citation]), False)))
    for line in lost:
        print("lost: " + line)
    new = sum(len(tests) for tests in cited.values()) - sum(
        test in cited.get(citation, set()) for test, citation in locked)
    if new:
        print("new: %d citations are not in citations.txt yet (--approve takes them in)" % new)
    print("invariants: %d tests ran, %d gaps, %d lost citations%s" % (
        len(results), len(gaps), len(lost), "; the run itself failed" if failed_run else ""))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as stream:
            json.dump(rows, stream, indent=1)
    if arguments.allow_unbuilt:
        gaps = [row for row in gaps if row["gap"] != "not built"]
    return 1 if lost or unknown or failed_run or (gaps and not arguments.allow_gaps) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit("invariants: %s" % trouble)
